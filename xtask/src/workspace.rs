//! Where things are in this repository, and how Cargo is called.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The root of the repository.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Cargo's target folder.
///
/// It is the one that the running program was built into, so that tests and tasks agree whatever the settings are.
pub fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let built_into =
        program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned);
    built_into
        .or_else(|| env::var_os("CARGO_TARGET_DIR").map(|folder| root().join(folder)))
        .unwrap_or_else(|| root().join("target"))
}

/// Cargo, in the root of the repository.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// The packages of the workspace below `root`, as `cargo metadata` describes them.
///
/// # Errors
/// When Cargo cannot describe the workspace.
pub fn packages(root: &Path) -> Result<Vec<Value>> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let mut metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => anyhow::bail!("cargo metadata lists no packages"),
    }
}
