//! The commit thread: gathers a round from all dirty partitions, makes it durable, moves the marks, answers.
//!
//! While one round is in flight the next one gathers in the inboxes. Per event: nothing. Per batch: a few counted
//! pointers. Per round: two short locks a partition, one write, one flush; answers and wake-ups outside of all locks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use forebay_event::batch::HEADER_BYTES;

use super::journal::{Committed, JournalWriter};
use super::partition::{PartitionShell, Waiter};
use super::queue::{Work, lock};
use super::shared::Shared;
use crate::api::{Appended, Completion, StoredBatch, Submission};
use crate::budget::Part;
use crate::core::memory::Store;
use crate::core::tail::charge;
use crate::error::LogError;
use crate::limits;
use crate::planted::{self, Bug};
use crate::types::{LogId, Sequence, WallMillis};

/// The commit thread's own state; everything is reused from round to round.
#[derive(Debug)]
pub(crate) struct Committer {
    shared: Arc<Shared>,
    journal: Option<JournalWriter>,
    dirty: Vec<Arc<PartitionShell>>,
    picks: Vec<Pick>,
    entries: Vec<Entry>,
    woken: Vec<Waiter>,
    /// The memory level: partitions of closed segments, oldest first.
    sealed: VecDeque<Arc<PartitionShell>>,
    /// Bytes and batches of the round so far.
    bytes: u64,
    /// The round is gathered, and waits for write-behind to free a journal file.
    waiting: bool,
}

/// What became of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    /// The round waits for a journal file: to be tried again when write-behind has freed one, or cannot.
    Waiting,
    Stopped,
}

/// A partition that takes part in the round, and how many of the entries are its.
#[derive(Debug)]
pub(crate) struct Pick {
    pub(crate) partition: Arc<PartitionShell>,
    pub(crate) entries: usize,
    log_start: Sequence,
}

/// A batch that takes part in the round, or its refusal.
#[derive(Debug)]
pub(crate) struct Entry {
    done: Arc<dyn Completion>,
    pub(crate) outcome: Result<Arc<StoredBatch>, LogError>,
}

/// What a partition's next batch gets.
#[derive(Debug, Clone, Copy)]
struct Place {
    next: Sequence,
    time: WallMillis,
}

impl Committer {
    pub(crate) const fn new(shared: Arc<Shared>, journal: Option<JournalWriter>) -> Self {
        Self {
            shared,
            journal,
            dirty: Vec::new(),
            picks: Vec::new(),
            entries: Vec::new(),
            woken: Vec::new(),
            sealed: VecDeque::new(),
            bytes: 0,
            waiting: false,
        }
    }

    /// Runs until the log closes; gives the journal back for the clean stop.
    pub(crate) fn run(mut self) -> Option<JournalWriter> {
        loop {
            let idle = self.has_unmarked().then_some(Duration::from_millis(limits::IDLE_MARK_MS));
            let work = match self.waiting {
                true => Work::Round,
                false => self.shared.queue.next(&mut self.dirty, idle),
            };
            match self.step(&work) {
                Progress::Done => {}
                Progress::Waiting => {
                    if let Some(store) = self.shared.disk() {
                        store.journal.wait_for_file();
                    }
                }
                Progress::Stopped => return self.journal,
            }
        }
    }

    /// Whether the last round still needs a mark, so that an idle while is work too.
    pub(crate) fn has_unmarked(&self) -> bool {
        self.journal.as_ref().is_some_and(JournalWriter::has_unmarked)
    }

    /// What there is to do now, without waiting for it.
    pub(crate) fn look(&mut self) -> Option<Work> {
        if self.waiting { Some(Work::Round) } else { self.shared.queue.look(&mut self.dirty) }
    }

    /// The journal, for the clean stop.
    pub(crate) fn into_journal(self) -> Option<JournalWriter> {
        self.journal
    }

    /// Does one piece of work.
    pub(crate) fn step(&mut self, work: &Work) -> Progress {
        match work {
            Work::Round => return self.round(),
            Work::Idle => {
                if let Some(journal) = &mut self.journal {
                    journal.write_mark(&self.shared);
                }
            }
            Work::Stop => return Progress::Stopped,
        }
        Progress::Done
    }

