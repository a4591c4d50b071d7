//! Why a message is not taken (`docs/reference/event.md` §2 and §4).

use super::section::SectionError;

/// Why a message is refused: one variant per rule. [`std::fmt::Display`] says what is wrong and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bytes that are not the sections of a message.
    #[error("the message is not well-formed AMQP: {0}")]
    Malformed(#[from] SectionError),
    /// A body of more than one kind, or two amqp-value sections.
    #[error(
        "the message has a body of two kinds; send data sections, or amqp-sequence sections, or one amqp-value"
    )]
    TwoBodies,
    /// The envelope of a batch message has a body other than data sections.
    #[error("the body of a batch message must be data sections, each one encoded message")]
    EnvelopeBody,
    /// A message format that is neither a message nor a batch.
    #[error("message format 0x{0:08x} is not known; send 0 for one event or 0x80013700 for a batch")]
    Format(u32),
    /// The partition key has another type than string.
    #[error("annotation x-opt-partition-key must be an AMQP string")]
    PartitionKeyType,
    /// The partition key comes twice.
    #[error("annotation x-opt-partition-key comes twice; send it once")]
    PartitionKeyTwice,
    /// Events of one batch message have keys of different partitions.
    #[error(
        "the partition keys '{first}' and '{other}' of one batch belong to different partitions; \
         send a batch for each key, or send to a partition"
    )]
    PartitionKeysDiffer {
        /// The key that decides for the message.
        first: String,
        /// A key that belongs elsewhere.
        other: String,
    },
    /// An event without a partition key for a compacted hub.
    #[error("events of a compacted event hub need a partition key; set one")]
    KeyMissing,
    /// The message is larger than the hub takes.
    #[error("the message has {bytes} bytes, the limit of this event hub is {max}; send smaller batches")]
    TooLarge {
        /// Bytes of the message.
        bytes: usize,
        /// The hub's limit.
        max: usize,
    },
    /// The message would take more room in storage than the hub allows for one message.
    #[error(
        "the message would take more than {max} bytes when stored; send fewer events at once, or shorter keys"
    )]
    StoredTooLarge {
        /// The most bytes that one message may take.
        max: usize,
    },
    /// An event of a batch message is refused.
    #[error("event {index} of the batch: {refusal}")]
    Event {
        /// Which event, from 0.
        index: u32,
        /// Why.
        refusal: Box<Self>,
    },
}

impl Refusal {
    /// The AMQP error condition that the sender is told (`docs/reference/amqp.md` §7.2).
    #[must_use]
    pub fn condition(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::TwoBodies | Self::EnvelopeBody => "amqp:decode-error",
            Self::Format(_)
            | Self::PartitionKeyType
            | Self::PartitionKeyTwice
            | Self::PartitionKeysDiffer { .. }
            | Self::KeyMissing => "com.microsoft:argument-error",
            Self::TooLarge { .. } | Self::StoredTooLarge { .. } => "amqp:link:message-size-exceeded",
            Self::Event { refusal, .. } => refusal.condition(),
        }
    }

    /// Says which event of a batch message it is about.
    pub(super) fn of_event(self, index: u32) -> Self {
        Self::Event { index, refusal: Box::new(self) }
    }
}

impl From<forebay_amqp::error::DecodeError> for Refusal {
    fn from(error: forebay_amqp::error::DecodeError) -> Self {
        Self::Malformed(error.into())
    }
}
