//! The specification's nouns: what frames and messages are made of (Parts 2, 3 and 5).
//!
//! Every composite type is one `composite!` table: its fields once, in the specification's order. Reading
//! takes every legal form, and some more; writing follows one policy for all, in `composite.rs`.

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

mod attach;
mod begin;
mod close;
mod composite;
pub mod condition;
mod definitions;
mod delivery_state;
mod descriptor;
mod detach;
mod disposition;
mod end;
mod error;
mod filter;
mod flow;
mod message;
mod open;
pub mod sasl;
pub mod sections;
mod serial;
mod terminus;
mod transfer;

pub use attach::Attach;
pub use begin::Begin;
pub use close::Close;
pub use composite::Composite;
pub use definitions::{
    Channel, Fields, Handle, Milliseconds, ReceiverSettleMode, Role, SenderSettleMode, Symbols, Timestamp,
};
pub use delivery_state::{DeliveryState, Modified, Received};
pub use descriptor::DescriptorCode;
pub use detach::Detach;
pub use disposition::Disposition;
pub use end::End;
pub use error::Error;
pub use filter::FilterSet;
pub use flow::Flow;
pub use message::{Header, Properties};
pub use open::Open;
pub use serial::{DeliveryCount, DeliveryId, DeliveryRange, TransferId};
pub use terminus::{Source, Target, TerminusDurability};
pub use transfer::Transfer;

#[cfg(test)]
mod tests;
