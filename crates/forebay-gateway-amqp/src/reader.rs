//! A link on which the client reads: from a cursor straight into the socket's buffer.

use std::sync::Arc;

use forebay_amqp::types::SenderSettleMode;
use forebay_amqp::{Connection as Core, LinkId, Outgoing, SendError, Sender, TrySendError};
use forebay_broker::{Cursor, CursorEvent, Next, ReaderClaim};
use forebay_event::amqp::{RuntimeMetrics, System, write_message};
use forebay_log::{Listener, LogError, ReadBatches};

use crate::buffers::OUTPUT_BYTES_HIGH;
use crate::inbox::{Inbox, Note};

/// A reader's state. It runs while it has credit, window and events; it waits registered at the log's mark only when
/// it is at the end with credit left.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Its number on this connection, by which notes find it.
    pub(crate) token: u64,
    pub(crate) cursor: Cursor,
    /// Gives the place up when dropped.
    pub(crate) claim: ReaderClaim,
    /// Attach the partition's last-event annotations to each event (`docs/reference/amqp.md` §6.7).
    pub(crate) metrics: bool,
    /// Whether events go out settled: see [`sends_settled`].
    pub(crate) settled: bool,
    pub(crate) waiting: Waiting,
    /// The client wants its credit used or given up at once.
    pub(crate) draining: bool,
    pub(crate) next_tag: u32,
    /// In line to run.
    pub(crate) queued: bool,
    pub(crate) inbox: Arc<Inbox>,
}

/// What a reader that is not running waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing: it can run.
    No,
    /// The mark of its partition.
    Mark,
    /// A read from disk.
    Disk,
}

/// Why a run ended.
#[derive(Debug)]
pub(crate) enum Ran {
    /// Without credit, window or events: a note or a flow will set it going again.
    Rests,
    /// The output is full: go on once it is written.
    OutputFull,
    /// It cannot go on; the link must be closed.
    Failed(LogError),
    /// The next event is larger than the client takes.
    TooLarge {
        /// Bytes of the event with what we add.
        bytes: u64,
        /// What the client takes.
        max: u64,
    },
}

impl Reader {
    /// Sends as long as it can.
    pub(crate) fn run(&mut self, link: LinkId, core: &mut Core, now_ms: i64, out: &mut Vec<u8>) -> Ran {
        let Some(mut sender) = core.sender(link) else { return Ran::Rests };
        let metrics = self.metrics.then(|| runtime_metrics(&self.cursor, now_ms));
        loop {
            if out.len() >= OUTPUT_BYTES_HIGH {
                return Ran::OutputFull;
            }
            if sender.sendable() == 0 {
                // Credit that is used up is drained as well.
                self.drained(&mut sender);
                return Ran::Rests;
            }
            if self.waiting == Waiting::Disk {
                return Ran::Rests;
            }
            match self.cursor.peek() {
                Ok(Next::Event(event)) => {
                    let tag = self.next_tag.to_be_bytes();
                    let outgoing = Outgoing { tag: &tag, message_format: 0, settled: self.settled };
                    match sender.try_send(&outgoing, out, |out| write(&event, metrics.as_ref(), out)) {
                        Ok(delivery) => {
                            if !self.settled {
                                // Progress is the reader's own matter (its checkpoints), so no answer is awaited.
                                sender.forget(delivery);
                            }
                            self.next_tag = self.next_tag.wrapping_add(1);
                            self.cursor.advance();
                        }
                        Err(TrySendError::Write(damage)) => return Ran::Failed(damage),
                        Err(TrySendError::Send(SendError::TooLarge { bytes, max })) => {
                            return Ran::TooLarge { bytes, max };
                        }
                        // A flow, a window or an outcome will set it going again; a dead link nothing.
                        Err(TrySendError::Send(
                            SendError::NoCredit
                            | SendError::WindowClosed
                            | SendError::TooManyUnsettled
                            | SendError::NotAttached
                            | SendError::TagTooLong,
                        )) => return Ran::Rests,
                    }
                }
                Ok(Next::End) if self.draining => {
                    self.drained(&mut sender);
                    return Ran::Rests;
                }
                // Its note is still to come, or in the inbox.
                Ok(Next::End) if self.waiting == Waiting::Mark => return Ran::Rests,
                Ok(Next::End) => {
                    match self.cursor.wait(&self.listener(), self.token) {
                        Ok(true) => {
                            self.waiting = Waiting::Mark;
                            return Ran::Rests;
                        }
                        // The mark moved meanwhile: there is more.
                        Ok(false) => {}
                        Err(error) => return Ran::Failed(error),
                    }
                }
                Ok(Next::Load(read)) => {
                    self.waiting = Waiting::Disk;
                    let (inbox, reader) = (Arc::clone(&self.inbox), self.token);
                    tokio::spawn(async move {
                        let batches = read.await;
                        inbox.push(Note::Loaded { reader, batches });
                    });
                    return Ran::Rests;
                }
                Err(error) => return Ran::Failed(error),
            }
        }
    }

    fn drained(&mut self, sender: &mut Sender<'_>) {
        if std::mem::take(&mut self.draining) {
            sender.drained();
        }
    }

    fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(&self.inbox) as Arc<dyn Listener>
    }

    /// Its note came: it can look again.
    pub(crate) fn woken(&mut self) {
        if self.waiting == Waiting::Mark {
            self.waiting = Waiting::No;
        }
    }

    /// A read from disk came back.
    pub(crate) fn loaded(&mut self, batches: Result<ReadBatches, LogError>) -> Result<(), LogError> {
        self.waiting = Waiting::No;
        self.cursor.supply(batches)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.waiting == Waiting::Mark {
            self.cursor.stop_waiting(&self.listener(), self.token);
        }
    }
}

/// Event Hubs sends events unsettled and forgets them; other AMQP clients may count on having something to accept. The
/// SDKs are content with settled ones (`docs/reference/amqp.md` §6.5), which saves their answers.
pub(crate) fn sends_settled(mode: SenderSettleMode, client_is_sdk: bool) -> bool {
    mode == SenderSettleMode::SETTLED || client_is_sdk
}

fn runtime_metrics(cursor: &Cursor, now_ms: i64) -> RuntimeMetrics {
    let bounds = cursor.bounds();
    RuntimeMetrics {
        last_sequence: bounds.last().map_or(-1, |last| i64::try_from(last.0).unwrap_or(i64::MAX)),
        last_enqueued_ms: bounds.last_append_time.map_or(0, |time| time.0),
        retrieved_ms: now_ms,
    }
}

fn write(
    event: &CursorEvent<'_>,
    metrics: Option<&RuntimeMetrics>,
    out: &mut Vec<u8>,
) -> Result<(), LogError> {
    let system = System {
        sequence: i64::try_from(event.sequence.0).unwrap_or(i64::MAX),
        enqueued_ms: event.append_time.0,
    };
    write_message(&event.record, event.origin, &system, metrics, out).map_err(|damage| LogError::Damaged {
        first: event.sequence,
        next: event.sequence.plus(1),
        what: damage.to_string(),
    })
}
