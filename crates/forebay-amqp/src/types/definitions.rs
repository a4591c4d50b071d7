//! The small types that performatives are made of (§2.8).
//!
//! Codes from the wire are open types: an unknown one survives to the error and the log instead of failing
//! here.

use core::fmt;
use core::time::Duration;

use alloc::vec::Vec;

use crate::error::{DecodeError, DecodeFault};
use crate::wire::{Array, Decode, Encode, MapRef, Reader, Symbol, Value, ValueRef, Writer};

/// A number newtype with named constants, whose `Debug` prints the name or the number.
macro_rules! open_code {
    ($(#[$doc:meta])* $name:ident($repr:ty) { $($(#[$code_doc:meta])* $constant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            $($(#[$code_doc])* pub const $constant: Self = Self($code);)*

            /// Whether the specification names it.
            #[must_use]
            pub const fn is_known(self) -> bool {
                match self.0 {
                    $($code => true,)*
                    _ => false,
                }
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.0 {
                    $($code => f.write_str(stringify!($constant)),)*
                    code => write!(f, "{}({code:#x})", stringify!($name)),
                }
            }
        }

        impl $crate::wire::Decode<'_> for $name {
            #[inline]
            fn decode(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                <$repr>::decode(reader).map(Self)
            }
        }

        impl $crate::wire::Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut $crate::wire::Writer<'_>) {
                self.0.encode(writer);
            }
        }
    };
}
pub(crate) use open_code;

/// Which end of a link (§2.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sends transfers.
    Sender,
    /// Receives transfers.
    Receiver,
}

impl Role {
    /// The role of the other end.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

impl Decode<'_> for Role {
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        bool::decode(reader).map(|receiver| if receiver { Self::Receiver } else { Self::Sender })
    }
}

impl Encode for Role {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.boolean(matches!(self, Self::Receiver));
    }
}

open_code! {
    /// Whether a sender sends its deliveries settled (§2.8.2).
    SenderSettleMode(u8) {
        /// All unsettled.
        UNSETTLED = 0,
        /// All settled.
        SETTLED = 1,
        /// As it likes, delivery by delivery; the default.
        MIXED = 2,
    }
}

open_code! {
    /// When a receiver settles (§2.8.3).
    ReceiverSettleMode(u8) {
        /// At once; the default.
        FIRST = 0,
        /// After the sender has settled.
        SECOND = 1,
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl Decode<'_> for $name {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                <$repr>::decode(reader).map(Self)
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                self.0.encode(writer);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Names a link within a session and a direction (§2.8.4).
    Handle(u32)
}

number! {
    /// Names a session within a connection and a direction (§2.3.1).
    Channel(u16)
}

number! {
    /// A time span (§2.8.6).
    Milliseconds(u32)
}

/// A point in time (§1.6.17): milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Decode<'_> for Timestamp {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        match ValueRef::read(reader)? {
            ValueRef::Timestamp(millis) => Ok(Self(millis)),
            _ => Err(start.error(DecodeFault::WrongType(start.peek().unwrap_or_default()))),
        }
    }
}

impl Encode for Timestamp {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.timestamp(self.0);
    }
}

impl From<Milliseconds> for Duration {
    fn from(millis: Milliseconds) -> Self {
        Self::from_millis(u64::from(millis.0))
    }
}

impl From<Duration> for Milliseconds {
    /// Rounds down; saturates at about 49 days.
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    }
}

/// A map with symbols for keys (§2.8.13), in the peer's order. Null and the empty map are one: it is written
/// as null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(Symbol, Value)>);

impl Fields {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value)
    }

    /// Appends an entry.
    pub fn push(&mut self, key: Symbol, value: Value) {
        self.0.push((key, value));
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Decode<'_> for Fields {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        let mut entries = Vec::new();
        for entry in MapRef::decode(reader)?.iter() {
            let (key, value) = entry?;
            let Some(Ok(key)) = key.as_text().map(Symbol::new) else {
                return Err(start.error(DecodeFault::WrongType(start.peek().unwrap_or_default())));
            };
            entries.push((key, value.to_value()?));
        }
        Ok(Self(entries))
    }
}

impl Encode for Fields {
    fn encode(&self, writer: &mut Writer<'_>) {
        if self.is_empty() {
            return writer.null();
        }
        let map = writer.begin_map();
        let mut count = 0_u32;
        for (key, value) in &self.0 {
            writer.symbol(key);
            value.encode(writer);
            count = count.saturating_add(2);
        }
        writer.end(map, count);
    }
}

impl FromIterator<(Symbol, Value)> for Fields {
    fn from_iter<T: IntoIterator<Item = (Symbol, Value)>>(entries: T) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// A field that may hold several symbols (§1.4 `multiple="true"`): null, one symbol, or an array. None is
/// written as null, one and more as an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols(pub Vec<Symbol>);

impl Symbols {
    /// No symbols.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|symbol| symbol.as_str() == name)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Decode<'_> for Symbols {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        let symbol = |value: ValueRef<'_>| match value.as_text().map(Symbol::new) {
            Some(Ok(symbol)) => Ok(symbol),
            Some(Err(_)) => Err(start.error(DecodeFault::NotAscii)),
            None => Err(start.error(DecodeFault::WrongType(start.peek().unwrap_or_default()))),
        };
        match ValueRef::read(reader)? {
            // An array of nulls has no symbols in it, and no bytes to show for its count.
            ValueRef::Array(array) => {
                array.iter().map(|item| symbol(item?)).collect::<Result<_, _>>().map(Self)
            }
            // Not allowed, but some write it.
            ValueRef::List(list) => list.iter().map(|item| symbol(item?)).collect::<Result<_, _>>().map(Self),
            value => Ok(Self(Vec::from([symbol(value)?]))),
        }
    }
}

impl Encode for Symbols {
    fn encode(&self, writer: &mut Writer<'_>) {
        if self.is_empty() {
            writer.null();
        } else {
            writer.symbol_array(self.0.iter().map(Symbol::as_str));
        }
    }
}

impl FromIterator<Symbol> for Symbols {
    fn from_iter<T: IntoIterator<Item = Symbol>>(symbols: T) -> Self {
        Self(symbols.into_iter().collect())
    }
}

impl From<&Symbols> for Array {
    fn from(symbols: &Symbols) -> Self {
        Self::of_symbols(symbols.0.iter().map(Symbol::as_str))
    }
}
