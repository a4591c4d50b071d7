//! §3.5.8 Filter set: named predicates on a source.

use super::Fields;
use crate::error::DecodeError;
use crate::wire::{Decode, Described, Encode, Reader, Symbol, Value, Writer};

/// Filters by name, each a described value whose descriptor says its kind; null for none (§3.5.8).
///
/// The peer's set comes back as it was: an answer echoes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterSet(pub Fields);

impl FilterSet {
    /// No filters.
    #[must_use]
    pub const fn new() -> Self {
        Self(Fields::new())
    }

    /// Adds a filter.
    pub fn push(&mut self, name: Symbol, descriptor: Value, value: Value) {
        self.0.push(name, Value::described(descriptor, value));
    }

    /// The filter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Described> {
        match self.0.get(name) {
            Some(Value::Described(filter)) => Some(filter),
            _ => None,
        }
    }

    /// All filters that are described values, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Symbol, &Described)> {
        self.0.0.iter().filter_map(|(name, value)| match value {
            Value::Described(filter) => Some((name, &**filter)),
            _ => None,
        })
    }

    /// Whether there are no filters.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Decode<'_> for FilterSet {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Fields::decode(reader).map(Self)
    }
}

impl Encode for FilterSet {
    fn encode(&self, writer: &mut Writer<'_>) {
        self.0.encode(writer);
    }
}
