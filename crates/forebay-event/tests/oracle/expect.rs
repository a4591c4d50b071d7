//! The oracle: what becomes of a message, told from the model of what was sent. Written from
//! `docs/reference/amqp.md` §6.7, §9.1 and §10 and `docs/reference/event.md` §2 to §5.

use crate::generate::Link;
use crate::value::*;

pub(crate) const DECODE_ERROR: &str = "amqp:decode-error";
pub(crate) const ARGUMENT_ERROR: &str = "com.microsoft:argument-error";

type Annotations = Vec<(V, V)>;

/// One event as it is kept: each section that counts, its values as sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    header: Option<V>,
    publisher: Option<String>,
    key: Option<Key>,
    annotations: Annotations,
    properties: Option<V>,
    application_properties: Option<V>,
    body: Vec<Section>,
    footer: Option<V>,
}

/// A partition key, and the annotation that it is the value of. That is the symbol `x-opt-partition-key`, but
/// it may have been sent as a string: amqp.md §6.7 lists what is delivered with symbol keys, event.md §2
/// keeps "field and entry bytes as sent". The second is taken here.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    annotation: V,
    key: String,
}

impl Key {
    fn added(key: &str) -> Self {
        Self { annotation: symbol("x-opt-partition-key"), key: key.to_owned() }
    }
}

/// What an accepted message is to the service.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) events: Vec<Event>,
    pub(crate) partition_key: Option<String>,
}

/// What the service says with an event that it delivers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub(crate) sequence: i64,
    pub(crate) enqueued_ms: i64,
    /// Last sequence number, its time, and when they were read.
    pub(crate) metrics: Option<(i64, i64, i64)>,
}

/// A single event (`event.md` §2): it is accepted as this, or refused with that condition.
pub(crate) fn single(sections: &[Section], link: &Link) -> Result<Accepted, &'static str> {
    let event = event(sections, link, None)?;
    let partition_key = event.key.as_ref().map(|key| key.key.clone());
    Ok(Accepted { events: vec![event], partition_key })
}

/// A batch message (`event.md` §4): an envelope around events, one in each of its data sections.
pub(crate) fn batch(
    envelope: &[Section],
    inner: &[Vec<Section>],
    link: &Link,
) -> Result<Accepted, &'static str> {
    // Of the envelope only the partition key counts.
    let (envelope_key, _) = partition_key(user_annotations(envelope, link))?;
    let inherited = link.publisher.clone().or(envelope_key.map(|key| key.key));
    let mut events = Vec::new();
    for sections in inner {
        events.push(event(sections, link, inherited.as_deref())?);
    }
    let keys: Vec<&str> = events.iter().filter_map(|event| Some(&*event.key.as_ref()?.key)).collect();
    let partition_key = inherited.or_else(|| keys.first().map(|&key| key.to_owned()));
    // "Keys hash to different partitions": from each other, and from the envelope's where that decides.
    if let (Some(count), Some(routing)) = (link.partition_count, &partition_key) {
        let partition = partition_of(routing, count);
        if keys.iter().any(|key| partition_of(key, count) != partition) {
            return Err(ARGUMENT_ERROR);
        }
    }
    Ok(Accepted { events, partition_key })
}

fn event(sections: &[Section], link: &Link, inherited: Option<&str>) -> Result<Event, &'static str> {
    let only =
        |code| sections.iter().find(|section| section.code == code).map(|section| section.body.clone());
    let (own_key, mut annotations) = partition_key(user_annotations(sections, link))?;
    if own_key.is_none() && inherited.is_some() {
        // A null or empty one is "kept as an ordinary annotation" (event.md §2), but the added one is
        // "replacing client-sent ones of the same name" (amqp.md §6.7), and two of them would make the
        // message one that is refused.
        annotations.retain(|(name, _)| !is_named(name, "x-opt-partition-key"));
    }
    // On a publisher link the name of the publisher is the key; there is no other, for it has been dropped.
    let key = own_key.or(link.publisher.as_deref().or(inherited).map(Key::added));
    if link.compacted && key.is_none() {
        return Err(ARGUMENT_ERROR);
    }
    Ok(Event {
        header: only(HEADER).map(without_tail).filter(|body| *body != V::List(Vec::new())),
        publisher: link.publisher.clone(),
        key,
        annotations,
        properties: only(PROPERTIES).map(without_tail).filter(|body| *body != V::List(Vec::new())),
        application_properties: only(APPLICATION_PROPERTIES).filter(|body| *body != V::Map(Vec::new())),
        body: sections.iter().filter(|s| [DATA, SEQUENCE, VALUE].contains(&s.code)).cloned().collect(),
        footer: only(FOOTER).filter(|body| *body != V::Map(Vec::new())),
    })
}

/// Nulls at the end of a list of fields say the same as no fields there.
fn without_tail(list: V) -> V {
    let V::List(mut fields) = list else { panic!("a section of fields that is no list: {list:?}") };
    while fields.last() == Some(&V::Null) {
        fields.pop();
    }
    V::List(fields)
}

fn is_named(key: &V, name: &str) -> bool {
    *key == symbol(name) || *key == text(name)
}

