//! The shell around the core: one socket, its two buffers, one timer.
//!
//! [`Driver::poll_exchange`] does the one thing there is to do: write what is due, read what is there. All state
//! lives in the driver, so a future around it may be dropped at any time.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use forebay_amqp::connection::Connection;
use forebay_amqp::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// One read takes at most this much; four times the largest frame we accept.
const INPUT_BYTES: usize = 256 * 1024;

/// Less room than this behind what was read, and it moves to the front of the buffer.
const INPUT_ROOM_BYTES_MIN: usize = 64 * 1024;

/// Written bytes at the front of the output buffer that are worth moving the rest for.
const OUTPUT_SHIFT_BYTES: usize = 256 * 1024;

/// What the client speaks over.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// Reads the monotonic clock as the core wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    pub(crate) fn now(self) -> Instant {
        Instant::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// How the socket ended.
#[derive(Debug, Clone)]
pub(crate) enum SocketEnd {
    Eof,
    Failed(Arc<io::Error>),
}

pub(crate) struct Driver {
    pub(crate) core: Connection,
    pub(crate) clock: Clock,
    pub(crate) input: Input,
    /// What is due and not yet written; everything before `written` has left.
    pub(crate) output: Vec<u8>,
    written: usize,
    /// The stream may hold bytes of its own: TLS makes records.
    unflushed: bool,
    socket: Box<dyn Socket>,
    pub(crate) end: Option<SocketEnd>,
    /// Writing failed; what is still to be read may say why.
    cannot_write: bool,
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("unwritten", &self.unwritten())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl Driver {
    pub(crate) fn new(core: Connection, clock: Clock, socket: Box<dyn Socket>) -> Self {
        Self {
            core,
            clock,
            input: Input::new(),
            output: Vec::new(),
            written: 0,
            unflushed: false,
            socket,
            end: None,
            cannot_write: false,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            timer_at: Instant::START,
        }
    }

    /// Bytes that are due and have not left.
    pub(crate) const fn unwritten(&self) -> usize {
        self.output.len() - self.written
    }

    /// Whether nothing waits here or in the stream.
    pub(crate) const fn has_all_left(&self) -> bool {
        self.unwritten() == 0 && !self.unflushed
    }

    /// Writes what is due and reads what is there. Ready when bytes came, a timer of the core ran out, `wake_at`
    /// has come, or the socket ended; the caller then has [`Self::input`] and the core's events to look at.
    pub(crate) fn poll_exchange(&mut self, cx: &mut Context<'_>, wake_at: Option<Instant>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        self.poll_write(cx);
        if self.poll_read(cx).is_ready() {
            return Poll::Ready(());
        }
        self.poll_timer(cx, wake_at)
    }

    /// Writes until everything has left or the socket is full.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) {
        self.core.poll_transmit(self.clock.now(), &mut self.output);
        while self.written < self.output.len() && !self.cannot_write {
            match Pin::new(&mut self.socket).poll_write(cx, &self.output[self.written..]) {
                Poll::Ready(Ok(bytes)) if bytes > 0 => {
                    self.written += bytes;
                    self.unflushed = true;
                }
                Poll::Ready(_) => self.cannot_write = true,
                Poll::Pending => break,
            }
        }
        if self.written == self.output.len() || self.cannot_write {
            self.output.clear();
            self.written = 0;
        } else if self.written >= OUTPUT_SHIFT_BYTES {
            self.output.drain(..self.written);
            self.written = 0;
        }
        if self.unflushed && self.output.is_empty() {
            let flushed = Pin::new(&mut self.socket).poll_flush(cx);
            self.cannot_write |= matches!(flushed, Poll::Ready(Err(_)));
            self.unflushed = flushed.is_pending();
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = ReadBuf::new(self.input.room());
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room));
        let bytes = room.filled().len();
        match read {
            Ok(()) if bytes > 0 => self.input.filled(bytes),
            Ok(()) => self.end(SocketEnd::Eof),
            // TLS without its close_notify; AMQP has a close of its own.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.end(SocketEnd::Eof),
            Err(error) => self.end(SocketEnd::Failed(Arc::new(error))),
        }
        Poll::Ready(())
    }

    fn end(&mut self, end: SocketEnd) {
        self.core.handle_eof(self.clock.now());
        self.end = Some(end);
    }

    /// The timer is moved only when it would come too late; one that comes too early costs one look.
    fn poll_timer(&mut self, cx: &mut Context<'_>, wake_at: Option<Instant>) -> Poll<()> {
        loop {
            let deadline =
                self.core.poll_timeout().into_iter().chain(wake_at).min().unwrap_or(Instant::NEVER);
            let now = self.clock.now();
            if deadline <= now {
                self.core.handle_timeout(now);
                return Poll::Ready(());
            }
            let elapsed = self.timer_at <= now;
            if elapsed || deadline < self.timer_at {
                self.timer_at = deadline;
                self.timer.as_mut().reset(tokio::time::Instant::now() + deadline.since(now));
            }
            ready!(self.timer.as_mut().poll(cx));
            self.timer_at = Instant::START;
        }
    }

    /// Shuts the writing half; errors do not matter any more.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.socket).poll_shutdown(cx).map(drop)
    }
}

/// Bytes read and not yet taken by the core.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    fn new() -> Self {
        Self { bytes: vec![0; INPUT_BYTES], start: 0, end: 0 }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) const fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len() - self.end < INPUT_ROOM_BYTES_MIN {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.bytes[self.end..]
    }

    const fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }
}
