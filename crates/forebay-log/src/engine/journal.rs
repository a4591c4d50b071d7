//! The journal's files: the one that rounds go to, spares, and those that wait for write-behind.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::commit::{Entry, Pick};
use super::queue::lock;
use super::shared::Shared;
use super::store::DiskStore;
use crate::core::commit::{Outcome, Round, Rounds, Verdict};
use crate::core::sizes::Sizes;
use crate::disk::{Disk, File, Open, is_full};
use crate::error::LogError;
use crate::format::frame::{FRAME_BYTES, FrameHeader};
use crate::format::journal::JournalHeader;
use crate::format::names;
use crate::limits::BLOCK_BYTES;
use crate::planted::{self, Bug};
use crate::types::Durability;

/// A journal file that is in use or may be.
#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) file: Arc<dyn File>,
    pub(crate) generation: u32,
    pub(crate) capacity: u64,
    /// Blocks below this have been written, so that a flush over them changes no metadata.
    pub(crate) prepared: u64,
}

/// All journal files of a folder.
#[derive(Debug)]
pub(crate) struct JournalPool {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    bytes_max: u64,
    sizes: Sizes,
    state: Mutex<Pool>,
    freed: Condvar,
    /// The last round whose flush has returned.
    pub(crate) durable: AtomicU64,
    /// The last round with frames that was written.
    pub(crate) written: AtomicU64,
    /// A flush of rounds failed.
    flush_failed: AtomicBool,
}

#[derive(Debug, Default)]
struct Pool {
    current: Option<Arc<dyn File>>,
    spares: VecDeque<JournalFile>,
    retired: Vec<JournalFile>,
    /// Nothing in them is needed, and they could not be renamed yet. Apart from `retired`: some have generations above
    /// that of the file in use, and must not move the floor.
    free: Vec<JournalFile>,
    next_generation: u32,
    /// Generations are used in ascending order: a spare below this one must be renamed first.
    last_used: u32,
    bytes: u64,
    /// Why write-behind frees nothing now.
    stalled: Option<String>,
}

impl JournalPool {
    pub(crate) fn new(dir: PathBuf, disk: Arc<dyn Disk>, bytes_max: u64, sizes: Sizes) -> Self {
        Self {
            dir,
            disk,
            bytes_max,
            sizes,
            state: Mutex::default(),
            freed: Condvar::new(),
            durable: AtomicU64::new(0),
            written: AtomicU64::new(0),
            flush_failed: AtomicBool::new(false),
        }
    }

    /// Sets where generations go on, and takes in the files that recovery is done with.
    pub(crate) fn start(&self, next_generation: u32, old: Vec<JournalFile>) -> io::Result<()> {
        {
            let mut pool = lock(&self.state);
            pool.next_generation = next_generation;
            pool.last_used = next_generation.saturating_sub(1);
            pool.bytes = old.iter().map(|file| file.capacity).sum();
        }
        self.recycle(old)
    }

    /// Gives files whose frames are all in flushed segments new generations, and lets them be used again; those too
    /// with which that failed before.
    pub(crate) fn recycle(&self, files: Vec<JournalFile>) -> io::Result<()> {
        let mut free = core::mem::take(&mut lock(&self.state).free);
        free.extend(files);
        let renamed = free
            .iter_mut()
            .try_for_each(|file| self.rename(file))
            .and_then(|()| if free.is_empty() { Ok(()) } else { self.disk.sync_dir(&self.dir) });
        if let Err(error) = renamed {
            lock(&self.state).free.append(&mut free);
            return Err(error);
        }
        let admitted = free.into_iter().map(|file| self.admit(file)).fold(Ok(()), io::Result::and);
        admitted?;
        lock(&self.state).stalled = None;
        self.freed.notify_all();
        Ok(())
    }

    fn next(&self) -> u32 {
        let mut pool = lock(&self.state);
        pool.next_generation += 1;
        pool.next_generation - 1
    }

