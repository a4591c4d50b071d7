//! The primitive types (§1.6.1-1.6.21) as Rust types: [`Decode`] reads every form of one, [`Encode`] writes
//! the shortest.
//!
//! Reading is lenient where the meaning is plain: an unsigned field takes any unsigned form that holds a
//! fitting number, a signed field any signed one, a symbol may come as a string and the reverse.
//! [`ValueRef`](super::ValueRef) keeps the exact type.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::format;
use super::reader::Reader;
use super::skip::data_of;
use super::symbol::Symbol;
use super::writer::Writer;
use crate::error::{DecodeError, DecodeFault};

/// A type that is read from one value; what it borrows, it borrows from the input.
pub trait Decode<'a>: Sized {
    /// Reads the next value.
    ///
    /// # Errors
    /// If it is malformed, of another type, or out of range. The reader's place is then of no use.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// A type that is written as one value.
pub trait Encode {
    /// Appends the value.
    fn encode(&self, writer: &mut Writer<'_>);
}

/// `null` is `None`.
impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if reader.peek() == Some(format::NULL) {
            reader.u8()?;
            return Ok(None);
        }
        T::decode(reader).map(Some)
    }
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Some(value) => value.encode(writer),
            None => writer.null(),
        }
    }
}

/// Any unsigned integer (§1.6.3-1.6.6).
#[inline]
fn unsigned(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let start = *reader;
    match reader.u8()? {
        format::UINT_0 | format::ULONG_0 => Ok(0),
        format::SMALL_UINT | format::SMALL_ULONG | format::UBYTE => reader.u8().map(u64::from),
        format::USHORT => reader.u16().map(u64::from),
        format::UINT => reader.u32().map(u64::from),
        format::ULONG => reader.u64(),
        code => Err(start.error(DecodeFault::WrongType(code))),
    }
}

/// Any signed integer (§1.6.7-1.6.10).
fn signed(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let start = *reader;
    match reader.u8()? {
        format::SMALL_INT | format::SMALL_LONG | format::BYTE => {
            reader.take_array().map(|bytes| i64::from(i8::from_be_bytes(bytes)))
        }
        format::SHORT => reader.take_array().map(|bytes| i64::from(i16::from_be_bytes(bytes))),
        format::INT => reader.take_array().map(|bytes| i64::from(i32::from_be_bytes(bytes))),
        format::LONG => reader.take_array().map(i64::from_be_bytes),
        code => Err(start.error(DecodeFault::WrongType(code))),
    }
}

macro_rules! integers {
    ($($type:ty, $read:ident, $write:ident;)*) => {$(
        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                let start = *reader;
                Self::try_from($read(reader)?).map_err(|_| start.error(DecodeFault::OutOfRange))
            }
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                writer.$write(*self);
            }
        }
    )*};
}

integers! {
    u8, unsigned, ubyte;
    u16, unsigned, ushort;
    u32, unsigned, uint;
    u64, unsigned, ulong;
    i8, signed, byte;
    i16, signed, short;
    i32, signed, int;
    i64, signed, long;
}

/// §1.6.2, all three forms.
impl<'a> Decode<'a> for bool {
    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        match reader.u8()? {
            format::TRUE => Ok(true),
            format::FALSE => Ok(false),
            format::BOOLEAN => match reader.u8()? {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(start.error(DecodeFault::OutOfRange)),
            },
            code => Err(start.error(DecodeFault::WrongType(code))),
        }
    }
}

impl Encode for bool {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.boolean(*self);
    }
}

/// The data of a value whose constructor is one of `codes`.
#[inline]
fn data<'a>(reader: &mut Reader<'a>, codes: &[u8]) -> Result<Reader<'a>, DecodeError> {
    let start = *reader;
    let code = reader.u8()?;
    match format::layout(code) {
        Some(layout) if codes.contains(&code) => data_of(layout, reader),
        _ => Err(start.error(DecodeFault::WrongType(code))),
    }
}

/// Text in its four forms: string (§1.6.20) or symbol (§1.6.21).
impl<'a> Decode<'a> for &'a str {
    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let codes = [format::STRING_8, format::SYMBOL_8, format::STRING_32, format::SYMBOL_32];
        utf8(data(reader, &codes)?)
    }
}

impl Encode for str {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self);
    }
}

impl Encode for &str {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self);
    }
}

impl Decode<'_> for String {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        <&str>::decode(reader).map(ToOwned::to_owned)
    }
}

impl Encode for String {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self);
    }
}

impl Decode<'_> for Symbol {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        Self::new(<&str>::decode(reader)?).map_err(|_| start.error(DecodeFault::NotAscii))
    }
}

impl Encode for Symbol {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.symbol(self);
    }
}

/// §1.6.19.
impl<'a> Decode<'a> for &'a [u8] {
    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        data(reader, &[format::BINARY_8, format::BINARY_32]).map(|data| data.rest())
    }
}

impl Encode for &[u8] {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.binary(self);
    }
}

impl Decode<'_> for Vec<u8> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        <&[u8]>::decode(reader).map(ToOwned::to_owned)
    }
}

impl Encode for Vec<u8> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.binary(self);
    }
}

pub(super) fn utf8(data: Reader<'_>) -> Result<&str, DecodeError> {
    core::str::from_utf8(data.rest()).map_err(|_| data.error(DecodeFault::InvalidUtf8))
}

pub(super) fn ascii(data: Reader<'_>) -> Result<&str, DecodeError> {
    let text = utf8(data).map_err(|_| data.error(DecodeFault::NotAscii))?;
    if text.is_ascii() { Ok(text) } else { Err(data.error(DecodeFault::NotAscii)) }
}
