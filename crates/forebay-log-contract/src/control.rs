//! Sentences about the control log.

use std::task::{Context, Poll, Waker};

use forebay_log::{
    ControlEntry, ControlFollower, ControlLog, ControlPosition, ControlRecord, ControlSnapshot, EntryClass,
    LogError, Sequence,
};

use crate::{Harness, block_on};

fn entry(class: EntryClass, body: &str) -> ControlEntry {
    ControlEntry { class, body: body.as_bytes().to_vec() }
}

fn put<H: Harness>(harness: &H, class: EntryClass, body: &str) -> ControlPosition {
    block_on(harness.engine().append(vec![entry(class, body)])).expect("appended").remove(0)
}

fn place(durable: u64, session: u64) -> ControlPosition {
    ControlPosition { durable: Sequence(durable), session }
}

fn take(follower: &mut ControlFollower, count: usize) -> Vec<(String, ControlPosition)> {
    (0..count)
        .map(|_| {
            let ControlRecord { position, body, .. } = block_on(follower.next()).expect("there");
            (String::from_utf8(body.to_vec()).expect("text"), position)
        })
        .collect()
}

fn is_at_end(follower: &mut ControlFollower) -> bool {
    follower.poll_next(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// What was there before it began, and what comes after, without a seam.
pub fn a_follower_sees_every_entry_once_and_in_order<H: Harness>(harness: &H) {
    for n in 0..5 {
        put(harness, EntryClass::Durable, &format!("old{n}"));
    }
    harness.maintain();
    harness.cool_down();
    let mut follower = harness.engine().follow(Sequence(0)).expect("following");
    for n in 0..5 {
        put(harness, EntryClass::Durable, &format!("new{n}"));
    }
    let seen = take(&mut follower, 10);
    let bodies: Vec<&str> = seen.iter().map(|(body, _)| body.as_str()).collect();
    assert_eq!(bodies, ["old0", "old1", "old2", "old3", "old4", "new0", "new1", "new2", "new3", "new4"]);
    let places: Vec<ControlPosition> = seen.iter().map(|(_, position)| *position).collect();
    assert_eq!(places, (1..=10).map(|n| place(n, 0)).collect::<Vec<_>>());
    assert!(is_at_end(&mut follower));
    assert_eq!(harness.engine().end(), place(10, 0));
}

/// Their place is after the last durable entry, counted from 1.
pub fn session_entries_take_no_sequence_number<H: Harness>(harness: &H) {
    let mut follower = harness.engine().follow(Sequence(0)).expect("following");
    assert_eq!(put(harness, EntryClass::Session, "s1"), place(0, 1));
    assert_eq!(put(harness, EntryClass::Durable, "d1"), place(1, 0));
    assert_eq!(put(harness, EntryClass::Session, "s2"), place(1, 1));
    assert_eq!(put(harness, EntryClass::Session, "s3"), place(1, 2));
    assert_eq!(put(harness, EntryClass::Durable, "d2"), place(2, 0));
    let bodies: Vec<String> = take(&mut follower, 5).into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["s1", "d1", "s2", "s3", "d2"]);
    let mut later = harness.engine().follow(Sequence(0)).expect("following");
    let bodies: Vec<String> = take(&mut later, 2).into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["d1", "d2"], "session entries are for those who were there");
    assert!(is_at_end(&mut later));
}

/// As after a snapshot.
pub fn a_follower_from_the_middle_starts_there<H: Harness>(harness: &H) {
    let many = (0..10).map(|n| entry(EntryClass::Durable, &format!("e{n}"))).collect();
    block_on(harness.engine().append(many)).expect("appended");
    let mut follower = harness.engine().follow(Sequence(7)).expect("following");
    let seen = take(&mut follower, 3);
    assert_eq!(seen[0], ("e7".into(), place(8, 0)));
    assert!(is_at_end(&mut follower));
    let mut at_end = harness.engine().follow(Sequence(10)).expect("following");
    assert!(is_at_end(&mut at_end));
    let beyond = harness.engine().follow(Sequence(11)).map(drop);
    assert_eq!(beyond, Err(LogError::OutOfRange { first: Sequence(0), next: Sequence(10) }));
}

/// A sleeping fold wakes up.
pub fn a_follower_is_woken_by_an_append<H: Harness>(harness: &H) {
    for class in [EntryClass::Durable, EntryClass::Session] {
        let mut follower = harness.engine().follow(harness.engine().end().durable).expect("following");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(move || block_on(follower.next()).expect("there").body.to_vec());
            std::thread::sleep(std::time::Duration::from_millis(20));
            put(harness, class, "wake");
            assert_eq!(waiter.join().expect("woken"), b"wake");
        });
    }
}

/// Durable and session entries of one call stay in the order given.
pub fn an_append_of_many_entries_keeps_their_order<H: Harness>(harness: &H) {
    let mut follower = harness.engine().follow(Sequence(0)).expect("following");
    let mixed = vec![
        entry(EntryClass::Session, "a"),
        entry(EntryClass::Durable, "b"),
        entry(EntryClass::Durable, "c"),
        entry(EntryClass::Session, "d"),
    ];
    let places = block_on(harness.engine().append(mixed)).expect("appended");
    assert_eq!(places, [place(0, 1), place(1, 0), place(2, 0), place(2, 1)]);
    let bodies: Vec<String> = take(&mut follower, 4).into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["a", "b", "c", "d"]);
    assert_eq!(block_on(harness.engine().append(Vec::new())), Ok(Vec::new()));
}

/// And not one before it.
pub fn the_newest_snapshot_comes_back<H: Harness>(harness: &H) {
    let engine = harness.engine();
    assert_eq!(engine.snapshot_get(), Ok(None));
    for n in 1..=4 {
        put(harness, EntryClass::Durable, "e");
        let snapshot = ControlSnapshot { position: Sequence(n), bytes: format!("state {n}").into_bytes() };
        engine.snapshot_put(&snapshot).expect("kept");
        engine.snapshot_put(&snapshot).expect("kept again");
        assert_eq!(engine.snapshot_get(), Ok(Some(snapshot)));
    }
}

/// It would fold entries that nobody has seen.
pub fn a_snapshot_of_the_future_is_refused<H: Harness>(harness: &H) {
    put(harness, EntryClass::Durable, "e");
    let future = ControlSnapshot { position: Sequence(2), bytes: vec![1] };
    assert!(matches!(harness.engine().snapshot_put(&future), Err(LogError::Rejected { .. })));
    assert_eq!(harness.engine().snapshot_get(), Ok(None));
}

/// With the bounds, so that the caller can take a snapshot instead.
pub fn following_from_what_was_truncated_is_refused<H: Harness>(harness: &H) {
    for n in 0..6 {
        put(harness, EntryClass::Durable, &format!("e{n}"));
    }
    harness.engine().truncate(Sequence(4)).expect("truncated");
    let refused = harness.engine().follow(Sequence(3)).map(drop);
    assert_eq!(refused, Err(LogError::OutOfRange { first: Sequence(4), next: Sequence(6) }));
    let mut follower = harness.engine().follow(Sequence(4)).expect("following");
    assert_eq!(take(&mut follower, 2)[0].0, "e4");
    let ended = follower.poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(ended, Poll::Pending));
}
