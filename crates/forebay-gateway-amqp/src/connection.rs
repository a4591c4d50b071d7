//! One connection: drives the AMQP core with a socket and a clock.
//!
//! Each turn does what can be done without waiting, in this order: what others told us, a decision that was
//! pending, input, output of readers, what the core has due, the socket. It ends when a whole turn moved nothing.
//! Everything about the protocol is in the core, everything about Event Hubs in [`Handler`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use forebay_amqp::{Connection as Core, Instant};
use forebay_log::{ByteBudget, Part, Reservation};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use crate::buffers::{Input, Output};
use crate::config::{BUDGET_RETRY, WRITE_STALL};
use crate::handler::Handler;
use crate::inbox::{Inbox, Note};
use crate::tls;

/// Turns in one go before other connections get theirs.
const TURNS_MAX: u32 = 32;
/// How long a socket may take to accept our last bytes.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// What a fresh connection is charged to the byte budget; more as its buffers grow.
const CONNECTION_BYTES: u64 = 32 * 1024;

/// A connection in service. As a future it ends when the connection is over.
pub(crate) struct Connection<S> {
    stream: S,
    epoch: std::time::Instant,
    core: Core,
    handler: Handler,
    inbox: Arc<Inbox>,
    notes: Vec<Note>,
    input: Input,
    output: Output,
    end_of_input: bool,
    /// We are not reading, so the peer's silence proves nothing.
    paused: bool,
    /// Armed no later than the core's next deadline.
    timer: Pin<Box<Sleep>>,
    timer_at: Option<tokio::time::Instant>,
    /// Set while the byte budget is used up and we do not read.
    budget_pause: Option<Pin<Box<Sleep>>>,
    flush_by: Option<Pin<Box<Sleep>>>,
    /// Runs while the peer takes nothing.
    write_stall: Option<Pin<Box<Sleep>>>,
    memory: Memory,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(
        stream: S,
        epoch: std::time::Instant,
        core: Core,
        handler: Handler,
        inbox: Arc<Inbox>,
        memory: Memory,
    ) -> Self {
        Self {
            stream,
            epoch,
            core,
            handler,
            inbox,
            notes: Vec::new(),
            input: Input::new(),
            output: Output::default(),
            end_of_input: false,
            paused: false,
            timer: Box::pin(tokio::time::sleep(Duration::from_secs(3600))),
            timer_at: None,
            budget_pause: None,
            flush_by: None,
            write_stall: None,
            memory,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// One turn. Says whether anything moved.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<bool, std::io::Error> {
        let now = self.now();
        let mut moved = self.take_notes(context);
        moved |= self.handler.poll_pending(&mut self.core, context);
        moved |= self.read(now, context)?;
        moved |= self.timers(now, context);
        while let Some(event) = self.core.poll_event() {
            self.handler.on_event(&mut self.core, event, 0);
            moved = true;
        }
        if !self.output.is_full() {
            moved |= self.handler.pump(&mut self.core, self.output.tail());
        }
        moved |= self.core.poll_transmit(now, self.output.tail());
        moved |= self.write(context)?;
        self.charge_memory();
        Ok(moved)
    }

    /// Writes what there is. A peer that takes nothing for too long is given up.
    fn write(&mut self, context: &mut Context<'_>) -> Result<bool, std::io::Error> {
        if self.output.is_empty() {
            return Ok(false);
        }
        let before = self.output.unwritten();
        let drained = self.output.poll_drain(&mut self.stream, context)?.is_ready();
        if drained || self.output.unwritten() < before {
            self.write_stall = None;
            return Ok(drained);
        }
        let stall = self.write_stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL)));
        if stall.as_mut().poll(context).is_ready() {
            return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the peer takes no bytes"));
        }
        Ok(false)
    }

    /// Buffers that have grown, and deliveries of which frames are missing.
    fn charge_memory(&mut self) {
        self.memory.split.set(self.core.buffered_bytes() as u64);
        let buffers = (self.input.capacity() + self.output.capacity()) as u64;
        self.memory.buffers.set(self.memory.stream_bytes + buffers.max(CONNECTION_BYTES));
    }

    fn take_notes(&mut self, context: &Context<'_>) -> bool {
        self.inbox.take(&mut self.notes, context);
        let any = !self.notes.is_empty();
        for note in self.notes.drain(..) {
            self.handler.on_note(&mut self.core, note);
        }
        any
    }

    /// Reads and handles as long as the socket has bytes and nothing stands in the way.
    fn read(&mut self, now: Instant, context: &mut Context<'_>) -> Result<bool, std::io::Error> {
        let mut moved = self.handle_input(now);
        while !self.end_of_input && self.may_read(now, context) {
            match self.input.poll_fill(&mut self.stream, context) {
                Poll::Ready(Ok(0)) => {
                    self.end_of_input = true;
                    self.core.handle_eof(now);
                    moved = true;
                }
                Poll::Ready(Ok(_)) => {
                    if self.core.remote_open().is_none() {
                        tls::hint_at_plain_port(self.input.unread(), self.handler.peer());
                    }
                    moved |= self.handle_input(now);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        self.handler.end_of_burst();
        Ok(moved)
    }

    /// Hands frames to the core, one after the other, until one is not whole or waits for a decision.
    fn handle_input(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while self.handler.takes_input() && !self.handler.is_deciding() {
            let step = self.core.handle_input(now, self.input.unread());
            let consumed = step.consumed;
            let rest = self.input.unread().len() - consumed;
            if consumed == 0 && step.event.is_none() {
                break;
            }
            if let Some(event) = step.event {
                self.handler.on_event(&mut self.core, event, rest);
            }
            self.input.consume(consumed);
            moved = true;
        }
        moved
    }

    /// First the credit is withheld; a peer that does not heed it is not read from. While we look away its idle
    /// timer rests.
    fn may_read(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        if let Some(pause) = &mut self.budget_pause {
            if pause.as_mut().poll(context).is_pending() {
                return false;
            }
            self.budget_pause = None;
        }
        if self.handler.budget_is_used_up() {
            let mut pause = Box::pin(tokio::time::sleep(BUDGET_RETRY));
            let _armed = pause.as_mut().poll(context);
            self.budget_pause = Some(pause);
            self.pause(now, true);
            return false;
        }
        if self.output.is_full() || self.core.is_closed() {
            // A peer that does not read is not excused from being heard of.
            return false;
        }
        let may = self.handler.takes_input()
            && !self.handler.is_deciding()
            && !self.handler.has_too_much_in_flight();
        self.pause(now, !may);
        may
    }

    fn pause(&mut self, now: Instant, paused: bool) {
        if paused != self.paused {
            self.paused = paused;
            self.core.pause_peer_idle(now, paused);
        }
    }

    fn timers(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        if self.timer_at.is_some() && self.timer.as_mut().poll(context).is_ready() {
            self.timer_at = None;
            self.core.handle_timeout(now);
            moved = true;
        }
        if let Some(deadline) = self.core.poll_timeout() {
            let deadline =
                tokio::time::Instant::from_std(self.epoch + Duration::from_micros(deadline.as_micros()));
            // Deadlines mostly move away as bytes arrive; waking once too early is cheaper than re-arming always.
            if self.timer_at.is_none_or(|armed| deadline < armed) {
                self.timer.as_mut().reset(deadline);
                self.timer_at = Some(deadline);
                moved |= self.timer.as_mut().poll(context).is_ready();
            }
        }
        moved
    }

    /// After the last frame: done once everything is written, or when the socket takes too long.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Best effort: the peer may have gone.
        if self.output.is_empty() && Pin::new(&mut self.stream).poll_shutdown(context).is_ready() {
            return Poll::Ready(());
        }
        let limit = self.flush_by.get_or_insert_with(|| Box::pin(tokio::time::sleep(FLUSH_TIMEOUT)));
        limit.as_mut().poll(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Connection<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..TURNS_MAX {
            match this.turn(context) {
                Ok(true) => {}
                Ok(false) if this.core.is_closed() => return this.poll_flush(context),
                Ok(false) => return Poll::Pending,
                Err(error) => {
                    tracing::debug!(peer = %this.handler.peer(), %error, "connection lost");
                    return Poll::Ready(());
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.handler.gone();
    }
}

/// What one connection holds of the byte budget.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Incomplete deliveries.
    split: Reservation,
    /// The stream's own state, and our buffers.
    buffers: Reservation,
    stream_bytes: u64,
}

impl Memory {
    /// For a new connection over a stream that holds so many bytes itself. `false`: there is no room, and the
    /// connection should be refused.
    pub(crate) fn reserve(budget: &Arc<ByteBudget>, stream_bytes: u64) -> (Self, bool) {
        let bytes = stream_bytes + CONNECTION_BYTES;
        let reserved = budget.reserve(Part::Connections, bytes);
        let has_room = reserved.is_some();
        let buffers = reserved.unwrap_or_else(|| budget.force(Part::Connections, bytes));
        let split = budget.force(Part::SplitDeliveries, 0);
        (Self { split, buffers, stream_bytes }, has_room)
    }
}