    fn round(&mut self) -> Progress {
        if !core::mem::take(&mut self.waiting) {
            self.gather();
        }
        let outcome = match &mut self.journal {
            _ if self.entries.iter().all(|entry| entry.outcome.is_err()) => Ok(()),
            None => Ok(()),
            Some(journal) => match self.shared.refusal() {
                Some(refusal) if self.shared.poisoned().is_some() => Err(refusal),
                _ => match journal.commit(&self.shared, &self.picks, &self.entries, self.bytes) {
                    Ok(Committed::Yes) => Ok(()),
                    Ok(Committed::NoFileYet) => {
                        self.waiting = true;
                        return Progress::Waiting;
                    }
                    Err(error) => Err(error),
                },
            },
        };
        match outcome {
            Ok(()) => self.move_marks(),
            Err(error) => self.refuse(&error),
        }
        if self.shared.disk().is_none() {
            self.keep_memory_bound();
        }
        self.answer();
        if planted::is(Bug::AcknowledgeBeforeFlush)
            && let Some(journal) = &self.journal
        {
            journal.flush_late();
        }
        Progress::Done
    }

    /// Takes what waits in front of the dirty partitions, up to a round's worth, numbers it and seals it.
    fn gather(&mut self) {
        self.bytes = 0;
        let wall = self.shared.clock.wall();
        let mut later = Vec::new();
        for partition in core::mem::take(&mut self.dirty) {
            if self.is_full() {
                later.push(partition);
            } else if let Some(partition) = self.gather_partition(partition, wall) {
                later.push(partition);
            }
        }
        self.dirty = later;
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.shared.sizes.round_bytes || self.entries.len() >= self.shared.sizes.round_frames
    }

    /// Gives the partition back if it has more than the round takes.
    fn gather_partition(
        &mut self,
        partition: Arc<PartitionShell>,
        wall: WallMillis,
    ) -> Option<Arc<PartitionShell>> {
        let first_entry = self.entries.len();
        let (mut inbox, mut sources, mut place, log_start) = {
            let mut state = lock(&partition.state);
            state.queued = false;
            let time = state.core.last_time().map_or(wall, |last| last.max(wall));
            let place = Place { next: state.core.next(), time };
            let inbox = core::mem::take(&mut state.inbox);
            (inbox, core::mem::take(&mut state.sources), place, state.core.first())
        };
        while !self.is_full()
            && let Some(submission) = inbox.pop_front()
        {
            self.shared.budget.refund(Part::Submitted, submission.batch.len() as u64);
            self.admit(&partition, submission, &mut place, true);
        }
        let mut taken_all = 0;
        for source in &sources {
            loop {
                if self.is_full() || !inbox.is_empty() {
                    break;
                }
                let Some(submission) = source.take() else {
                    taken_all += 1;
                    break;
                };
                self.admit(&partition, submission, &mut place, false);
            }
        }
        sources.drain(..taken_all);
        let again = if inbox.is_empty() && sources.is_empty() {
            None
        } else {
            let mut state = lock(&partition.state);
            while let Some(submission) = inbox.pop_back() {
                state.inbox.push_front(submission);
            }
            sources.retain(|source| !state.sources.iter().any(|other| Arc::ptr_eq(other, source)));
            state.sources.splice(0..0, sources);
            let queued = core::mem::replace(&mut state.queued, true);
            drop(state);
            (!queued).then(|| Arc::clone(&partition))
        };
        let entries = self.entries.len() - first_entry;
        if entries > 0 {
            self.picks.push(Pick { partition, entries, log_start });
        }
        again
    }

    /// Numbers and seals one batch, or refuses it.
    fn admit(
        &mut self,
        partition: &PartitionShell,
        submission: Submission,
        place: &mut Place,
        checked: bool,
    ) {
        let fault = if partition.log.is_gone() {
            Some(LogError::NotFound)
        } else if !checked && let Err(error) = partition.check(&submission) {
            Some(error)
        } else {
            submission.conditions.expected.filter(|expected| *expected != place.next).map(|expected| {
                LogError::rejected(format!("the next event is number {}, not {expected}", place.next))
            })
        };
        let Submission { mut batch, origin, done, .. } = submission;
        let outcome = match fault {
            Some(error) => Err(error),
            None => {
                let base = place.next;
                let sealed = i64::try_from(base.0).expect("invariant: no partition gets 2^63 events");
                batch.seal(sealed, place.time.0);
                place.next = base.plus(u64::from(batch.count()));
                let last = Sequence(place.next.0 - 1);
                let bytes = batch.into_bytes();
                debug_assert!(bytes.len() > HEADER_BYTES, "a sealed batch has records");
                self.bytes += bytes.len() as u64;
                let batch = StoredBatch { origin, base, last, append_time: place.time, bytes };
                self.shared.charge_tail(charge(&batch));
                Ok(Arc::new(batch))
            }
        };
        self.entries.push(Entry { done, outcome });
    }

