//! An embedded log without threads: whoever holds its steps decides what happens next.
//!
//! The threads of [`EmbeddedLog::open`] and these steps call the same functions; what a simulator drives is what ships.

use std::sync::{Arc, Mutex};

use super::background::Background;
use super::commit::{Committer, Progress};
use super::options::{OpenError, OpenOptions, OpenReport};
use super::queue::Work;
use super::shared::Shared;
use super::{EmbeddedLog, open, readers, writer};
use crate::error::LogError;

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// There was nothing to do.
    Nothing,
    /// A piece of work.
    Worked,
    /// The round waits for a journal file that the background has to free first.
    Waiting,
}

/// The commit thread's work, a piece at a time.
#[derive(Debug)]
pub struct CommitSteps {
    shared: Arc<Shared>,
    committer: Committer,
}

/// The other threads' work, a piece at a time.
#[derive(Debug)]
pub struct BackgroundSteps {
    shared: Arc<Shared>,
    background: Background,
}

impl EmbeddedLog {
    /// Opens a log that does nothing by itself. [`EmbeddedLog::close`] and dropping it do nothing either: end with
    /// [`CommitSteps::close`] or [`CommitSteps::abandon`].
    ///
    /// # Errors
    /// As [`EmbeddedLog::open`].
    pub fn open_stepped(
        options: OpenOptions,
    ) -> Result<(Self, CommitSteps, BackgroundSteps, OpenReport), OpenError> {
        let (shared, journal, report) = open::open(options)?;
        let background = Background::new(&shared);
        let background = BackgroundSteps { shared: Arc::clone(&shared), background };
        let committer = Committer::new(Arc::clone(&shared), journal);
        let commit = CommitSteps { shared: Arc::clone(&shared), committer };
        let log = Self { shared, threads: Mutex::default(), admin: Mutex::new(()) };
        Ok((log, commit, background, report))
    }
}

const fn stepped(progress: Progress) -> Stepped {
    match progress {
        Progress::Waiting => Stepped::Waiting,
        Progress::Done | Progress::Stopped => Stepped::Worked,
    }
}

impl CommitSteps {
    /// A commit round, if something waits for one.
    pub fn round(&mut self) -> Stepped {
        match self.committer.look() {
            Some(Work::Round) => stepped(self.committer.step(&Work::Round)),
            _ => Stepped::Nothing,
        }
    }

    /// What the commit thread does when nothing has come for a while.
    pub fn idle(&mut self) -> Stepped {
        match self.committer.has_unmarked() {
            true => stepped(self.committer.step(&Work::Idle)),
            false => Stepped::Nothing,
        }
    }

    /// As [`EmbeddedLog::close`].
    ///
    /// # Errors
    /// As [`EmbeddedLog::close`].
    pub fn close(mut self, log: &EmbeddedLog) -> Result<(), LogError> {
        self.shared.set_closed();
        self.shared.queue.stop();
        while let Some(work) = self.committer.look() {
            match self.committer.step(&work) {
                Progress::Done => {}
                // A failed pass says why nothing is freed, and the round is refused with that.
                Progress::Waiting => drop(writer::pass(&self.shared)),
                Progress::Stopped => break,
            }
        }
        self.shared.signal.stop();
        if let Some(store) = self.shared.disk() {
            store.readers.stop();
        }
        log.finish(self.committer.into_journal())
    }

    /// Ends as a killed process does: nothing more is written. The folder's lock is let go.
    pub fn abandon(self, log: &EmbeddedLog) {
        if let Some(store) = self.shared.disk() {
            store.readers.stop();
            store.writer.forget();
            store.unlock();
        }
        log.forget_logs();
    }
}

impl BackgroundSteps {
    /// What is due in the background by the log's clock.
    pub fn due(&mut self) -> Stepped {
        if self.background.step(&self.shared) { Stepped::Worked } else { Stepped::Nothing }
    }

    /// One cold read.
    pub fn read(&mut self) -> Stepped {
        if readers::step(&self.shared) { Stepped::Worked } else { Stepped::Nothing }
    }
}