    /// Renames a file to the next generation; the folder is to be synced before it is used.
    fn rename(&self, file: &mut JournalFile) -> io::Result<()> {
        let generation = self.next();
        self.disk.rename(&self.path(file.generation), &self.path(generation))?;
        file.generation = generation;
        Ok(())
    }

    /// Makes a file a spare. If a later generation has come into use meanwhile it is renamed again; if that fails, it
    /// waits for the next [`JournalPool::recycle`].
    fn admit(&self, mut file: JournalFile) -> io::Result<()> {
        loop {
            let mut pool = lock(&self.state);
            if file.generation > pool.last_used {
                let at = pool.spares.partition_point(|spare| spare.generation < file.generation);
                pool.spares.insert(at, file);
                drop(pool);
                self.freed.notify_all();
                return Ok(());
            }
            drop(pool);
            if let Err(error) = self.rename(&mut file).and_then(|()| self.disk.sync_dir(&self.dir)) {
                lock(&self.state).free.push(file);
                return Err(error);
            }
        }
    }

    fn path(&self, generation: u32) -> PathBuf {
        self.dir.join(names::journal(generation))
    }

    /// Makes a new file, with room but not prepared.
    fn create(&self, generation: u32, capacity: u64) -> io::Result<JournalFile> {
        let path = self.path(generation);
        let file = self.disk.open(&path, Open::New)?;
        if let Err(error) = file.allocate(capacity) {
            drop(self.disk.remove(&path));
            return Err(error);
        }
        self.disk.sync_dir(&self.dir)?;
        lock(&self.state).bytes += capacity;
        Ok(JournalFile { file, generation, capacity, prepared: 0 })
    }

    /// A file for the next rounds; none while write-behind has to free one, and no more may be made.
    fn obtain(&self) -> io::Result<Option<JournalFile>> {
        let mut pool = lock(&self.state);
        if let Some(spare) = pool.spares.pop_front() {
            pool.last_used = spare.generation;
            return Ok(Some(spare));
        }
        if let Some(capacity) = self.room_for_one_more(&pool) {
            let generation = pool.next_generation;
            pool.next_generation += 1;
            // Before the lock goes: generations come into use in ascending order, so a spare with a lower one that
            // is admitted while this file is made must see that it is too late, and be renamed.
            pool.last_used = generation;
            drop(pool);
            return self.create(generation, capacity).map(Some);
        }
        match &pool.stalled {
            Some(reason) => Err(io::Error::new(io::ErrorKind::StorageFull, reason.clone())),
            None => Ok(None),
        }
    }

    /// The size of a file that may be made.
    fn room_for_one_more(&self, pool: &Pool) -> Option<u64> {
        let first = self.sizes.file_first;
        let capacity = if pool.bytes < 2 * first { first } else { self.sizes.file_further };
        (pool.bytes == 0 || pool.bytes + capacity <= self.bytes_max.max(2 * first)).then_some(capacity)
    }

