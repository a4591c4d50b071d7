//! Sentences about one partition.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_log::{
    BatchSource, Bounds, Completion, Conditions, LogError, LogId, LogPolicy, Millis, PartitionId,
    PartitionLog, PartitionLogs, Sequence, Submission, WallMillis,
};

use crate::{Answers, Bell, Harness, append, append_all, batch, batch_of, block_on, bodies, read_bodies};

const MINUTE: Millis = Millis::from_secs(60);
const HOUR: Millis = Millis::from_secs(3600);

fn partition<H: Harness>(harness: &H) -> Arc<dyn PartitionLog> {
    partition_with(harness, LogPolicy::KEEP)
}

fn partition_with<H: Harness>(harness: &H, policy: LogPolicy) -> Arc<dyn PartitionLog> {
    let log = LogId(1);
    harness.engine().create(log, 1, policy).expect("made");
    harness.engine().partition(PartitionId { log, index: 0 }).expect("there")
}

/// Numbers are dense from 0 in the order of acceptance, over batches of every size.
pub fn numbers_are_dense_and_in_order_of_acceptance<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let mut next = 0;
    for count in [1, 3, 1, 250, 2] {
        let appended = append(&partition, batch("e", count)).expect("appended");
        assert_eq!(appended.base, Sequence(next));
        next += count as u64;
        assert_eq!(appended.last, Sequence(next - 1));
        assert_eq!(appended.log_start, Sequence::ZERO);
    }
    assert_eq!(partition.bounds().next, Sequence(next));
}

#[derive(Debug)]
struct CheckMark {
    partition: Arc<dyn PartitionLog>,
    inner: Arc<Answers>,
}

impl Completion for CheckMark {
    fn complete(&self, outcome: Result<forebay_log::Appended, LogError>) {
        let checked = outcome.and_then(|appended| {
            let visible = self.partition.bounds().next > appended.last;
            let read = block_on(self.partition.read(appended.last, 1))?;
            let readable = read.batches.first().is_some_and(|batch| batch.last == appended.last);
            if visible && readable { Ok(appended) } else { Err(LogError::Fenced) }
        });
        self.inner.complete(checked);
    }
}

/// Whoever has an answer can read the event, and answers keep the order of acceptance.
pub fn answers_come_in_order_and_after_the_mark_has_moved<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let inner = Answers::new();
    for n in 0..200 {
        let done = Arc::new(CheckMark { partition: Arc::clone(&partition), inner: Arc::clone(&inner) });
        let submission = Submission { done, ..inner.submission(batch(&format!("e{n}"), 1)) };
        partition.append(submission).expect("accepted");
    }
    let bases: Vec<u64> =
        inner.wait(200).into_iter().map(|answer| answer.expect("visible and readable").base.0).collect();
    assert_eq!(bases, (0..200).collect::<Vec<_>>());
}

/// Bodies, times and places are those given; each batch is sound.
pub fn events_come_back_as_they_were_appended<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let mut expected = Vec::new();
    for (n, count) in [3, 1, 40, 7].into_iter().enumerate() {
        let name = format!("b{n}");
        expected.extend((0..count).map(|event| format!("{name}.{event}")));
        append(&partition, batch(&name, count)).expect("appended");
    }
    for cold in [false, true] {
        if cold {
            harness.maintain();
            harness.cool_down();
        }
        for max_bytes in [1, 200, 1 << 20] {
            assert_eq!(read_bodies(&partition, Sequence(0), max_bytes), Ok(expected.clone()));
        }
        assert_eq!(read_bodies(&partition, Sequence(5), 1).as_deref(), Ok(&expected[5..]));
    }
}

/// Whole batches only: the first one contains the number asked for.
pub fn a_read_from_the_middle_of_a_batch_begins_with_that_batch<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append_all(&partition, [batch("a", 5), batch("b", 5), batch("c", 5)]);
    for cold in [false, true] {
        if cold {
            harness.maintain();
            harness.cool_down();
        }
        for (from, base) in [(0, 0), (4, 0), (5, 5), (7, 5), (14, 10)] {
            let read = block_on(partition.read(Sequence(from), 1)).expect("read");
            assert_eq!(read.batches.len(), 1);
            assert_eq!(read.batches[0].base, Sequence(base), "from {from}");
            assert_eq!((read.next, read.log_start), (Sequence(15), Sequence(0)));
        }
    }
}

