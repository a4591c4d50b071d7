//! Message annotations on their way in: what is dropped, what is added, and the partition key
//! (`docs/reference/event.md` §2 and §4).

use forebay_amqp::error::DecodeError;
use forebay_amqp::wire::{Decode, MapRef, Reader, ValueRef, format};

use super::keys::{Key, Pairs, any_twice};
use super::refusal::Refusal;
use super::{ENQUEUED_TIME, OFFSET, PARTITION_KEY, PUBLISHER, SEQUENCE_NUMBER};
use crate::batch::{Producer, header_len};

const PRODUCER_ID: &str = "com.microsoft:producer-id";
const PRODUCER_EPOCH: &str = "com.microsoft:producer-epoch";
const PRODUCER_SEQUENCE: &str = "com.microsoft:producer-sequence-number";

/// A partition key: the text, and the string as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartitionKey<'a> {
    pub(super) text: &'a str,
    pub(super) encoding: &'a [u8],
}

/// What an event gets that its message did not say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Added<'a> {
    Nothing,
    /// The publisher's name, as publisher and as partition key.
    Publisher(&'a str),
    /// The envelope's partition key.
    Key(PartitionKey<'a>),
}

/// An event's message annotations, less what is dropped, with what is added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Annotations<'a> {
    sent: Option<MapRef<'a>>,
    added: Added<'a>,
    /// How many entries there are.
    pub(super) count: u32,
    /// Bytes of all keys and values as they are in a map.
    pub(super) entries_len: usize,
    /// Bytes of all keys and values as they are in a record's headers.
    pub(super) headers_len: usize,
    /// A key is not a symbol, or comes twice.
    pub(super) is_odd: bool,
    /// The event's partition key, wherever from.
    pub(super) key: Option<&'a str>,
}

impl<'a> Annotations<'a> {
    /// Reads the section's value, if the message has one. `envelope_key` is what an event without a key gets; on a link of
    /// `publisher` all get the publisher's name.
    pub(super) fn read(
        value: Option<&'a [u8]>,
        publisher: Option<&'a str>,
        envelope_key: Option<PartitionKey<'a>>,
    ) -> Result<Self, Refusal> {
        let sent = value.map(|value| MapRef::decode(&mut Reader::new(value))).transpose()?;
        let own = match (publisher, sent) {
            (None, Some(sent)) => partition_key(sent)?,
            _ => None,
        };
        let added = match (publisher, own, envelope_key) {
            (Some(name), _, _) => Added::Publisher(name),
            (None, None, Some(key)) => Added::Key(key),
            (None, _, _) => Added::Nothing,
        };
        let key = match added {
            Added::Publisher(name) => Some(name),
            Added::Key(key) => Some(key.text),
            Added::Nothing => own.map(|key| key.text),
        };
        let mut annotations =
            Self { sent, added, count: 0, entries_len: 0, headers_len: 0, is_odd: false, key };
        if sent.is_some() || !matches!(added, Added::Nothing) {
            annotations.measure()?;
        }
        Ok(annotations)
    }

    fn measure(&mut self) -> Result<(), DecodeError> {
        for entry in self.sent() {
            let (key, value) = entry?;
            self.count += 1;
            self.entries_len += key.len() + value.len();
            match Key::read(key) {
                Key::Symbol(name) => self.headers_len += header_len(name.len(), Some(value.len())),
                _ => self.is_odd = true,
            }
        }
        // What is added has been dropped before, so it cannot come twice.
        let names = self.sent().filter_map(|entry| Key::read(entry.ok()?.0).text());
        self.is_odd = self.is_odd || any_twice(names.map(str::as_bytes));
        for (name, value) in self.added() {
            self.count += 1;
            self.entries_len += 2 + name.len() + value.len();
            self.headers_len += header_len(name.len(), Some(value.len()));
        }
        Ok(())
    }

