//! What other parts of the server tell a connection: outcomes of what it published, partitions that have more to
//! read, batches that came from disk, readers that lost their place.
//!
//! One lock, one list, one waker: however much a commit round has to say to a connection, it wakes it once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use forebay_broker::{Lost, PublishListener, ReaderListener};
use forebay_log::{Appended, Listener, LogError, ReadBatches};

/// One thing that a connection is told.
#[derive(Debug)]
pub(crate) enum Note {
    /// What became of a group of published events.
    Published { group: u64, failure: Option<LogError> },
    /// The partition of this reader has more than it had seen.
    Readable { reader: u64 },
    /// A read that had to go to disk is done.
    Loaded { reader: u64, batches: Result<ReadBatches, LogError> },
    /// This reader lost its place.
    Lost { reader: u64, lost: Lost },
    /// The server stops.
    Stop,
}

/// The list of notes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    notes: Vec<Note>,
    waker: Option<Waker>,
}

impl Inbox {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a note and wakes the connection if it sleeps.
    pub(crate) fn push(&self, note: Note) {
        let waker = {
            let mut state = self.lock();
            state.notes.push(note);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes all notes into `into` (which is empty). Without any it remembers whom to wake.
    pub(crate) fn take(&self, into: &mut Vec<Note>, context: &Context<'_>) {
        let mut state = self.lock();
        std::mem::swap(&mut state.notes, into);
        if into.is_empty() {
            match &mut state.waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => state.waker = Some(context.waker().clone()),
            }
        }
    }
}

impl PublishListener for Inbox {
    fn published(&self, group: u64, outcome: &Result<Appended, LogError>) {
        self.push(Note::Published { group, failure: outcome.as_ref().err().cloned() });
    }
}

impl Listener for Inbox {
    fn notify(&self, token: u64) {
        self.push(Note::Readable { reader: token });
    }
}

impl ReaderListener for Inbox {
    fn lost(&self, reader: u64, lost: Lost) {
        self.push(Note::Lost { reader, lost });
    }
}
