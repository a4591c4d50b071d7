//! The background thread: write-behind, the `os` level's flush, expiry, preparing journal files. Sleeps between.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::queue::lock;
use super::shared::Shared;
use super::writer;
use crate::limits;
use crate::types::{Durability, Millis, MonoMillis};

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

/// The background's own state: when each kind of work is due next.
#[derive(Debug)]
pub(crate) struct Background {
    write: Option<MonoMillis>,
    flush: Option<MonoMillis>,
    expire: MonoMillis,
    prepare: bool,
}

/// What there is to do in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Work,
    Sleep(Millis),
    Stop,
}

/// Runs until the log closes.
pub(crate) fn run(shared: &Shared) {
    let mut background = Background::new(shared);
    loop {
        let mut state = lock(&shared.signal.state);
        let next = loop {
            match background.look(&mut state, shared.clock.monotonic()) {
                Next::Sleep(time) => {
                    let sleep = time.as_duration().max(Duration::from_millis(1));
                    state = shared
                        .signal
                        .wake
                        .wait_timeout(state, sleep)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
                next => break next,
            }
        };
        drop(state);
        if next == Next::Stop {
            return;
        }
        background.work(shared);
    }
}

const fn after(now: MonoMillis, millis: u64) -> MonoMillis {
    MonoMillis(now.0.saturating_add(millis))
}

impl Background {
    pub(crate) fn new(shared: &Shared) -> Self {
        let expire = after(shared.clock.monotonic(), limits::RETENTION_TICK_MS);
        Self { write: None, flush: None, expire, prepare: shared.disk().is_some() }
    }

    /// Does what is due now; `false` if nothing was.
    pub(crate) fn step(&mut self, shared: &Shared) -> bool {
        let next = self.look(&mut lock(&shared.signal.state), shared.clock.monotonic());
        if next == Next::Work {
            self.work(shared);
        }
        next == Next::Work
    }

    /// Takes the signals in.
    fn look(&mut self, state: &mut State, now: MonoMillis) -> Next {
        if state.stop {
            return Next::Stop;
        }
        if core::mem::take(&mut state.checkpoint) {
            self.write = Some(now);
        }
        if core::mem::take(&mut state.unwritten) {
            self.write.get_or_insert(after(now, limits::WRITE_BEHIND_MS));
        }
        if core::mem::take(&mut state.unflushed) {
            self.flush.get_or_insert(after(now, limits::OS_FLUSH_MS));
        }
        let next = [self.write, self.flush].into_iter().flatten().fold(self.expire, Ord::min);
        if self.prepare || next <= now { Next::Work } else { Next::Sleep(next.since(now)) }
    }

    fn work(&mut self, shared: &Shared) {
        let now = shared.clock.monotonic();
        if self.flush.is_some_and(|at| at <= now) {
            self.flush = None;
            flush(shared);
        }
        if self.write.is_some_and(|at| at <= now) {
            self.write = match writer::pass(shared) {
                Ok(()) => None,
                Err(_) => Some(after(now, limits::RETRY_MS)),
            };
            self.prepare = shared.disk().is_some();
        }
        if self.expire <= now {
            self.expire = after(now, limits::RETENTION_TICK_MS);
            // A failure shows in the log's health; the next tick tries again.
            drop(writer::expire(shared));
        }
        if self.prepare
            && let Some(store) = shared.disk()
        {
            self.prepare = shared.poisoned().is_none() && store.journal.prepare_one().unwrap_or(false);
        }
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
