//! A partition's door: the core behind a short lock, and the inbox in front of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};

use super::queue::lock;
use super::shared::Shared;
use crate::api::{Answer, BatchSource, Bounds, Listener, PartitionLog, Read, Seek, Submission};
use crate::budget::Part;
use crate::core::partition::{Found, Partition};
use crate::core::segments::Segment;
use crate::error::LogError;
use crate::limits;
use crate::types::{LogId, LogPolicy, PartitionId, Sequence, WallMillis};

/// Someone who waits, and under which token.
pub(crate) type Waiter = (Arc<dyn Listener>, u64);

/// A log: what its partitions share.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) id: LogId,
    policy: RwLock<LogPolicy>,
    batch_bytes_max: AtomicU32,
    gone: AtomicBool,
    pub(crate) partitions: RwLock<Vec<Arc<PartitionShell>>>,
}

impl Log {
    pub(crate) fn new(id: LogId, policy: LogPolicy) -> Self {
        Self {
            id,
            policy: RwLock::new(policy),
            batch_bytes_max: AtomicU32::new(policy.batch_bytes_max),
            gone: AtomicBool::new(false),
            partitions: RwLock::new(Vec::new()),
        }
    }

    pub(crate) fn policy(&self) -> LogPolicy {
        *self.policy.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn set_policy(&self, policy: LogPolicy) {
        *self.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner) = policy;
        self.batch_bytes_max.store(policy.batch_bytes_max, Ordering::Relaxed);
    }

    pub(crate) fn shells(&self) -> Vec<Arc<PartitionShell>> {
        self.partitions.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The log goes away: it and its partitions no longer hold each other.
    pub(crate) fn forget_partitions(&self) {
        self.partitions.write().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }
}

/// One partition of the embedded log.
pub(crate) struct PartitionShell {
    pub(crate) id: PartitionId,
    pub(crate) log: Arc<Log>,
    shared: Arc<Shared>,
    me: Weak<Self>,
    pub(crate) state: Mutex<State>,
}

impl core::fmt::Debug for PartitionShell {
    /// Its name only: it and its log point at each other.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PartitionShell").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the partition's lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) core: Partition<Waiter>,
    pub(crate) inbox: VecDeque<Submission>,
    pub(crate) sources: Vec<Arc<dyn BatchSource>>,
    /// In the commit queue.
    pub(crate) queued: bool,
    /// On the background writer's list.
    pub(crate) unwritten: bool,
}

impl PartitionShell {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        log: &Arc<Log>,
        index: u32,
        core: Partition<Waiter>,
    ) -> Arc<Self> {
        let state =
            State { core, inbox: VecDeque::new(), sources: Vec::new(), queued: false, unwritten: false };
        Arc::new_cyclic(|me| Self {
            id: PartitionId { log: log.id, index },
            log: Arc::clone(log),
            shared: Arc::clone(shared),
            me: Weak::clone(me),
            state: Mutex::new(state),
        })
    }

    /// Takes work in under the lock and queues the partition if it was not.
    fn enqueue(&self, put: impl FnOnce(&mut State)) -> Result<(), LogError> {
        if let Some(refusal) = self.shared.refusal() {
            return Err(refusal);
        }
        let mut state = lock(&self.state);
        if self.log.is_gone() {
            return Err(LogError::NotFound);
        }
        put(&mut state);
        let push = !core::mem::replace(&mut state.queued, true);
        drop(state);
        let me = if push { self.me.upgrade() } else { None };
        if let Some(me) = me
            && !self.shared.queue.push(me)
        {
            // The log has closed between the two locks: the inbox is answered here, since no round comes any more.
            self.refuse_inbox(&LogError::unavailable("the log is closed"));
        }
        Ok(())
    }

    /// Answers everything in the inbox, and everything that sources have offered, with `error`.
    pub(crate) fn refuse_inbox(&self, error: &LogError) {
        let (inbox, sources) = {
            let mut state = lock(&self.state);
            // Whoever comes later pushes for himself, and finds the queue closed.
            state.queued = false;
            (core::mem::take(&mut state.inbox), core::mem::take(&mut state.sources))
        };
        for source in sources {
            while let Some(submission) = source.take() {
                submission.done.complete(Err(error.clone()));
            }
        }
        for submission in inbox {
            self.shared.budget.refund(Part::Submitted, submission.batch.len() as u64);
            submission.done.complete(Err(error.clone()));
        }
    }