/// Otherwise a reader with a small buffer would never get past it.
pub fn a_read_gives_at_least_one_batch_however_large<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append(&partition, batch_of(&[vec![7; 700_000], vec![8; 10]])).expect("appended");
    append(&partition, batch_of(&[vec![9; 10]])).expect("appended");
    for cold in [false, true] {
        if cold {
            harness.maintain();
            harness.cool_down();
        }
        let read = block_on(partition.read(Sequence(1), 100)).expect("read");
        assert_eq!(read.batches.len(), 1);
        assert_eq!(bodies(&read.batches[0])[0], vec![7; 700_000]);
        let more = block_on(partition.read(Sequence(1), 1 << 20)).expect("read");
        assert!((1..=2).contains(&more.batches.len()), "as many as fit and are at hand");
    }
}

/// Below the first event or beyond the end: a definite answer with the bounds in it.
pub fn a_read_outside_of_the_bounds_says_what_they_are<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append(&partition, batch("a", 10)).expect("appended");
    partition.trim(Sequence(4)).expect("trimmed");
    let out = LogError::OutOfRange { first: Sequence(4), next: Sequence(10) };
    assert_eq!(block_on(partition.read(Sequence(3), 100)).expect_err("below"), out);
    assert_eq!(block_on(partition.read(Sequence(11), 100)).expect_err("beyond"), out);
    assert!(block_on(partition.read(Sequence(10), 100)).expect("at the end").batches.is_empty());
}

/// Nothing is lost, doubled, or out of order within a publisher.
pub fn several_threads_append_and_every_event_is_there_once<H: Harness>(harness: &H) {
    let partition = partition(harness);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let partition = &partition;
            scope.spawn(move || {
                append_all(partition, (0..100).map(|n| batch(&format!("{thread}:{n:03}"), 2)))
            });
        }
    });
    let all = read_bodies(&partition, Sequence(0), 4096).expect("read");
    assert_eq!(all.len(), 800);
    for thread in 0..4 {
        let prefix = format!("{thread}:");
        let own: Vec<&String> = all.iter().filter(|body| body.starts_with(&prefix)).collect();
        let expected: Vec<String> =
            (0..100).flat_map(|n| (0..2).map(move |event| format!("{thread}:{n:03}.{event}"))).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
}

#[derive(Debug, Default)]
struct Source(Mutex<VecDeque<Submission>>);

impl BatchSource for Source {
    fn take(&self) -> Option<Submission> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Source {
    fn put(&self, submission: Submission) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(submission);
    }
}

/// A collector hands over what it has when the engine is ready for it, until it has nothing more.
pub fn a_source_is_asked_when_a_round_begins<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let (answers, source) = (Answers::new(), Arc::new(Source::default()));
    let door = Arc::clone(&source) as Arc<dyn BatchSource>;
    for round in 0..20 {
        for n in 0..10 {
            source.put(answers.submission(batch(&format!("{round}.{n}"), 1)));
        }
        partition.gather(&door).expect("accepted");
    }
    let came = answers.wait(200);
    let bases: Vec<u64> = came.into_iter().map(|answer| answer.expect("appended").base.0).collect();
    assert_eq!(bases, (0..200).collect::<Vec<_>>());
    source.put(answers.submission(batch_of::<&[u8]>(&[])));
    partition.gather(&door).expect("accepted");
    let last = answers.wait(201).pop().expect("there");
    assert!(matches!(last, Err(LogError::Rejected { .. })), "an empty batch from a source: {last:?}");
}

/// Saying twice that there is something is as good as saying it once.
pub fn a_source_that_is_announced_twice_is_emptied_once<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let (answers, source) = (Answers::new(), Arc::new(Source::default()));
    let door = Arc::clone(&source) as Arc<dyn BatchSource>;
    source.put(answers.submission(batch("x", 1)));
    for _ in 0..5 {
        partition.gather(&door).expect("accepted");
    }
    assert_eq!(answers.wait(1).len(), 1);
    append(&partition, batch("y", 1)).expect("appended");
    assert_eq!(read_bodies(&partition, Sequence(0), 100), Ok(vec!["x.0".into(), "y.0".into()]));
}

/// One call for one wait, and not before the event can be read.
pub fn whoever_waits_is_called_once_when_the_event_can_be_read<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let (bell, who) = Bell::new();
    assert_eq!(partition.wait(Sequence(0), &who, 1), Ok(true));
    assert_eq!(partition.wait(Sequence(2), &who, 3), Ok(true));
    assert_eq!(partition.wait(Sequence(0), &who, 2), Ok(true));
    append(&partition, batch("a", 2)).expect("appended");
    assert_eq!(bell.wait(2), [1, 2]);
    append(&partition, batch("b", 1)).expect("appended");
    assert_eq!(bell.wait(3), [1, 2, 3]);
    append(&partition, batch("c", 1)).expect("appended");
    assert_eq!(bell.wait(3), [1, 2, 3], "each wait is for one call");
}

