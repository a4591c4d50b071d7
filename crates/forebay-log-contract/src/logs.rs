//! Sentences about logs: made, grown, deleted, given another policy.

use std::sync::Arc;

use forebay_log::{LogError, LogId, LogPolicy, Millis, PartitionId, PartitionLog, PartitionLogs, Sequence};

use crate::{Answers, Bell, Harness, append, append_all, batch, block_on, read_bodies};

fn door<H: Harness>(harness: &H, log: u64, index: u32) -> Arc<dyn PartitionLog> {
    harness.engine().partition(PartitionId { log: LogId(log), index }).expect("there")
}

fn missing<H: Harness>(harness: &H, log: u64, index: u32) -> bool {
    let found = harness.engine().partition(PartitionId { log: LogId(log), index });
    found.is_err_and(|error| error == LogError::NotFound)
}

/// With the same or more partitions; fewer are refused.
pub fn creating_again_changes_nothing<H: Harness>(harness: &H) {
    let engine = harness.engine();
    engine.create(LogId(5), 2, LogPolicy::default()).expect("made");
    append(&door(harness, 5, 1), batch("a", 1)).expect("appended");
    engine.create(LogId(5), 2, LogPolicy::default()).expect("again");
    assert_eq!(read_bodies(&door(harness, 5, 1), Sequence(0), 10), Ok(vec!["a.0".into()]));
    let fewer = engine.create(LogId(5), 1, LogPolicy::default());
    assert!(matches!(fewer, Err(LogError::Rejected { .. })), "{fewer:?}");
    assert!(missing(harness, 5, 2));
    assert!(missing(harness, 6, 0));
}

/// None, or more than an engine takes.
pub fn a_log_of_impossible_size_is_refused<H: Harness>(harness: &H) {
    let most = harness.engine().capabilities().partitions_max;
    for partitions in [0, most + 1, u32::MAX] {
        let refused = harness.engine().create(LogId(5), partitions, LogPolicy::default());
        assert!(matches!(refused, Err(LogError::Rejected { .. })), "{partitions}: {refused:?}");
    }
    let large = LogPolicy { batch_bytes_max: u32::MAX, ..LogPolicy::default() };
    let refused = harness.engine().create(LogId(5), 1, large);
    assert!(matches!(refused, Err(LogError::Rejected { .. })), "{refused:?}");
    assert!(missing(harness, 5, 0));
}

/// Old doors stay good; shrinking does nothing.
pub fn growth_keeps_what_is_there<H: Harness>(harness: &H) {
    let engine = harness.engine();
    engine.create(LogId(5), 1, LogPolicy::default()).expect("made");
    let old = door(harness, 5, 0);
    append(&old, batch("a", 1)).expect("appended");
    engine.grow(LogId(5), 3).expect("grown");
    engine.grow(LogId(5), 2).expect("nothing");
    append(&old, batch("b", 1)).expect("appended");
    append(&door(harness, 5, 2), batch("c", 1)).expect("appended");
    assert_eq!(read_bodies(&old, Sequence(0), 10), Ok(vec!["a.0".into(), "b.0".into()]));
    assert_eq!(read_bodies(&door(harness, 5, 2), Sequence(0), 10), Ok(vec!["c.0".into()]));
    assert!(missing(harness, 5, 3));
    assert_eq!(engine.grow(LogId(6), 3), Err(LogError::NotFound));
}

/// Appends, reads and waits through a door that was kept all say so; who waits is woken.
pub fn a_deleted_log_is_gone_for_every_holder<H: Harness>(harness: &H) {
    let engine = harness.engine();
    engine.create(LogId(5), 1, LogPolicy::default()).expect("made");
    let kept = door(harness, 5, 0);
    append(&kept, batch("a", 1)).expect("appended");
    harness.maintain();
    let (bell, who) = Bell::new();
    assert_eq!(kept.wait(Sequence(1), &who, 9), Ok(true));
    engine.delete(LogId(5)).expect("deleted");
    engine.delete(LogId(5)).expect("again");
    assert_eq!(bell.wait(1), [9]);
    assert_eq!(append(&kept, batch("b", 1)), Err(LogError::NotFound));
    assert_eq!(block_on(kept.read(Sequence(0), 10)).expect_err("gone"), LogError::NotFound);
    assert_eq!(kept.wait(Sequence(1), &who, 9), Err(LogError::NotFound));
    assert_eq!(kept.trim(Sequence(1)), Err(LogError::NotFound));
    assert!(missing(harness, 5, 0));
    assert_eq!(engine.set_policy(LogId(5), LogPolicy::default()), Err(LogError::NotFound));
}

