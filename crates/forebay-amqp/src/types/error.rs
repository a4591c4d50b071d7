//! §2.8.14 Error: what went wrong, as the peer is told.

use alloc::string::String;
use core::fmt;

use super::Fields;
use super::composite::composite;
use crate::wire::Symbol;

composite! {
    /// §2.8.14, `00 53 1d`.
    pub Error = ERROR "error" {
        /// Which error; [`condition`](super::condition) has all we send.
        required condition: Symbol,
        /// What happened, for people.
        optional description: String,
        /// More about it, for programs.
        default(Fields::new()) info: Fields,
    }
}

impl Error {
    /// An error with a text.
    #[must_use]
    pub fn new(condition: Symbol, description: impl Into<String>) -> Self {
        Self { condition, description: Some(description.into()), info: Fields::new() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{}: {description}", self.condition),
            None => self.condition.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<Symbol> for Error {
    fn from(condition: Symbol) -> Self {
        Self { condition, description: None, info: Fields::new() }
    }
}

impl From<&crate::violation::Violation> for Error {
    fn from(violation: &crate::violation::Violation) -> Self {
        let (_, condition) = violation.reach();
        Self::new(condition, alloc::format!("{violation}"))
    }
}