    /// Waits until [`JournalPool::obtain`] gives a file or says why it cannot.
    pub(crate) fn wait_for_file(&self) {
        let mut pool = lock(&self.state);
        while pool.spares.is_empty() && pool.stalled.is_none() && self.room_for_one_more(&pool).is_none() {
            pool = self.freed.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a spare is there whose every block has been written.
    fn has_prepared(&self) -> bool {
        lock(&self.state).spares.front().is_some_and(|spare| spare.prepared >= spare.capacity)
    }

    fn set_current(&self, file: Option<Arc<dyn File>>, retire: Option<JournalFile>) {
        let mut pool = lock(&self.state);
        pool.current = file;
        pool.retired.extend(retire);
    }

    /// Files that rounds no longer go to, in order.
    pub(crate) fn take_retired(&self) -> Vec<JournalFile> {
        core::mem::take(&mut lock(&self.state).retired)
    }

    /// Puts back what could not be released.
    pub(crate) fn put_back_retired(&self, files: Vec<JournalFile>) {
        lock(&self.state).retired.splice(0..0, files);
    }

    /// Write-behind frees nothing now: rounds that wait for a file are refused.
    pub(crate) fn set_stalled(&self, reason: Option<String>) {
        lock(&self.state).stalled = reason;
        self.freed.notify_all();
    }

    /// Why write-behind frees nothing now.
    pub(crate) fn stalled(&self) -> Option<String> {
        lock(&self.state).stalled.clone()
    }

    /// The next generation to be given.
    pub(crate) fn next_generation(&self) -> u32 {
        lock(&self.state).next_generation
    }

    /// Writes zeros over the unwritten part of one spare, or makes the second file; `false` if nothing is to be done.
    /// The spare is taken out meanwhile.
    pub(crate) fn prepare_one(&self) -> io::Result<bool> {
        let mut pool = lock(&self.state);
        let spare = match pool.spares.iter().position(|spare| spare.prepared < spare.capacity) {
            Some(at) => pool.spares.remove(at),
            None if pool.bytes < 2 * self.sizes.file_first => None,
            None => return Ok(false),
        };
        drop(pool);
        let mut spare = match spare {
            Some(spare) => spare,
            None => self.create(self.next(), self.sizes.file_first)?,
        };
        let zeros = vec![0_u8; 1 << 20];
        let mut outcome = Ok(());
        while outcome.is_ok() && spare.prepared < spare.capacity {
            let count = (spare.capacity - spare.prepared).min(zeros.len() as u64);
            let piece = zeros.get(..usize::try_from(count).unwrap_or(0)).unwrap_or_default();
            outcome = spare.file.write_at(spare.prepared, &mut [IoSlice::new(piece)]);
            spare.prepared += count;
        }
        outcome = outcome.and_then(|()| spare.file.sync_data());
        // Even if that failed the file can be tried: a round's own write and flush decide.
        spare.prepared = spare.capacity;
        outcome.and(self.admit(spare)).map(|()| true)
    }

    /// Flushes the file that rounds go to and moves the durable mark: the `os` level, once a second.
    pub(crate) fn flush_written(&self) -> io::Result<()> {
        let written = self.written.load(Ordering::Acquire);
        if written <= self.durable.load(Ordering::Acquire) {
            return Ok(());
        }
        // A flush that failed has left it open what the disk holds; another one would succeed and prove nothing.
        if self.flush_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier flush of the journal failed"));
        }
        let current = lock(&self.state).current.clone();
        if let Some(file) = current {
            file.sync_data().inspect_err(|_| self.flush_failed.store(true, Ordering::Release))?;
        }
        self.durable.fetch_max(written, Ordering::AcqRel);
        Ok(())
    }
}

/// What became of a round that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is as durable as was promised.
    Yes,
    /// Nothing was done: write-behind must free a journal file first.
    NoFileYet,
}

/// The commit thread's end of the journal.
#[derive(Debug)]
pub(crate) struct JournalWriter {
    rounds: Rounds,
    current: Option<JournalFile>,
    previous: (u32, u64),
    heads: Vec<u8>,
}

impl JournalWriter {
    /// Rounds go on at this number.
    pub(crate) const fn new(next_round: u64) -> Self {
        Self { rounds: Rounds::new(next_round), current: None, previous: (0, 0), heads: Vec::new() }
    }

    /// The next round's number.
    pub(crate) const fn next_round(&self) -> u64 {
        self.rounds.next_number()
    }

    /// Whether the last full round still needs a mark, and there is a file to write it to: after a full disk there is
    /// none until the next round makes one.
    pub(crate) const fn has_unmarked(&self) -> bool {
        self.current.is_some() && self.rounds.has_unmarked()
    }

    /// Takes the first file, so that the first round need not wait for one; `false` if write-behind must free one.
    pub(crate) fn begin(&mut self, store: &DiskStore) -> io::Result<bool> {
        let Some(next) = store.journal.obtain()? else { return Ok(false) };
        self.rounds.begin_file(next.generation, next.capacity);
        store.journal.set_current(Some(Arc::clone(&next.file)), None);
        self.current = Some(next);
        Ok(true)
    }

