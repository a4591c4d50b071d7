//! Message annotations on their way in: what is dropped, what is added, and the partition key
//! (`docs/reference/event.md` §2 and §4).

use forebay_amqp::wire::{Reader, ValueRef, format};

use super::compound::Compound;
use super::keys::{Key, Names};
use super::refusal::Refusal;
use super::{ENQUEUED_TIME, OFFSET, PARTITION_KEY, PUBLISHER, SEQUENCE_NUMBER};
use crate::batch::{Producer, header_len};

/// How the names of an idempotent producer's three fields begin.
const PRODUCER: &[u8] = b"com.microsoft:producer-";

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
    sent: Compound<'a>,
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
        sent: Compound<'a>,
        publisher: Option<&'a str>,
        envelope_key: Option<PartitionKey<'a>>,
    ) -> Result<Self, Refusal> {
        let own = if publisher.is_some() { None } else { partition_key(sent)? };
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
        if sent.count > 0 {
            annotations.measure_sent();
        }
        for (name, value) in annotations.added() {
            annotations.count += 1;
            annotations.entries_len += 2 + name.len() + value.len();
            annotations.headers_len += header_len(name.len(), Some(value.len()));
        }
        Ok(annotations)
    }

    fn measure_sent(&mut self) {
        let mut names = Names::new();
        for (key, value) in self.sent() {
            self.count += 1;
            self.entries_len += key.len() + value.len();
            match Key::read(key) {
                Key::Symbol(name) => {
                    self.headers_len += header_len(name.len(), Some(value.len()));
                    names.add(name);
                }
                _ => self.is_odd = true,
            }
        }
        // What is added has been dropped before, so it cannot come twice.
        let again = self.sent().filter_map(|(key, _)| Key::read(key).text());
        self.is_odd = self.is_odd || names.any_twice(again);
    }

    /// The entries that were sent and are kept, encoded.
    fn sent(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let key_is_dropped = !matches!(self.added, Added::Nothing);
        self.sent.pairs().filter(move |(key, _)| {
            !Key::read(key).text().is_some_and(|name| is_dropped(name, key_is_dropped))
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
        for (key, value) in self.sent() {
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
    pub(super) fn for_each_header(&self, mut header: impl FnMut(&[u8], Text<'a>)) {
        for (key, value) in self.sent() {
            header(Key::read(key).text().unwrap_or_default(), Text::Encoded(value));
        }
        for (name, value) in self.added() {
            header(name.as_bytes(), value);
        }
    }

    /// The fields of an idempotent producer, if all three are there with their types (`docs/reference/amqp.md` §5.6).
    pub(super) fn producer(&self) -> Option<Producer> {
        let (mut id, mut epoch, mut base_sequence) = (None, None, None);
        for (key, value) in self.sent.pairs() {
            let Some(name) = Key::read(key).text().and_then(|name| name.strip_prefix(PRODUCER)) else {
                continue;
            };
            match (name, ValueRef::read(&mut Reader::new(value)).ok()?) {
                (b"id", ValueRef::Long(value)) => id = Some(value),
                (b"epoch", ValueRef::Short(value)) => epoch = Some(value),
                (b"sequence-number", ValueRef::Int(value)) => base_sequence = Some(value),
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

/// The annotations that are the service's to give.
const SERVICE: [&str; 4] = [SEQUENCE_NUMBER, OFFSET, ENQUEUED_TIME, PUBLISHER];

/// Whether an annotation of this name is not kept. Where a partition key is added, the event's own (a null, an empty one,
/// or on a publisher's link any) gives way to it.
#[inline]
fn is_dropped(name: &[u8], key_is_dropped: bool) -> bool {
    name.starts_with(b"x-opt-")
        && (SERVICE.iter().any(|ours| ours.as_bytes() == name)
            || key_is_dropped && name == PARTITION_KEY.as_bytes())
}

/// The partition key among these annotations. A null or empty one counts as none.
pub(super) fn partition_key(sent: Compound<'_>) -> Result<Option<PartitionKey<'_>>, Refusal> {
    let mut found = None;
    for (key, encoding) in sent.pairs() {
        if Key::read(key).text() != Some(PARTITION_KEY.as_bytes()) {
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
