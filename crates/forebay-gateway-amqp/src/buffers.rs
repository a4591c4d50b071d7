//! The two buffers of a connection. Both are plain byte vectors that the core reads from and writes into.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a fresh connection reads into.
const INPUT_BYTES_START: usize = 8 * 1024;
/// What a busy one grows to: enough that a read brings many events, and more than any frame we allow.
pub(crate) const INPUT_BYTES_MAX: usize = 256 * 1024;
/// Beyond this much unsent output we stop producing more.
pub(crate) const OUTPUT_BYTES_HIGH: usize = 256 * 1024;
/// What an output buffer keeps of its capacity once it is empty.
const OUTPUT_BYTES_KEEP: usize = 2 * OUTPUT_BYTES_HIGH;

const _: () = assert!(INPUT_BYTES_MAX > 2 * crate::config::MAX_FRAME_SIZE as usize);

/// Bytes read and not yet consumed.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; INPUT_BYTES_START], start: 0, end: 0 }
    }

    /// Bytes of memory.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes to be read by the core.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let mut space = ReadBuf::new(&mut self.bytes[self.end..]);
        match ready!(Pin::new(stream).poll_read(context, &mut space)) {
            // TLS without its close_notify; AMQP has a close of its own.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(0)),
            read => read?,
        }
        let count = space.filled().len();
        let filled = space.remaining() == 0;
        self.end += count;
        if filled && self.bytes.len() < INPUT_BYTES_MAX {
            let grown = (self.bytes.len() * 2).min(INPUT_BYTES_MAX);
            self.bytes.resize(grown, 0);
        }
        Poll::Ready(Ok(count))
    }

    /// Moves the rest of a frame to the front, so that there is always room behind it.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            // One frame fills the buffer: it is at most MAX_FRAME_SIZE, so this ends below the bound.
            self.bytes.resize((self.bytes.len() * 2).min(INPUT_BYTES_MAX), 0);
        }
    }
}

/// Bytes to be written.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// The stream has taken bytes and may hold some of them: TLS makes records.
    unflushed: bool,
}

impl Output {
    /// Bytes of memory.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where the core appends.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Everything has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.bytes.len() && !self.unflushed
    }

    /// Bytes that the stream has not taken yet.
    pub(crate) fn unwritten(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether so much waits to be written that nothing should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.unwritten() >= OUTPUT_BYTES_HIGH
    }

    /// Writes until everything has left or the stream takes no more.
    pub(crate) fn poll_drain<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            match Pin::new(&mut *stream).poll_write(context, &self.bytes[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.drop_written();
                    return Poll::Pending;
                }
            }
        }
        self.bytes.clear();
        self.written = 0;
        if self.bytes.capacity() > OUTPUT_BYTES_KEEP {
            self.bytes.shrink_to(OUTPUT_BYTES_KEEP);
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Keeps the vector from growing behind a slow peer.
    fn drop_written(&mut self) {
        if self.written > OUTPUT_BYTES_HIGH {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, BufWriter};

    use super::*;

    #[tokio::test]
    async fn bytes_that_the_stream_holds_back_are_not_taken_as_having_left() {
        // The stream takes all hundred at once, as TLS does, and the socket behind it ten at a time.
        let (near, mut far) = tokio::io::duplex(10);
        let mut stream = BufWriter::with_capacity(1_000, near);
        let mut output = Output::default();
        output.tail().extend_from_slice(&[7; 100]);
        let first = poll_fn(|context| Poll::Ready(output.poll_drain(&mut stream, context))).await;
        assert!(first.is_pending() && !output.is_empty());
        assert_eq!(output.unwritten(), 0);
        let mut read = [0; 100];
        let (drained, took) = tokio::join!(
            poll_fn(|context| output.poll_drain(&mut stream, context)),
            far.read_exact(&mut read)
        );
        drained.unwrap();
        assert_eq!((took.unwrap(), read), (100, [7; 100]));
        assert!(output.is_empty());
    }
}
