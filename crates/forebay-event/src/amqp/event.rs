//! One event: the sections of a message, checked, less what is dropped, with what is added
//! (`docs/reference/event.md` §2, "First").

use forebay_amqp::wire::format;

use super::annotations::{Annotations, PartitionKey};
use super::compound::Compound;
use super::keys::{Key, Names};
use super::properties::Properties;
use super::refusal::Refusal;
use super::section::{Check, DESCRIPTOR_BYTES, Section, SectionError, SectionKind, Sections, data};
use crate::batch::header_len;
use crate::varint::uvarint_len;

/// What an event gets from where it came, not from its message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Surroundings<'a> {
    /// The publisher whose link it came on.
    pub(super) publisher: Option<&'a str>,
    /// The partition key of the batch message around it.
    pub(super) envelope_key: Option<PartitionKey<'a>>,
}

/// An event's body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    None,
    /// Data sections.
    Data(Data<'a>),
    /// An amqp-value: its encoding.
    Value(&'a [u8]),
    /// Amqp-sequence sections: bytes of all, descriptors of three bytes included.
    Sequence {
        len: usize,
    },
}

/// The data sections of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data<'a> {
    /// The bytes of the first.
    pub(super) first: &'a [u8],
    /// How many there are.
    pub(super) sections: u32,
    /// Bytes of all.
    pub(super) len: usize,
    /// Bytes of the last.
    last_len: usize,
    /// Bytes that the lengths of all but the last take as varints.
    pub(super) lengths_len: usize,
}

impl<'a> Data<'a> {
    const fn first(first: &'a [u8]) -> Self {
        Self { first, sections: 1, len: first.len(), last_len: first.len(), lengths_len: 0 }
    }
}

/// The bytes of the commonest message, one data section and nothing else; `None` for any other.
fn only_data(message: &[u8]) -> Option<&[u8]> {
    const DATA: u8 = SectionKind::Data as u8;
    let (len, data) = match *message {
        [format::DESCRIBED, format::SMALL_ULONG, DATA, format::BINARY_8, len, ref data @ ..] => {
            (u32::from(len), data)
        }
        [format::DESCRIBED, format::SMALL_ULONG, DATA, format::BINARY_32, a, b, c, d, ref data @ ..] => {
            (u32::from_be_bytes([a, b, c, d]), data)
        }
        _ => return None,
    };
    (usize::try_from(len) == Ok(data.len())).then_some(data)
}

/// A header section; `None` if no field is set.
fn header(value: &[u8]) -> Option<Compound<'_>> {
    let header = Compound::of(value);
    header.values().any(|field| field != [format::NULL]).then_some(header)
}

/// A footer; `None` if it has no entries.
fn footer(value: &[u8]) -> Option<Compound<'_>> {
    Some(Compound::of(value)).filter(|footer| footer.count > 0)
}

/// The application properties, at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct ApplicationProperties<'a> {
    /// Keys and values as they were sent.
    pub(super) map: Compound<'a>,
    /// Bytes of all keys and values as they are in a record's headers.
    pub(super) headers_len: usize,
    /// A key is not a string, or comes twice.
    pub(super) is_odd: bool,
}

impl<'a> ApplicationProperties<'a> {
    fn read(value: &'a [u8]) -> Option<Self> {
        let map = Compound::of(value);
        if map.count == 0 {
            return None;
        }
        let mut properties = Self { map, headers_len: 0, is_odd: false };
        let mut names = Names::new();
        for (key, value) in map.pairs() {
            match Key::read(key) {
                Key::String(name) => {
                    properties.headers_len += header_len(name.len(), Some(value.len()));
                    names.add(name);
                }
                _ => properties.is_odd = true,
            }
        }
        let again = map.pairs().filter_map(|(key, _)| Key::read(key).text());
        properties.is_odd = properties.is_odd || names.any_twice(again);
        Some(properties)
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u32 {
        self.map.count / 2
    }

    /// Gives each entry's name and encoded value to `header`, for a map without odd keys.
    #[inline]
    pub(super) fn for_each_header(&self, mut header: impl FnMut(&[u8], &[u8])) {
        for (key, value) in self.map.pairs() {
            header(Key::read(key).text().unwrap_or_default(), value);
        }
    }
}

/// An event that may be stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'a> {
    /// The message that it was, for bodies of several sections.
    message: &'a [u8],
    pub(super) header: Option<Compound<'a>>,
    pub(super) annotations: Annotations<'a>,
    pub(super) properties: Option<Properties<'a>>,
    pub(super) application_properties: Option<ApplicationProperties<'a>>,
    pub(super) body: Body<'a>,
    pub(super) footer: Option<Compound<'a>>,
}

