//! The event and its stored form (`docs/reference/event.md`): record batches, AMQP to record and back, the
//! partition-key hash.
//!
//! Every event, whatever protocol brought it, is stored as a record of a Kafka record batch v2. [`batch`] and
//! [`record`] are that layout, written in place and read in place; [`amqp`] turns AMQP messages
//! into records and records into AMQP messages; [`partition_key`] says which partition a key belongs to.
//!
//! Invariant: AMQP → record → AMQP keeps what `docs/reference/amqp.md` §10 promises, and whatever the stored bytes are,
//! reading them gives a well-formed message or a definite [`amqp::Damage`], never a panic and never half a message.
//!
//! This crate never reads a clock, never draws a random number, and never opens a file or a socket.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::panic, clippy::unreachable))]

pub mod amqp;
pub mod batch;
mod crc;
mod decimal;
pub mod origin;
pub mod partition_key;
pub mod record;
mod varint;

pub use batch::{BatchBuf, BatchError, BatchRef};
pub use origin::Origin;
pub use record::{Headers, RecordError, RecordRef};