    /// The round is durable: events become visible, partition by partition.
    fn move_marks(&mut self) {
        let mut entries = self.entries.iter_mut();
        for pick in &mut self.picks {
            let own = entries.by_ref().take(pick.entries);
            let mut state = lock(&pick.partition.state);
            if pick.partition.log.is_gone() {
                drop(state);
                for entry in own {
                    refuse_entry(&self.shared, entry, &LogError::NotFound);
                }
                continue;
            }
            let mut committed = false;
            for batch in own.filter_map(|entry| entry.outcome.as_ref().ok()) {
                if let Store::Memory(memory) = &mut state.core.store
                    && memory.push(batch)
                    && pick.partition.id.log != LogId::CONTROL
                {
                    self.sealed.push_back(Arc::clone(&pick.partition));
                }
                state.core.commit(Arc::clone(batch));
                committed = true;
            }
            pick.log_start = state.core.first();
            let next = state.core.next();
            state.core.waiters.advance(next, &mut self.woken);
            let listed =
                self.shared.disk().is_none() || !committed || core::mem::replace(&mut state.unwritten, true);
            drop(state);
            if !listed && let Some(store) = self.shared.disk() {
                store.writer.list(&self.shared, Arc::clone(&pick.partition));
            }
        }
    }

    /// The round failed: nothing becomes visible, nobody is told that it did.
    fn refuse(&mut self, error: &LogError) {
        for entry in &mut self.entries {
            refuse_entry(&self.shared, entry, error);
        }
    }

    /// Answers everyone, in order; then wakes those who waited for the marks.
    fn answer(&mut self) {
        let mut entries = self.entries.drain(..);
        for pick in self.picks.drain(..) {
            for entry in entries.by_ref().take(pick.entries) {
                entry.done.complete(entry.outcome.map(|batch| Appended {
                    base: batch.base,
                    last: batch.last,
                    append_time: batch.append_time,
                    log_start: pick.log_start,
                }));
            }
        }
        for (who, token) in self.woken.drain(..) {
            who.notify(token);
        }
    }

    /// At the memory level the oldest closed segment over all partitions goes first, never the control log's.
    fn keep_memory_bound(&mut self) {
        while self.shared.memory.used.load(Ordering::Relaxed) > self.shared.memory.bound {
            let Some(partition) = self.sealed.pop_front().or_else(|| self.roll_largest()) else { return };
            let mut state = lock(&partition.state);
            let Store::Memory(memory) = &state.core.store else { continue };
            let Some(end) = memory.oldest_sealed_end() else { continue };
            let before = state.core.first();
            let Some(start) = state.core.trim(end) else { continue };
            let freed = state.core.tail.evict(start, u64::MAX);
            drop(state);
            self.shared.refund_tail(freed);
            self.shared.memory.evicted.fetch_add(start.0 - before.0, Ordering::Relaxed);
        }
    }

    /// No closed segment is known here: one that age has closed, or else the largest open one, which is closed.
    fn roll_largest(&self) -> Option<Arc<PartitionShell>> {
        let size = |partition: &Arc<PartitionShell>| match &lock(&partition.state).core.store {
            Store::Memory(memory) if memory.oldest_sealed_end().is_some() => u64::MAX,
            Store::Memory(memory) => memory.active().map_or(0, |segment| segment.end.bytes),
            Store::Disk(_) => 0,
        };
        let all = self.shared.partitions().into_iter().filter(|partition| partition.id.log != LogId::CONTROL);
        let (bytes, largest) =
            all.map(|partition| (size(&partition), partition)).max_by_key(|(bytes, _)| *bytes)?;
        if bytes < u64::MAX
            && let Store::Memory(memory) = &mut lock(&largest.state).core.store
        {
            memory.seal();
        }
        (bytes > 0).then_some(largest)
    }
}

fn refuse_entry(shared: &Shared, entry: &mut Entry, error: &LogError) {
    if let Ok(batch) = &entry.outcome {
        shared.refund_tail(charge(batch));
        entry.outcome = Err(error.clone());
    }
}
