//! Framing (§2.2-2.3): bytes → frames → performatives, and back.
//!
//! Reading: [`ProtocolHeader::read`], then [`deframe`] again and again, then [`Frame::performative`]. Nothing
//! is copied.
//!
//! Writing: [`write_performative`] appends one frame; [`DeliveryWriter`] appends a message as one transfer
//! frame or many.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]

mod deframer;
mod frame_writer;
mod header;
mod performative;
mod protocol_header;
mod transfer_writer;

pub use deframer::{Frame, deframe};
pub use frame_writer::{write_heartbeat, write_performative, write_sasl};
pub use header::{FrameHeader, FrameType, HEADER_BYTES};
pub use performative::{Performative, SaslPerformative};
pub use protocol_header::ProtocolHeader;
pub use transfer_writer::{DeliveryWriter, Written, WrittenRest};

#[cfg(test)]
mod tests;
