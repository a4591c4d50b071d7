//! Gathers the events of many connections for one partition until the log asks for them.
//!
//! A connection checks a batch out, writes the events of one socket read into it, and checks it back in: two
//! short locks a burst, none an event, and the one copy of each body goes straight into the bytes that are
//! stored. Batches keep the place in line that they had when they were made, also while they are out, so the
//! events of one link keep their order. One message is never split over two stored batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use forebay_event::Origin;
use forebay_event::batch::BatchBuf;
use forebay_log::{
    Appended, BatchSource, ByteBudget, Completion, Conditions, LogError, Part, Reservation, Submission,
};

/// Events in one shared batch, at most. Readers hold whole batches, so one must stay small.
pub(crate) const BATCH_EVENTS_MAX: u32 = 4_096;
/// Bytes in one shared batch, at most; a single message that is larger gets a batch of its own.
pub(crate) const BATCH_BYTES_MAX: usize = 256 * 1024;

const _: () = assert!(BATCH_EVENTS_MAX > 0 && BATCH_BYTES_MAX >= 64 * 1024);

/// Learns what became of a group of events that it published.
pub trait PublishListener: Send + Sync {
    /// The events of `group` are durable at the configured level, or failed as the error says. Called on the
    /// log's commit thread: it must not block.
    fn published(&self, group: u64, outcome: &Result<Appended, LogError>);
}

/// A batch that is being filled, with everyone who waits for it.
struct OpenBatch {
    batch: BatchBuf,
    waiters: Vec<Waiter>,
    /// What it holds of the byte budget; travels with it, so that a publisher who leaves frees nothing early.
    held: Reservation,
}

struct Waiter {
    listener: Arc<dyn PublishListener>,
    group: u64,
}

/// A place in the line of batches of one partition.
struct Slot {
    id: u64,
    /// `None` while a connection writes into it.
    batch: Option<OpenBatch>,
}

/// The line of batches of one partition that the log has not taken yet.
pub(crate) struct Collector {
    line: Mutex<Line>,
    origin: Origin,
    budget: Arc<ByteBudget>,
}

#[derive(Default)]
struct Line {
    slots: VecDeque<Slot>,
    next_id: u64,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("waiting", &self.lock().slots.len()).finish()
    }
}

impl Collector {
    pub(crate) fn new(origin: Origin, budget: Arc<ByteBudget>) -> Arc<Self> {
        Arc::new(Self { line: Mutex::default(), origin, budget })
    }

    fn open_batch(&self, payload: usize) -> OpenBatch {
        let held = self.budget.force(Part::Gathering, 0);
        OpenBatch { batch: BatchBuf::with_capacity(payload), waiters: Vec::new(), held }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes the last batch in line if it has room for `events` in `bytes`, else a new one behind it.
    pub(crate) fn check_out(self: &Arc<Self>, events: u32, bytes: usize, capacity: usize) -> CheckedOut {
        let mut line = self.lock();
        if let Some(last) = line.slots.back_mut()
            && last.batch.as_ref().is_some_and(|open| has_room(&open.batch, events, bytes))
        {
            let id = last.id;
            let open = last.batch.take();
            return CheckedOut { collector: Arc::clone(self), id, open };
        }
        let id = line.next_id;
        line.next_id += 1;
        line.slots.push_back(Slot { id, batch: None });
        drop(line);
        let open = self.open_batch(capacity.max(bytes));
        CheckedOut { collector: Arc::clone(self), id, open: Some(open) }
    }

    fn check_in(&self, id: u64, open: OpenBatch) {
        let mut line = self.lock();
        let Some(front) = line.slots.front().map(|slot| slot.id) else { return };
        let index = usize::try_from(id - front).unwrap_or(usize::MAX);
        // An empty batch (every message of the burst was refused) stays for the next burst; `take` skips it.
        if let Some(slot) = line.slots.get_mut(index) {
            slot.batch = Some(open);
        }
    }
}

fn has_room(batch: &BatchBuf, events: u32, bytes: usize) -> bool {
    batch.count().saturating_add(events) <= BATCH_EVENTS_MAX
        && batch.len().saturating_add(bytes) <= BATCH_BYTES_MAX
}

impl BatchSource for Collector {
    /// The first batch in line, unless a connection is writing into it: it offers it again when it is done.
    fn take(&self) -> Option<Submission> {
        let mut line = self.lock();
        loop {
            let open = line.slots.front_mut()?.batch.take()?;
            line.slots.pop_front();
            if open.batch.is_empty() {
                continue;
            }
            return Some(Submission {
                batch: open.batch,
                origin: self.origin,
                conditions: Conditions::default(),
                done: Arc::new(Waiters { waiters: open.waiters, _held: open.held }),
            });
        }
    }
}

/// Passes a batch's outcome on to everyone who has events in it.
struct Waiters {
    waiters: Vec<Waiter>,
    /// Given back when the batch has its outcome.
    _held: Reservation,
}

impl std::fmt::Debug for Waiters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiters").field("waiting", &self.waiters.len()).finish_non_exhaustive()
    }
}

