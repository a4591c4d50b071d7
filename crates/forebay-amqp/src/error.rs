//! Errors, sorted by whose fault they are.
//!
//! - [`DecodeError`]: bytes that could not be read. What was read, why not, where.
//! - [`Violation`](crate::violation::Violation): the peer broke a rule; one variant a rule. It wraps `DecodeError`.
//! - [`ApiMisuse`]: our own caller asked for what cannot be done.
//!
//! and by how far they reach ([`Scope`]) and who ended it ([`Initiator`]).

use core::fmt;

use crate::wire::format;

/// Bytes that are no AMQP, or not the AMQP that was expected at that place.
///
/// `what` names the thing being read (`"open.max_frame_size"`; empty for a bare value), `offset` is counted
/// in bytes from the start of the slice given to [`Reader::new`](crate::wire::Reader::new).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub fault: DecodeFault,
    /// Where, in bytes from the start of the outermost slice; saturates at `u32::MAX`.
    pub offset: u32,
    /// What was being read, or empty.
    pub what: &'static str,
}

impl DecodeError {
    pub(crate) fn new(fault: DecodeFault, position: usize) -> Self {
        Self { fault, offset: u32::try_from(position).unwrap_or(u32::MAX), what: "" }
    }

    /// Says what was being read; the innermost name stays.
    #[must_use]
    #[cold]
    pub fn named(mut self, what: &'static str) -> Self {
        if self.what.is_empty() {
            self.what = what;
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.what.is_empty() { "value" } else { self.what };
        write!(f, "cannot read {what}: {} (byte {})", self.fault, self.offset)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl core::error::Error for DecodeError {}

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeFault {
    /// The encoding goes on past the last byte there is.
    #[error("the bytes end too early")]
    Truncated,
    /// §1.2: no primitive type has this constructor.
    #[error("0x{0:02x} is not a constructor of AMQP 1.0")]
    UnknownConstructor(u8),
    /// A value of another type is required here; the constructor found.
    #[error("a value with constructor 0x{0:02x} ({name}) is not allowed here", name = format::name(*.0))]
    WrongType(u8),
    /// The right type, but a value outside of its range (a boolean byte of 2, a ulong where a uint must be).
    #[error("the value is out of range")]
    OutOfRange,
    /// §1.6.20: a string is UTF-8.
    #[error("the string is not UTF-8")]
    InvalidUtf8,
    /// §1.6.21: a symbol is ASCII.
    #[error("the symbol is not ASCII")]
    NotAscii,
    /// §1.6.16: a char is a Unicode scalar value.
    #[error("the char is not a Unicode scalar value")]
    InvalidChar,
    /// A list, map or array claims more items than its bytes can hold.
    #[error("it claims more items than its bytes can hold")]
    CountExceedsBytes,
    /// The items end before the bytes do.
    #[error("bytes remain after the last item")]
    TrailingBytes,
    /// §1.6.23: a map has as many values as keys.
    #[error("the map has a key without a value")]
    OddMap,
    /// Nested deeper than [`DEPTH_MAX`](crate::limits::DEPTH_MAX).
    #[error("nested deeper than {max} levels", max = crate::limits::DEPTH_MAX)]
    TooDeep,
    /// A mandatory field is null or elided.
    #[error("the mandatory field is missing")]
    MissingField,
    /// Another described type, or an unknown one, where a certain one is required.
    #[error("the descriptor is not one that is allowed here")]
    UnexpectedDescriptor,
}

/// How far the damage goes: what has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The link is detached.
    Link,
    /// The session ends, and its links with it.
    Session,
    /// The connection is closed.
    Connection,
}

/// Who ended a link, session or connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// The code that drives this library.
    Application,
    /// This library, because a rule was broken or a timer ran out.
    Library,
    /// The other end.
    Peer,
}

/// Our own caller asked for what cannot be done. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// §2.3.1: the frame is larger than the peer takes, and only transfers can be split.
    #[error("a frame of {size} bytes is larger than the peer's max-frame-size of {max}")]
    FrameExceedsPeerMaximum {
        /// Bytes of the frame.
        size: usize,
        /// What the peer takes.
        max: u32,
    },
    /// §2.8.7: delivery tags have at most 32 bytes.
    #[error("a delivery tag of {0} bytes is longer than 32")]
    DeliveryTagTooLong(usize),
}
