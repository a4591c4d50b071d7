//! Why a stored record gives no message (`docs/reference/event.md` §3).

use forebay_amqp::error::DecodeError;

use super::section::{SectionError, SectionKind};
use crate::Origin;
use crate::record::RecordError;

/// A record that was not written as `docs/reference/event.md` says: a definite error for that event, one variant per
/// rule. Nothing of it reaches the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The record itself cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Batches of this origin hold no events.
    #[error("a record of origin {0:?} is no event")]
    NoEvent(Origin),
    /// There are headers, but the first is not `fb.m`.
    #[error("the first header is not fb.m")]
    MetaMissing,
    /// `fb.m` is cut, or goes on.
    #[error("header fb.m is cut or goes on past its end")]
    Meta,
    /// `fb.m` has a version that this code does not know.
    #[error("header fb.m has version {0}, known is 1")]
    MetaVersion(u8),
    /// `fb.m` has flags or mask bits that mean nothing.
    #[error("header fb.m has flags or mask bits that mean nothing")]
    MetaFlags,
    /// There are more or fewer headers than `fb.m` says.
    #[error("there are {actual} headers, fb.m stands for {expected}")]
    HeaderCount {
        /// As `fb.m` says, itself included.
        expected: u64,
        /// As they are.
        actual: usize,
    },
    /// A property's header has another name than its mask bit.
    #[error("the header of property field {0} has another name")]
    PropertyName(u8),
    /// A property's header does not hold a value of the property's type.
    #[error("the header of property field {0} is not a value of its type")]
    PropertyText(u8),
    /// A header's value is null.
    #[error("a header's value is null")]
    NullHeader,
    /// The second header should be `fb.s` and is not, or its sections are out of order, of another kind, or missing.
    #[error("header fb.s is missing, empty, or has other sections than it may")]
    Sections,
    /// The sections in `fb.s` are malformed.
    #[error("header fb.s: {0}")]
    Section(#[from] SectionError),
    /// A section is in `fb.s` and has headers too.
    #[error("section {0:?} is in fb.s and has headers too")]
    CountBesideSection(SectionKind),
    /// An annotation or application property is malformed.
    #[error("a header's value: {0}")]
    Value(#[from] DecodeError),
    /// The name of a header is not text that the map's key may be.
    #[error("a header's name is not text that a key of its map may be")]
    Name,
    /// The lengths of data sections do not fit the value.
    #[error("the lengths of the data sections do not fit the value")]
    Lengths,
    /// The value is null though there is a body.
    #[error("the value is null though there is a body")]
    NullValue,
    /// There is a value though there is no body.
    #[error("there is a value though there is no body")]
    ValueWithoutBody,
    /// The body is malformed.
    #[error("the body: {0}")]
    Body(SectionError),
    /// There is a key that is not marked, or a mark without a key.
    #[error("the record's key and its mark contradict each other")]
    Key,
}
