//! Bytes ⇄ values, and nothing else (Part 1: types).
//!
//! Reading: [`Reader`] is the only thing that touches bytes, every step is checked. [`Decode`] reads a known
//! type, [`ValueRef`] any value without copying, [`Value`] owns one. [`skip_value`] steps over a value by its
//! sizes, [`validate_value`] looks at everything in it.
//!
//! Writing: [`Writer`] appends to a `Vec<u8>`, always in the shortest form, and patches sizes afterwards.
//!
//! **Never:** a panic, a recursion without bound, or a loop or an allocation sized by a count the peer wrote
//! ([`Claimed`]).

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

mod array;
mod compound;
pub mod format;
mod reader;
mod scalar;
mod skip;
mod symbol;
mod validate;
mod value;
mod value_ref;
mod writer;

pub use array::Array;
pub use compound::{ArrayItems, ArrayRef, Claimed, DescribedRef, Entries, Items, ListRef, MapRef, RawItems};
pub use reader::Reader;
pub use scalar::{Decode, Encode};
pub use skip::skip_value;
pub use symbol::{NotAscii, Symbol};
pub use validate::validate_value;
pub use value::{Described, Value};
pub use value_ref::ValueRef;
pub use writer::{OpenCompound, Writer};

#[cfg(test)]
mod tests;
