//! A message as it is sent: one event, or a batch message of many (`docs/reference/event.md` §4).

use super::BATCH_FORMAT;
use super::annotations::{PartitionKey, partition_key};
use super::compound::Compound;
use super::event::{Event, Seen, Surroundings};
use super::refusal::Refusal;
use super::section::{Check, SectionKind, Sections, data};
use super::store::Plan;
use crate::batch::{BatchBuf, HEADER_BYTES, Producer};
use crate::partition_key::partition_for;

/// The stored batch of one message may be this many times the hub's limit …
pub const STORED_BYTES_FACTOR: usize = 10;
/// … and so many bytes more.
pub const STORED_BYTES_SPARE: usize = 64 * 1024;

/// The most bytes that the stored batch of one message may have in a hub whose limit for messages is `max_bytes`.
///
/// The factor covers every legal message to which nothing is added; the worst is a batch of events that hold nothing but
/// a properties section whose 13 fields are one-byte numbers. A long publisher name or envelope key that is added to very
/// many tiny events may go beyond, and is refused ([`Refusal::StoredTooLarge`]).
#[must_use]
pub const fn stored_bytes_max(max_bytes: usize) -> usize {
    let max = max_bytes.saturating_mul(STORED_BYTES_FACTOR).saturating_add(STORED_BYTES_SPARE);
    // A batch's length is a signed 32-bit number.
    if max < i32::MAX as usize { max } else { i32::MAX as usize }
}

/// Where a message came in.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The publisher whose link it came on; its name becomes publisher and partition key of each event.
    pub publisher: Option<&'a str>,
    /// How many partitions the hub has, if partition keys decide where events go; `None` on a partition's link, where
    /// keys are kept and do not route.
    pub partition_count: Option<u32>,
    /// Whether the hub is compacted: each event needs a partition key, which becomes the record key.
    pub compacted: bool,
    /// The hub's limit for one message, envelope included, in bytes.
    pub max_bytes: usize,
}

/// A message that has been checked whole and may be stored.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    events: Events<'a>,
    partition_key: Option<&'a str>,
    producer: Option<Producer>,
    stored_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack between parse and write; boxing would allocate"
)]
enum Events<'a> {
    One(Event<'a>, Plan<'a>),
    Batch { envelope: &'a [u8], count: u32, surroundings: Surroundings<'a>, compacted: bool },
}

impl<'a> Incoming<'a> {
    /// Reads a message whole: one pass over it, in which everything that may be refused is.
    ///
    /// `message_format` is that of the transfer, 0 if it gave none.
    ///
    /// # Errors
    /// [`Refusal`], for the message as a whole: no part of a refused message is stored.
    pub fn parse(message: &'a [u8], message_format: u32, context: &Context<'a>) -> Result<Self, Refusal> {
        if message.len() > context.max_bytes {
            return Err(Refusal::TooLarge { bytes: message.len(), max: context.max_bytes });
        }
        match message_format {
            0 => Self::parse_one(message, context),
            BATCH_FORMAT => Self::parse_batch(message, context),
            other => Err(Refusal::Format(other)),
        }
    }

    fn parse_one(message: &'a [u8], context: &Context<'a>) -> Result<Self, Refusal> {
        let surroundings = Surroundings { publisher: context.publisher, envelope_key: None };
        let event = Event::read(message, surroundings, Check::Whole)?;
        let mut total = Total::new(context);
        let plan = total.add(&event)?;
        let (producer, stored_bytes) = (event.annotations.producer(), total.stored_bytes);
        Ok(Self {
            events: Events::One(event, plan),
            partition_key: event.annotations.key,
            producer,
            stored_bytes,
        })
    }

    fn parse_batch(envelope: &'a [u8], context: &Context<'a>) -> Result<Self, Refusal> {
        let envelope_key = read_envelope(envelope, context.publisher.is_some())?;
        let surroundings = Surroundings { publisher: context.publisher, envelope_key };
        let mut total = Total::new(context);
        let mut route = envelope_key.map(|key| key.text);
        let mut producer = None;
        let mut count = 0;
        for message in inner_messages(envelope) {
            let event = Event::read(message, surroundings, Check::Whole)
                .and_then(|event| total.add(&event).map(|_| event))
                .map_err(|refusal| refusal.of_event(count))?;
            if count == 0 {
                producer = event.annotations.producer();
            }
            if let Some(key) = event.annotations.key {
                let first = *route.get_or_insert(key);
                if is_elsewhere(first, key, context.partition_count) {
                    let keys =
                        Refusal::PartitionKeysDiffer { first: first.to_owned(), other: key.to_owned() };
                    return Err(keys.of_event(count));
                }
            }
            count += 1;
        }
        let events = Events::Batch { envelope, count, surroundings, compacted: context.compacted };
        let partition_key = if context.publisher.is_some() { context.publisher } else { route };
        Ok(Self { events, partition_key, producer, stored_bytes: total.stored_bytes })
    }

