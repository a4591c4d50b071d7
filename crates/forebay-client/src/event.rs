//! Events as messages: building them, packing them into batches, reading what the server added.

use forebay_amqp::error::DecodeError;
use forebay_amqp::types::sections::{
    SectionKind, Sections, write_annotations, write_application_properties, write_data,
};
use forebay_amqp::wire::{Symbol, Value, ValueRef, Writer};

use crate::consumer::Consumer;

/// `message-format` of a message that is one event.
pub const MESSAGE_FORMAT: u32 = 0;

/// `message-format` of a message whose data sections are events (docs/reference/amqp.md §5.4).
pub const BATCH_FORMAT: u32 = 0x8001_3700;

const PARTITION_KEY: Symbol = Symbol::from_static("x-opt-partition-key");

/// Bytes around an event in a batch at most: descriptor, constructor and length of a data section.
const DATA_SECTION_BYTES: usize = 8;

/// An event to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventData {
    /// One data section.
    pub body: Vec<u8>,
    /// Events with the same key go to the same partition.
    pub key: Option<String>,
    /// Application properties, in this order.
    pub properties: Vec<(String, Value)>,
}

impl EventData {
    /// An event with nothing but a body.
    #[must_use]
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// With a partition key.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// With an application property.
    #[must_use]
    pub fn with_property(mut self, name: &str, value: Value) -> Self {
        self.properties.push((name.to_owned(), value));
        self
    }

    /// Appends the encoded message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        write_key(&mut writer, self.key.as_deref());
        if !self.properties.is_empty() {
            let entries = self.properties.iter().map(|(name, value)| (name.as_str(), value));
            write_application_properties(&mut writer, entries);
        }
        write_data(&mut writer, &self.body);
    }

    /// The encoded message.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 64);
        self.encode(&mut out);
        out
    }
}

fn write_key(writer: &mut Writer<'_>, key: Option<&str>) {
    if let Some(key) = key {
        let value = Value::String(key.to_owned());
        write_annotations(writer, SectionKind::MessageAnnotations, [(&PARTITION_KEY, &value)]);
    }
}

/// Many events in one message. They are stored together in one partition, or none is.
#[derive(Debug, Clone)]
pub struct Batch {
    message: Vec<u8>,
    empty_bytes: usize,
    bytes_max: usize,
    events: u32,
}

impl Batch {
    /// An empty batch that will not grow beyond `bytes_max`; with `key`, all events go where that key goes.
    #[must_use]
    pub fn new(bytes_max: usize, key: Option<&str>) -> Self {
        let mut message = Vec::new();
        write_key(&mut Writer::new(&mut message), key);
        Self { empty_bytes: message.len(), message, bytes_max, events: 0 }
    }

    /// Adds an encoded event; `false`, and nothing is changed, if it does not fit any more.
    #[must_use]
    pub fn push(&mut self, event: &[u8]) -> bool {
        if self.message.len() + event.len() + DATA_SECTION_BYTES > self.bytes_max {
            return false;
        }
        write_data(&mut Writer::new(&mut self.message), event);
        self.events += 1;
        true
    }

    /// How many events are in it.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.events
    }

    /// Whether it has no events.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// The encoded message; its format is [`BATCH_FORMAT`].
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Takes all events out; the key stays.
    pub fn clear(&mut self) {
        self.message.truncate(self.empty_bytes);
        self.events = 0;
    }
}

/// An event as it came.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Whose.
    pub consumer: Consumer,
    /// The encoded message.
    pub message: &'a [u8],
}

/// What the server says about an event (docs/reference/amqp.md §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System<'a> {
    /// Its number in the partition, without gaps from 0.
    pub sequence: i64,
    /// Its offset, opaque.
    pub offset: &'a str,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub enqueued_millis: i64,
    /// Its partition key.
    pub partition_key: Option<&'a str>,
}

