//! Any value (§1.1), owned: for open content such as properties, filters and management bodies.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::array::Array;
use super::compound::DescribedRef;
use super::reader::Reader;
use super::scalar::{Decode, Encode};
use super::symbol::Symbol;
use super::validate::validate_value;
use super::value_ref::ValueRef;
use super::writer::{Writer, length};
use crate::error::{DecodeError, DecodeFault};
use crate::limits::DEPTH_MAX;

/// A value with all that is in it. Decoding and encoding it again gives the same value of the same type.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// §1.6.1.
    #[default]
    Null,
    /// §1.6.2.
    Boolean(bool),
    /// §1.6.3.
    Ubyte(u8),
    /// §1.6.4.
    Ushort(u16),
    /// §1.6.5.
    Uint(u32),
    /// §1.6.6.
    Ulong(u64),
    /// §1.6.7.
    Byte(i8),
    /// §1.6.8.
    Short(i16),
    /// §1.6.9.
    Int(i32),
    /// §1.6.10.
    Long(i64),
    /// §1.6.11.
    Float(f32),
    /// §1.6.12.
    Double(f64),
    /// §1.6.13, as IEEE 754-2008 bytes.
    Decimal32([u8; 4]),
    /// §1.6.14, as IEEE 754-2008 bytes.
    Decimal64([u8; 8]),
    /// §1.6.15, as IEEE 754-2008 bytes.
    Decimal128([u8; 16]),
    /// §1.6.16.
    Char(char),
    /// §1.6.17: milliseconds since 1970 UTC.
    Timestamp(i64),
    /// §1.6.18.
    Uuid([u8; 16]),
    /// §1.6.19.
    Binary(Vec<u8>),
    /// §1.6.20.
    String(String),
    /// §1.6.21.
    Symbol(Symbol),
    /// §1.6.22.
    List(Vec<Self>),
    /// §1.6.23, in its order.
    Map(Vec<(Self, Self)>),
    /// §1.6.24.
    Array(Array),
    /// §1.2.
    Described(Box<Described>),
}

/// A descriptor and a value (§1.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// A ulong or a symbol, unless the peer invents.
    pub descriptor: Value,
    /// The value in the sense that the descriptor gives.
    pub value: Value,
}

impl Value {
    /// A described value.
    #[must_use]
    pub fn described(descriptor: Self, value: Self) -> Self {
        Self::Described(Box::new(Described { descriptor, value }))
    }

    /// The text of a string or symbol.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The number of any integer type, if it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Ubyte(value) => Some(i64::from(value)),
            Self::Ushort(value) => Some(i64::from(value)),
            Self::Uint(value) => Some(i64::from(value)),
            Self::Ulong(value) => i64::try_from(value).ok(),
            Self::Byte(value) => Some(i64::from(value)),
            Self::Short(value) => Some(i64::from(value)),
            Self::Int(value) => Some(i64::from(value)),
            Self::Long(value) => Some(value),
            _ => None,
        }
    }

    /// The value of the first key of a map that is this string or symbol.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    }
}

impl<'a> ValueRef<'a> {
    /// Copies the value with all that is in it.
    ///
    /// # Errors
    /// If something in it is malformed or deeper than [`DEPTH_MAX`].
    pub fn to_value(&self) -> Result<Value, DecodeError> {
        self.to_value_within(DEPTH_MAX)
    }

