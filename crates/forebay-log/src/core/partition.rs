//! A partition: what is committed, where it can be read, who waits. Pure; the shell holds it behind a short lock.

use std::sync::Arc;

use crate::api::{Bounds, ReadBatches, StoredBatch};
use crate::core::mark::Waiters;
use crate::core::memory::Store;
use crate::core::segments::Segment;
use crate::core::tail::{Tail, take_run};
use crate::error::LogError;
use crate::types::{Sequence, WallMillis};

/// A partition's committed state. `W` is who waits for its mark.
#[derive(Debug)]
pub(crate) struct Partition<W> {
    first: Sequence,
    next: Sequence,
    last_time: Option<WallMillis>,
    pub(crate) tail: Tail,
    pub(crate) store: Store,
    pub(crate) waiters: Waiters<W>,
}

/// Where the answer to a read is.
#[derive(Debug)]
pub(crate) enum Found<T> {
    /// In memory: here it is.
    Here(Result<T, LogError>),
    /// In this segment, and perhaps the following ones.
    Cold(Segment),
}

impl<W> Partition<W> {
    /// An empty partition, or one whose events are all in segments.
    pub(crate) const fn new(
        first: Sequence,
        next: Sequence,
        last_time: Option<WallMillis>,
        store: Store,
    ) -> Self {
        Self { first, next, last_time, tail: Tail::empty(), store, waiters: Waiters::new() }
    }

    /// The committed mark: the number of the next event.
    pub(crate) const fn next(&self) -> Sequence {
        self.next
    }

    /// The first event kept.
    pub(crate) const fn first(&self) -> Sequence {
        self.first
    }

    /// When the last event was appended.
    pub(crate) const fn last_time(&self) -> Option<WallMillis> {
        self.last_time
    }

    /// A batch is committed: the mark moves past it.
    pub(crate) fn commit(&mut self, batch: Arc<StoredBatch>) {
        self.next = batch.end();
        self.last_time = Some(batch.append_time);
        self.tail.push(batch);
    }

    /// Bounds by the committed mark.
    pub(crate) fn bounds(&self) -> Bounds {
        let unflushed =
            |flushed| -> u64 { self.tail.starting(flushed).map(|batch| batch.bytes.len() as u64).sum() };
        let size_bytes = match &self.store {
            Store::Memory(_) => self.tail.bytes(),
            Store::Disk(set) => set.bytes() + unflushed(self.store.flushed()),
        };
        Bounds { first: self.first, next: self.next, last_append_time: self.last_time, size_bytes }
    }

    /// Whole batches from the one that contains `from`.
    pub(crate) fn read(&self, from: Sequence, max_bytes: usize) -> Found<ReadBatches> {
        if from < self.first || from > self.next {
            return Found::Here(Err(LogError::OutOfRange { first: self.first, next: self.next }));
        }
        let batches = if from == self.next {
            Vec::new()
        } else if self.tail.first().is_some_and(|first| first.base <= from) {
            take_run(self.tail.starting(from), max_bytes)
        } else {
            match &self.store {
                Store::Disk(set) => match set.holding(from) {
                    Some(segment) if from < segment.end.next => return Found::Cold(*segment),
                    _ => Vec::new(),
                },
                Store::Memory(_) => Vec::new(),
            }
        };
        if from < self.next && batches.first().is_none_or(|batch| batch.base > from) {
            return Found::Here(Err(self.hole(from)));
        }
        Found::Here(Ok(ReadBatches { batches, next: self.next, log_start: self.first }))
    }

    /// `from` lies in no batch: everything up to the next one is lost.
    pub(crate) fn hole(&self, from: Sequence) -> LogError {
        let in_tail = self.tail.starting(from).next().map(|batch| batch.base);
        let in_segment = match &self.store {
            Store::Disk(set) => set.all().iter().map(|segment| segment.id.base).find(|base| *base > from),
            Store::Memory(_) => None,
        };
        let next = in_segment.or(in_tail).unwrap_or(self.next);
        LogError::Damaged { first: from, next, what: "these events were lost to damage".into() }
    }

    /// The first event appended at or after `at`.
    pub(crate) fn seek(&self, at: WallMillis) -> Found<Sequence> {
        if self.first == self.next || self.last_time.is_none_or(|last| last < at) {
            return Found::Here(Ok(self.next));
        }
        if let Store::Disk(set) = &self.store
            && let Some(segment) = set.since(at)
        {
            let in_memory =
                self.tail.first().is_some_and(|first| first.append_time < at || first.base <= self.first);
            if !in_memory {
                return Found::Cold(*segment);
            }
        }
        let found = self.tail.first_since(at).map_or(self.next, |batch| batch.base);
        Found::Here(Ok(found.max(self.first)))
    }

    /// Numbers below `next` are never given again, though the last of them are lost.
    pub(crate) fn skip_to(&mut self, next: Sequence) {
        self.next = self.next.max(next);
    }

    /// The log is gone: forgets all batches; says how many bytes they were charged with.
    pub(crate) fn forget_all(&mut self) -> u64 {
        self.first = self.next;
        self.tail.evict(self.next, u64::MAX)
    }

    /// Makes `below` the first event, at most the mark; says where the partition begins now, if that changed.
    pub(crate) fn trim(&mut self, below: Sequence) -> Option<Sequence> {
        let start = below.min(self.next);
        if start <= self.first {
            return None;
        }
        self.first = start;
        if let Store::Memory(memory) = &mut self.store {
            memory.trim(start);
        }
        Some(start)
    }
}
