//! How far a connection got (§2.4.6), the SASL layer before it included (§5.3).
//!
//! ```text
//!  Header ──▶ Sasl ──▶ AmqpHeader ──▶ Open ──▶ Opened
//!    │          │          │           │         │
//!    │          │          │           └────┬────┘
//!    │          │          │                │ our close, or a rule was broken
//!    │          │          │                ▼
//!    │          │          │             Closing ── the peer's close, end of file, or the close timer ──┐
//!    │          │          │                                                                            ▼
//!    └──────────┴──────────┴─ wrong header (ours is the answer), refused, or end of file ──────────▶ Closed
//! ```
//!
//! `Closing` drops whatever is not a close. After a rule was broken the input is not even parsed.
//! A peer that closes first goes from `Open` or `Opened` straight to `Closed`, with our close due.

/// What is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first protocol header.
    Header,
    /// SASL frames.
    Sasl,
    /// The AMQP protocol header.
    AmqpHeader,
    /// The peer's open.
    Open,
    /// Anything but an open.
    Opened,
    /// The peer's close; our own is due or written.
    Closing {
        /// Whether frames can still be told apart.
        parse: bool,
    },
    /// Nothing.
    Closed,
}

impl Phase {
    /// Whether commands of the application still mean something.
    pub(crate) const fn takes_commands(self) -> bool {
        match self {
            Self::Header | Self::Sasl | Self::AmqpHeader | Self::Open | Self::Opened => true,
            Self::Closing { .. } | Self::Closed => false,
        }
    }
}
