//! What programs are given, and why some do not start.

use std::{os::unix::fs::PermissionsExt, path::Path};

use drakkar_core::outcome::{Ended, Report};
use drakkar_executor::{Mode, ProcessPool, Resident, Settings, StartError};

use crate::harness::*;

fn bare() -> Settings {
    Settings { inherit_env: false, ..settings() }
}

fn reason(report: &Report) -> &str {
    assert!(!report.success && report.pid.is_none() && report.stdout.is_empty(), "{report:?}");
    match &report.ended {
        Ended::NotStarted { reason } => reason,
        other => panic!("it was {other}"),
    }
}

#[tokio::test]
async fn a_program_of_a_task_that_cannot_run_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "text").unwrap();
    let pool = pool();
    for (program, expected) in [
        (Path::new("/no/such/program"), "does not exist"),
        (dir.path(), "is a directory"),
        (&plain, "is not executable"),
        (Path::new("no-such-program-anywhere"), "is in no directory of PATH"),
    ] {
        let report = run(&pool, task([]).program(program)).await;
        let reason = reason(&report);
        assert!(reason.contains(program.to_str().unwrap()) && reason.contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_program_is_named_with_the_reason_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("noise");
    std::fs::write(&file, "neither a binary nor a script").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let report = run(&pool(), task([]).program(&file)).await;
    assert!(reason(&report).contains("noise") && reason(&report).contains("format"), "{report:?}");
}

#[tokio::test]
async fn a_bad_default_program_stops_the_start() {
    let settings = Settings { program: Some("/no/such/program".into()), ..settings() };
    let error = ProcessPool::start(settings).unwrap_err();
    assert!(matches!(error, StartError::Program(_)));
    assert_eq!(error.to_string(), "program `/no/such/program` does not exist");
}

#[tokio::test]
async fn without_any_program_the_reason_names_both_settings() {
    let pool = ProcessPool::start(Settings { program: None, ..settings() }).unwrap();
    let report = run(&pool, task([])).await;
    assert!(reason(&report).contains("`program`") && reason(&report).contains("executor.binary_path"));
    assert!(run(&pool, task(["exit", "0"]).program(child())).await.success);
}

#[tokio::test]
async fn a_program_that_comes_back_elsewhere_in_time_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("tool");
    let pool = pool();
    std::os::unix::fs::symlink(child(), &link).unwrap();
    assert!(run(&pool, task(["exit", "0"]).program(&link)).await.success);
    std::fs::remove_file(&link).unwrap();
    assert!(reason(&run(&pool, task([]).program(&link)).await).contains("tool"));
    std::os::unix::fs::symlink(child(), &link).unwrap();
    assert!(run(&pool, task(["exit", "0"]).program(&link)).await.success);
}

#[tokio::test]
async fn too_many_arguments_are_a_failure_to_start() {
    let report = run(&pool(), task(["echo", &"x".repeat(4 << 20)])).await;
    assert!(reason(&report).to_lowercase().contains("too long"), "{report:?}");
}

#[tokio::test]
async fn broken_arguments_and_variables_are_failures_to_start() {
    let pool = pool();
    for (task, expected) in [
        (task(["echo", "a\0b"]), "argument 2 has a NUL byte"),
        (task([]).env("A=B", "x"), "`A=B` cannot be set: its name has a `=`"),
        (task([]).env("A\0", "x"), "its name has a NUL byte"),
        (task([]).env("", "x"), "its name is empty"),
        (task([]).env("A", "\0"), "`A` cannot be set: its value has a NUL byte"),
        (task([]).program("a\0b"), "NUL byte"),
        (task([]).current_dir("/no/such/place"), "`/no/such/place` is no directory"),
    ] {
        let report = run(&pool, task).await;
        assert!(reason(&report).contains(expected), "{expected}: {report:?}");
    }
}

#[tokio::test]
async fn a_task_may_name_its_working_directory() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    let report = run(&pool(), task(["cwd"]).current_dir(dir.path())).await;
    assert_eq!(report.stdout_text().trim_end(), real.to_str().unwrap());
    let own = run(&pool(), task(["cwd"])).await;
    assert_eq!(own.stdout_text().trim_end(), std::env::current_dir().unwrap().to_str().unwrap());
}

