//! Programs that the services need.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Makes sure that a program is there, installing a Debian package where that is possible.
///
/// # Errors
/// Names the package when it cannot be installed here.
pub fn ensure_program(program: &str, package: &str) -> Result<()> {
    if runs(program) {
        return Ok(());
    }
    if !nix::unistd::Uid::effective().is_root() || !runs("apt-get") {
        bail!("`{program}` is missing: install the package `{package}` (Debian name) and try again");
    }
    eprintln!("installing {package}");
    for args in [&["update", "-qq"][..], &["install", "-y", "-qq", "--no-install-recommends", package]] {
        let status = Command::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .context("running apt-get")?;
        ensure!(status.success(), "apt-get {} failed; install `{package}` yourself", args.join(" "));
    }
    ensure!(runs(program), "`{program}` is still missing after installing `{package}`");
    Ok(())
}

fn runs(program: &str) -> bool {
    let version = if program == "java" { "-version" } else { "--version" };
    let probe = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}