/// A hub made again under its old name has a new log, and sees nothing of the old one.
pub fn a_deleted_logs_id_is_not_used_again<H: Harness>(harness: &H) {
    let engine = harness.engine();
    engine.create(LogId(5), 1, LogPolicy::default()).expect("made");
    append(&door(harness, 5, 0), batch("old", 3)).expect("appended");
    engine.delete(LogId(5)).expect("deleted");
    engine.create(LogId(6), 1, LogPolicy::default()).expect("made");
    let new = door(harness, 6, 0);
    assert_eq!(new.bounds().next, Sequence(0));
    append(&new, batch("new", 1)).expect("appended");
    assert_eq!(read_bodies(&new, Sequence(0), 10), Ok(vec!["new.0".into()]));
}

/// The control log, then what was made and not deleted, whether it was ever written or not.
pub fn the_list_of_logs_is_what_was_made_and_not_deleted<H: Harness>(harness: &H) {
    let engine = harness.engine();
    assert_eq!(engine.logs(), Ok(vec![LogId::CONTROL]));
    for log in [9, 5, 7] {
        engine.create(LogId(log), 2, LogPolicy::default()).expect("made");
    }
    append(&door(harness, 7, 1), batch("a", 1)).expect("appended");
    engine.grow(LogId(9), 3).expect("grown");
    assert_eq!(engine.logs(), Ok(vec![LogId::CONTROL, LogId(5), LogId(7), LogId(9)]));
    for log in [7, 5] {
        engine.delete(LogId(log)).expect("deleted");
    }
    assert_eq!(engine.logs(), Ok(vec![LogId::CONTROL, LogId(9)]));
}

/// Accepted or refused, nobody waits for ever.
pub fn deleting_while_appending_answers_everyone<H: Harness>(harness: &H) {
    let engine = harness.engine();
    engine.create(LogId(5), 1, LogPolicy::default()).expect("made");
    let kept = door(harness, 5, 0);
    let answers = Answers::new();
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            (0..5000)
                .take_while(|n| kept.append(answers.submission(batch(&format!("{n}"), 1))).is_ok())
                .count()
        });
        while kept.bounds().next == Sequence(0) {
            std::thread::yield_now();
        }
        engine.delete(LogId(5)).expect("deleted");
        let accepted = publisher.join().expect("no panic");
        let came = answers.wait(accepted);
        assert_eq!(came.len(), accepted);
        let good = came.iter().take_while(|answer| answer.is_ok()).count();
        assert!(
            came.iter().skip(good).all(|answer| *answer == Err(LogError::NotFound)),
            "none after a refusal"
        );
    });
}

/// Nor do logs.
pub fn partitions_do_not_mix<H: Harness>(harness: &H) {
    let engine = harness.engine();
    for log in [5, 6] {
        engine.create(LogId(log), 3, LogPolicy::default()).expect("made");
    }
    std::thread::scope(|scope| {
        for (log, index) in [(5, 0), (5, 1), (5, 2), (6, 0), (6, 2)] {
            let door = door(harness, log, index);
            scope.spawn(move || append_all(&door, (0..50).map(|n| batch(&format!("{log}/{index}/{n}"), 1))));
        }
    });
    harness.maintain();
    for (log, index) in [(5, 0), (5, 1), (5, 2), (6, 0), (6, 2)] {
        let all = read_bodies(&door(harness, log, index), Sequence(0), 1000).expect("read");
        assert_eq!(all, (0..50).map(|n| format!("{log}/{index}/{n}.0")).collect::<Vec<_>>());
    }
    assert_eq!(door(harness, 6, 1).bounds().next, Sequence(0));
}

/// A shorter retention reaches what is there already.
pub fn a_new_policy_holds_for_old_events<H: Harness>(harness: &H) {
    let engine = harness.engine();
    engine.create(LogId(5), 1, LogPolicy::KEEP).expect("made");
    let kept = door(harness, 5, 0);
    append(&kept, batch("a", 2)).expect("appended");
    for _ in 0..4 {
        harness.maintain();
        harness.advance(Millis::from_secs(3600));
    }
    assert_eq!(kept.bounds().first, Sequence(0), "kept for ever");
    engine.set_policy(LogId(5), LogPolicy::retain(Millis::from_secs(3600))).expect("set");
    harness.maintain();
    harness.maintain();
    assert_eq!(kept.bounds().first, Sequence(2));
}

/// From the start, with one partition.
pub fn the_control_log_is_there_and_cannot_be_deleted<H: Harness>(harness: &H) {
    let engine = harness.engine();
    assert!(engine.partition(PartitionId::CONTROL).is_ok());
    assert!(matches!(engine.delete(LogId::CONTROL), Err(LogError::Rejected { .. })));
    assert!(matches!(engine.grow(LogId::CONTROL, 2), Err(LogError::Rejected { .. })));
    assert!(engine.partition(PartitionId::CONTROL).is_ok());
}