/// It would never be called.
pub fn a_wait_for_what_is_there_is_not_registered<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append(&partition, batch("a", 2)).expect("appended");
    let (_bell, who) = Bell::new();
    assert_eq!(partition.wait(Sequence(1), &who, 1), Ok(false));
    assert_eq!(partition.wait(Sequence(2), &who, 1), Ok(true));
}

/// Others are not disturbed.
pub fn a_cancelled_wait_is_not_called<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let (bell, who) = Bell::new();
    let (other_bell, other) = Bell::new();
    assert_eq!(partition.wait(Sequence(0), &who, 1), Ok(true));
    assert_eq!(partition.wait(Sequence(0), &who, 2), Ok(true));
    assert_eq!(partition.wait(Sequence(0), &other, 1), Ok(true));
    partition.cancel(&who, 1);
    append(&partition, batch("a", 1)).expect("appended");
    assert_eq!(bell.wait(1), [2]);
    assert_eq!(other_bell.wait(1), [1]);
}

/// Compare and append: the batch is refused and no number is given.
pub fn an_expected_number_that_is_not_next_refuses_the_batch<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let answers = Answers::new();
    let expecting = |expected| Submission {
        conditions: Conditions { expected: Some(Sequence(expected)) },
        ..answers.submission(batch("e", 2))
    };
    for expected in [0, 1, 2] {
        partition.append(expecting(expected)).expect("accepted");
    }
    let came = answers.wait(3);
    assert_eq!(came[0].as_ref().map(|appended| appended.base), Ok(Sequence(0)));
    assert!(matches!(came[1], Err(LogError::Rejected { .. })), "{came:?}");
    assert_eq!(came[2].as_ref().map(|appended| appended.base), Ok(Sequence(2)));
}

/// At once, so that the answer is never called.
pub fn an_empty_or_too_large_batch_is_refused_at_once<H: Harness>(harness: &H) {
    let policy = LogPolicy { batch_bytes_max: 1000, ..LogPolicy::KEEP };
    let partition = partition_with(harness, policy);
    let refused = append(&partition, batch_of::<&[u8]>(&[]));
    assert!(matches!(refused, Err(LogError::Rejected { .. })), "{refused:?}");
    let at_limit = |bytes: usize| batch_of(&[vec![0_u8; bytes]]);
    let overhead = at_limit(500).len() - 500;
    assert!(append(&partition, at_limit(1000 - overhead)).is_ok(), "at the limit it is taken");
    let refused = append(&partition, at_limit(1001 - overhead));
    assert!(matches!(refused, Err(LogError::Rejected { .. })), "{refused:?}");
    assert_eq!(partition.bounds().next, Sequence(1));
}

/// Time may pass or stand still between events, as far as the partition tells.
pub fn enqueued_times_never_go_back<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let mut previous = WallMillis(i64::MIN);
    for step in [0, 5, 0, 1000] {
        harness.advance(Millis(step));
        let time = append(&partition, batch("e", 1)).expect("appended").append_time;
        assert!(time >= previous, "{time:?} after {previous:?}");
        previous = time;
    }
    assert_eq!(partition.bounds().last_append_time, Some(previous));
}

/// Zero, zero, and no last event.
pub fn a_partition_never_written_has_empty_bounds<H: Harness>(harness: &H) {
    let partition = partition(harness);
    assert_eq!(partition.bounds(), Bounds::default());
    assert_eq!((partition.bounds().last(), partition.bounds().is_empty()), (None, true));
    assert!(block_on(partition.read(Sequence(0), 100)).expect("read").batches.is_empty());
    assert_eq!(block_on(partition.seek_time(WallMillis(0))), Ok(Sequence(0)));
    harness.maintain();
    assert_eq!(partition.bounds(), Bounds::default());
}

/// What runtime information is made of.
pub fn bounds_tell_the_last_event<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append(&partition, batch("a", 3)).expect("appended");
    harness.advance(Millis(77));
    let appended = append(&partition, batch("b", 2)).expect("appended");
    let bounds = partition.bounds();
    assert_eq!((bounds.first, bounds.next, bounds.last()), (Sequence(0), Sequence(5), Some(Sequence(4))));
    assert_eq!(bounds.last_append_time, Some(appended.append_time));
    assert!(bounds.size_bytes > 100);
}

/// The next number, the last event's time and what is left stay.
pub fn trimming_moves_the_first_event_and_nothing_else<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append_all(&partition, [batch("a", 4), batch("b", 4)]);
    let before = partition.bounds();
    partition.trim(Sequence(6)).expect("trimmed");
    partition.trim(Sequence(2)).expect("going back changes nothing");
    let after = partition.bounds();
    assert_eq!(
        (after.first, after.next, after.last_append_time),
        (Sequence(6), Sequence(8), before.last_append_time)
    );
    assert_eq!(read_bodies(&partition, Sequence(6), 10), Ok(vec!["b.2".into(), "b.3".into()]));
    partition.trim(Sequence(1000)).expect("trimmed");
    let empty = partition.bounds();
    assert_eq!((empty.first, empty.next), (Sequence(8), Sequence(8)), "no further than the mark");
    assert_eq!(append(&partition, batch("c", 1)).expect("appended").base, Sequence(8));
}