impl Completion for Waiters {
    fn complete(&self, outcome: Result<Appended, LogError>) {
        for waiter in &self.waiters {
            waiter.listener.published(waiter.group, &outcome);
        }
    }
}

/// A batch in the hands of one connection. Dropping it puts it back in line, since a batch that never came back
/// would stop its partition.
pub(crate) struct CheckedOut {
    collector: Arc<Collector>,
    id: u64,
    open: Option<OpenBatch>,
}

impl CheckedOut {
    pub(crate) fn has_room(&self, events: u32, bytes: usize) -> bool {
        self.open.as_ref().is_some_and(|open| has_room(&open.batch, events, bytes))
    }

    /// Writes events and notes who waits for them. Returns the group: that of the listener's former events in
    /// this batch, if it was the last to write, else `next_group`, which then moves on.
    pub(crate) fn write(
        &mut self,
        listener: &Arc<dyn PublishListener>,
        next_group: &mut u64,
        write: impl FnOnce(&mut BatchBuf),
    ) -> u64 {
        let open = self.open.as_mut().expect("a checked-out batch is there until it is dropped");
        write(&mut open.batch);
        if let Some(last) = open.waiters.last()
            && Arc::ptr_eq(&last.listener, listener)
        {
            return last.group;
        }
        let group = *next_group;
        *next_group += 1;
        open.waiters.push(Waiter { listener: Arc::clone(listener), group });
        group
    }
}

impl Drop for CheckedOut {
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        if std::thread::panicking() {
            // Half a record may stand in it: nobody's events may be stored with that. They are refused instead.
            let failure = Err(LogError::Unavailable { reason: "the batch was given up".to_owned() });
            for waiter in &open.waiters {
                waiter.listener.published(waiter.group, &failure);
            }
            open = self.collector.open_batch(0);
        }
        // Summed here, by each connection for itself, and not by the one thread that seals.
        open.batch.prepare();
        open.held.set(open.batch.len() as u64);
        self.collector.check_in(self.id, open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_event::amqp::{Context, Incoming};

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<(u64, bool)>>);

    impl PublishListener for Heard {
        fn published(&self, group: u64, outcome: &Result<Appended, LogError>) {
            self.0.lock().unwrap().push((group, outcome.is_ok()));
        }
    }

    fn listener() -> (Arc<Heard>, Arc<dyn PublishListener>) {
        let heard = Arc::new(Heard::default());
        (Arc::clone(&heard), heard)
    }

    /// Writes one event whose body is one byte.
    fn put(batch: &mut CheckedOut, who: &Arc<dyn PublishListener>, next_group: &mut u64, body: u8) -> u64 {
        let message = [0x00, 0x53, 0x75, 0xa0, 0x01, body];
        let context = Context { publisher: None, partition_count: None, compacted: false, max_bytes: 1024 };
        let incoming = Incoming::parse(&message, 0, &context).unwrap();
        batch.write(who, next_group, |batch| incoming.write(batch))
    }

    fn bodies(submission: Submission) -> Vec<u8> {
        let mut batch = submission.batch;
        batch.prepare();
        batch.seal(0, 0);
        let bytes = batch.into_bytes();
        let view = forebay_event::batch::BatchRef::parse(&bytes).unwrap();
        view.records().map(|record| record.unwrap().value.unwrap()[0]).collect()
    }