    /// Recurses at most `levels` deep. Buffers grow with the items that were really there.
    fn to_value_within(self, levels: usize) -> Result<Value, DecodeError> {
        let deeper = || levels.checked_sub(1).ok_or_else(|| DecodeError::new(DecodeFault::TooDeep, 0));
        Ok(match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Ubyte(value) => Value::Ubyte(value),
            Self::Ushort(value) => Value::Ushort(value),
            Self::Uint(value) => Value::Uint(value),
            Self::Ulong(value) => Value::Ulong(value),
            Self::Byte(value) => Value::Byte(value),
            Self::Short(value) => Value::Short(value),
            Self::Int(value) => Value::Int(value),
            Self::Long(value) => Value::Long(value),
            Self::Float(value) => Value::Float(value),
            Self::Double(value) => Value::Double(value),
            Self::Decimal32(bytes) => Value::Decimal32(bytes),
            Self::Decimal64(bytes) => Value::Decimal64(bytes),
            Self::Decimal128(bytes) => Value::Decimal128(bytes),
            Self::Char(value) => Value::Char(value),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Uuid(bytes) => Value::Uuid(bytes),
            Self::Binary(bytes) => Value::Binary(Vec::from(bytes)),
            Self::String(text) => Value::String(String::from(text)),
            Self::Symbol(text) => {
                Value::Symbol(Symbol::new(text).map_err(|_| DecodeError::new(DecodeFault::NotAscii, 0))?)
            }
            Self::List(list) => {
                let levels = deeper()?;
                let items = list.iter().map(|item| item?.to_value_within(levels));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Self::Map(map) => {
                let levels = deeper()?;
                let pairs = map.iter().map(|entry| {
                    let (key, value) = entry?;
                    Ok((key.to_value_within(levels)?, value.to_value_within(levels)?))
                });
                Value::Map(pairs.collect::<Result<_, DecodeError>>()?)
            }
            Self::Array(array) => Value::Array(Array::copy_of(&array)?),
            Self::Described(described) => described.to_value_within(deeper()?)?,
        })
    }
}

impl DescribedRef<'_> {
    fn to_value_within(self, levels: usize) -> Result<Value, DecodeError> {
        let descriptor = self.descriptor()?.to_value_within(levels)?;
        Ok(Value::described(descriptor, self.value()?.to_value_within(levels)?))
    }
}

/// Looks at the whole value first, so that nothing is built of a malformed one.
impl Decode<'_> for Value {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        validate_value(&mut reader.clone())?;
        ValueRef::read(reader)?.to_value()
    }
}

impl Encode for Value {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Null => writer.null(),
            Self::Boolean(value) => writer.boolean(*value),
            Self::Ubyte(value) => writer.ubyte(*value),
            Self::Ushort(value) => writer.ushort(*value),
            Self::Uint(value) => writer.uint(*value),
            Self::Ulong(value) => writer.ulong(*value),
            Self::Byte(value) => writer.byte(*value),
            Self::Short(value) => writer.short(*value),
            Self::Int(value) => writer.int(*value),
            Self::Long(value) => writer.long(*value),
            Self::Float(value) => writer.float(*value),
            Self::Double(value) => writer.double(*value),
            Self::Decimal32(bytes) => writer.decimal32(*bytes),
            Self::Decimal64(bytes) => writer.decimal64(*bytes),
            Self::Decimal128(bytes) => writer.decimal128(*bytes),
            Self::Char(value) => writer.char(*value),
            Self::Timestamp(millis) => writer.timestamp(*millis),
            Self::Uuid(bytes) => writer.uuid(*bytes),
            Self::Binary(bytes) => writer.binary(bytes),
            Self::String(text) => writer.string(text),
            Self::Symbol(text) => writer.symbol(text),
            Self::List(items) => writer.list(length(items.len()), |writer| {
                items.iter().for_each(|item| item.encode(writer));
            }),
            Self::Map(pairs) => writer.map(length(pairs.len()), |writer| {
                for (key, value) in pairs {
                    key.encode(writer);
                    value.encode(writer);
                }
            }),
            Self::Array(array) => array.encode(writer),
            Self::Described(described) => {
                writer.raw(&[super::format::DESCRIBED]);
                described.descriptor.encode(writer);
                described.value.encode(writer);
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(String::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Symbol> for Value {
    fn from(symbol: Symbol) -> Self {
        Self::Symbol(symbol)
    }
}