    /// Writes and flushes a round of all good entries.
    pub(crate) fn commit(
        &mut self,
        shared: &Shared,
        picks: &[Pick],
        entries: &[Entry],
        batch_bytes: u64,
    ) -> Result<Committed, LogError> {
        let store = shared.disk().ok_or_else(|| LogError::unavailable("no data folder"))?;
        let count = entries.iter().filter(|entry| entry.outcome.is_ok()).count();
        let frame_bytes = batch_bytes + (count * FRAME_BYTES) as u64;
        if !self.make_room(shared, store, frame_bytes)? {
            return Ok(Committed::NoFileYet);
        }
        let round = self.next_round_of(shared, store, u32::try_from(count).unwrap_or(u32::MAX), frame_bytes);
        let mut written = self.write(store, &round, picks, entries);
        if planted::is(Bug::IgnoreShortWrite) {
            written = Ok(());
        }
        let flush = store.durability == Durability::Disk && !cfg!(feature = "planted-no-flush");
        let flush = flush && !planted::is(Bug::SkipFlush) && !planted::is(Bug::AcknowledgeBeforeFlush);
        let (stage, result) = match (written, &self.current) {
            (Ok(()), Some(current)) if flush => {
                let flushed = match current.file.sync_data() {
                    Err(_) if planted::is(Bug::TrustAfterFailedFlush) => current.file.sync_data(),
                    flushed => flushed,
                };
                ("flushing the journal", flushed)
            }
            (result, _) => ("writing the journal", result),
        };
        let outcome = match &result {
            Ok(()) if store.durability == Durability::Disk => Outcome::Flushed,
            Ok(()) => Outcome::Written,
            Err(error) if stage.starts_with("writing") && is_full(error) => self.make_void(&round),
            Err(_) => Outcome::Failed,
        };
        match self.rounds.finish(&round, outcome) {
            Verdict::Acknowledge => {
                store.journal.written.store(round.header.number, Ordering::Release);
                if outcome == Outcome::Flushed || planted::is(Bug::MarkOutOfOrder) {
                    store.journal.durable.store(round.header.number, Ordering::Release);
                } else {
                    shared.signal.flush_soon();
                }
                Ok(Committed::Yes)
            }
            Verdict::Refuse => Err(LogError::unavailable("the disk is full")),
            Verdict::Poison => {
                let error = result.err().unwrap_or_else(|| io::ErrorKind::Other.into());
                shared.poison(stage, &error);
                Err(LogError::Indeterminate { reason: format!("{stage} failed: {error}") })
            }
        }
    }

    fn next_round_of(&self, shared: &Shared, store: &DiskStore, frames: u32, frame_bytes: u64) -> Round {
        let mark = store.journal.durable.load(Ordering::Acquire);
        self.rounds.next_round(frames, frame_bytes, mark, shared.clock.wall(), store.manifest.end())
    }

    /// Goes on to the next file if the round does not fit into this one; `false` if write-behind must free one.
    fn make_room(&mut self, shared: &Shared, store: &DiskStore, frame_bytes: u64) -> Result<bool, LogError> {
        let better =
            |current: &JournalFile| current.prepared < current.capacity && store.journal.has_prepared();
        let fits = self.current.is_some() && self.rounds.fits(frame_bytes);
        if fits && !self.current.as_ref().is_some_and(better) {
            return Ok(true);
        }
        if let Some(mut old) = self.current.take() {
            if self.rounds.is_unflushed() {
                if let Err(error) = old.file.sync_data() {
                    store.journal.flush_failed.store(true, Ordering::Release);
                    shared.poison("flushing the journal", &error);
                    return Err(LogError::unavailable(format!("flushing the journal failed: {error}")));
                }
                self.rounds.flushed();
                store.journal.durable.store(self.rounds.next_number() - 1, Ordering::Release);
            }
            self.previous = (old.generation, self.rounds.written());
            old.prepared = old.prepared.max(self.rounds.written());
            store.journal.set_current(None, Some(old));
            // A file that was left early is freed in its time.
            if !fits {
                shared.signal.checkpoint();
            }
        }
        self.begin(store).map_err(|error| match is_full(&error) {
            true => LogError::unavailable(format!("no room for the journal: {error}")),
            false => LogError::unavailable(format!("cannot begin a journal file: {error}")),
        })
    }