/// Exactly at a time, between two times, before all, after all.
pub fn seeking_finds_the_first_event_at_or_after_a_time<H: Harness>(harness: &H) {
    let partition = partition(harness);
    let mut times = Vec::new();
    for n in 0..5 {
        times.push(append(&partition, batch(&format!("b{n}"), 3)).expect("appended").append_time.0);
        harness.advance(Millis(100));
    }
    for cold in [false, true] {
        if cold {
            harness.maintain();
            harness.cool_down();
        }
        let seek = |at: i64| block_on(partition.seek_time(WallMillis(at))).expect("found").0;
        for (n, time) in times.iter().enumerate() {
            let base = n as u64 * 3;
            assert_eq!(seek(*time), base, "exactly at batch {n}, cold {cold}");
            assert_eq!(seek(time + 1), base + 3, "just after batch {n}");
            assert_eq!(seek(time - 1), base, "just before batch {n}");
        }
        assert_eq!(seek(i64::MIN), 0);
        assert_eq!(seek(i64::MAX), 15);
    }
    partition.trim(Sequence(4)).expect("trimmed");
    assert_eq!(block_on(partition.seek_time(WallMillis(0))), Ok(Sequence(4)), "not before the first event");
}

/// After the retention, with the bounds and the last time as they were.
pub fn expired_events_go_and_numbers_go_on<H: Harness>(harness: &H) {
    let partition = partition_with(harness, LogPolicy::retain(HOUR));
    append_all(&partition, [batch("a", 4), batch("b", 4)]);
    let before = partition.bounds();
    for _ in 0..8 {
        harness.maintain();
        harness.advance(Millis(10 * MINUTE.0));
    }
    harness.maintain();
    let bounds = partition.bounds();
    assert_eq!((bounds.first, bounds.next), (Sequence(8), Sequence(8)));
    assert_eq!(bounds.last_append_time, before.last_append_time);
    assert!(bounds.is_empty());
    assert!(matches!(block_on(partition.read(Sequence(0), 100)), Err(LogError::OutOfRange { .. })));
    assert!(block_on(partition.read(Sequence(8), 100)).expect("read").batches.is_empty());
    assert_eq!(block_on(partition.seek_time(WallMillis(0))), Ok(Sequence(8)));
    assert_eq!(append(&partition, batch("c", 1)).expect("appended").base, Sequence(8));
    assert_eq!(read_bodies(&partition, Sequence(8), 100), Ok(vec!["c.0".into()]));
}

/// Whatever maintenance does, nothing younger than the retention goes.
pub fn events_within_retention_stay<H: Harness>(harness: &H) {
    let partition = partition_with(harness, LogPolicy::retain(HOUR));
    for n in 0..12 {
        append(&partition, batch(&format!("e{n}"), 1)).expect("appended");
        harness.maintain();
        harness.advance(Millis(10 * MINUTE.0));
    }
    let bounds = partition.bounds();
    // Twelve events at 0, 10, … 110 minutes; it is minute 120, the last look was at minute 110.
    assert!(bounds.first <= Sequence(6), "{bounds:?}");
    assert!(bounds.first >= Sequence(3), "{bounds:?}");
    assert_eq!(bounds.next, Sequence(12));
}

/// Events, or out of range: never something else, never other events.
pub fn a_reader_that_expiry_overtakes_gets_a_definite_answer<H: Harness>(harness: &H) {
    let partition = partition(harness);
    append_all(&partition, (0..200).map(|n| batch(&format!("{n}"), 1)));
    harness.maintain();
    harness.cool_down();
    std::thread::scope(|scope| {
        let trimmer = scope.spawn(|| {
            for below in 0..=200 {
                partition.trim(Sequence(below)).expect("trimmed");
            }
        });
        let mut at = 0;
        while at < 200 {
            match block_on(partition.read(Sequence(at), 1)) {
                Ok(read) => {
                    let batch = read.batches.first().expect("before the end there is something");
                    assert_eq!(bodies(batch), [format!("{at}.0").into_bytes()]);
                    at += 1;
                }
                Err(LogError::OutOfRange { first, next }) => {
                    assert!(first.0 > at && next == Sequence(200), "{first} {next}");
                    at = first.0;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        trimmer.join().expect("trimmed");
    });
}
