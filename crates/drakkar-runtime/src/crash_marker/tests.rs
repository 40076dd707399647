//! Tests within one process, where dying is only played.

mod files;
mod processes;

use super::*;

fn scope(topic: &str) -> Scope {
    Scope { group: "readers".into(), topic: topic.into() }
}

fn open(folder: &Path) -> (CrashMarker, Suspects) {
    CrashMarker::open(folder, &scope("requests"), "w1").unwrap()
}

fn enter(marker: &CrashMarker, partition: i32, first: i64, last: i64) -> MarkerSlot {
    marker.enter(HookKind::Arrange, PartitionId(partition), Offset(first), Offset(last))
}

/// Ends the marker as if its process had died: what is marked stays, although this process goes on.
fn dies(marker: CrashMarker) {
    // The slots that live on keep the file, and with it the lock; a copy has neither.
    let bytes = std::fs::read(&marker.path).unwrap();
    std::fs::remove_file(&marker.path).unwrap();
    std::fs::write(&marker.path, bytes).unwrap();
}

/// A process that dies while hooks are busy with these messages: partition, first, last.
fn die(folder: &Path, busy: &[(i32, i64, i64)]) {
    let (marker, _) = open(folder);
    let slots: Vec<_> =
        busy.iter().map(|(partition, first, last)| enter(&marker, *partition, *first, *last)).collect();
    dies(marker);
    drop(slots);
}

fn crashes(suspects: &Suspects, partition: i32, offset: i64) -> u32 {
    suspects.crashes(PartitionId(partition), Offset(offset))
}

fn files_in(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(suffix)).collect();
    files.sort();
    files
}

#[test]
fn a_message_at_three_crashes_is_poison_at_the_fourth_start() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..POISON_AFTER {
        let (marker, suspects) = open(dir.path());
        assert_eq!(crashes(&suspects, 5, 100), n);
        assert_eq!(suspects.is_suspect(PartitionId(5), Offset(100)), n > 0);
        assert!(!suspects.is_poison(PartitionId(5), Offset(100)), "start {}", n + 1);
        drop(marker);
        die(dir.path(), &[(5, 100, 100)]);
    }
    let (_marker, suspects) = open(dir.path());
    assert!(suspects.is_poison(PartitionId(5), Offset(100)));
    let known = suspects.get(PartitionId(5), Offset(100)).unwrap();
    assert_eq!((known.crashes, known.hook), (3, HookKind::Arrange));
}

#[test]
fn a_window_names_all_its_messages_and_the_next_crash_clears_all_but_one() {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 100, 199)]);
    let (marker, suspects) = open(dir.path());
    for (offset, expected) in [(99, 0), (100, 1), (150, 1), (199, 1), (200, 0)] {
        assert_eq!(crashes(&suspects, 5, offset), expected, "{offset}");
    }
    assert_eq!(crashes(&suspects, 4, 150), 0, "another partition");
    assert_eq!(suspects.iter().count(), 1);
    drop(marker);
    die(dir.path(), &[(5, 150, 150)]);
    let (_marker, suspects) = open(dir.path());
    assert_eq!((crashes(&suspects, 5, 150), crashes(&suspects, 5, 151)), (2, 0));
}

#[test]
fn an_orderly_stop_is_no_crash_and_leaves_no_marker() {
    let dir = tempfile::tempdir().unwrap();
    let (marker, _) = open(dir.path());
    let _busy = enter(&marker, 5, 100, 100);
    marker.close().unwrap();
    marker.close().unwrap();
    assert!(files_in(dir.path(), ".marker").is_empty());
    drop(marker);
    assert!(open(dir.path()).1.is_empty());
}

#[test]
fn hooks_that_ended_are_not_held_against_their_messages() {
    let dir = tempfile::tempdir().unwrap();
    let (marker, _) = open(dir.path());
    let mut slot = marker.slot(PartitionId(5));
    slot.set(HookKind::Arrange, Offset(1), Offset(9));
    slot.set(HookKind::TaskComplete, Offset(20), Offset(20));
    let mut ended = enter(&marker, 6, 1, 1);
    ended.clear();
    drop(enter(&marker, 7, 1, 1));
    dies(marker);
    let (_marker, suspects) = open(dir.path());
    let all: Vec<_> = suspects.iter().map(|s| (s.partition.0, s.first.0, s.last.0, s.hook)).collect();
    assert_eq!(all, [(5, 20, 20, HookKind::TaskComplete)]);
}

#[test]
fn a_process_that_dies_between_hooks_counts_no_crash() {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 100, 100)]);
    die(dir.path(), &[]);
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1, "neither more nor forgotten");
    assert!(files_in(dir.path(), ".marker").len() == 1, "only the last one's own, dropped above");
}

