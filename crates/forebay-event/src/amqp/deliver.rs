//! Record → AMQP message (`docs/reference/event.md` §3).

use forebay_amqp::wire::{Reader, ValueRef, Writer, validate_value};

use super::compound::Compound;
use super::damage::Damage;
use super::keys::Key;
use super::meta::{BodyMeta, Meta};
use super::section::{
    Check, Section, SectionError, SectionKind, Sections, has_short_descriptor, put_descriptor,
};
use super::{ENQUEUED_TIME, META, OFFSET, PARTITION_KEY, PUBLISHER, SECTIONS, SEQUENCE_NUMBER};
use super::{kafka_record, properties};
use crate::Origin;
use crate::decimal::Decimal;
use crate::record::{Headers, RecordRef};
use crate::varint::take_uvarint;

/// What the service says of an event it delivers (`docs/reference/amqp.md` §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    /// The event's sequence number; its decimal form is the offset.
    pub sequence: i64,
    /// When it was appended, in milliseconds since 1970 UTC.
    pub enqueued_ms: i64,
}

/// What a reader that asked for runtime metrics is told with each event (`docs/reference/amqp.md` §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeMetrics {
    /// The partition's last sequence number; its decimal form is the last offset. −1 if the partition is empty.
    pub last_sequence: i64,
    /// When that event was appended, in milliseconds since 1970 UTC.
    pub last_enqueued_ms: i64,
    /// When these numbers were taken, in milliseconds since 1970 UTC.
    pub retrieved_ms: i64,
}

/// Appends the message that a stored record stands for.
///
/// # Errors
/// [`Damage`] if the record is not one that this crate wrote for its origin; `out` is as before then.
pub fn write_message(
    record: &RecordRef<'_>,
    origin: Origin,
    system: &System,
    metrics: Option<&RuntimeMetrics>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    let start = out.len();
    let written = match origin {
        Origin::Amqp | Origin::Http => put_event(record, system, metrics, out),
        Origin::Kafka => kafka_record::put(record, system, metrics, out),
        Origin::Control | Origin::Internal => Err(Damage::NoEvent(origin)),
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn put_event(
    record: &RecordRef<'_>,
    system: &System,
    metrics: Option<&RuntimeMetrics>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    if record.headers.is_empty() {
        let value = record.value.ok_or(Damage::NullValue)?;
        if record.key.is_some() {
            return Err(Damage::Key);
        }
        put_metrics(metrics, out);
        put_service_annotations(system, out);
        put_data(value, out);
        return Ok(());
    }
    let mut headers = record.headers;
    let (meta, lengths) = Meta::parse(take_named(&mut headers, META, Damage::MetaMissing)?)?;
    let (expected, actual) = (meta.header_count(), record.headers.count());
    if expected != actual as u64 {
        return Err(Damage::HeaderCount { expected, actual });
    }
    if meta.key_is_partition_key != record.key.is_some() {
        return Err(Damage::Key);
    }
    let kept = if meta.has_sections {
        let kept = Kept::read(take_named(&mut headers, SECTIONS, Damage::Sections)?)?;
        kept.check_counts(&meta)?;
        kept
    } else {
        Kept::default()
    };

    // Annotations are stored behind the properties and go out before them.
    let mut behind = headers;
    for _ in 0..meta.property_mask.count_ones() {
        behind.next().transpose()?;
    }
    put_whole(kept.header, out);
    put_metrics(metrics, out);
    match kept.annotations {
        Some(section) => put_kept_annotations(system, section.body, out),
        None => put_annotations(system, meta.annotations, &mut behind, out)?,
    }
    if kept.properties.is_some() {
        properties::skip_headers(meta.property_mask, &mut headers)?;
        put_whole(kept.properties, out);
    } else if meta.property_mask != 0 {
        put_descriptor(out, SectionKind::Properties);
        properties::put_from_headers(meta.property_mask, &mut headers, out)?;
    }
    if kept.application_properties.is_some() {
        put_whole(kept.application_properties, out);
    } else if meta.application_properties > 0 {
        put_application_properties(meta.application_properties, &mut behind, out)?;
    }
    put_body(&meta, lengths, record, out)?;
    put_whole(kept.footer, out);
    Ok(())
}

/// Takes the next header, which must have this name.
fn take_named<'a>(headers: &mut Headers<'a>, name: &[u8], otherwise: Damage) -> Result<&'a [u8], Damage> {
    let (found, value) = headers.next().ok_or(otherwise)??;
    if found != name {
        return Err(otherwise);
    }
    value.ok_or(Damage::NullHeader)
}