    #[test]
    fn a_batch_keeps_its_place_in_line_while_it_is_out() {
        let collector = Collector::new(Origin::Amqp, ByteBudget::new(1 << 30));
        let (_, alice) = listener();
        let (_, bob) = listener();
        let (mut a, mut b) = (0, 0);
        // Alice's first event is in a batch that Bob then takes out; her second goes to a new one.
        put(&mut collector.check_out(1, 100, 0), &alice, &mut a, 1);
        let mut bobs = collector.check_out(1, 100, 0);
        put(&mut collector.check_out(1, 100, 0), &alice, &mut a, 3);
        assert!(collector.take().is_none(), "the first batch is out: nothing may overtake it");
        put(&mut bobs, &bob, &mut b, 2);
        drop(bobs);
        assert_eq!(bodies(collector.take().unwrap()), [1, 2]);
        assert_eq!(bodies(collector.take().unwrap()), [3]);
        assert!(collector.take().is_none());
    }

    #[test]
    fn everyone_in_a_batch_hears_its_outcome_once() {
        let collector = Collector::new(Origin::Amqp, ByteBudget::new(1 << 30));
        let (alice_heard, alice) = listener();
        let (bob_heard, bob) = listener();
        let (mut a, mut b) = (7, 0);
        let mut batch = collector.check_out(1, 100, 0);
        assert_eq!(put(&mut batch, &alice, &mut a, 1), 7);
        assert_eq!(put(&mut batch, &alice, &mut a, 2), 7, "neighbours share a group");
        assert_eq!(put(&mut batch, &bob, &mut b, 3), 0);
        drop(batch);
        let submission = collector.take().unwrap();
        submission.done.complete(Err(LogError::NotFound));
        assert_eq!(*alice_heard.0.lock().unwrap(), [(7, false)]);
        assert_eq!(*bob_heard.0.lock().unwrap(), [(0, false)]);
    }

    #[test]
    fn a_batch_that_is_full_is_left_alone_and_a_large_message_gets_its_own() {
        let collector = Collector::new(Origin::Amqp, ByteBudget::new(1 << 30));
        let (_, alice) = listener();
        let mut group = 0;
        put(&mut collector.check_out(1, 100, 0), &alice, &mut group, 1);
        put(&mut collector.check_out(1, BATCH_BYTES_MAX + 1, 0), &alice, &mut group, 2);
        put(&mut collector.check_out(BATCH_EVENTS_MAX, 100, 0), &alice, &mut group, 3);
        for expected in [[1], [2], [3]] {
            assert_eq!(bodies(collector.take().unwrap()), expected);
        }
    }

    #[test]
    fn a_burst_whose_messages_were_all_refused_leaves_nothing_to_store() {
        let collector = Collector::new(Origin::Amqp, ByteBudget::new(1 << 30));
        drop(collector.check_out(1, 100, 0));
        assert!(collector.take().is_none());
        let (_, alice) = listener();
        put(&mut collector.check_out(1, 100, 0), &alice, &mut 0, 9);
        assert_eq!(bodies(collector.take().unwrap()), [9]);
    }

    #[test]
    fn a_panic_in_the_middle_of_an_event_stores_nothing_of_the_batch_and_refuses_everyone_in_it() {
        let collector = Collector::new(Origin::Amqp, ByteBudget::new(1 << 30));
        let (heard, alice) = listener();
        let mut group = 0;
        put(&mut collector.check_out(1, 100, 0), &alice, &mut group, 1);
        let theirs = Arc::clone(&collector);
        let panicked = std::thread::spawn(move || {
            let mut batch = theirs.check_out(1, 100, 0);
            batch.write(&listener().1, &mut 0, |_| panic!("half a record"));
        });
        assert!(panicked.join().is_err());
        assert!(collector.take().is_none());
        assert_eq!(*heard.0.lock().unwrap(), [(0, false)]);
    }

    #[test]
    fn a_batch_holds_its_bytes_of_the_budget_until_it_has_its_outcome() {
        let budget = ByteBudget::new(1 << 30);
        let collector = Collector::new(Origin::Amqp, Arc::clone(&budget));
        let (_, alice) = listener();
        put(&mut collector.check_out(1, 100, 0), &alice, &mut 0, 1);
        let held = budget.used_by(Part::Gathering);
        assert!(held > 0);
        let submission = collector.take().unwrap();
        assert_eq!(budget.used_by(Part::Gathering), held);
        submission.done.complete(Err(LogError::NotFound));
        drop(submission);
        assert_eq!(budget.used_by(Part::Gathering), 0);
    }
}