#[test]
fn a_crash_elsewhere_in_the_partition_ends_the_row_and_one_in_another_does_not() {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 100, 100), (6, 7, 7)]);
    die(dir.path(), &[(5, 100, 100), (6, 7, 7)]);
    die(dir.path(), &[(5, 101, 101)]);
    let (_marker, suspects) = open(dir.path());
    assert_eq!(crashes(&suspects, 5, 100), 0);
    assert_eq!(crashes(&suspects, 5, 101), 1);
    assert_eq!(crashes(&suspects, 6, 7), 2);
}

#[test]
fn a_settled_message_is_forgotten_by_an_orderly_stop_and_by_a_crash() {
    for orderly in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        die(dir.path(), &[(5, 100, 109), (6, 1, 1)]);
        let (marker, _) = open(dir.path());
        for offset in [100, 109, 104, 104, 7] {
            marker.settled(PartitionId(5), Offset(offset));
        }
        marker.settled(PartitionId(9), Offset(1));
        if orderly {
            marker.close().unwrap();
        } else {
            dies(marker);
        }
        let (_marker, suspects) = open(dir.path());
        let left: Vec<_> = (99..=110).filter(|offset| crashes(&suspects, 5, *offset) > 0).collect();
        assert_eq!(left, [101, 102, 103, 105, 106, 107, 108], "orderly: {orderly}");
        assert_eq!(crashes(&suspects, 6, 1), 1);
    }
}

#[test]
fn a_message_that_settled_and_then_came_again_begins_a_new_row() {
    let dir = tempfile::tempdir().unwrap();
    (0..2).for_each(|_| die(dir.path(), &[(5, 100, 100)]));
    let (marker, _) = open(dir.path());
    marker.settled(PartitionId(5), Offset(100));
    let _busy = enter(&marker, 5, 100, 100);
    dies(marker);
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}

#[test]
fn groups_and_topics_keep_to_themselves() {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 100, 100)]);
    let (other, suspects) = CrashMarker::open(dir.path(), &scope("answers"), "w1").unwrap();
    assert!(suspects.is_empty());
    other.close().unwrap();
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}

#[test]
fn a_live_owners_marker_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = open(dir.path());
    let _busy = enter(&first, 5, 100, 100);
    let (second, suspects) = open(dir.path());
    assert!(suspects.is_empty());
    second.close().unwrap();
    assert_eq!(files_in(dir.path(), ".marker"), std::slice::from_ref(&first.path));
    dies(first);
    assert_eq!(crashes(&open(dir.path()).1, 5, 100), 1);
}

#[test]
fn with_all_slots_taken_calls_are_counted_and_not_marked() {
    let dir = tempfile::tempdir().unwrap();
    let (marker, _) = open(dir.path());
    let mut slots: Vec<_> =
        (0..i64::from(SLOTS)).map(|offset| enter(&marker, 5, offset * 2, offset * 2)).collect();
    assert_eq!(marker.unmarked(), 0);
    let mut late = enter(&marker, 6, 1, 1);
    late.set(HookKind::Error, Offset(2), Offset(2));
    late.clear();
    assert_eq!(marker.unmarked(), 2);
    slots.swap_remove(1000);
    let _again = enter(&marker, 7, 1, 1);
    assert_eq!(marker.unmarked(), 2, "a slot that was given back is used again");
    dies(marker);
    let (_marker, suspects) = open(dir.path());
    assert_eq!((crashes(&suspects, 6, 1), crashes(&suspects, 7, 1), crashes(&suspects, 5, 2000)), (0, 1, 0));
    assert_eq!(suspects.total(), u64::from(SLOTS), "all but one, and the one in its place");
}

#[test]
fn threads_never_share_a_slot() {
    let dir = tempfile::tempdir().unwrap();
    let (marker, _) = open(dir.path());
    let held: Vec<MarkerSlot> = std::thread::scope(|threads| {
        let work = |partition: i32| {
            let marker = &marker;
            move || {
                (0..20_000).for_each(|offset| drop(enter(marker, partition, offset, offset)));
                (0..500).map(|offset| enter(marker, partition, offset * 2, offset * 2)).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|partition| threads.spawn(work(partition))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    dies(marker);
    let (_marker, suspects) = open(dir.path());
    assert_eq!((held.len(), suspects.total()), (2000, 2000));
}

#[test]
fn a_worker_without_a_marker_has_slots_that_do_nothing() {
    let mut slot = MarkerSlot::default();
    slot.set(HookKind::Decode, Offset(1), Offset(1));
    slot.clear();
}

#[test]
fn a_span_too_wide_for_a_slot_is_marked_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    die(dir.path(), &[(5, 10, i64::MAX), (6, i64::MAX - 1, i64::MAX)]);
    let (_marker, suspects) = open(dir.path());
    assert_eq!((crashes(&suspects, 5, 10), crashes(&suspects, 5, 1 << 20)), (1, 1));
    assert_eq!(crashes(&suspects, 6, i64::MAX - 1), 1);
    assert_eq!(suspects.put_aside().count(), 0);
}