/// The sections in `fb.s`.
#[derive(Debug, Clone, Copy, Default)]
struct Kept<'a> {
    header: Option<Section<'a>>,
    footer: Option<Section<'a>>,
    properties: Option<Section<'a>>,
    annotations: Option<Section<'a>>,
    application_properties: Option<Section<'a>>,
}

impl<'a> Kept<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Damage> {
        let mut kept = Self::default();
        let mut place = 0;
        for section in Sections::new(bytes, Check::Whole) {
            let section = section?;
            let (rank, slot) = match section.kind {
                SectionKind::Header => (1, &mut kept.header),
                SectionKind::Footer => (2, &mut kept.footer),
                SectionKind::Properties => (3, &mut kept.properties),
                SectionKind::MessageAnnotations => (4, &mut kept.annotations),
                SectionKind::ApplicationProperties => (5, &mut kept.application_properties),
                _ => return Err(Damage::Sections),
            };
            if rank <= place || !has_short_descriptor(&section) {
                return Err(Damage::Sections);
            }
            place = rank;
            *slot = Some(section);
        }
        if place == 0 { Err(Damage::Sections) } else { Ok(kept) }
    }

    const fn check_counts(&self, meta: &Meta) -> Result<(), Damage> {
        if self.annotations.is_some() && meta.annotations != 0 {
            return Err(Damage::CountBesideSection(SectionKind::MessageAnnotations));
        }
        if self.application_properties.is_some() && meta.application_properties != 0 {
            return Err(Damage::CountBesideSection(SectionKind::ApplicationProperties));
        }
        Ok(())
    }
}

fn put_whole(section: Option<Section<'_>>, out: &mut Vec<u8>) {
    if let Some(section) = section {
        out.extend_from_slice(section.whole);
    }
}

/// Appends the delivery annotations, if the reader asked for metrics.
pub(super) fn put_metrics(metrics: Option<&RuntimeMetrics>, out: &mut Vec<u8>) {
    let Some(metrics) = metrics else { return };
    put_descriptor(out, SectionKind::DeliveryAnnotations);
    Writer::new(out).map(4, |writer| {
        writer.symbol("last_enqueued_sequence_number");
        writer.long(metrics.last_sequence);
        writer.symbol("last_enqueued_offset");
        writer.string(Decimal::signed(metrics.last_sequence).as_str());
        writer.symbol("last_enqueued_time_utc");
        writer.timestamp(metrics.last_enqueued_ms);
        writer.symbol("runtime_info_retrieval_time_utc");
        writer.timestamp(metrics.retrieved_ms);
    });
}

/// Appends message annotations that are the service's own alone.
fn put_service_annotations(system: &System, out: &mut Vec<u8>) {
    put_descriptor(out, SectionKind::MessageAnnotations);
    Writer::new(out).map(SERVICE_ENTRIES, |writer| put_service_entries(system, writer));
}

/// How many entries [`put_service_entries`] appends.
pub(super) const SERVICE_ENTRIES: u32 = 3;

pub(super) fn put_service_entries(system: &System, writer: &mut Writer<'_>) {
    writer.symbol(SEQUENCE_NUMBER);
    writer.long(system.sequence);
    writer.symbol(OFFSET);
    writer.string(Decimal::signed(system.sequence).as_str());
    writer.symbol(ENQUEUED_TIME);
    writer.timestamp(system.enqueued_ms);
}

/// The annotations that follow the service's own, before the rest.
const IN_FRONT: [&str; 2] = [PUBLISHER, PARTITION_KEY];

/// Whether an annotation is one of those, and says something: a partition key that is null or empty is as any other.
fn is_in_front(name: &[u8], value: &[u8]) -> bool {
    IN_FRONT.iter().any(|front| front.as_bytes() == name)
        && matches!(ValueRef::read(&mut Reader::new(value)), Ok(ValueRef::String(text)) if !text.is_empty())
}

/// Appends the service's annotations and those of the next `count` headers.
fn put_annotations(
    system: &System,
    count: u64,
    headers: &mut Headers<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    if count == 0 {
        put_service_annotations(system, out);
        return Ok(());
    }
    put_descriptor(out, SectionKind::MessageAnnotations);
    let mut writer = Writer::new(out);
    let open = writer.begin_map();
    put_service_entries(system, &mut writer);
    let start = *headers;
    for front in IN_FRONT {
        for header in start.take(count as usize) {
            let (name, value) = header?;
            if name == front.as_bytes() && is_in_front(name, value.unwrap_or_default()) {
                writer.symbol(front);
                writer.raw(value.unwrap_or_default());
            }
        }
    }
    for _ in 0..count {
        let (name, value) = take_value(headers)?;
        if !is_in_front(name, value) {
            let name = str::from_utf8(name).ok().filter(|name| name.is_ascii()).ok_or(Damage::Name)?;
            writer.symbol(name);
            writer.raw(value);
        }
    }
    writer.end(open, entries_count(u64::from(SERVICE_ENTRIES) + count));
    Ok(())
}

