//! Partitions with something to commit, and the commit thread that sleeps until there are some.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::partition::PartitionShell;

/// The queue of dirty partitions. A partition is in it at most once.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    dirty: Vec<Arc<PartitionShell>>,
    asleep: bool,
    stopping: bool,
    /// No more work is taken.
    closed: bool,
}

/// What the commit thread is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// There are dirty partitions.
    Round,
    /// Nothing came for a while.
    Idle,
    /// Everything is done and the log closes.
    Stop,
}

/// Locks, whatever happened to an earlier holder: state is changed in small whole steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn look(&mut self, dirty: &mut Vec<Arc<PartitionShell>>) -> Option<Work> {
        if !dirty.is_empty() || !self.dirty.is_empty() {
            dirty.append(&mut self.dirty);
            return Some(Work::Round);
        }
        self.closed |= self.stopping;
        self.stopping.then_some(Work::Stop)
    }
}

impl Queue {
    /// Queues a partition; wakes the commit thread if it sleeps. `false` once the log is closed.
    pub(crate) fn push(&self, partition: Arc<PartitionShell>) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        state.dirty.push(partition);
        let wake = core::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        true
    }

    /// What there is to do now, if anything; dirty partitions are added to `dirty`, which may hold some already.
    pub(crate) fn look(&self, dirty: &mut Vec<Arc<PartitionShell>>) -> Option<Work> {
        lock(&self.state).look(dirty)
    }

    /// Waits for work, at most `idle_after`; dirty partitions are added to `dirty`, which may hold some already.
    pub(crate) fn next(&self, dirty: &mut Vec<Arc<PartitionShell>>, idle_after: Option<Duration>) -> Work {
        let mut state = lock(&self.state);
        loop {
            if let Some(work) = state.look(dirty) {
                return work;
            }
            state.asleep = true;
            match idle_after {
                None => state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let (guard, result) =
                        self.wake.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner);
                    state = guard;
                    if result.timed_out() && state.dirty.is_empty() && !state.stopping {
                        state.asleep = false;
                        return Work::Idle;
                    }
                }
            }
            state.asleep = false;
        }
    }

    /// The commit thread finishes what is queued, then stops.
    pub(crate) fn stop(&self) {
        lock(&self.state).stopping = true;
        self.wake.notify_one();
    }
}
