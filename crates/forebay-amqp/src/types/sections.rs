//! §3.2 Message format: walks a message section by section over the bytes it stands in, and writes sections.
//!
//! Sections may come in any order and any number: Python writes the delivery annotations after the footer
//! (`docs/reference/amqp.md` §10). What must not repeat is for the reader to say.

use super::DescriptorCode;
use crate::error::{DecodeError, DecodeFault};
use crate::wire::{Encode, Reader, Symbol, Value, ValueRef, Writer, format, skip_value};

/// The sections of a message (§3.2.1-3.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SectionKind {
    /// §3.2.1, a list: [`Header`](super::Header).
    Header = 0x70,
    /// §3.2.2, a map.
    DeliveryAnnotations = 0x71,
    /// §3.2.3, a map.
    MessageAnnotations = 0x72,
    /// §3.2.4, a list: [`Properties`](super::Properties).
    Properties = 0x73,
    /// §3.2.5, a map.
    ApplicationProperties = 0x74,
    /// §3.2.6, a binary; one or several.
    Data = 0x75,
    /// §3.2.7, a list; one or several.
    AmqpSequence = 0x76,
    /// §3.2.8, any one value.
    AmqpValue = 0x77,
    /// §3.2.9, a map.
    Footer = 0x78,
}

impl SectionKind {
    /// The section that a descriptor names.
    #[must_use]
    pub const fn from_descriptor(code: DescriptorCode) -> Option<Self> {
        Some(match code {
            DescriptorCode::DATA => Self::Data,
            DescriptorCode::HEADER => Self::Header,
            DescriptorCode::DELIVERY_ANNOTATIONS => Self::DeliveryAnnotations,
            DescriptorCode::MESSAGE_ANNOTATIONS => Self::MessageAnnotations,
            DescriptorCode::PROPERTIES => Self::Properties,
            DescriptorCode::APPLICATION_PROPERTIES => Self::ApplicationProperties,
            DescriptorCode::AMQP_SEQUENCE => Self::AmqpSequence,
            DescriptorCode::AMQP_VALUE => Self::AmqpValue,
            DescriptorCode::FOOTER => Self::Footer,
            _ => return None,
        })
    }

    /// Its descriptor.
    #[must_use]
    pub const fn descriptor(self) -> DescriptorCode {
        match self {
            Self::Header => DescriptorCode::HEADER,
            Self::DeliveryAnnotations => DescriptorCode::DELIVERY_ANNOTATIONS,
            Self::MessageAnnotations => DescriptorCode::MESSAGE_ANNOTATIONS,
            Self::Properties => DescriptorCode::PROPERTIES,
            Self::ApplicationProperties => DescriptorCode::APPLICATION_PROPERTIES,
            Self::Data => DescriptorCode::DATA,
            Self::AmqpSequence => DescriptorCode::AMQP_SEQUENCE,
            Self::AmqpValue => DescriptorCode::AMQP_VALUE,
            Self::Footer => DescriptorCode::FOOTER,
        }
    }

    /// Whether its value may have this constructor.
    #[inline]
    const fn takes(self, code: u8) -> bool {
        match self {
            Self::Data => matches!(code, format::BINARY_8 | format::BINARY_32),
            Self::Header | Self::Properties | Self::AmqpSequence => {
                matches!(code, format::LIST_0 | format::LIST_8 | format::LIST_32)
            }
            Self::DeliveryAnnotations
            | Self::MessageAnnotations
            | Self::ApplicationProperties
            | Self::Footer => {
                matches!(code, format::MAP_8 | format::MAP_32)
            }
            Self::AmqpValue => true,
        }
    }
}

/// One section of a message.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Which.
    pub kind: SectionKind,
    /// All its bytes, descriptor included.
    pub whole: &'a [u8],
    /// The bytes of its value, constructor included.
    pub body: &'a [u8],
    /// The offset of `body` in the message.
    offset: usize,
}