/// Appends the service's annotations and those of a section that was kept whole.
fn put_kept_annotations(system: &System, section: &[u8], out: &mut Vec<u8>) {
    let map = Compound::of(section);
    let name_of = |key| Key::read(key).text().unwrap_or_default();
    put_descriptor(out, SectionKind::MessageAnnotations);
    let mut writer = Writer::new(out);
    let open = writer.begin_map();
    put_service_entries(system, &mut writer);
    for front in IN_FRONT {
        for (key, value) in map.pairs() {
            if name_of(key) == front.as_bytes() && is_in_front(front.as_bytes(), value) {
                writer.raw(key);
                writer.raw(value);
            }
        }
    }
    for (key, value) in map.pairs() {
        if !is_in_front(name_of(key), value) {
            writer.raw(key);
            writer.raw(value);
        }
    }
    writer.end(open, SERVICE_ENTRIES * 2 + map.count);
}

/// Appends the application properties of the next `count` headers.
fn put_application_properties(
    count: u64,
    headers: &mut Headers<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    put_descriptor(out, SectionKind::ApplicationProperties);
    let mut writer = Writer::new(out);
    let open = writer.begin_map();
    for _ in 0..count {
        let (name, value) = take_value(headers)?;
        writer.string(str::from_utf8(name).map_err(|_| Damage::Name)?);
        writer.raw(value);
    }
    writer.end(open, entries_count(count));
    Ok(())
}

/// Keys and values of so many entries. There are never more than the record has bytes.
pub(super) fn entries_count(entries: u64) -> u32 {
    u32::try_from(entries.saturating_mul(2)).unwrap_or(u32::MAX)
}

/// Takes the next header; its value must be exactly one well-formed AMQP value.
fn take_value<'a>(headers: &mut Headers<'a>) -> Result<(&'a [u8], &'a [u8]), Damage> {
    let (name, value) = headers.next().ok_or(Damage::Meta)??;
    let value = value.ok_or(Damage::NullHeader)?;
    let mut reader = Reader::new(value);
    validate_value(&mut reader)?;
    reader.finish()?;
    Ok((name, value))
}

fn put_body(
    meta: &Meta,
    mut lengths: &[u8],
    record: &RecordRef<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    match (meta.body, record.value) {
        (BodyMeta::None, None) => {}
        (BodyMeta::None, Some(_)) => return Err(Damage::ValueWithoutBody),
        // A tombstone of a compacted hub, sent as one empty data section.
        (BodyMeta::Data { sections: 1, .. }, None) if record.key.is_some() => put_data(&[], out),
        (_, None) => return Err(Damage::NullValue),
        (BodyMeta::Value, Some(value)) => {
            let mut reader = Reader::new(value);
            let whole = validate_value(&mut reader).and_then(|()| reader.finish());
            whole.map_err(|error| Damage::Body(error.into()))?;
            put_descriptor(out, SectionKind::AmqpValue);
            out.extend_from_slice(value);
        }
        (BodyMeta::Sequence, Some(value)) => {
            check_sequences(value).map_err(Damage::Body)?;
            out.extend_from_slice(value);
        }
        (BodyMeta::Data { sections, .. }, Some(mut value)) => {
            for _ in 1..sections {
                let length = take_uvarint(&mut lengths).ok_or(Damage::Meta)?;
                let length = usize::try_from(length).map_err(|_| Damage::Lengths)?;
                let (data, rest) = value.split_at_checked(length).ok_or(Damage::Lengths)?;
                put_data(data, out);
                value = rest;
            }
            put_data(value, out);
        }
    }
    if matches!(meta.body, BodyMeta::Data { .. }) && !lengths.is_empty() {
        return Err(Damage::Meta);
    }
    Ok(())
}

fn check_sequences(value: &[u8]) -> Result<(), SectionError> {
    let mut any = false;
    for section in Sections::new(value, Check::Whole) {
        let section = section?;
        if section.kind != SectionKind::AmqpSequence || !has_short_descriptor(&section) {
            return Err(SectionError::Misplaced(section.kind));
        }
        any = true;
    }
    if any { Ok(()) } else { Err(SectionError::Missing) }
}

/// Appends a data section.
pub(super) fn put_data(bytes: &[u8], out: &mut Vec<u8>) {
    put_descriptor(out, SectionKind::Data);
    Writer::new(out).binary(bytes);
}
