//! The control log over partition 0 of log 0: durable entries as records of its batches, session entries in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use forebay_event::{BatchBuf, BatchRef, Origin};

use super::EmbeddedLog;
use super::queue::lock;
use super::shared::Shared;
use crate::api::{
    Answer, AnswerSender, Appended, Completion, Conditions, PartitionLog, Read, StoredBatch, Submission,
};
use crate::control::{
    ControlEntry, ControlFollower, ControlLog, ControlPosition, ControlRecord, ControlSnapshot,
    ControlStream, EntryClass,
};
use crate::error::LogError;
use crate::types::{PartitionId, Sequence, WallMillis};

/// How much a follower reads at a time.
const FOLLOW_BYTES: usize = 256 * 1024;

/// Who follows the control log, and where it ends.
#[derive(Debug, Default)]
pub(crate) struct ControlHub(Mutex<Hub>);

#[derive(Debug, Default)]
struct Hub {
    end: ControlPosition,
    time: WallMillis,
    followers: Vec<Weak<Live>>,
    /// The memory level's snapshots, oldest first.
    snapshots: Vec<ControlSnapshot>,
}

/// Entries as they come, for one follower.
#[derive(Debug, Default)]
struct Live(Mutex<LiveState>);

#[derive(Debug, Default)]
struct LiveState {
    records: VecDeque<ControlRecord>,
    waker: Option<Waker>,
}

impl ControlHub {
    /// What recovery found.
    pub(crate) fn start_at(&self, next: Sequence, time: Option<WallMillis>) {
        let mut hub = lock(&self.0);
        hub.end = ControlPosition { durable: next, session: 0 };
        hub.time = time.unwrap_or_default();
    }

    /// Entries are committed: gives them their places, in order, and passes them on. `base` is the number of the
    /// first durable one.
    fn publish(
        &self,
        base: Option<Sequence>,
        wall: WallMillis,
        entries: Vec<ControlEntry>,
    ) -> Vec<ControlPosition> {
        let mut wakers = Vec::new();
        let mut hub = lock(&self.0);
        if let Some(base) = base {
            hub.end = ControlPosition { durable: base, session: hub.end.session };
        }
        hub.time = hub.time.max(wall);
        hub.followers.retain(|follower| follower.strong_count() > 0);
        let followers: Vec<Arc<Live>> = hub.followers.iter().filter_map(Weak::upgrade).collect();
        let mut places = Vec::with_capacity(entries.len());
        for ControlEntry { class, body } in entries {
            hub.end = match class {
                EntryClass::Durable => ControlPosition { durable: hub.end.durable.plus(1), session: 0 },
                EntryClass::Session => ControlPosition { session: hub.end.session + 1, ..hub.end },
            };
            places.push(hub.end);
            let record = ControlRecord { position: hub.end, time: hub.time, class, body: body.into() };
            for follower in &followers {
                let mut live = lock(&follower.0);
                live.records.push_back(record.clone());
                wakers.extend(live.waker.take());
            }
        }
        drop(hub);
        wakers.into_iter().for_each(Waker::wake);
        places
    }
}

/// The answer to an append that holds durable entries.
#[derive(Debug)]
struct ControlCompletion {
    shared: Weak<Shared>,
    waiting: Mutex<Option<Waiting>>,
}

type Waiting = (Vec<ControlEntry>, AnswerSender<Vec<ControlPosition>>);

impl Completion for ControlCompletion {
    fn complete(&self, outcome: Result<Appended, LogError>) {
        let Some((entries, answer)) = lock(&self.waiting).take() else { return };
        let result = match (outcome, self.shared.upgrade()) {
            (Ok(appended), Some(shared)) => {
                Ok(shared.control.publish(Some(appended.base), appended.append_time, entries))
            }
            (Ok(_), None) => Err(LogError::Indeterminate { reason: "the log is closing".into() }),
            (Err(error), _) => Err(error),
        };
        drop(answer.send(result));
    }
}

impl ControlLog for EmbeddedLog {
    fn append(&self, entries: Vec<ControlEntry>) -> Answer<Vec<ControlPosition>> {
        let shared = self.shared();
        let mut batch = BatchBuf::new();
        for entry in entries.iter().filter(|entry| entry.class == EntryClass::Durable) {
            batch.push(None, Some(&entry.body), &[]);
        }
        if batch.is_empty() {
            return Answer::ready(match shared.refusal() {
                Some(refusal) => Err(refusal),
                None => Ok(shared.control.publish(None, shared.clock.wall(), entries)),
            });
        }
        let (sender, answer) = Answer::channel();
        let waiting = Mutex::new(Some((entries, sender)));
        let done = Arc::new(ControlCompletion { shared: Arc::downgrade(shared), waiting });
        let submission = Submission {
            batch,
            origin: Origin::Control,
            conditions: Conditions::default(),
            done: Arc::clone(&done) as Arc<dyn Completion>,
        };
        let taken = match shared.partition(PartitionId::CONTROL) {
            Some(partition) => partition.append(submission),
            None => Err(LogError::NotFound),
        };
        if let Err(error) = taken {
            done.complete(Err(error));
        }
        answer
    }