    /// How many events the message holds; none if it is an empty batch, which is accepted and stores nothing.
    #[must_use]
    pub const fn event_count(&self) -> u32 {
        match self.events {
            Events::One(..) => 1,
            Events::Batch { count, .. } => count,
        }
    }

    /// The partition key that decides where the events go, if no partition was addressed: the publisher's name, else the
    /// envelope's key, else that of the first event that has one.
    #[must_use]
    pub const fn partition_key(&self) -> Option<&'a str> {
        self.partition_key
    }

    /// The fields of an idempotent producer that the first event carries (`docs/reference/amqp.md` §5.6).
    #[must_use]
    pub const fn producer(&self) -> Option<Producer> {
        self.producer
    }

    /// The most bytes that a batch of these events alone takes, header included.
    #[must_use]
    pub const fn stored_size_bound(&self) -> usize {
        self.stored_bytes
    }

    /// Appends the events to a batch, in their order.
    pub fn write(&self, batch: &mut BatchBuf) {
        batch.reserve(self.stored_bytes - HEADER_BYTES);
        match &self.events {
            Events::One(event, plan) => plan.write(event, batch),
            Events::Batch { envelope, surroundings, compacted, .. } => {
                for message in inner_messages(envelope) {
                    let event = Event::read(message, *surroundings, Check::Done)
                        .expect("invariant: these very bytes were read before");
                    plan_of(&event, *compacted).write(&event, batch);
                }
            }
        }
    }
}

/// What the events of a message come to.
#[derive(Debug)]
struct Total {
    compacted: bool,
    stored_bytes: usize,
    max: usize,
}

impl Total {
    const fn new(context: &Context<'_>) -> Self {
        let max = stored_bytes_max(context.max_bytes);
        Self { compacted: context.compacted, stored_bytes: HEADER_BYTES, max }
    }

    /// Counts an event; gives what its record will be.
    fn add<'a>(&mut self, event: &Event<'a>) -> Result<Plan<'a>, Refusal> {
        if self.compacted && event.annotations.key.is_none() {
            return Err(Refusal::KeyMissing);
        }
        let plan = plan_of(event, self.compacted);
        self.stored_bytes = self.stored_bytes.saturating_add(plan.len_max());
        if self.stored_bytes > self.max {
            return Err(Refusal::StoredTooLarge { max: self.max });
        }
        Ok(plan)
    }
}

fn plan_of<'a>(event: &Event<'a>, compacted: bool) -> Plan<'a> {
    Plan::of(event, event.annotations.key.filter(|_| compacted))
}

/// Whether two keys belong to different partitions of a hub with so many.
fn is_elsewhere(first: &str, key: &str, partition_count: Option<u32>) -> bool {
    first != key
        && partition_count.is_some_and(|count| partition_for(first, count) != partition_for(key, count))
}

/// The messages in an envelope that has been read.
fn inner_messages(envelope: &[u8]) -> impl Iterator<Item = &[u8]> {
    let sections = Sections::new(envelope, Check::Done).flatten();
    sections.filter(|section| section.kind == SectionKind::Data).map(|section| data(&section))
}

/// Reads the envelope of a batch message; gives its partition key, the only thing in it that counts, and not even that
/// on a publisher's link.
fn read_envelope(envelope: &[u8], has_publisher: bool) -> Result<Option<PartitionKey<'_>>, Refusal> {
    let mut key = None;
    let mut seen = Seen::default();
    for section in Sections::new(envelope, Check::Whole) {
        let section = section?;
        seen.add(section.kind)?;
        match section.kind {
            SectionKind::MessageAnnotations if !has_publisher => {
                key = partition_key(Compound::of(section.body))?;
            }
            SectionKind::AmqpSequence | SectionKind::AmqpValue => return Err(Refusal::EnvelopeBody),
            _ => {}
        }
    }
    Ok(key)
}
