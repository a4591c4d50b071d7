//! AMQP 1.0 as a sans-IO core: types, codec, frames, SASL, connection, session and link state machines.
//!
//! Layers, each of which may use only those before it: [`wire`] (bytes), [`types`] (the specification's
//! nouns), [`frame`] (frames and how a message becomes transfers), then the state machines.
//!
//! **Invariant:** work and memory are bounded by the bytes we hold, never by a number the peer wrote. Nothing
//! in here panics on input, opens a socket, reads a clock or draws a random number.
//!
//! # Where the specification is
//!
//! Sections are those of OASIS AMQP 1.0, "part.section".
//!
//! | section | subject | file |
//! |---|---|---|
//! | 1.1-1.2 | type system, constructors, layout of an encoding | `wire/format.rs` |
//! | 1.3, 1.6.1-1.6.21 | primitive types and their compact forms | `wire/scalar.rs`, `wire/writer.rs`, `wire/symbol.rs` |
//! | 1.6.22-1.6.24 | list, map, array | `wire/compound.rs`, `wire/array.rs` |
//! | 1.2 | stepping over a value; checking one wholly | `wire/skip.rs`, `wire/validate.rs` |
//! | 1.1 | any value, borrowed and owned | `wire/value_ref.rs`, `wire/value.rs` |
//! | 1.4 | composite types, described lists | `types/composite.rs`, `types/descriptor.rs` |
//! | 2.2 | version negotiation | `frame/protocol_header.rs` |
//! | 2.3 | framing | `frame/header.rs`, `frame/deframer.rs`, `frame/frame_writer.rs` |
//! | 2.4 | connections | `connection/mod.rs`, `connection/state.rs`, `connection/handshake.rs`, `connection/teardown.rs` |
//! | 2.5 | sessions | `session/mod.rs`, `session/state.rs`, `session/window.rs` |
//! | 2.6 | links | `link/mod.rs`, `link/state.rs`, `link/credit.rs`, `connection/attach.rs`, `connection/transfer.rs` |
//! | 2.6.12 | settling deliveries | `session/deliveries.rs` |
//! | 2.6.14 | one message in one or many transfers | `frame/transfer_writer.rs` |
//! | 2.7 | performatives | `frame/performative.rs` |
//! | 2.7.1-2.7.3 | open, begin, attach | `types/open.rs`, `types/begin.rs`, `types/attach.rs` |
//! | 2.7.4-2.7.6 | flow, transfer, disposition | `types/flow.rs`, `types/transfer.rs`, `types/disposition.rs` |
//! | 2.7.7-2.7.9 | detach, end, close | `types/detach.rs`, `types/end.rs`, `types/close.rs` |
//! | 2.8.1-2.8.13 | definitions, serial numbers | `types/definitions.rs`, `types/serial.rs` |
//! | 2.8.14-2.8.18 | errors and their conditions | `types/error.rs`, `types/condition.rs` |
//! | 3.2 | message format | `types/sections.rs`, `types/message.rs` |
//! | 3.4 | delivery states | `types/delivery_state.rs` |
//! | 3.5 | sources, targets, filters | `types/terminus.rs`, `types/filter.rs` |
//! | 5.3.3 | SASL frames | `types/sasl.rs` |
//! | 5.3.2 | SASL negotiation | `sasl/server.rs`, `sasl/client.rs`, `sasl/mechanism.rs` |

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

pub mod connection;
pub mod error;
pub mod frame;
pub mod limits;
pub mod link;
pub mod sasl;
pub mod session;
pub mod time;
pub mod types;
pub mod violation;
pub mod wire;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use connection::{
    AttachError, AttachReply, BeginError, ClientAuth, Config, Connection, Delivery, DeliveryTag, Event,
    Payload, Step,
};
pub use error::Initiator;
pub use link::{LinkId, LinkSnapshot, Outgoing, Receiver, SendError, Sender, TrySendError};
pub use sasl::Mechanism;
pub use session::SessionId;
pub use time::Instant;

/// The README's example, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
