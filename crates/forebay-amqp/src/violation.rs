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

    // Of the connection's state machine (§2.4, §2.7.1).
    /// §5.3.2: a SASL frame that may not come at this point of the exchange.
    #[error("a SASL frame came out of turn (§5.3.2)")]
    SaslOutOfTurn,
    /// §2.4.1: the first frame after the AMQP header is an open.
    #[error("the first frame is not an open (§2.4.1)")]
    NotOpened,
    /// §2.4.1: a connection is opened once.
    #[error("a second open (§2.4.1)")]
    OpenedTwice,
    /// §2.7.1: no peer may take frames of less than 512 bytes.
    #[error("a max-frame-size of {0} is less than 512 (§2.7.1)")]
    MaxFrameSizeTooSmall(u32),
    /// §2.7.1: channel numbers go up to the channel-max we advertised.
    #[error("channel {channel} is above our channel-max of {max} (§2.7.1)")]
    ChannelOutOfRange {
        /// The channel of the frame.
        channel: u16,
        /// What we advertised.
        max: u16,
    },
    /// §2.5.1: a channel carries one session at a time.
    #[error("a begin on channel {0}, which has a session (§2.5.1)")]
    ChannelInUse(u16),
    /// §2.5.1: frames of a session come after its begin.
    #[error("a frame on channel {0}, on which nothing was begun (§2.5.1)")]
    UnknownChannel(u16),
    /// §2.7.2: a remote-channel answers a begin of ours.
    #[error("a begin answers channel {0}, on which we await no answer (§2.7.2)")]
    UnknownRemoteChannel(u16),
    /// §2.7.2: handles go up to the handle-max we advertised.
    #[error("handle {handle} is above our handle-max of {max} (§2.7.2)")]
    HandleOutOfRange {
        /// The handle of the attach.
        handle: u32,
        /// What we advertised.
        max: u32,
    },

    // Of a session (§2.5, §2.8.17).
    /// §2.6.2: a handle names one link at a time.
    #[error("an attach with handle {0}, which is in use (§2.6.2)")]
    HandleInUse(u32),
    /// §2.6.2: frames of a link come after its attach.
    #[error("a frame for handle {0}, which was never attached (§2.6.2)")]
    UnattachedHandle(u32),
    /// §2.5.6: no more transfer frames than our window allows. Only if the connection is strict.
    #[error("more transfer frames than our session window allows (§2.5.6)")]
    WindowExceeded,
    /// §2.6.12: delivery-ids go up.
    #[error("delivery-id {0} is not after those before it (§2.6.12)")]
    DeliveryIdReused(u32),
    /// A bound of ours: bytes of incomplete deliveries on one connection.
    #[error("too many bytes of incomplete deliveries on this connection")]
    TooMuchBuffered,
    /// A bound of ours: deliveries that are unsettled at a time.
    #[error("too many deliveries of the session are unsettled")]
    TooManyUnsettled,

    // Of a link (§2.6, §2.8.18).
    /// §2.6.3: transfers come after both attaches.
    #[error("a transfer came before its link's attach was answered (§2.6.3)")]
    TransferBeforeAnswer,
    /// §2.6.1: transfers go from the link's sender to its receiver.
    #[error("a transfer on a link whose sender we are (§2.6.1)")]
    TransferToSender,
    /// §2.6.7: no more deliveries than our credit allows. Only if the connection is strict.
    #[error("more deliveries than our link credit allows (§2.6.7)")]
    CreditExceeded,
    /// §2.7.5: the first frame of a delivery has a delivery-id.
    #[error("the first transfer of a delivery has no delivery-id (§2.7.5)")]
    DeliveryIdMissing,
    /// §2.7.5: the first frame of a delivery has a delivery-tag.
    #[error("the first transfer of a delivery has no delivery-tag (§2.7.5)")]
    DeliveryTagMissing,
    /// §2.8.7: delivery tags have at most 32 bytes.
    #[error("a delivery-tag of {0} bytes is longer than 32 (§2.8.7)")]
    DeliveryTagTooLong(usize),
    /// §2.7.5: the frames of a delivery are not interrupted by another on the same link.
    #[error("delivery {by} begins inside delivery {id} (§2.7.5)")]
    DeliveryInterrupted {
        /// The delivery of which more frames were to come.
        id: u32,
        /// What came.
        by: u32,
    },
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
            | Self::PayloadNotAllowed
            | Self::ChannelOutOfRange { .. }
            | Self::HandleOutOfRange { .. } => (Scope::Connection, condition::FRAMING_ERROR),
            Self::SaslOutOfTurn
            | Self::NotOpened
            | Self::OpenedTwice
            | Self::ChannelInUse(_)
            | Self::UnknownChannel(_)
            | Self::UnknownRemoteChannel(_) => (Scope::Connection, condition::NOT_ALLOWED),
            Self::MaxFrameSizeTooSmall(_) => (Scope::Connection, condition::INVALID_FIELD),
            Self::HandleInUse(_) => (Scope::Session, condition::HANDLE_IN_USE),
            Self::UnattachedHandle(_) => (Scope::Session, condition::UNATTACHED_HANDLE),
            Self::WindowExceeded => (Scope::Session, condition::WINDOW_VIOLATION),
            Self::DeliveryIdReused(_) => (Scope::Session, condition::INVALID_FIELD),
            Self::TooManyUnsettled | Self::TooMuchBuffered => {
                (Scope::Session, condition::RESOURCE_LIMIT_EXCEEDED)
            }
            Self::TransferBeforeAnswer | Self::TransferToSender => (Scope::Link, condition::NOT_ALLOWED),
            Self::CreditExceeded => (Scope::Link, condition::TRANSFER_LIMIT_EXCEEDED),
            Self::DeliveryIdMissing
            | Self::DeliveryTagMissing
            | Self::DeliveryTagTooLong(_)
            | Self::DeliveryInterrupted { .. } => (Scope::Link, condition::INVALID_FIELD),
        }
    }
}