    fn follow(&self, from: Sequence) -> Result<ControlFollower, LogError> {
        let shared = self.shared();
        let partition = shared.partition(PartitionId::CONTROL).ok_or(LogError::NotFound)?;
        let live = Arc::new(Live::default());
        let mut hub = lock(&shared.control.0);
        let (first, next) = (partition.bounds().first, hub.end.durable);
        if from < first || from > next {
            return Err(LogError::OutOfRange { first, next });
        }
        hub.followers.push(Arc::downgrade(&live));
        drop(hub);
        let stored = VecDeque::new();
        Ok(ControlFollower::new(Follower { partition, at: from, until: next, stored, read: None, live }))
    }

    fn end(&self) -> ControlPosition {
        lock(&self.shared().control.0).end
    }

    fn snapshot_put(&self, snapshot: &ControlSnapshot) -> Result<(), LogError> {
        let shared = self.shared();
        if snapshot.position > ControlLog::end(self).durable {
            return Err(LogError::rejected("a snapshot of entries that are not there yet"));
        }
        match shared.disk() {
            Some(store) => store.snapshot_put(shared, snapshot),
            None => {
                let mut hub = lock(&shared.control.0);
                hub.snapshots.retain(|other| other.position != snapshot.position);
                hub.snapshots.push(snapshot.clone());
                hub.snapshots.sort_by_key(|snapshot| snapshot.position);
                let excess = hub.snapshots.len().saturating_sub(2);
                hub.snapshots.drain(..excess);
                Ok(())
            }
        }
    }

    fn snapshot_get(&self) -> Result<Option<ControlSnapshot>, LogError> {
        let shared = self.shared();
        match shared.disk() {
            Some(store) => store.snapshot_get(),
            None => Ok(lock(&shared.control.0).snapshots.last().cloned()),
        }
    }

    fn truncate(&self, below: Sequence) -> Result<(), LogError> {
        self.shared().partition(PartitionId::CONTROL).ok_or(LogError::NotFound)?.trim(below)
    }
}

/// Reads what is stored up to where the log ended when it was asked, then what comes.
#[derive(Debug)]
struct Follower {
    partition: Arc<dyn PartitionLog>,
    at: Sequence,
    until: Sequence,
    stored: VecDeque<ControlRecord>,
    read: Option<Read>,
    live: Arc<Live>,
}

impl Follower {
    fn take(&mut self, batches: &[Arc<StoredBatch>]) -> Result<(), LogError> {
        for batch in batches {
            let damaged = |what: String| LogError::Damaged { first: batch.base, next: batch.end(), what };
            let parsed = BatchRef::parse(&batch.bytes).map_err(|error| damaged(error.to_string()))?;
            for record in parsed.records() {
                let record = record.map_err(|error| damaged(error.to_string()))?;
                let sequence = batch.base.plus(u64::from(record.offset_delta));
                if sequence < self.at || sequence >= self.until {
                    continue;
                }
                let body = record.value.ok_or_else(|| damaged("an entry without a body".into()))?;
                self.stored.push_back(ControlRecord {
                    position: ControlPosition { durable: sequence.plus(1), session: 0 },
                    time: batch.append_time,
                    class: EntryClass::Durable,
                    body: body.into(),
                });
                self.at = sequence.plus(1);
            }
        }
        Ok(())
    }
}

impl ControlStream for Follower {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<ControlRecord, LogError>> {
        loop {
            if let Some(record) = self.stored.pop_front() {
                return Poll::Ready(Ok(record));
            }
            if self.at >= self.until {
                let mut live = lock(&self.live.0);
                return match live.records.pop_front() {
                    Some(record) => Poll::Ready(Ok(record)),
                    None => {
                        live.waker = Some(context.waker().clone());
                        Poll::Pending
                    }
                };
            }
            let read = self.read.get_or_insert_with(|| self.partition.read(self.at, FOLLOW_BYTES));
            let Poll::Ready(found) = Future::poll(std::pin::Pin::new(read), context) else {
                return Poll::Pending;
            };
            self.read = None;
            let before = self.at;
            let taken = found.and_then(|found| self.take(&found.batches));
            if let Err(error) = taken {
                return Poll::Ready(Err(error));
            }
            if self.at == before {
                let what = "the control log ends before its end".into();
                return Poll::Ready(Err(LogError::Damaged { first: self.at, next: self.until, what }));
            }
        }
    }
}
