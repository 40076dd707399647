//! What servers need: programs from the system, jars from Maven.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Once,
};

use anyhow::{Context, Result, bail, ensure};

use super::recipe::{Kind, Program, Recipe};

/// Makes sure that a program is there, installing its Debian package where that is possible.
///
/// # Errors
/// Says what to install when it is missing or too old and cannot be installed here.
pub fn ensure_program(program: &Program) -> Result<()> {
    if in_path(&program.name).is_none() {
        apt_install(program)?;
    }
    let text = version_text(program)?;
    let found = major(&text).with_context(|| format!("`{}` tells no version: {text:?}", program.name))?;
    ensure!(
        found >= program.at_least,
        "`{}` is version {found}, but {} or later is needed: install a newer `{}` and put it first in PATH",
        program.name,
        program.at_least,
        program.debian,
    );
    Ok(())
}

/// Where `PATH` has a program.
pub fn in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn version_text(program: &Program) -> Result<String> {
    let output = Command::new(&program.name)
        .arg(&program.version_flag)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running `{} {}`", program.name, program.version_flag))?;
    // Java prints its version to stderr, others to stdout.
    Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// The first number of a text that is not part of a word or of an escape sequence.
fn major(text: &str) -> Option<u32> {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() && !before.is_alphanumeric() && before != '[' {
            let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
            return digits.parse().ok();
        }
        before = c;
    }
    None
}

fn apt_install(program: &Program) -> Result<()> {
    static UPDATE: Once = Once::new();
    if !nix::unistd::Uid::effective().is_root() || in_path("apt-get").is_none() {
        bail!(
            "`{}` is missing: install it (Debian package `{}`) and try again",
            program.name,
            program.debian
        );
    }
    eprintln!("installing {}", program.debian);
    // An old list still serves for what is in it, so a failed update is not the end.
    UPDATE.call_once(|| drop(apt_get(&["update", "-qq"])));
    apt_get(&["install", "-y", "-qq", "--no-install-recommends", &program.debian])
}

fn apt_get(args: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("running apt-get")?;
    ensure!(
        output.status.success(),
        "`apt-get {}` failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// The folder with the jars of a server, filled at its first use and shared by everything in this checkout.
///
/// # Errors
/// When a program is missing, or Maven cannot fetch the jars.
pub fn jars(kind: Kind) -> Result<PathBuf> {
    let recipe = kind.recipe();
    let parent = super::folder().join("jars");
    fs::create_dir_all(&parent).with_context(|| format!("making {}", parent.display()))?;
    let folder = parent.join(format!("{}-{}", kind.name(), recipe.version));
    // Tests run side by side: one fetches, the others wait for it.
    let lock = fs::File::create(parent.join("lock")).context("making a lock file")?;
    lock.lock().context("locking the jars")?;
    for program in recipe.programs.iter().filter(|program| program.name != "mvn") {
        ensure_program(program)?;
    }
    let pom = pom(recipe)?;
    if fs::read_to_string(folder.join("pom.xml")).is_ok_and(|stamp| stamp == pom) {
        return Ok(folder);
    }
    for program in &recipe.programs {
        ensure_program(program)?;
    }
    eprintln!("fetching {} {} with Maven", recipe.title, recipe.version);
    fetch(&parent.join("incomplete"), &folder, &pom)?;
    Ok(folder)
}

/// Fetches beside the final folder and moves there what is complete.
fn fetch(work: &Path, folder: &Path, pom: &str) -> Result<()> {
    remove(work)?;
    fs::create_dir_all(work)?;
    fs::write(work.join("pom.xml"), pom)?;
    let output = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=."])
        .current_dir(work)
        .stdin(Stdio::null())
        .output()
        .context("running mvn")?;
    ensure!(output.status.success(), "Maven failed:\n{}", String::from_utf8_lossy(&output.stdout).trim());
    remove(folder)?;
    fs::rename(work, folder).context("moving the jars into place")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

fn pom(recipe: &Recipe) -> Result<String> {
    let mut dependencies = String::new();
    for artifact in &recipe.maven {
        let [group, name, version] = artifact.split(':').collect::<Vec<_>>()[..] else {
            bail!("`{artifact}` in services.json is not group:artifact:version");
        };
        dependencies += &format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        );
    }
    Ok(format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>drakkar</groupId><artifactId>services</artifactId>\
         <version>1</version><packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_is_found_in_what_programs_print() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(major("\u{1b}[1mApache Maven 3.8.7\u{1b}[m"), Some(3));
        assert_eq!(major("no number"), None);
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let program = Program {
            name: "drakkar-no-such-program".into(),
            version_flag: "--version".into(),
            at_least: 1,
            debian: "drakkar-no-such-package".into(),
        };
        if in_path("apt-get").is_none() || !nix::unistd::Uid::effective().is_root() {
            let error = ensure_program(&program).unwrap_err().to_string();
            assert!(error.contains("drakkar-no-such-package"), "{error}");
        }
    }
}