    fn write(
        &mut self,
        store: &DiskStore,
        round: &Round,
        picks: &[Pick],
        entries: &[Entry],
    ) -> io::Result<()> {
        let Some(current) = &self.current else { return Err(io::ErrorKind::NotFound.into()) };
        let block = if round.first { BLOCK_BYTES as usize } else { 0 };
        self.heads.clear();
        if round.first {
            let header = JournalHeader {
                generation: current.generation,
                first_round: round.header.number,
                capacity: current.capacity,
                previous_generation: self.previous.0,
                previous_end: self.previous.1,
                manifest: round.header.manifest,
            };
            self.heads.extend_from_slice(&header.encode(store.seed));
            self.heads.resize(block, 0);
        }
        self.heads.extend_from_slice(&round.header.encode(store.seed));
        let round_head = self.heads.len();
        let mut rest = entries.iter();
        for pick in picks {
            for batch in rest.by_ref().take(pick.entries).filter_map(|entry| entry.outcome.as_ref().ok()) {
                let header = FrameHeader {
                    origin: batch.origin,
                    length: u32::try_from(batch.bytes.len()).unwrap_or(u32::MAX),
                    generation: current.generation,
                    partition: pick.partition.id,
                    base: batch.base,
                    append_time: batch.append_time,
                };
                self.heads.extend_from_slice(&header.encode(store.seed, &batch.bytes));
            }
        }
        let zeros = [0; BLOCK_BYTES as usize];
        let (front, frames) = self.heads.split_at(round_head);
        let mut pieces = Vec::with_capacity(2 + entries.len() * 2);
        pieces.push(IoSlice::new(front));
        let batches = entries.iter().filter_map(|entry| entry.outcome.as_ref().ok());
        for (header, batch) in frames.chunks_exact(FRAME_BYTES).zip(batches) {
            pieces.push(IoSlice::new(header));
            pieces.push(IoSlice::new(&batch.bytes));
        }
        pieces.push(IoSlice::new(zeros.get(..round.padding).unwrap_or_default()));
        current.file.write_at(round.at - block as u64, &mut pieces)
    }

    /// There was no space in the middle of a round: takes back what was written of it, durably.
    fn make_void(&self, round: &Round) -> Outcome {
        let Some(current) = &self.current else { return Outcome::Failed };
        let zeros = [0; BLOCK_BYTES as usize];
        let voided = current
            .file
            .write_at(round.at, &mut [IoSlice::new(&zeros)])
            .and_then(|()| current.file.sync_data());
        if voided.is_ok() { Outcome::NoSpace } else { Outcome::Failed }
    }

    /// The flush that a planted bug has left for later.
    pub(crate) fn flush_late(&self) {
        if let Some(current) = &self.current {
            drop(current.file.sync_data());
        }
    }

    /// Writes an empty round, unflushed, so that the last full one is covered by a mark too.
    pub(crate) fn write_mark(&mut self, shared: &Shared) {
        let Some(store) = shared.disk() else { return };
        if store.journal.durable.load(Ordering::Acquire) < self.rounds.last_full() || !self.rounds.fits_mark()
        {
            return;
        }
        let round = self.next_round_of(shared, store, 0, 0);
        let written = self.write(store, &round, &[], &[]);
        let outcome = if written.is_ok() { Outcome::Written } else { Outcome::Failed };
        if let (Verdict::Poison, Err(error)) = (self.rounds.finish(&round, outcome), written) {
            shared.poison("writing the journal", &error);
        }
    }
}

#[cfg(test)]
mod tests;