    /// Wakes everyone who waits here, because nothing more will come.
    pub(crate) fn wake_all(&self) {
        let mut woken = Vec::new();
        lock(&self.state).core.waiters.take_all(&mut woken);
        for (who, token) in woken {
            who.notify(token);
        }
    }

    /// Whether a batch of so many bytes and events may be handed in.
    pub(crate) fn check(&self, submission: &Submission) -> Result<(), LogError> {
        if submission.batch.is_empty() {
            return Err(LogError::rejected("a batch without events"));
        }
        let most = self.log.batch_bytes_max.load(Ordering::Relaxed).min(self.shared.sizes.batch_bytes);
        if submission.batch.len() as u64 > u64::from(most) {
            let bytes = submission.batch.len();
            return Err(LogError::rejected(format!(
                "a batch of {bytes} bytes; the largest taken has {most}"
            )));
        }
        Ok(())
    }
}

impl PartitionLog for PartitionShell {
    fn append(&self, submission: Submission) -> Result<(), LogError> {
        self.check(&submission)?;
        let bytes = submission.batch.len() as u64;
        if self.shared.budget.used_by(Part::Submitted).saturating_add(bytes) > limits::SUBMITTED_BYTES_MAX {
            return Err(LogError::Throttled { retry_after: limits::THROTTLE });
        }
        self.shared.budget.charge(Part::Submitted, bytes);
        let taken = self.enqueue(|state| state.inbox.push_back(submission));
        if taken.is_err() {
            self.shared.budget.refund(Part::Submitted, bytes);
        }
        taken
    }

    fn gather(&self, source: &Arc<dyn BatchSource>) -> Result<(), LogError> {
        self.enqueue(|state| {
            if !state.sources.iter().any(|other| Arc::ptr_eq(other, source)) {
                state.sources.push(Arc::clone(source));
            }
        })
    }

    fn read(&self, from: Sequence, max_bytes: usize) -> Read {
        let segment: Segment = {
            let state = lock(&self.state);
            if self.log.is_gone() {
                return Read::Ready(Err(LogError::NotFound));
            }
            match state.core.read(from, max_bytes) {
                Found::Here(result) => return Read::Ready(result),
                Found::Cold(segment) => segment,
            }
        };
        let Some(me) = self.me.upgrade() else { return Read::Ready(Err(LogError::NotFound)) };
        match self.shared.disk() {
            Some(disk) => Read::Pending(disk.readers.read(me, segment, from, max_bytes)),
            None => Read::Pending(Answer::ready(Err(LogError::NotFound))),
        }
    }

    fn bounds(&self) -> Bounds {
        lock(&self.state).core.bounds()
    }

    fn seek_time(&self, at: WallMillis) -> Seek {
        let segment = {
            let state = lock(&self.state);
            match state.core.seek(at) {
                Found::Here(result) => return Seek::Ready(result),
                Found::Cold(segment) => segment,
            }
        };
        let Some(me) = self.me.upgrade() else { return Seek::Ready(Err(LogError::NotFound)) };
        match self.shared.disk() {
            Some(disk) => Seek::Pending(disk.readers.seek(me, segment, at)),
            None => Seek::Pending(Answer::ready(Err(LogError::NotFound))),
        }
    }

    fn trim(&self, below: Sequence) -> Result<(), LogError> {
        if self.log.is_gone() {
            return Err(LogError::NotFound);
        }
        if let Some(refusal) = self.shared.refusal() {
            return Err(refusal);
        }
        self.shared.trim(self, below)
    }

    fn wait(&self, above: Sequence, who: &Arc<dyn Listener>, token: u64) -> Result<bool, LogError> {
        let mut state = lock(&self.state);
        if self.log.is_gone() {
            return Err(LogError::NotFound);
        }
        if state.core.next() > above {
            return Ok(false);
        }
        state.core.waiters.register(above, (Arc::clone(who), token));
        Ok(true)
    }

    fn cancel(&self, who: &Arc<dyn Listener>, token: u64) {
        let is_it = |(other, its): &Waiter| *its == token && Arc::ptr_eq(other, who);
        lock(&self.state).core.waiters.remove(is_it);
    }
}
