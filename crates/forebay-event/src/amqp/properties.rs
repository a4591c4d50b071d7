//! The properties section (OASIS AMQP 1.0 §3.2.4) and the text forms of its fields (`docs/reference/event.md` §2).

use forebay_amqp::wire::{Reader, ValueRef, Writer, format};

use super::compound::Compound;
use super::damage::Damage;
use crate::batch::header_len;
use crate::decimal::{Decimal, parse_shortest};
use crate::record::Headers;

/// The type that the specification gives a field; of message-id and correlation-id the usual one of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldType {
    String,
    Symbol,
    Binary,
    Timestamp,
    Uint,
}

/// How many fields there are.
pub(super) const FIELD_COUNT: u32 = 13;

const FIELDS: [(&str, FieldType); FIELD_COUNT as usize] = [
    ("message-id", FieldType::String),
    ("user-id", FieldType::Binary),
    ("to", FieldType::String),
    ("subject", FieldType::String),
    ("reply-to", FieldType::String),
    ("correlation-id", FieldType::String),
    ("content-type", FieldType::Symbol),
    ("content-encoding", FieldType::Symbol),
    ("absolute-expiry-time", FieldType::Timestamp),
    ("creation-time", FieldType::Timestamp),
    ("group-id", FieldType::String),
    ("group-sequence", FieldType::Uint),
    ("reply-to-group-id", FieldType::String),
];

/// A properties section in which at least one field is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Properties<'a> {
    /// The fields as they were sent.
    pub(super) list: Compound<'a>,
    /// Which fields have a text form.
    pub(super) mask: u16,
    /// A field does not have its usual type, so the text forms alone do not say it.
    pub(super) is_unusual: bool,
    /// Bytes of the text forms as they are in a record's headers.
    pub(super) headers_len: usize,
}

impl<'a> Properties<'a> {
    /// Reads the section's value; `None` if no field is set.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let mut properties = Self { list: Compound::of(value), mask: 0, is_unusual: false, headers_len: 0 };
        let mut any_set = false;
        for (i, (name, field_type), field) in properties.fields() {
            any_set = true;
            properties.is_unusual |= !is_usual(&field, field_type);
            if let Some(text) = TextForm::of(&field, field_type) {
                properties.mask |= 1 << i;
                properties.headers_len += header_len(name.len(), Some(text.len()));
            }
        }
        any_set.then_some(properties)
    }

    /// The fields that are set.
    fn fields(&self) -> impl Iterator<Item = (usize, (&'static str, FieldType), ValueRef<'a>)> + use<'a> {
        let fields = FIELDS.iter().zip(self.list.values()).enumerate();
        fields.filter(|(_, (_, field))| *field != [format::NULL]).filter_map(|(i, (field, value))| {
            // The value has been proved to be well-formed.
            Some((i, *field, ValueRef::read(&mut Reader::new(value)).ok()?))
        })
    }

    /// Gives each field's name and text form to `header`.
    pub(super) fn for_each_header(&self, mut header: impl FnMut(&str, TextForm<'a>)) {
        for (_, (name, field_type), value) in self.fields() {
            if let Some(text) = TextForm::of(&value, field_type) {
                header(name, text);
            }
        }
    }
}

const fn is_usual(value: &ValueRef<'_>, field_type: FieldType) -> bool {
    match value {
        ValueRef::String(_) => matches!(field_type, FieldType::String),
        ValueRef::Symbol(_) => matches!(field_type, FieldType::Symbol),
        ValueRef::Binary(_) => matches!(field_type, FieldType::Binary),
        ValueRef::Timestamp(_) => matches!(field_type, FieldType::Timestamp),
        ValueRef::Uint(_) => matches!(field_type, FieldType::Uint),
        _ => false,
    }
}

/// How a field is written for Kafka readers.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextForm<'a> {
    Bytes(&'a [u8]),
    Hex(&'a [u8]),
    Number(Decimal),
    Uuid([u8; 16]),
}

impl<'a> TextForm<'a> {
    /// `None` if the value's type has no text form.
    fn of(value: &ValueRef<'a>, field_type: FieldType) -> Option<Self> {
        Some(match *value {
            ValueRef::String(text) | ValueRef::Symbol(text) => Self::Bytes(text.as_bytes()),
            ValueRef::Binary(bytes) if field_type == FieldType::Binary => Self::Bytes(bytes),
            ValueRef::Binary(bytes) => Self::Hex(bytes),
            ValueRef::Timestamp(millis) => Self::Number(Decimal::signed(millis)),
            ValueRef::Ulong(number) => Self::Number(Decimal::unsigned(number)),
            ValueRef::Uuid(bytes) => Self::Uuid(bytes),
            ref value => Self::Number(Decimal::signed(value.as_i64()?)),
        })
    }

    /// Bytes of the text.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Hex(bytes) => 2 * bytes.len(),
            Self::Number(number) => number.as_bytes().len(),
            Self::Uuid(_) => 36,
        }
    }

    /// Appends the text.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Hex(bytes) => out.extend(bytes.iter().flat_map(|byte| hex(*byte))),
            Self::Number(number) => out.extend_from_slice(number.as_bytes()),
            Self::Uuid(bytes) => {
                for (i, byte) in bytes.iter().enumerate() {
                    if matches!(i, 4 | 6 | 8 | 10) {
                        out.push(b'-');
                    }
                    out.extend_from_slice(&hex(*byte));
                }
            }
        }
    }
}

fn hex(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })
}

/// Takes the headers that `mask` says off the front of `headers` and looks at their names only: the section is in `fb.s`.
pub(super) fn skip_headers(mask: u16, headers: &mut Headers<'_>) -> Result<(), Damage> {
    for i in (0..16).filter(|i| mask & 1 << i != 0) {
        field_header(i, headers)?;
    }
    Ok(())
}

/// Takes the headers that `mask` says off the front of `headers` and appends the fields they stand for as a list.
pub(super) fn put_from_headers(
    mask: u16,
    headers: &mut Headers<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    let mut writer = Writer::new(out);
    let open = writer.begin_list();
    let count = 16 - mask.leading_zeros();
    for i in 0..count {
        if mask & 1 << i == 0 {
            writer.null();
            continue;
        }
        let (field_type, text) = field_header(i, headers)?;
        let no_value = || Damage::PropertyText(i as u8);
        match field_type {
            FieldType::String => writer.string(str::from_utf8(text).map_err(|_| no_value())?),
            FieldType::Symbol => {
                let text = str::from_utf8(text).ok().filter(|text| text.is_ascii());
                writer.symbol(text.ok_or_else(no_value)?);
            }
            FieldType::Binary => writer.binary(text),
            FieldType::Timestamp => writer.timestamp(parse_shortest(text).ok_or_else(no_value)?),
            FieldType::Uint => {
                let number = parse_shortest(text).and_then(|number| u32::try_from(number).ok());
                writer.uint(number.ok_or_else(no_value)?);
            }
        }
    }
    writer.end(open, count);
    Ok(())
}

fn field_header<'a>(field: u32, headers: &mut Headers<'a>) -> Result<(FieldType, &'a [u8]), Damage> {
    let (name, field_type) = FIELDS.get(field as usize).ok_or(Damage::MetaFlags)?;
    let (found, text) = headers.next().ok_or(Damage::PropertyName(field as u8))??;
    if found != name.as_bytes() {
        return Err(Damage::PropertyName(field as u8));
    }
    Ok((*field_type, text.ok_or(Damage::NullHeader)?))
}
