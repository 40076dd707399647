//! Tests of files that are damaged, in the way, or left half-way.

use std::fs;

use super::*;
use crate::crash_marker::identity::Identity;

/// A marker as a process leaves it that dies while busy with message 100 of partition 5.
fn dead_marker() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 100, 100)]);
    fs::read(&files_in(dir.path(), ".marker")[0]).unwrap()
}

fn marker_path(folder: &Path) -> PathBuf {
    Folder::open(folder, &scope("requests")).unwrap().file("-1-1.marker")
}

fn counts_path(folder: &Path) -> PathBuf {
    Folder::open(folder, &scope("requests")).unwrap().file(".counts.json")
}

#[test]
fn a_marker_that_is_cut_short_is_put_aside_and_never_fatal() {
    let whole = dead_marker();
    for length in [0, 1, 8, 20, 24, 100, 4095, 4096, 4100, 4096 + 64, whole.len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        let path = marker_path(dir.path());
        fs::write(&path, &whole[..length]).unwrap();
        let (marker, suspects) = open(dir.path());
        let aside: Vec<_> = suspects.put_aside().collect();
        assert_eq!(aside, files_in(dir.path(), ".damaged-marker"), "cut at {length}");
        assert_eq!(aside.len(), 1, "cut at {length}");
        assert!(!path.exists());
        // What is there and makes sense still counts.
        assert_eq!(crashes(&suspects, 5, 100), u32::from(length >= 4096 + 24), "cut at {length}");
        marker.close().unwrap();
        let (_marker, again) = open(dir.path());
        assert_eq!(again.put_aside().count(), 0, "only once");
        assert_eq!(crashes(&again, 5, 100), crashes(&suspects, 5, 100), "counted once");
    }
}

#[test]
fn a_marker_with_changed_bytes_names_nobody_wrongly() {
    let whole = dead_marker();
    // Magic, length, checksum, name; then the slot: partition, hook, upper part of the first and of the last offset.
    for at in [0, 8, 16, 40, 4096 + 3, 4096 + 4, 4096 + 15, 4096 + 22] {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(marker_path(dir.path()), bytes).unwrap();
        let (_marker, suspects) = open(dir.path());
        assert!(suspects.is_empty(), "byte {at}: {:?}", suspects.iter().collect::<Vec<_>>());
        assert_eq!(suspects.put_aside().count(), 1, "byte {at}");
    }
}

#[test]
fn counts_that_make_no_sense_are_put_aside_and_counting_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    (0..2).for_each(|_| die(dir.path(), &[(5, 100, 109)]));
    open(dir.path()).0.close().unwrap();
    let good = fs::read(counts_path(dir.path())).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let mut bad: Vec<Vec<u8>> = (0..good.len()).step_by(7).map(|length| good[..length].to_vec()).collect();
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("readers", "others"),
        ("\"first\":100", "\"first\":110"),
        ("\"first\":100", "\"first\":-1"),
        ("\"crashes\":2", "\"crashes\":-2"),
        ("arrange", "derange"),
    ] {
        assert!(text.contains(from), "{text}");
        bad.push(text.replace(from, to).into_bytes());
    }
    for bytes in bad {
        fs::write(counts_path(dir.path()), &bytes).unwrap();
        let (marker, suspects) = open(dir.path());
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert!(suspects.is_empty(), "{shown}");
        assert_eq!(suspects.put_aside().count(), 1, "{shown}");
        assert_eq!(fs::read(&files_in(dir.path(), ".damaged-counts")[0]).unwrap(), bytes);
        marker.close().unwrap();
    }
    die(dir.path(), &[(5, 100, 100)]);
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}

#[test]
fn a_start_that_died_between_counting_and_deleting_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(marker_path(dir.path()), dead_marker()).unwrap();
    for _ in 0..3 {
        let (marker, suspects) = open(dir.path());
        assert_eq!(crashes(&suspects, 5, 100), 1);
        marker.close().unwrap();
        // As if it had not been deleted.
        fs::write(marker_path(dir.path()), dead_marker()).unwrap();
    }
}

#[test]
fn a_process_number_that_belongs_to_another_process_now_is_a_dead_one() {
    let dir = tempfile::tempdir().unwrap();
    let me = Identity::current();
    for (started, expected) in [(me.started, 0), (me.started + 1, 1)] {
        let header = Header {
            group: "readers".into(),
            topic: "requests".into(),
            worker: "w2".into(),
            process: Identity { started, ..me.clone() },
            slots: 64,
            settled: 0,
        };
        let (bytes, places) = layout::fresh(&header).unwrap();
        let path = marker_path(dir.path());
        fs::write(&path, bytes).unwrap();
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        // The lock lives on in a child that inherited it.
        file.try_lock().unwrap();
        let board = Arc::new(Board::new(Map::new(&file, places.end).unwrap(), places));
        let mut slot = MarkerSlot::take(&board, PartitionId(5));
        slot.set(HookKind::Arrange, Offset(100), Offset(100));
        let (marker, suspects) = open(dir.path());
        assert_eq!(crashes(&suspects, 5, 100), expected);
        assert_eq!(path.exists(), expected == 0);
        marker.close().unwrap();
    }
}

#[test]
fn what_is_no_marker_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(marker_path(dir.path())).unwrap();
    fs::write(dir.path().join("notes.marker"), "mine").unwrap();
    let (marker, suspects) = open(dir.path());
    assert_eq!(suspects.put_aside().count(), 0);
    marker.close().unwrap();
    assert!(marker_path(dir.path()).is_dir());
    assert_eq!(fs::read(dir.path().join("notes.marker")).unwrap(), b"mine");
}

#[test]
fn a_folder_that_cannot_be_used_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = CrashMarker::open(&file.join("below"), &scope("requests"), "w1").unwrap_err();
    let text = drakkar_core::error::chain(&error).to_string();
    let path = file.join("below").display().to_string();
    for part in ["failed to make the folder", &path, "give the worker a folder", "Not a directory"] {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
    assert_eq!(error.class(), drakkar_core::error::Class::Config);
}

#[test]
fn counts_that_cannot_be_written_leave_the_markers_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(marker_path(dir.path()), dead_marker()).unwrap();
    let in_the_way = counts_path(dir.path()).with_extension("json.new");
    fs::create_dir(&in_the_way).unwrap();
    let error = CrashMarker::open(dir.path(), &scope("requests"), "w1").unwrap_err();
    assert!(matches!(error, MarkerError::Folder { doing: "write", .. }), "{error:?}");
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}

#[test]
fn a_lock_that_nobody_gives_back_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path(), &scope("requests")).unwrap();
    let held = folder.lock(LOCK_WAIT).unwrap();
    let error = folder.lock(std::time::Duration::from_millis(20)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(".lock") && text.contains("0.02 s") && text.contains("end that process"), "{text}");
    drop(held);
    folder.lock(LOCK_WAIT).unwrap();
}

#[test]
fn a_stop_that_cannot_write_the_counts_is_no_crash_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 100, 101)]);
    let (marker, _) = open(dir.path());
    marker.settled(PartitionId(5), Offset(100));
    let _busy = enter(&marker, 5, 101, 101);
    let in_the_way = counts_path(dir.path()).with_extension("json.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(marker.close().is_err());
    fs::remove_dir(&in_the_way).unwrap();
    dies(marker);
    let (_marker, suspects) = open(dir.path());
    assert_eq!((crashes(&suspects, 5, 100), crashes(&suspects, 5, 101)), (0, 1));
}
