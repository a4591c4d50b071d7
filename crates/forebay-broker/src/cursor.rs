//! A reader's place in a partition: (batch, byte position, index), so that no batch is walked twice.

use std::collections::VecDeque;
use std::sync::Arc;

use forebay_event::Origin;
use forebay_event::batch::{BatchRef, RecordPosition};
use forebay_event::record::RecordRef;
use forebay_log::{
    Bounds, Listener, LogError, Read, ReadBatches, ReadFuture, Sequence, StoredBatch, WallMillis,
};

use crate::hub::Partition;

/// How much one read asks of the log, in bytes.
const READ_BYTES_MAX: usize = 256 * 1024;

/// An event under a cursor. It borrows the stored batch: nothing is copied before the socket's buffer.
#[derive(Debug)]
pub struct CursorEvent<'a> {
    /// The record as stored.
    pub record: RecordRef<'a>,
    /// Which protocol it came by.
    pub origin: Origin,
    /// Its number.
    pub sequence: Sequence,
    /// When it was appended: its enqueued time.
    pub append_time: WallMillis,
}

/// What is at a cursor's place.
#[derive(Debug)]
pub enum Next<'a> {
    /// An event. [`Cursor::advance`] goes past it.
    Event(CursorEvent<'a>),
    /// Nothing yet: the cursor has reached the mark. [`Cursor::wait`] says when there is more.
    End,
    /// Batches that must come from disk: [`Cursor::supply`] takes them.
    Load(ReadFuture),
}

/// A place in a partition, and the batches that were read there.
#[derive(Debug)]
pub struct Cursor {
    partition: Arc<Partition>,
    /// The number of the next event to show.
    next: Sequence,
    batches: VecDeque<Arc<StoredBatch>>,
    /// Where in the first of `batches`.
    position: RecordPosition,
    /// The place behind the event that was shown last, and the number that follows it.
    after: Option<(RecordPosition, Sequence)>,
}

impl Cursor {
    /// A cursor before the event `from`.
    #[must_use]
    pub fn new(partition: Arc<Partition>, from: Sequence) -> Self {
        Self { partition, next: from, batches: VecDeque::new(), position: RecordPosition::START, after: None }
    }

    /// The partition's present bounds.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.partition.log().bounds()
    }

    /// What is at the cursor.
    ///
    /// # Errors
    /// [`LogError::Damaged`] for bytes that cannot be read, and what the log says.
    pub fn peek(&mut self) -> Result<Next<'_>, LogError> {
        loop {
            if self.batches.is_empty() {
                match self.fetch()? {
                    Fetched::Some => {}
                    Fetched::None => return Ok(Next::End),
                    Fetched::Pending(read) => return Ok(Next::Load(read)),
                }
            }
            if self.settle_on_next()? {
                break;
            }
        }
        let batch = self.batches.front().ok_or_else(|| internal("no batch"))?;
        let mut records = view(batch)?.records_at(self.position);
        match records.next() {
            Some(Ok(record)) => {
                let sequence = batch.base.plus(u64::from(record.offset_delta));
                self.after = Some((records.position(), sequence.plus(1)));
                let (origin, append_time) = (batch.origin, batch.append_time);
                Ok(Next::Event(CursorEvent { record, origin, sequence, append_time }))
            }
            Some(Err(error)) => Err(damaged(batch, &error)),
            None => Err(internal("no record")),
        }
    }

    /// Drops batches, and events of the first one, that lie before `next`. Says whether an event is at the place
    /// then reached. Within a batch that is being read there is nothing to do: [`Cursor::advance`] has left the place
    /// at the next event.
    fn settle_on_next(&mut self) -> Result<bool, LogError> {
        while let Some(batch) = self.batches.front() {
            if batch.last < self.next {
                self.drop_first();
                continue;
            }
            let begun = self.position != RecordPosition::START;
            if begun || batch.base >= self.next {
                let view = view(batch)?;
                if self.position.index() < view.count() {
                    return Ok(true);
                }
            } else {
                let mut records = view(batch)?.records_at(self.position);
                loop {
                    let before = records.position();
                    match records.next() {
                        Some(Ok(record)) if batch.base.plus(u64::from(record.offset_delta)) < self.next => {}
                        Some(Ok(_)) => {
                            self.position = before;
                            return Ok(true);
                        }
                        Some(Err(error)) => return Err(damaged(batch, &error)),
                        None => break,
                    }
                }
            }
            self.next = batch.last.plus(1);
            self.drop_first();
        }
        Ok(false)
    }

    /// Goes past the event that [`Cursor::peek`] showed last.
    pub fn advance(&mut self) {
        if let Some((position, next)) = self.after.take() {
            self.position = position;
            self.next = next;
        }
    }

    fn drop_first(&mut self) {
        self.batches.pop_front();
        self.position = RecordPosition::START;
        self.after = None;
    }

    fn fetch(&mut self) -> Result<Fetched, LogError> {
        loop {
            match self.partition.log().read(self.next, READ_BYTES_MAX) {
                Read::Ready(Ok(read)) => {
                    self.take(read);
                    return Ok(if self.batches.is_empty() { Fetched::None } else { Fetched::Some });
                }
                // Retention has passed the cursor: go on at the oldest event, as Azure's readers do.
                Read::Ready(Err(LogError::OutOfRange { first, .. })) if first > self.next => {
                    self.next = first
                }
                Read::Ready(Err(error)) => return Err(error),
                Read::Pending(read) => return Ok(Fetched::Pending(read)),
            }
        }
    }

    /// Takes what [`Next::Load`] read.
    ///
    /// # Errors
    /// The read's own error, unless retention has passed the cursor: then it goes on at the oldest event.
    pub fn supply(&mut self, read: Result<ReadBatches, LogError>) -> Result<(), LogError> {
        match read {
            Ok(read) => self.take(read),
            Err(LogError::OutOfRange { first, .. }) if first > self.next => self.next = first,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take(&mut self, read: ReadBatches) {
        self.batches.extend(read.batches);
        self.position = RecordPosition::START;
    }

    /// Registers to be told when there is an event at the cursor. `false`: there is one already.
    ///
    /// # Errors
    /// What the log says; it can be gone.
    pub fn wait(&self, listener: &Arc<dyn Listener>, token: u64) -> Result<bool, LogError> {
        self.partition.log().wait(self.next, listener, token)
    }

    /// Takes the registration back.
    pub fn stop_waiting(&self, listener: &Arc<dyn Listener>, token: u64) {
        self.partition.log().cancel(listener, token);
    }
}

enum Fetched {
    Some,
    None,
    Pending(ReadFuture),
}

fn view(batch: &StoredBatch) -> Result<BatchRef<'_>, LogError> {
    BatchRef::parse(&batch.bytes).map_err(|error| damaged(batch, &error))
}

fn damaged(batch: &StoredBatch, error: &dyn std::fmt::Display) -> LogError {
    LogError::Damaged { first: batch.base, next: batch.last.plus(1), what: error.to_string() }
}

fn internal(what: &str) -> LogError {
    LogError::Unavailable { reason: format!("cursor: {what} (this is a bug of ours)") }
}