    /// The entries that were sent and are kept, encoded.
    fn sent(&self) -> impl Iterator<Item = Result<(&'a [u8], &'a [u8]), DecodeError>> + Clone + use<'a> {
        let added = self.added;
        self.sent.into_iter().flat_map(|sent| Pairs(sent.raw())).filter(move |entry| {
            !entry.is_ok_and(|(key, _)| Key::read(key).text().is_some_and(|name| is_dropped(name, &added)))
        })
    }

    fn added(&self) -> impl Iterator<Item = (&'static str, Text<'a>)> + use<'a> {
        let (publisher, key) = match self.added {
            Added::Nothing => (None, None),
            Added::Publisher(name) => (Some(Text::Plain(name)), Some(Text::Plain(name))),
            Added::Key(key) => (None, Some(Text::Encoded(key.encoding))),
        };
        publisher.map(|name| (PUBLISHER, name)).into_iter().chain(key.map(|key| (PARTITION_KEY, key)))
    }

    /// Appends the entries as they are in a map, without the map's head.
    pub(super) fn put_entries(&self, out: &mut Vec<u8>) {
        for (key, value) in self.sent().flatten() {
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        }
        for (name, value) in self.added() {
            out.extend_from_slice(&[format::SYMBOL_8, name.len() as u8]);
            out.extend_from_slice(name.as_bytes());
            value.put(out);
        }
    }

    /// Gives each entry's name and value to `header`, for a map without odd keys.
    pub(super) fn for_each_header(&self, mut header: impl FnMut(&str, Text<'a>)) {
        for (key, value) in self.sent().flatten() {
            header(Key::read(key).text().unwrap_or_default(), Text::Encoded(value));
        }
        for (name, value) in self.added() {
            header(name, value);
        }
    }

    /// The fields of an idempotent producer, if all three are there with their types (`docs/reference/amqp.md` §5.6).
    pub(super) fn producer(&self) -> Option<Producer> {
        let (mut id, mut epoch, mut base_sequence) = (None, None, None);
        for (key, value) in self.sent().flatten() {
            let name = Key::read(key).text();
            match (name, ValueRef::read(&mut Reader::new(value)).ok()?) {
                (Some(PRODUCER_ID), ValueRef::Long(value)) => id = Some(value),
                (Some(PRODUCER_EPOCH), ValueRef::Short(value)) => epoch = Some(value),
                (Some(PRODUCER_SEQUENCE), ValueRef::Int(value)) => base_sequence = Some(value),
                _ => {}
            }
        }
        let producer = Producer { id: id?, epoch: epoch?, base_sequence: base_sequence? };
        (producer.id >= 0 && producer.epoch >= 0 && producer.base_sequence >= 0).then_some(producer)
    }
}

/// A string that goes into a map or header: text, or as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Plain(&'a str),
    Encoded(&'a [u8]),
}

impl Text<'_> {
    /// Bytes of the encoding.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Plain(text) if text.len() <= 255 => 2 + text.len(),
            Self::Plain(text) => 5 + text.len(),
            Self::Encoded(bytes) => bytes.len(),
        }
    }

    /// Appends the encoding.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Plain(text) => forebay_amqp::wire::Writer::new(out).string(text),
            Self::Encoded(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// Whether an annotation of this name is not kept. Where a partition key is added, the event's own (a null, an empty one,
/// or on a publisher's link any) gives way to it.
fn is_dropped(name: &str, added: &Added<'_>) -> bool {
    match name {
        SEQUENCE_NUMBER | OFFSET | ENQUEUED_TIME | PUBLISHER => true,
        PARTITION_KEY => !matches!(added, Added::Nothing),
        _ => false,
    }
}

/// The partition key among these annotations. A null or empty one counts as none.
pub(super) fn partition_key(sent: MapRef<'_>) -> Result<Option<PartitionKey<'_>>, Refusal> {
    let mut found = None;
    for entry in Pairs(sent.raw()) {
        let (key, encoding) = entry?;
        if Key::read(key).text() != Some(PARTITION_KEY) {
            continue;
        }
        if found.is_some() {
            return Err(Refusal::PartitionKeyTwice);
        }
        found = Some(match ValueRef::read(&mut Reader::new(encoding))? {
            ValueRef::Null => None,
            ValueRef::String(text) => (!text.is_empty()).then_some(PartitionKey { text, encoding }),
            _ => return Err(Refusal::PartitionKeyType),
        });
    }
    Ok(found.flatten())
}