/// The message annotations less those that only the service may write.
fn user_annotations(sections: &[Section], link: &Link) -> Annotations {
    let mut dropped = vec!["x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", "x-opt-publisher"];
    if link.publisher.is_some() {
        dropped.push("x-opt-partition-key");
    }
    let sent = sections.iter().find(|section| section.code == MESSAGE_ANNOTATIONS);
    let Some(Section { body: V::Map(entries), .. }) = sent else { return Vec::new() };
    let is_dropped = |key: &V| dropped.iter().any(|name| is_named(key, name));
    entries.iter().filter(|(key, _)| !is_dropped(key)).cloned().collect()
}

/// The partition key, and the annotations without it: one string that is not empty. Null and empty are no
/// key, but the reference does not say whether they still count for "twice"; here they do: the annotation is
/// there once at most.
fn partition_key(annotations: Annotations) -> Result<(Option<Key>, Annotations), &'static str> {
    if annotations.iter().filter(|(name, _)| is_named(name, "x-opt-partition-key")).count() > 1 {
        return Err(ARGUMENT_ERROR);
    }
    let mut key = None;
    let mut rest = Vec::new();
    for (name, value) in annotations {
        match &value {
            _ if !is_named(&name, "x-opt-partition-key") => rest.push((name, value)),
            V::Null => rest.push((name, value)),
            V::String(empty) if empty.is_empty() => rest.push((name, value)),
            V::String(this) => key = Some(Key { annotation: name, key: this.clone() }),
            _ => return Err(ARGUMENT_ERROR),
        }
    }
    Ok((key, rest))
}

impl Event {
    /// The message that a reader gets, section by section in their order (`event.md` §3).
    pub(crate) fn delivered(&self, said: Said) -> Vec<Section> {
        let mut sections = Vec::new();
        let mut push = |code, body: Option<V>| sections.extend(body.map(|body| Section { code, body }));
        push(HEADER, self.header.clone());
        push(
            DELIVERY_ANNOTATIONS,
            said.metrics.map(|(sequence, enqueued_ms, retrieved_ms)| {
                V::Map(vec![
                    (symbol("last_enqueued_sequence_number"), V::Long(sequence)),
                    (symbol("last_enqueued_offset"), V::String(sequence.to_string())),
                    (symbol("last_enqueued_time_utc"), V::Timestamp(enqueued_ms)),
                    (symbol("runtime_info_retrieval_time_utc"), V::Timestamp(retrieved_ms)),
                ])
            }),
        );
        let mut annotations = vec![
            (symbol("x-opt-sequence-number"), V::Long(said.sequence)),
            (symbol("x-opt-offset"), V::String(said.sequence.to_string())),
            (symbol("x-opt-enqueued-time"), V::Timestamp(said.enqueued_ms)),
        ];
        annotations.extend(self.publisher.iter().map(|name| (symbol("x-opt-publisher"), text(name))));
        annotations.extend(self.key.iter().map(|key| (key.annotation.clone(), text(&key.key))));
        annotations.extend(self.annotations.iter().cloned());
        push(MESSAGE_ANNOTATIONS, Some(V::Map(annotations)));
        push(PROPERTIES, self.properties.clone());
        push(APPLICATION_PROPERTIES, self.application_properties.clone());
        for section in &self.body {
            push(section.code, Some(section.body.clone()));
        }
        push(FOOTER, self.footer.clone());
        sections
    }
}

/// What was delivered, in the same words as [`Event::delivered`].
pub(crate) fn in_plain_words(sections: Vec<Section>) -> Vec<Section> {
    let plain = |section: Section| match section.code {
        HEADER | PROPERTIES => Section { body: without_tail(section.body), ..section },
        _ => section,
    };
    sections.into_iter().map(plain).collect()
}

/// The partition of a key (`amqp.md` §9.1, word for word).
pub(crate) fn partition_of(key: &str, count: u32) -> u32 {
    let mut rest = key.as_bytes();
    let start = 0xDEAD_BEEF_u32.wrapping_add(rest.len() as u32);
    // a, b, c
    let mut x = [start; 3];
    let add = |x: &mut [u32; 3], bytes: &[u8]| {
        for (at, byte) in bytes.iter().enumerate() {
            x[at / 4] = x[at / 4].wrapping_add(u32::from(*byte) << (8 * (at % 4)));
        }
    };
    let (a, b, c) = (0, 1, 2);
    while rest.len() > 12 {
        add(&mut x, &rest[..12]);
        for (to, from, sum, by) in
            [(a, c, b, 4), (b, a, c, 6), (c, b, a, 8), (a, c, b, 16), (b, a, c, 19), (c, b, a, 4)]
        {
            x[to] = x[to].wrapping_sub(x[from]);
            x[to] ^= x[from].rotate_left(by);
            x[from] = x[from].wrapping_add(x[sum]);
        }
        rest = &rest[12..];
    }
    if !rest.is_empty() {
        add(&mut x, rest);
        for (to, from, by) in
            [(c, b, 14), (a, c, 11), (b, a, 25), (c, b, 16), (a, c, 4), (b, a, 14), (c, b, 24)]
        {
            x[to] ^= x[from];
            x[to] = x[to].wrapping_sub(x[from].rotate_left(by));
        }
    }
    let hash = (x[c] ^ x[b]) as u16 as i16;
    (i64::from(hash) % i64::from(count)).unsigned_abs() as u32
}
