//! The rules a peer can break: one variant a rule, so that a test asserts which and a log line says it.
//!
//! [`Violation::reach`] is the one place that turns a rule into what goes on the wire.

use crate::error::{DecodeError, Scope};
use crate::types::condition;
use crate::wire::Symbol;

/// A rule of the specification that the peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame whose bytes could not be read.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// §2.3.1: a frame is at least its own header, 8 bytes.
    #[error("a frame of {0} bytes is shorter than its header (§2.3.1)")]
    FrameTooSmall(u32),
    /// §2.3.1, §2.7.1: no frame is larger than the max-frame-size we advertised.
    #[error("a frame of {size} bytes is larger than our max-frame-size of {max} (§2.3.1)")]
    FrameTooLarge {
        /// What the frame claims, in bytes.
        size: u32,
        /// What we advertised.
        max: u32,
    },
    /// §2.3.1: the data offset is at least 2, the header itself.
    #[error("a data offset of {0} words points into the frame header (§2.3.1)")]
    DataOffsetTooSmall(u8),
    /// §2.3.1: the body begins inside the frame.
    #[error("a data offset of {doff} words points past the end of a frame of {size} bytes (§2.3.1)")]
    DataOffsetPastEnd {
        /// Data offset, in words of four bytes.
        doff: u8,
        /// Size of the frame, in bytes.
        size: u32,
    },
    /// §2.3.1, §5.3.1: AMQP frames (0) after the AMQP header, SASL frames (1) after the SASL header.
    #[error("a frame of type {0} is not expected here (§2.3.1)")]
    UnexpectedFrameType(u8),
    /// §2.2: these eight bytes are no protocol header we speak here.
    #[error("the bytes {0:02x?} are not a protocol header we speak (§2.2)")]
    UnsupportedProtocolHeader([u8; 8]),
    /// §2.7: a frame's body begins with one of the nine performatives.
    #[error("a frame's body is not one of the nine performatives (§2.7)")]
    UnknownPerformative,
    /// §5.3.2: a SASL frame holds exactly one SASL performative, and no more bytes.
    #[error("a SASL frame's body is not one SASL performative (§5.3.2)")]
    UnknownSaslPerformative,
    /// §2.7: only a transfer is followed by a payload.
    #[error("bytes follow a performative that has no payload (§2.7)")]
    PayloadNotAllowed,
}

impl Violation {
    /// What has to end, and with which condition (§2.8.15-2.8.18).
    #[must_use]
    pub fn reach(&self) -> (Scope, Symbol) {
        match self {
            Self::Malformed(_) | Self::UnknownPerformative | Self::UnknownSaslPerformative => {
                (Scope::Connection, condition::DECODE_ERROR)
            }
            Self::FrameTooSmall(_)
            | Self::FrameTooLarge { .. }
            | Self::DataOffsetTooSmall(_)
            | Self::DataOffsetPastEnd { .. }
            | Self::UnexpectedFrameType(_)
            | Self::UnsupportedProtocolHeader(_)
            | Self::PayloadNotAllowed => (Scope::Connection, condition::FRAMING_ERROR),
        }
    }
}