impl<'a> Event<'a> {
    /// Reads a whole message.
    pub(super) fn read(
        message: &'a [u8],
        surroundings: Surroundings<'a>,
        check: Check,
    ) -> Result<Self, Refusal> {
        let (mut header, mut annotations, mut properties) = (None, Compound::default(), None);
        let (mut application_properties, mut body, mut footer) = (None, Body::None, None);
        let mut seen = Seen::default();
        let sections = match only_data(message) {
            Some(data) => {
                body = Body::Data(Data::first(data));
                Sections::new(&[], check)
            }
            None => Sections::new(message, check),
        };
        for section in sections {
            let section = section?;
            seen.add(section.kind)?;
            let value = section.body;
            match section.kind {
                SectionKind::Header => header = self::header(value),
                SectionKind::DeliveryAnnotations => {}
                SectionKind::MessageAnnotations => annotations = Compound::of(value),
                SectionKind::Properties => properties = Properties::read(value),
                SectionKind::ApplicationProperties => {
                    application_properties = ApplicationProperties::read(value);
                }
                SectionKind::Footer => footer = self::footer(value),
                SectionKind::Data | SectionKind::AmqpSequence | SectionKind::AmqpValue => {
                    body.add(&section)?
                }
            }
        }
        let annotations = Annotations::read(annotations, surroundings.publisher, surroundings.envelope_key)?;
        Ok(Self { message, header, annotations, properties, application_properties, body, footer })
    }

    fn body_sections(&self, kind: SectionKind) -> impl Iterator<Item = Section<'a>> + use<'a> {
        Sections::new(self.message, Check::Done).flatten().filter(move |section| section.kind == kind)
    }

    /// The bytes of the data sections, in turn.
    pub(super) fn data(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.body_sections(SectionKind::Data).map(|section| data(&section))
    }

    /// The encoded lists of the sequence sections, in turn.
    pub(super) fn sequences(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.body_sections(SectionKind::AmqpSequence).map(|section| section.body)
    }
}

impl<'a> Body<'a> {
    fn add(&mut self, section: &Section<'a>) -> Result<(), Refusal> {
        let value = section.body;
        *self = match (&*self, section.kind) {
            (Self::None, SectionKind::AmqpValue) => Self::Value(value),
            (Self::None, SectionKind::AmqpSequence) => Self::Sequence { len: DESCRIPTOR_BYTES + value.len() },
            (Self::Sequence { len }, SectionKind::AmqpSequence) => {
                Self::Sequence { len: len + DESCRIPTOR_BYTES + value.len() }
            }
            (Self::None, SectionKind::Data) => Self::Data(Data::first(data(section))),
            (Self::Data(before), SectionKind::Data) => {
                let last_len = data(section).len();
                Self::Data(Data {
                    first: before.first,
                    sections: before.sections + 1,
                    len: before.len + last_len,
                    last_len,
                    lengths_len: before.lengths_len + uvarint_len(before.last_len as u64),
                })
            }
            _ => return Err(Refusal::TwoBodies),
        };
        Ok(())
    }
}

/// The kinds of section that have come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen(u16);

impl Seen {
    /// Notes a section.
    ///
    /// # Errors
    /// If it is one that may come once and has come before.
    pub(super) fn add(&mut self, kind: SectionKind) -> Result<(), SectionError> {
        let bit = 1 << (kind as u8 - SectionKind::Header as u8);
        if self.0 & bit != 0 && !matches!(kind, SectionKind::Data | SectionKind::AmqpSequence) {
            return Err(SectionError::Twice(kind));
        }
        self.0 |= bit;
        Ok(())
    }
}
