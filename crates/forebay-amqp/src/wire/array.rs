//! An array that owns its bytes (§1.6.24).

use alloc::vec::Vec;

use super::compound::{ArrayItems, ArrayRef, Claimed};
use super::format;
use super::reader::Reader;
use super::scalar::{Decode, Encode};
use super::validate::validate_array;
use super::value::Value;
use super::writer::{Writer, length};
use crate::error::DecodeError;

/// An array, kept as it is encoded: constructor and elements. So it comes back exactly as it was, and costs
/// no more than the bytes it came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    count: u32,
    /// The constructor, then the elements without. Checked wholly when it was made.
    body: Vec<u8>,
}

impl Array {
    /// An array of these values, in the widest form of their type. `None` if their types differ, or if one is
    /// described.
    #[must_use]
    pub fn from_values(values: &[Value]) -> Option<Self> {
        let mut body = Vec::new();
        let mut writer = Writer::new(&mut body);
        for (index, value) in values.iter().enumerate() {
            let code = wide_code(value)?;
            if index == 0 {
                writer.raw(&[code]);
            } else if writer.buffer().first() != Some(&code) {
                return None;
            }
            write_wide(value, &mut writer);
        }
        if values.is_empty() {
            writer.raw(&[format::NULL]);
        }
        Some(Self { count: u32::try_from(values.len()).ok()?, body })
    }

    /// An array of strings.
    #[must_use]
    pub fn of_strings<'s>(items: impl IntoIterator<Item = &'s str>) -> Self {
        Self::of_text(format::STRING_32, items)
    }

    /// An array of symbols; the texts must be ASCII.
    #[must_use]
    pub fn of_symbols<'s>(items: impl IntoIterator<Item = &'s str>) -> Self {
        Self::of_text(format::SYMBOL_32, items)
    }

    fn of_text<'s>(code: u8, items: impl IntoIterator<Item = &'s str>) -> Self {
        let mut body = Vec::from([code]);
        let mut count = 0_u32;
        for item in items {
            debug_assert!(code != format::SYMBOL_32 || item.is_ascii(), "a symbol is ASCII");
            body.extend_from_slice(&length(item.len()).to_be_bytes());
            body.extend_from_slice(item.as_bytes());
            count = count.saturating_add(1);
        }
        Self { count, body }
    }

    /// Copies an array, after it was looked at wholly.
    pub(super) fn copy_of(array: &ArrayRef<'_>) -> Result<Self, DecodeError> {
        let body = array.body();
        validate_array(&mut body.clone(), array.len())?;
        Ok(Self { count: array.len(), body: Vec::from(body.rest()) })
    }

    /// As a borrowed array.
    #[must_use]
    pub fn as_ref(&self) -> ArrayRef<'_> {
        // It was checked when it was made, so the fallback is never taken.
        ArrayRef::from_body(&mut Reader::new(&self.body), Claimed::new(self.count)).unwrap_or(ArrayRef::EMPTY)
    }

    /// The elements.
    #[must_use]
    pub fn iter(&self) -> ArrayItems<'_> {
        self.as_ref().iter()
    }

    /// The number of elements.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has no elements.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Encode for Array {
    fn encode(&self, writer: &mut Writer<'_>) {
        let open = writer.begin_array();
        writer.raw(&self.body);
        writer.end(open, self.count);
    }
}

impl Decode<'_> for Array {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::copy_of(&ArrayRef::decode(reader)?)
    }
}

/// The constructor that holds every value of a type.
const fn wide_code(value: &Value) -> Option<u8> {
    Some(match value {
        Value::Null => format::NULL,
        Value::Boolean(_) => format::BOOLEAN,
        Value::Ubyte(_) => format::UBYTE,
        Value::Ushort(_) => format::USHORT,
        Value::Uint(_) => format::UINT,
        Value::Ulong(_) => format::ULONG,
        Value::Byte(_) => format::BYTE,
        Value::Short(_) => format::SHORT,
        Value::Int(_) => format::INT,
        Value::Long(_) => format::LONG,
        Value::Float(_) => format::FLOAT,
        Value::Double(_) => format::DOUBLE,
        Value::Decimal32(_) => format::DECIMAL_32,
        Value::Decimal64(_) => format::DECIMAL_64,
        Value::Decimal128(_) => format::DECIMAL_128,
        Value::Char(_) => format::CHAR,
        Value::Timestamp(_) => format::TIMESTAMP,
        Value::Uuid(_) => format::UUID,
        Value::Binary(_) => format::BINARY_32,
        Value::String(_) => format::STRING_32,
        Value::Symbol(_) => format::SYMBOL_32,
        Value::List(_) => format::LIST_32,
        Value::Map(_) => format::MAP_32,
        Value::Array(_) => format::ARRAY_32,
        Value::Described(_) => return None,
    })
}

/// The data of a value in the form of [`wide_code`].
fn write_wide(value: &Value, writer: &mut Writer<'_>) {
    match value {
        Value::Null | Value::Described(_) => {}
        Value::Boolean(value) => writer.raw(&[u8::from(*value)]),
        Value::Ubyte(value) => writer.raw(&value.to_be_bytes()),
        Value::Ushort(value) => writer.raw(&value.to_be_bytes()),
        Value::Uint(value) => writer.raw(&value.to_be_bytes()),
        Value::Ulong(value) => writer.raw(&value.to_be_bytes()),
        Value::Byte(value) => writer.raw(&value.to_be_bytes()),
        Value::Short(value) => writer.raw(&value.to_be_bytes()),
        Value::Int(value) => writer.raw(&value.to_be_bytes()),
        Value::Long(value) | Value::Timestamp(value) => writer.raw(&value.to_be_bytes()),
        Value::Float(value) => writer.raw(&value.to_be_bytes()),
        Value::Double(value) => writer.raw(&value.to_be_bytes()),
        Value::Decimal32(bytes) => writer.raw(bytes),
        Value::Decimal64(bytes) => writer.raw(bytes),
        Value::Decimal128(bytes) | Value::Uuid(bytes) => writer.raw(bytes),
        Value::Char(value) => writer.raw(&u32::from(*value).to_be_bytes()),
        Value::Binary(bytes) => sized(bytes, writer),
        Value::String(text) => sized(text.as_bytes(), writer),
        Value::Symbol(text) => sized(text.as_bytes(), writer),
        Value::List(items) => counted(length(items.len()), writer, |writer| {
            items.iter().for_each(|item| item.encode(writer));
        }),
        Value::Map(pairs) => counted(length(pairs.len()).saturating_mul(2), writer, |writer| {
            for (key, value) in pairs {
                key.encode(writer);
                value.encode(writer);
            }
        }),
        Value::Array(array) => counted(array.count, writer, |writer| writer.raw(&array.body)),
    }
}

fn sized(bytes: &[u8], writer: &mut Writer<'_>) {
    writer.raw(&length(bytes.len()).to_be_bytes());
    writer.raw(bytes);
}

fn counted(count: u32, writer: &mut Writer<'_>, items: impl FnOnce(&mut Writer<'_>)) {
    let start = writer.position();
    writer.raw(&[0; 4]);
    writer.raw(&count.to_be_bytes());
    items(writer);
    let size = writer.position().saturating_sub(start).saturating_sub(4);
    if let Some(slot) = writer.buffer().get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *slot = length(size).to_be_bytes();
    }
}