impl<'a> Section<'a> {
    /// A reader at its value.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        Reader::new(self.body)
    }

    /// Its value.
    ///
    /// # Errors
    /// If the value is malformed; the inside of a compound is not looked at yet.
    pub fn value(&self) -> Result<ValueRef<'a>, DecodeError> {
        ValueRef::read(&mut self.reader())
    }

    /// The bytes of a data section; `None` for another.
    #[inline]
    #[must_use]
    pub fn data(&self) -> Option<&'a [u8]> {
        match (self.kind, self.value()) {
            (SectionKind::Data, Ok(ValueRef::Binary(bytes))) => Some(bytes),
            _ => None,
        }
    }

    /// The offset of [`Section::body`] in the message, in bytes.
    #[must_use]
    pub const fn body_offset(&self) -> usize {
        self.offset
    }
}

/// The sections of a message in turn; after the first error, nothing more. Allocates nothing; what a section
/// holds is stepped over, not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    reader: Reader<'a>,
}

impl<'a> Sections<'a> {
    /// The sections of `message`, which holds nothing else.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { reader: Reader::new(message) }
    }

    #[inline]
    fn read(&mut self) -> Result<Section<'a>, DecodeError> {
        let start = self.reader;
        let code = DescriptorCode::read(&mut self.reader)?;
        let Some(kind) = SectionKind::from_descriptor(code) else {
            return Err(start.error(DecodeFault::UnexpectedDescriptor));
        };
        let value = self.reader;
        skip_value(&mut self.reader)?;
        let body = self.reader.bytes_since(&value);
        match body.first() {
            Some(&code) if kind.takes(code) => {}
            code => return Err(value.error(DecodeFault::WrongType(code.copied().unwrap_or_default()))),
        }
        Ok(Section { kind, whole: self.reader.bytes_since(&start), body, offset: value.position() })
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let section = self.read();
        if let Err(error) = section {
            self.reader = Reader::new(&[]);
            return Some(Err(error.named("message section")));
        }
        Some(section)
    }
}

/// Writes a section whose value `body` writes.
#[inline]
pub fn write_section(writer: &mut Writer<'_>, kind: SectionKind, body: impl FnOnce(&mut Writer<'_>)) {
    writer.descriptor(kind.descriptor().0);
    body(writer);
}

/// Writes a data section (§3.2.6).
#[inline]
pub fn write_data(writer: &mut Writer<'_>, bytes: &[u8]) {
    write_section(writer, SectionKind::Data, |writer| writer.binary(bytes));
}

/// Writes an amqp-value section (§3.2.8).
pub fn write_value(writer: &mut Writer<'_>, value: &Value) {
    write_section(writer, SectionKind::AmqpValue, |writer| value.encode(writer));
}

/// Writes a section of annotations or a footer (§3.2.10): a map whose keys are symbols.
pub fn write_annotations<'s>(
    writer: &mut Writer<'_>,
    kind: SectionKind,
    entries: impl IntoIterator<Item = (&'s Symbol, &'s Value)>,
) {
    write_section(writer, kind, |writer| write_map(writer, entries, |writer, key| writer.symbol(key)));
}

/// Writes application properties (§3.2.5): a map whose keys are strings.
pub fn write_application_properties<'s>(
    writer: &mut Writer<'_>,
    entries: impl IntoIterator<Item = (&'s str, &'s Value)>,
) {
    write_section(writer, SectionKind::ApplicationProperties, |writer| {
        write_map(writer, entries, |writer, key| writer.string(key));
    });
}

fn write_map<'s, K>(
    writer: &mut Writer<'_>,
    entries: impl IntoIterator<Item = (K, &'s Value)>,
    write_key: impl Fn(&mut Writer<'_>, K),
) {
    let map = writer.begin_map();
    let mut count = 0_u32;
    for (key, value) in entries {
        write_key(writer, key);
        value.encode(writer);
        count = count.saturating_add(2);
    }
    writer.end(map, count);
}
