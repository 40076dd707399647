//! Programs of this workspace that a verb builds in release and runs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use xtask::workspace;

use crate::job;

/// Builds packages in release and returns the folder of their programs.
pub(crate) fn build(packages: &[&str]) -> Result<PathBuf> {
    build_in("release", packages)
}

/// Builds them in this profile.
pub(crate) fn build_in(profile: &str, packages: &[&str]) -> Result<PathBuf> {
    let mut command = workspace::cargo(&["build", "--profile", profile]);
    for package in packages {
        command.args(["--package", package]);
    }
    ensure!(job::run(&mut command)?.success(), "the build failed");
    Ok(workspace::target().join(profile))
}
