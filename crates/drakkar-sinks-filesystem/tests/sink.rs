//! The file sink on a real folder.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{fs, os::unix::fs::symlink, path::Path};

use drakkar_core::{
    error::Class,
    payload::{Content, FileAppend, OutputRecord, Payload},
    sink::{Sink, Verdict},
};
use drakkar_sinks_filesystem::{FilesystemSink, Settings};
use tempfile::TempDir;

fn settings(base: &Path) -> Settings {
    Settings { name: "files".into(), base_path: base.to_owned(), create_folders: false, fsync: true }
}

async fn connected(settings: Settings) -> FilesystemSink {
    let sink = FilesystemSink::new(settings).unwrap();
    sink.connect().await.unwrap();
    sink
}

fn line(path: &str, line: &str) -> Payload {
    let line = line.to_owned().into();
    Payload { route: 0, content: Content::Append(FileAppend { path: path.to_owned(), line }) }
}

fn class(verdict: &Verdict) -> Option<Class> {
    match verdict {
        Verdict::Delivered => None,
        Verdict::Failed(failure) => Some(failure.class),
    }
}

#[tokio::test]
async fn lines_keep_their_order_in_each_file() {
    let base = TempDir::new().unwrap();
    let sink = connected(settings(base.path())).await;
    let batch: Vec<_> =
        (0..100).map(|n| line(if n % 2 == 0 { "even" } else { "odd" }, &n.to_string())).collect();
    assert!(sink.deliver(&batch).await.iter().all(Verdict::is_delivered));
    sink.deliver(&[line("even", "100")]).await;
    let even: Vec<u32> =
        fs::read_to_string(base.path().join("even")).unwrap().lines().map(|l| l.parse().unwrap()).collect();
    assert_eq!(even, (0..=100).step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn names_with_dots_are_names() {
    let base = TempDir::new().unwrap();
    let sink = connected(Settings { create_folders: true, ..settings(base.path()) }).await;
    for name in ["a..", "...", "..a", "sub../b.."] {
        assert!(sink.deliver(&[line(name, "x")]).await[0].is_delivered(), "{name}");
        assert_eq!(fs::read_to_string(base.path().join(name)).unwrap(), "x\n");
    }
}

#[tokio::test]
async fn a_path_that_leads_out_fails_alone_and_for_good() {
    let outside = TempDir::new().unwrap();
    let base = TempDir::new().unwrap();
    symlink(outside.path(), base.path().join("link")).unwrap();
    symlink(outside.path().join("file"), base.path().join("link.txt")).unwrap();
    fs::create_dir(base.path().join("folder")).unwrap();
    let long = "x".repeat(256);
    let absolute = base.path().join("a").display().to_string();
    let bad = [
        "",
        ".",
        "..",
        "../a",
        "folder/../../a",
        "/etc/passwd",
        &absolute,
        "link/a",
        "link.txt",
        "a\0b",
        &long,
        "folder",
        "folder/",
        "missing/a",
    ];
    for create_folders in [false, true] {
        let sink = connected(Settings { create_folders, ..settings(base.path()) }).await;
        for path in bad.iter().filter(|p| !create_folders || **p != "missing/a") {
            let verdicts = sink.deliver(&[line("good", "1"), line(path, "2"), line("good", "3")]).await;
            let classes: Vec<_> = verdicts.iter().map(class).collect();
            assert_eq!(classes, [None, Some(Class::Permanent), None], "{path:?}");
            if let Verdict::Failed(failure) = &verdicts[1] {
                assert!(failure.message.contains(&format!("`{path}`")), "{failure}");
            }
        }
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "nothing was written outside");
}

#[tokio::test]
async fn a_symlink_swapped_in_later_does_not_lead_out() {
    let outside = TempDir::new().unwrap();
    let base = TempDir::new().unwrap();
    fs::create_dir(base.path().join("folder")).unwrap();
    let sink = connected(settings(base.path())).await;
    assert!(sink.deliver(&[line("folder/a", "1")]).await[0].is_delivered());
    fs::remove_dir_all(base.path().join("folder")).unwrap();
    symlink(outside.path(), base.path().join("folder")).unwrap();
    assert_eq!(class(&sink.deliver(&[line("folder/b", "2")]).await[0]), Some(Class::Permanent));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn missing_folders_are_made_when_allowed() {
    let base = TempDir::new().unwrap();
    let deep = base.path().join("made/too");
    let sink = connected(Settings { create_folders: true, ..settings(&deep) }).await;
    let name = "x".repeat(255);
    assert!(sink.deliver(&[line(&format!("a/b/{name}"), "1")]).await[0].is_delivered());
    assert_eq!(fs::read_to_string(deep.join("a/b").join(name)).unwrap(), "1\n");
}

#[tokio::test]
async fn a_torn_line_of_a_crash_is_closed_first() {
    let base = TempDir::new().unwrap();
    fs::write(base.path().join("log"), "{\"whole\":1}\n{\"torn").unwrap();
    let sink = connected(settings(base.path())).await;
    sink.deliver(&[line("log", "{\"next\":2}")]).await;
    let text = fs::read_to_string(base.path().join("log")).unwrap();
    assert_eq!(text, "{\"whole\":1}\n{\"torn\n{\"next\":2}\n");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let base = TempDir::new().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file, base.path().join("missing"), "/proc".into()] {
        let failure = FilesystemSink::new(settings(&path)).unwrap().connect().await.unwrap_err();
        assert_eq!(failure.class, Class::Config);
        assert!(failure.message.contains(&path.display().to_string()), "{failure}");
    }
}

#[tokio::test]
async fn nothing_is_delivered_before_connect_or_after_close() {
    let base = TempDir::new().unwrap();
    let sink = FilesystemSink::new(settings(base.path())).unwrap();
    assert!(!sink.deliver(&[line("a", "1")]).await[0].is_delivered());
    sink.connect().await.unwrap();
    sink.close().await.unwrap();
    assert!(!sink.deliver(&[line("a", "2")]).await[0].is_delivered());
    assert!(!base.path().join("a").exists());
}

#[tokio::test]
async fn another_kind_of_content_is_refused() {
    let base = TempDir::new().unwrap();
    let sink = connected(settings(base.path())).await;
    let record = Payload { route: 0, content: Content::Record(OutputRecord::default()) };
    let verdicts = sink.deliver(&[record, line("a", "1")]).await;
    assert_eq!(verdicts.iter().map(class).collect::<Vec<_>>(), [Some(Class::Permanent), None]);
}

#[tokio::test]
async fn a_file_that_was_rotated_or_deleted_is_made_anew() {
    let base = TempDir::new().unwrap();
    let sink = connected(settings(base.path())).await;
    let (log, rotated) = (base.path().join("log"), base.path().join("log.1"));
    assert!(sink.deliver(&[line("log", "1")]).await[0].is_delivered());
    fs::rename(&log, &rotated).unwrap();
    assert!(sink.deliver(&[line("log", "2")]).await[0].is_delivered());
    assert_eq!(fs::read_to_string(&log).unwrap(), "2\n");
    assert_eq!(fs::read_to_string(&rotated).unwrap(), "1\n");
    fs::remove_file(&log).unwrap();
    assert!(sink.deliver(&[line("log", "3")]).await[0].is_delivered());
    assert_eq!(fs::read_to_string(&log).unwrap(), "3\n");
}

#[tokio::test]
async fn a_folder_that_was_moved_out_takes_no_further_lines_along() {
    let outside = TempDir::new().unwrap();
    let base = TempDir::new().unwrap();
    fs::create_dir(base.path().join("folder")).unwrap();
    let sink = connected(settings(base.path())).await;
    assert!(sink.deliver(&[line("folder/a", "1")]).await[0].is_delivered());
    fs::rename(base.path().join("folder"), outside.path().join("moved")).unwrap();
    fs::create_dir(base.path().join("folder")).unwrap();
    assert!(sink.deliver(&[line("folder/a", "2")]).await[0].is_delivered());
    assert_eq!(fs::read_to_string(outside.path().join("moved/a")).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(base.path().join("folder/a")).unwrap(), "2\n");
}

#[tokio::test]
async fn spellings_of_one_path_keep_their_order() {
    let base = TempDir::new().unwrap();
    let sink = connected(settings(base.path())).await;
    let batch = [line("a", "1"), line("./a", "2"), line("a", "3"), line(".//./a", "4")];
    assert!(sink.deliver(&batch).await.iter().all(Verdict::is_delivered));
    assert_eq!(fs::read_to_string(base.path().join("a")).unwrap(), "1\n2\n3\n4\n");
}

#[tokio::test]
async fn a_deleted_base_is_a_fault_of_the_surroundings_not_of_the_lines() {
    let base = TempDir::new().unwrap();
    let sink = connected(settings(base.path())).await;
    fs::remove_dir(base.path()).unwrap();
    let verdicts = sink.deliver(&[line("a", "1")]).await;
    assert_eq!(class(&verdicts[0]), Some(Class::Config), "{verdicts:?}");
}

#[tokio::test]
async fn a_socket_or_pipe_is_refused_without_waiting_for_it() {
    let base = TempDir::new().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(base.path().join("socket")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        base.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let sink = connected(settings(base.path())).await;
    let batch = [line("pipe", "1"), line("socket", "1"), line("good", "1")];
    let limit = std::time::Duration::from_secs(30);
    let verdicts = tokio::time::timeout(limit, sink.deliver(&batch)).await.expect("no wait for a reader");
    assert_eq!(class(&verdicts[0]), Some(Class::Permanent), "{verdicts:?}");
    assert!(!verdicts[1].is_delivered() && verdicts[2].is_delivered(), "{verdicts:?}");
}
