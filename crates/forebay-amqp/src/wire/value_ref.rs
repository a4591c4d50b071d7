//! Any value (§1.1), borrowed from the bytes it stands in.

use super::compound::{ArrayRef, DescribedRef, ListRef, MapRef};
use super::format;
use super::reader::Reader;
use super::scalar::{Decode, ascii, utf8};
use super::skip::data_of;
use crate::error::{DecodeError, DecodeFault};

/// A value of exactly the type it has on the wire. Scalars and text are checked; what is inside a compound is
/// read, and checked, when it is iterated.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// §1.6.1.
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
    Binary(&'a [u8]),
    /// §1.6.20.
    String(&'a str),
    /// §1.6.21: ASCII.
    Symbol(&'a str),
    /// §1.6.22.
    List(ListRef<'a>),
    /// §1.6.23.
    Map(MapRef<'a>),
    /// §1.6.24.
    Array(ArrayRef<'a>),
    /// §1.2: a descriptor and a value.
    Described(DescribedRef<'a>),
}

impl<'a> ValueRef<'a> {
    /// Reads the next value, whatever it is.
    ///
    /// # Errors
    /// If it is malformed; the inside of a compound is not looked at yet.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        match reader.u8()? {
            format::DESCRIBED => {
                // Before anything else, because the chain of descriptions is bounded there.
                super::skip_value(&mut start.clone())?;
                DescribedRef::read(reader).map(Self::Described)
            }
            code => Self::read_data(code, reader),
        }
    }

    /// Reads what follows the constructor `code`.
    pub(super) fn read_data(code: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        let Some(layout) = format::layout(code) else {
            return Err(reader.error(DecodeFault::UnknownConstructor(code)));
        };
        Ok(match code {
            format::TRUE => Self::Boolean(true),
            format::FALSE => Self::Boolean(false),
            format::BOOLEAN => match reader.u8()? {
                0 => Self::Boolean(false),
                1 => Self::Boolean(true),
                _ => return Err(start.error(DecodeFault::OutOfRange)),
            },
            format::UBYTE => Self::Ubyte(reader.u8()?),
            format::USHORT => Self::Ushort(reader.u16()?),
            format::UINT_0 => Self::Uint(0),
            format::SMALL_UINT => Self::Uint(u32::from(reader.u8()?)),
            format::UINT => Self::Uint(reader.u32()?),
            format::ULONG_0 => Self::Ulong(0),
            format::SMALL_ULONG => Self::Ulong(u64::from(reader.u8()?)),
            format::ULONG => Self::Ulong(reader.u64()?),
            format::BYTE => Self::Byte(i8::from_be_bytes(reader.take_array()?)),
            format::SHORT => Self::Short(i16::from_be_bytes(reader.take_array()?)),
            format::SMALL_INT => Self::Int(i32::from(i8::from_be_bytes(reader.take_array()?))),
            format::INT => Self::Int(i32::from_be_bytes(reader.take_array()?)),
            format::SMALL_LONG => Self::Long(i64::from(i8::from_be_bytes(reader.take_array()?))),
            format::LONG => Self::Long(i64::from_be_bytes(reader.take_array()?)),
            format::FLOAT => Self::Float(f32::from_be_bytes(reader.take_array()?)),
            format::DOUBLE => Self::Double(f64::from_be_bytes(reader.take_array()?)),
            format::DECIMAL_32 => Self::Decimal32(reader.take_array()?),
            format::DECIMAL_64 => Self::Decimal64(reader.take_array()?),
            format::DECIMAL_128 => Self::Decimal128(reader.take_array()?),
            format::CHAR => match char::from_u32(reader.u32()?) {
                Some(value) => Self::Char(value),
                None => return Err(start.error(DecodeFault::InvalidChar)),
            },
            format::TIMESTAMP => Self::Timestamp(i64::from_be_bytes(reader.take_array()?)),
            format::UUID => Self::Uuid(reader.take_array()?),
            format::BINARY_8 | format::BINARY_32 => Self::Binary(data_of(layout, reader)?.rest()),
            format::STRING_8 | format::STRING_32 => Self::String(utf8(data_of(layout, reader)?)?),
            format::SYMBOL_8 | format::SYMBOL_32 => Self::Symbol(ascii(data_of(layout, reader)?)?),
            format::LIST_0 => Self::List(ListRef::empty(reader)),
            format::LIST_8 | format::LIST_32 => Self::List(ListRef::read(layout, reader)?),
            format::MAP_8 | format::MAP_32 => Self::Map(MapRef::read(layout, reader)?),
            format::ARRAY_8 | format::ARRAY_32 => Self::Array(ArrayRef::read(layout, reader)?),
            _ => Self::Null,
        })
    }

    /// The text of a string or symbol.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text),
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
}

impl<'a> Decode<'a> for ValueRef<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Self::read(reader)
    }
}

macro_rules! compound_decode {
    ($($variant:ident($type:ident);)*) => {$(
        impl<'a> Decode<'a> for $type<'a> {
            fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                let start = *reader;
                match ValueRef::read(reader)? {
                    ValueRef::$variant(value) => Ok(value),
                    _ => Err(start.error(DecodeFault::WrongType(start.peek().unwrap_or_default()))),
                }
            }
        }
    )*};
}

compound_decode! {
    List(ListRef);
    Map(MapRef);
    Array(ArrayRef);
    Described(DescribedRef);
}
