//! The broker's jars, fetched once and shared by all brokers of this checkout.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

use crate::services::install::ensure_program;

const VERSION: &str = "4.3.1";

/// The folder with the jars, filled at first use.
pub(super) fn folder() -> Result<PathBuf> {
    let services = target().join("services");
    let done = services.join(format!("kafka-{VERSION}"));
    if done.exists() {
        ensure_program("java", "default-jre-headless")?;
        return Ok(done);
    }
    fs::create_dir_all(&services).with_context(|| format!("making {}", services.display()))?;
    // Tests run side by side: one fetches, the others wait for it.
    let file = fs::File::create(services.join("kafka.lock"))?;
    let _lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno).context("locking")?;
    if !done.exists() {
        ensure_program("java", "default-jre-headless")?;
        ensure_program("mvn", "maven")?;
        fetch(&services, &done)?;
    }
    Ok(done)
}

fn fetch(services: &Path, done: &Path) -> Result<()> {
    let work = services.join("kafka-fetch");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    fs::write(work.join("pom.xml"), pom())?;
    eprintln!("fetching Apache Kafka {VERSION}");
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"])
        .current_dir(&work)
        .output()
        .context("running mvn")?;
    ensure!(output.status.success(), "fetching Kafka failed: {}", String::from_utf8_lossy(&output.stdout));
    fs::rename(work.join("lib"), done).context("moving the jars into place")
}

fn pom() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>drakkar</groupId><artifactId>kafka</artifactId>\
         <version>1</version><dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.apache.kafka", "kafka-tools", VERSION),
    )
}

/// The target folder of this checkout.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}
