//! The verbs that build something and run it.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result, ensure};
use xtask::{services::shared, tidy};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo, in the root of the repository.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("running {command:?}"))
}

/// Builds packages in release and returns the folder of their programs.
fn build_release(packages: &[&str]) -> Result<PathBuf> {
    let mut command = cargo(&["build", "--release"]);
    for package in packages {
        command.args(["--package", package]);
    }
    ensure!(status(&mut command)?.success(), "the build failed");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("release"))
}

pub(crate) fn demo(args: &[String]) -> Result<bool> {
    let programs = build_release(&["drakkar-demo", "example-search"])?;
    // The demo stops itself and its worker on Ctrl+C; this process only waits for it.
    ignore_interrupts()?;
    Ok(status(Command::new(programs.join("drakkar-demo")).args(args).current_dir(root()))?.success())
}

pub(crate) fn bench(args: &[String]) -> Result<bool> {
    let programs = build_release(&["drakkar-bench"])?;
    with_services(false, |variables| {
        let mut command = Command::new(programs.join("drakkar-bench"));
        Ok(status(command.args(args).envs(variables.iter().cloned()).current_dir(root()))?.success())
    })
}

pub(crate) fn test(keep_services: bool, args: &[String]) -> Result<bool> {
    let base = ["test", "--workspace", "--features", "drakkar-tests/real-services"];
    with_services(keep_services, |variables| {
        let mut command = cargo(&base);
        Ok(status(command.args(args).envs(variables.iter().cloned()))?.success())
    })
}

pub(crate) fn soak() -> Result<bool> {
    let base = [
        "test",
        "--release",
        "--package",
        "drakkar-tests",
        "--features",
        "real-services,soak",
        "--test",
        "integration",
    ];
    with_services(false, |variables| Ok(status(cargo(&base).envs(variables.iter().cloned()))?.success()))
}

/// Runs with the shared servers, and stops those that were started for it.
fn with_services(keep: bool, work: impl FnOnce(&[(&str, String)]) -> Result<bool>) -> Result<bool> {
    // Whatever runs below gets Ctrl+C itself; this process must live to stop the servers.
    ignore_interrupts()?;
    let (services, started) = shared::up()?;
    let result = work(&shared::variables(&services));
    if started && !keep {
        shared::down()?;
    }
    result
}

#[expect(unsafe_code, reason = "changing the disposition of a signal is an unsafe call")]
fn ignore_interrupts() -> Result<()> {
    use nix::sys::signal::{SigHandler, Signal, signal};
    extern "C" fn nothing(_: i32) {}
    // SAFETY: the handler does nothing. A handler, unlike "ignore", is not inherited by the programs started here.
    unsafe { signal(Signal::SIGINT, SigHandler::Handler(nothing)) }.context("handling SIGINT")?;
    Ok(())
}

pub(crate) fn tidy() -> Result<bool> {
    let findings = tidy::check(&root())?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
    Ok(findings.is_empty())
}