/// The variables a program saw, apart from the one that marks it as ours.
fn variables(report: &Report) -> Vec<String> {
    let text = report.stdout_text();
    let (marks, others): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.starts_with("DRAKKAR_WORKER="));
    assert_eq!(marks.len(), 1);
    others.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn without_inheritance_a_program_sees_only_what_it_was_given() {
    let pool = ProcessPool::start(Settings { env: vec![("ONLY".into(), "this".into())], ..bare() }).unwrap();
    assert_eq!(variables(&run(&pool, task(["env"])).await), ["ONLY=this"]);
}

#[tokio::test]
async fn variables_of_the_task_win_and_do_not_stay() {
    let env = vec![("A".into(), "1".into()), ("B".into(), "2".into())];
    let pool = ProcessPool::start(Settings { env, ..bare() }).unwrap();
    assert_eq!(variables(&run(&pool, task(["env"]).env("A", "9")).await), ["A=9", "B=2"]);
    assert_eq!(variables(&run(&pool, task(["env"])).await), ["A=1", "B=2"]);
}

#[tokio::test]
async fn denied_variables_are_not_inherited_but_may_be_given() {
    let (kept, _) = std::env::vars().find(|(name, _)| name != "PATH" && name != "HOME").expect("a variable");
    let env_deny = vec!["pat[h]".into(), "ho?e".into()];
    let pool = ProcessPool::start(Settings { env_deny, ..settings() }).unwrap();
    let report = run(&pool, task(["env"]).env("HOME", "given")).await;
    let text = report.stdout_text();
    let seen = |start: &str| text.lines().any(|line| line.starts_with(start));
    assert!(seen("HOME=given") && !seen("PATH="), "{text}");
    assert!(seen(&format!("{kept}=")), "{text}");
}

#[tokio::test]
async fn a_scratch_folder_lives_until_the_report_is_dropped_whatever_the_mode() {
    let dir = tempfile::tempdir().unwrap();
    let scratch_dir = dir.path().to_owned();
    let pool = ProcessPool::start(Settings { scratch_dir: scratch_dir.clone(), ..settings() }).unwrap();
    let script = "echo made > {scratch}/file; echo $HERE";
    let one = task(["-c", script]).program("sh").env("HERE", "{scratch}").with_scratch();
    let report = run(&pool, one.clone()).await;
    let folder = report.scratch().unwrap().to_owned();
    assert_eq!(report.stdout_text().trim(), folder.to_str().unwrap());
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "made\n");
    let other = run(&pool, one).await;
    assert_ne!(other.scratch().unwrap(), folder, "each attempt has its own");
    drop(report);
    assert!(!folder.exists());

    let missing = task([]).program("/no/such/program").with_scratch();
    let ended = run(&pool, missing).await;
    assert!(matches!(ended.ended, Ended::NotStarted { .. }));
    drop((ended, other, pool));

    let resident = Resident { args: vec!["serve".into()], ..Resident::default() };
    let pool = ProcessPool::start(Settings {
        program: Some(drakkar_test_child::path().to_owned()),
        mode: Mode::Resident(resident),
        scratch_dir,
        ..settings()
    })
    .unwrap();
    let report = run(&pool, task(["touch", "{scratch}/file"]).with_scratch()).await;
    assert!(report.success && report.scratch().unwrap().join("file").exists(), "{report:?}");
    drop(report);
    // Nothing is left but the folder that all workers of the user share.
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().collect();
    for shared in left {
        for own in std::fs::read_dir(shared.path()).unwrap().flatten() {
            assert_eq!(std::fs::read_dir(own.path()).unwrap().count(), 0, "{own:?}");
        }
    }
}

#[tokio::test]
async fn a_scratch_folder_that_cannot_be_made_names_the_setting() {
    let settings = Settings { scratch_dir: "/proc/no".into(), ..settings() };
    let report = run(&ProcessPool::start(settings).unwrap(), task(["exit", "0"]).with_scratch()).await;
    let Ended::NotStarted { reason } = report.ended else { panic!("{}", report.ended) };
    assert!(reason.contains("executor.scratch_dir") && reason.contains("/proc/no"), "{reason}");
}
