//! Finds the test child: one program with a command for each thing that a child can do to a worker.
//!
//! It is a package of its own, so that the tests of several crates can run it and no user ever installs it. Cargo does
//! not build programs of other packages for a test, so [`path`] asks cargo for it, once per test process.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Names a program to use instead of building one.
const OVERRIDE: &str = "DRAKKAR_TEST_CHILD";

/// The path of the program, built first if it is not up to date.
///
/// # Panics
///
/// If it cannot be built; the message has what cargo said.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| env::var_os(OVERRIDE).map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let (target, profile) = layout(&env::current_exe().expect("a running program has a path"));
    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--bins"])
        .args(["--message-format", "json", "--profile", &profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("cargo can be run");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let program = stdout.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let ours = message["target"]["name"] == env!("CARGO_PKG_NAME");
        message["executable"].as_str().filter(|_| ours).map(PathBuf::from)
    });
    program.unwrap_or_else(|| panic!("cargo named no program: {stdout}"))
}

/// Where cargo put a test, an example or a documentation test, and the profile it used.
fn layout(exe: &Path) -> (PathBuf, String) {
    let folder = exe
        .ancestors()
        .skip(1)
        .find(|dir| !matches!(dir.file_name().and_then(|n| n.to_str()), Some("deps" | "examples")))
        .unwrap_or(exe);
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    let target = folder.parent().unwrap_or(folder).to_owned();
    (target, if profile == "debug" { "dev".to_owned() } else { profile.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_and_the_target_directory_come_from_the_tests_own_path() {
        for (exe, target, profile) in [
            ("/w/target/debug/deps/pool-1234", "/w/target", "dev"),
            ("/w/target/release/examples/rate", "/w/target", "release"),
            ("/w/target/bench/tool", "/w/target", "bench"),
        ] {
            assert_eq!(layout(Path::new(exe)), (PathBuf::from(target), profile.to_owned()), "{exe}");
        }
    }

    #[test]
    fn the_program_is_built_and_runs() {
        let output = Command::new(path()).args(["echo", "a", "b"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "a\nb\n");
    }
}