impl<'a> System<'a> {
    /// Reads it from an encoded message; what is missing or of another type is -1, or empty.
    ///
    /// # Errors
    /// The message is malformed.
    pub fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut system = Self { sequence: -1, offset: "", enqueued_millis: -1, partition_key: None };
        for section in Sections::new(message) {
            let section = section?;
            if section.kind != SectionKind::MessageAnnotations {
                continue;
            }
            let ValueRef::Map(map) = section.value()? else { continue };
            for entry in map.iter() {
                match entry? {
                    (ValueRef::Symbol("x-opt-sequence-number"), ValueRef::Long(number)) => {
                        system.sequence = number
                    }
                    (ValueRef::Symbol("x-opt-offset"), ValueRef::String(offset)) => system.offset = offset,
                    (ValueRef::Symbol("x-opt-enqueued-time"), ValueRef::Timestamp(millis)) => {
                        system.enqueued_millis = millis;
                    }
                    (ValueRef::Symbol("x-opt-partition-key"), ValueRef::String(key)) => {
                        system.partition_key = Some(key);
                    }
                    _ => {}
                }
            }
            break;
        }
        Ok(system)
    }
}

impl<'a> Received<'a> {
    /// The message section by section.
    #[must_use]
    pub const fn sections(&self) -> Sections<'a> {
        Sections::new(self.message)
    }

    /// What the server says about the event.
    ///
    /// # Errors
    /// The message is malformed.
    pub fn system(&self) -> Result<System<'a>, DecodeError> {
        System::read(self.message)
    }

    /// The bytes of the data sections, joined if there are several; `None` if the body is not data.
    ///
    /// # Errors
    /// The message is malformed.
    pub fn body(&self) -> Result<Option<Vec<u8>>, DecodeError> {
        let mut body: Option<Vec<u8>> = None;
        for section in self.sections() {
            if let Some(bytes) = section?.data() {
                body.get_or_insert_default().extend_from_slice(bytes);
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::LinkIndex;

    fn received(message: &[u8]) -> Received<'_> {
        Received { consumer: Consumer(LinkIndex(0)), message }
    }

    #[test]
    fn an_event_is_key_properties_and_body() {
        let event = EventData::new("b").with_key("k").with_property("n", Value::Int(1)).encoded();
        let kinds: Vec<_> = received(&event).sections().map(|section| section.unwrap().kind).collect();
        assert_eq!(
            kinds,
            [SectionKind::MessageAnnotations, SectionKind::ApplicationProperties, SectionKind::Data]
        );
        assert_eq!(received(&event).system().unwrap().partition_key, Some("k"));
        assert_eq!(received(&event).body().unwrap(), Some(b"b".to_vec()));
    }

    #[test]
    fn the_servers_annotations_are_read_whatever_surrounds_them() {
        let mut message = Vec::new();
        let annotations = [
            (Symbol::from_static("x-other"), Value::List(vec![Value::Null])),
            (Symbol::from_static("x-opt-sequence-number"), Value::Long(300)),
            (Symbol::from_static("x-opt-offset"), Value::String("300".to_owned())),
            (Symbol::from_static("x-opt-enqueued-time"), Value::Timestamp(1_700_000_000_000)),
        ];
        let entries = annotations.iter().map(|(key, value)| (key, value));
        write_annotations(&mut Writer::new(&mut message), SectionKind::MessageAnnotations, entries);
        write_data(&mut Writer::new(&mut message), b"x");
        assert_eq!(
            received(&message).system().unwrap(),
            System { sequence: 300, offset: "300", enqueued_millis: 1_700_000_000_000, partition_key: None }
        );
    }

    #[test]
    fn a_batch_stops_at_its_limit_and_can_be_filled_again() {
        let event = EventData::new(vec![b'x'; 100]).encoded();
        let mut batch = Batch::new(1000, Some("k"));
        let mut pushed = 0;
        while batch.push(&event) {
            pushed += 1;
        }
        assert!(pushed >= 8, "{pushed}");
        assert_eq!(batch.len(), pushed);
        assert!(batch.message().len() <= 1000);
        let events =
            received(batch.message()).sections().filter(|s| s.as_ref().unwrap().data() == Some(&event));
        assert_eq!(events.count(), pushed as usize);
        batch.clear();
        assert!(batch.is_empty() && batch.push(&event));
        assert_eq!(received(batch.message()).system().unwrap().partition_key, Some("k"));
    }
}
