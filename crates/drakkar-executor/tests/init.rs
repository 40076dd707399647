//! A worker that is PID 1, as in most containers: what its programs leave behind comes to it.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "pool/harness.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod harness;

use std::process::Command;

use drakkar_executor::{ProcessPool, Settings};
use harness::*;

/// Runs itself in a process namespace of its own, which needs no privileges where user namespaces are allowed.
#[tokio::test]
async fn as_pid_1_a_worker_reaps_the_orphans_of_its_programs() {
    if std::process::id() == 1 {
        return orphans_are_reaped().await;
    }
    let me = std::env::current_exe().unwrap();
    let in_namespace = |options: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(options).args(["--pid", "--fork", "--mount-proc"]).arg(&me).arg("--nocapture");
        unshare.output().unwrap()
    };
    // The child is built outside: there is no cargo inside.
    drakkar_test_child::path();
    let mut output = in_namespace(&[]);
    if String::from_utf8_lossy(&output.stderr).contains("unshare failed") {
        output = in_namespace(&["--user", "--map-root-user"]);
    }
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    if text.contains("unshare failed") {
        println!("void: no process namespaces here: {text}");
        return;
    }
    assert!(output.status.success() && text.contains("orphans were reaped"), "{text}");
}

async fn orphans_are_reaped() {
    let dir = tempfile::tempdir().unwrap();
    let program = Some(drakkar_test_child::path().to_owned());
    let pool = ProcessPool::start(Settings { program, ..settings() }).unwrap();
    for n in 0..20 {
        let file = dir.path().join(n.to_string()).to_str().unwrap().to_owned();
        assert!(run(&pool, task(["leave", "quiet", &file, "0"])).await.success);
        gone(std::fs::read_to_string(&file).unwrap().parse().unwrap()).await;
    }
    eventually("the orphans to be reaped", || zombies() == 0).await;
    println!("orphans were reaped");
}

fn zombies() -> usize {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| state(*pid) == Some('Z')).count()
}
