//! `cargo xtask sabotage`: breaks the core in many ways, one at a time, and looks whether the simulator notices.
//!
//! The core is copied to `target/sabotage`; each variant is a few lines that are replaced there. A variant that is not
//! caught, or whose lines are not found any more, fails the command.

mod variants;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use xtask::workspace;

use self::variants::{ALL, Edit, Variant};
use crate::job;

/// Seeds that a variant has to be caught with.
const SEEDS: &str = "3000";

/// What `sabotage` is told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The variants to try, by name; all by default.
    names: Vec<String>,
}

/// How the simulator took a variant.
enum Verdict {
    Survived,
    Caught { seed: String, rule: String },
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    job::hold_interrupts()?;
    for name in &args.names {
        ensure!(ALL.iter().any(|v| v.name == name), "no variant is called `{name}`");
    }
    let copy = Copy::make()?;
    println!("building the core as it is");
    if let Verdict::Caught { seed, rule } = copy.simulate("as-it-is")? {
        bail!("the core breaks a rule as it is: {rule} (DRAKKAR_SEED={seed})");
    }
    let wanted = |v: &&Variant| args.names.is_empty() || args.names.iter().any(|name| name == v.name);
    let width = ALL.iter().map(|v| v.name.len()).max().unwrap_or(0);
    println!("\n{:<width$}  {:>6}  {:<34}  broken rule", "variant", "time", "caught by seed");
    let (mut survivors, started) = (Vec::new(), Instant::now());
    for variant in ALL.iter().filter(wanted) {
        let began = Instant::now();
        let verdict = copy.with(variant)?;
        let took = began.elapsed().as_secs_f64();
        match verdict {
            Verdict::Caught { seed, rule } => {
                println!("{:<width$}  {took:>4.1} s  {seed:<34}  {rule}", variant.name);
            }
            Verdict::Survived => {
                println!("{:<width$}  {took:>4.1} s  SURVIVED: {}", variant.name, variant.why);
                survivors.push(variant.name);
            }
        }
    }
    summarize(&survivors, started.elapsed());
    Ok(if survivors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summarize(survivors: &[&str], took: Duration) {
    let took = took.as_secs_f64();
    if survivors.is_empty() {
        println!("\nevery variant was caught, in {took:.0} s");
    } else {
        println!("\n{} not caught: {}", survivors.len(), survivors.join(", "));
    }
}

/// A copy of the core, in a workspace of its own.
struct Copy {
    root: PathBuf,
}

impl Copy {
    fn make() -> Result<Self> {
        let (from, root) = (workspace::root(), workspace::target().join("sabotage"));
        let core = root.join("crates/drakkar-core");
        if core.exists() {
            fs::remove_dir_all(&core).with_context(|| format!("emptying {}", core.display()))?;
        }
        copy_folder(&from.join("crates/drakkar-core"), &core)?;
        for file in ["Cargo.lock", "rust-toolchain.toml"] {
            fs::copy(from.join(file), root.join(file)).with_context(|| format!("copying {file}"))?;
        }
        let manifest = fs::read_to_string(from.join("Cargo.toml")).context("reading Cargo.toml")?;
        fs::write(root.join("Cargo.toml"), alone(&manifest)).context("writing the copy's Cargo.toml")?;
        Ok(Self { root })
    }

    /// Breaks the copy, runs the simulator on it, and repairs it.
    fn with(&self, variant: &Variant) -> Result<Verdict> {
        let mut before = Vec::new();
        for edit in variant.edits {
            let path = self.root.join("crates/drakkar-core/src").join(edit.file);
            let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let broken = edit.apply(&source).with_context(|| format!("variant `{}`", variant.name))?;
            fs::write(&path, broken).with_context(|| format!("writing {}", path.display()))?;
            before.push((path, source));
        }
        let verdict = self.simulate(variant.name);
        for (path, source) in before.into_iter().rev() {
            fs::write(&path, source).with_context(|| format!("restoring {}", path.display()))?;
        }
        verdict
    }

    fn simulate(&self, name: &str) -> Result<Verdict> {
        let log = self.root.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let arguments = ["test", "-p", "drakkar-core", "--test", "simulator", "--", "every_rule"];
        let mut command = workspace::cargo(&arguments);
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("DRAKKAR_SIM_SEEDS", SEEDS)
            .env_remove("DRAKKAR_SEED")
            .stdout(output.try_clone().context("sharing the log")?)
            .stderr(output);
        let passed = job::run(&mut command)?.success();
        let text = fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
        if passed {
            return Ok(Verdict::Survived);
        }
        let after = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let rule = after("broken rule: ").map(str::to_owned);
        let seed = after("replay: DRAKKAR_SEED=").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
        match (rule, seed) {
            (Some(rule), Some(seed)) => Ok(Verdict::Caught { seed, rule }),
            _ => bail!("variant `{name}` did not get as far as the simulator: see {}", log.display()),
        }
    }
}

impl Edit {
    fn apply(&self, source: &str) -> Result<String> {
        let found = source.matches(self.text).count();
        ensure!(found == 1, "its text occurs {found} times in {}:\n{}", self.file, self.text);
        Ok(source.replacen(self.text, self.instead, 1))
    }
}

/// The manifest of a workspace that has only the core.
fn alone(manifest: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in manifest.lines() {
        if line.starts_with("members = ") {
            lines.push("members = [\"crates/drakkar-core\"]");
        } else if !line.starts_with("default-members = ") {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_a_change_of_the_core_as_it_is_now() {
        for variant in ALL {
            for edit in variant.edits {
                let path = workspace::root().join("crates/drakkar-core/src").join(edit.file);
                let source = fs::read_to_string(&path).unwrap();
                let broken =
                    edit.apply(&source).unwrap_or_else(|error| panic!("{}: {error:#}", variant.name));
                assert_ne!(broken, source, "{}", variant.name);
            }
            assert_eq!(ALL.iter().filter(|v| v.name == variant.name).count(), 1, "{}", variant.name);
        }
    }

    #[test]
    fn a_manifest_keeps_everything_but_the_other_members() {
        let manifest = "[workspace]\nmembers = [\"a\", \"b\"]\ndefault-members = [\"a\"]\n\n[profile.dev]\n";
        assert_eq!(alone(manifest), "[workspace]\nmembers = [\"crates/drakkar-core\"]\n\n[profile.dev]\n");
    }
}
