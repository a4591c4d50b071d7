//! The background thread: write-behind, the `os` level's flush, expiry, preparing journal files. Sleeps between.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::queue::lock;
use super::shared::Shared;
use super::writer;
use crate::limits;
use crate::types::{Durability, MonoMillis};

/// How other threads tell the background thread that there is something to do.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// A journal file waits to be freed.
    checkpoint: bool,
    /// Something is to be written behind some time.
    unwritten: bool,
    /// Something is to be flushed within a second.
    unflushed: bool,
    stop: bool,
}

impl Signal {
    /// Write-behind is to run now.
    pub(crate) fn checkpoint(&self) {
        lock(&self.state).checkpoint = true;
        self.wake.notify_one();
    }

    /// Write-behind is to run some time.
    pub(crate) fn unwritten(&self) {
        let mut state = lock(&self.state);
        if !core::mem::replace(&mut state.unwritten, true) {
            drop(state);
            self.wake.notify_one();
        }
    }

    /// The journal is to be flushed within a second.
    pub(crate) fn flush_soon(&self) {
        let mut state = lock(&self.state);
        if !core::mem::replace(&mut state.unflushed, true) {
            drop(state);
            self.wake.notify_one();
        }
    }

    pub(crate) fn stop(&self) {
        lock(&self.state).stop = true;
        self.wake.notify_one();
    }
}

/// When each kind of work is due next.
#[derive(Debug)]
struct Due {
    write: Option<MonoMillis>,
    flush: Option<MonoMillis>,
    expire: MonoMillis,
    prepare: bool,
}

/// Runs until the log closes.
pub(crate) fn run(shared: &Arc<Shared>) {
    let now = shared.clock.monotonic();
    let mut due = Due {
        write: None,
        flush: None,
        expire: after(now, limits::RETENTION_TICK_MS),
        prepare: shared.disk().is_some(),
    };
    while wait(shared, &mut due) {
        work(shared, &mut due);
    }
}

const fn after(now: MonoMillis, millis: u64) -> MonoMillis {
    MonoMillis(now.0.saturating_add(millis))
}

/// Sleeps until something is due; `false` to stop.
fn wait(shared: &Shared, due: &mut Due) -> bool {
    let mut state = lock(&shared.signal.state);
    loop {
        if state.stop {
            return false;
        }
        let now = shared.clock.monotonic();
        if core::mem::take(&mut state.checkpoint) {
            due.write = Some(now);
        }
        if core::mem::take(&mut state.unwritten) {
            due.write.get_or_insert(after(now, limits::WRITE_BEHIND_MS));
        }
        if core::mem::take(&mut state.unflushed) {
            due.flush.get_or_insert(after(now, limits::OS_FLUSH_MS));
        }
        let next = [due.write, due.flush].into_iter().flatten().fold(due.expire, Ord::min);
        if due.prepare || next <= now {
            return true;
        }
        let sleep = Duration::from_millis(next.since(now).0.max(1));
        state = shared.signal.wake.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn work(shared: &Arc<Shared>, due: &mut Due) {
    let now = shared.clock.monotonic();
    if due.flush.is_some_and(|at| at <= now) {
        due.flush = None;
        flush(shared);
    }
    if due.write.is_some_and(|at| at <= now) {
        due.write = match writer::pass(shared) {
            Ok(()) => None,
            Err(_) => Some(after(now, limits::RETRY_MS)),
        };
        due.prepare = shared.disk().is_some();
    }
    if due.expire <= now {
        due.expire = after(now, limits::RETENTION_TICK_MS);
        // A failure shows in the log's health; the next tick tries again.
        drop(writer::expire(shared));
    }
    if due.prepare
        && let Some(store) = shared.disk()
    {
        due.prepare = shared.poisoned().is_none() && store.journal.prepare_one().unwrap_or(false);
    }
}

/// The `os` level's flush. A failed one poisons: what was acknowledged may not survive a power cut.
fn flush(shared: &Shared) {
    if let Some(store) = shared.disk()
        && store.durability == Durability::Os
        && let Err(error) = store.journal.flush_written()
    {
        shared.poison("flushing the journal", &error);
    }
}
