//! Event → record (`docs/reference/event.md` §2, "Then", and §5).
//!
//! A record's length stands before it, so it is measured ([`Plan::of`]) before it is written ([`Plan::write`]).

use super::compound::{self, Compound};
use super::event::{Body, Event};
use super::meta::{BodyMeta, Meta};
use super::section::{DESCRIPTOR_BYTES, SectionKind, put_descriptor};
use super::{META, SECTIONS};
use crate::batch::{BatchBuf, RecordShape, header_len};
use crate::varint::put_uvarint;

/// What a record will be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    meta: Meta,
    /// Bytes of `fb.s`.
    sections_len: usize,
    shape: RecordShape<'a>,
}

impl<'a> Plan<'a> {
    /// Decides where each part of the event goes. `key` is the record key, in a compacted hub the partition key.
    pub(super) fn of(event: &Event<'a>, key: Option<&'a str>) -> Self {
        let mut headers_len = 0;
        let mut meta = Meta {
            body: body_meta(&event.body),
            key_is_partition_key: key.is_some(),
            has_sections: false,
            property_mask: 0,
            annotations: 0,
            application_properties: 0,
        };
        let kept = Kept::of(event);
        let sections_len = kept.len();
        if let Some(properties) = &event.properties {
            meta.property_mask = properties.mask;
            headers_len += properties.headers_len;
        }
        if !event.annotations.is_odd {
            meta.annotations = u64::from(event.annotations.count);
            headers_len += event.annotations.headers_len;
        }
        if let Some(properties) = event.application_properties.filter(|properties| !properties.is_odd) {
            meta.application_properties = u64::from(properties.count());
            headers_len += properties.headers_len;
        }
        if sections_len > 0 {
            meta.has_sections = true;
            headers_len += header_len(SECTIONS.len(), Some(sections_len));
        }
        let header_count = if meta.is_implied() {
            0
        } else {
            headers_len += header_len(META.len(), Some(meta.len()));
            meta.header_count() as usize
        };
        let value_len = match event.body {
            Body::None => None,
            Body::Value(value) => Some(value.len()),
            Body::Sequence { len } => Some(len),
            // One empty data section in a compacted hub is a tombstone.
            Body::Data(data) if data.sections == 1 && data.len == 0 && key.is_some() => None,
            Body::Data(data) => Some(data.len),
        };
        let shape = RecordShape { key: key.map(str::as_bytes), value_len, header_count, headers_len };
        Self { meta, sections_len, shape }
    }

    /// The most bytes that the record takes.
    pub(super) fn len_max(&self) -> usize {
        self.shape.len_max()
    }

    /// Appends the record of the event that this is the plan of.
    pub(super) fn write(&self, event: &Event<'a>, batch: &mut BatchBuf) {
        let mut record = batch.record(&self.shape);
        match event.body {
            Body::None => {}
            Body::Value(value) => record.value(value),
            Body::Data(data) if data.sections == 1 => record.value(data.first),
            Body::Data(_) => event.data().for_each(|data| record.value(data)),
            Body::Sequence { .. } => {
                for list in event.sequences() {
                    record.value_with(|out| put_descriptor(out, SectionKind::AmqpSequence));
                    record.value(list);
                }
            }
        }
        record.headers();
        if self.shape.header_count > 0 {
            record.header_with(META, self.meta.len(), |out| self.put_meta(event, out));
        }
        if self.meta.has_sections {
            record.header_with(SECTIONS, self.sections_len, |out| Kept::of(event).put(out));
        }
        if let Some(properties) = event.properties {
            properties.for_each_header(|name, text| {
                record.header_with(name.as_bytes(), text.len(), |out| text.put(out));
            });
        }
        if self.meta.annotations > 0 {
            event.annotations.for_each_header(|name, value| {
                record.header_with(name, value.len(), |out| value.put(out));
            });
        }
        if self.meta.application_properties > 0
            && let Some(properties) = event.application_properties
        {
            properties.for_each_header(|name, value| record.header(name, Some(value)));
        }
        record.finish();
    }

    fn put_meta(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.meta.put(out);
        if let Body::Data(data) = event.body
            && data.sections > 1
        {
            let but_last = data.sections as usize - 1;
            event.data().take(but_last).for_each(|data| put_uvarint(out, data.len() as u64));
        }
    }
}

fn body_meta(body: &Body<'_>) -> BodyMeta {
    match body {
        Body::None => BodyMeta::None,
        Body::Value(_) => BodyMeta::Value,
        Body::Sequence { .. } => BodyMeta::Sequence,
        Body::Data(data) => {
            BodyMeta::Data { sections: u64::from(data.sections), lengths_len: data.lengths_len }
        }
    }
}

/// The sections that are kept whole, in `fb.s`: those that headers cannot say.
#[derive(Debug, Clone, Copy)]
struct Kept<'e, 'a> {
    event: &'e Event<'a>,
}

impl<'e, 'a> Kept<'e, 'a> {
    const fn of(event: &'e Event<'a>) -> Self {
        Self { event }
    }

    fn properties(&self) -> Option<Compound<'a>> {
        let properties = self.event.properties.filter(|properties| properties.is_unusual);
        properties.map(|properties| properties.list)
    }

    fn application_properties(&self) -> Option<Compound<'a>> {
        let properties = self.event.application_properties.filter(|properties| properties.is_odd);
        properties.map(|properties| properties.map)
    }

    /// Bytes of all of them.
    fn len(&self) -> usize {
        let annotations = &self.event.annotations;
        let mut len = 0;
        let parts = [self.event.header, self.event.footer, self.properties(), self.application_properties()];
        for part in parts.into_iter().flatten() {
            len += section_len(part.count, part.items.len());
        }
        if annotations.is_odd {
            len += section_len(annotations.count * 2, annotations.entries_len);
        }
        len
    }

    /// Appends them, in their order.
    fn put(&self, out: &mut Vec<u8>) {
        put(out, SectionKind::Header, self.event.header);
        put(out, SectionKind::Footer, self.event.footer);
        put(out, SectionKind::Properties, self.properties());
        let annotations = &self.event.annotations;
        if annotations.is_odd {
            put_descriptor(out, SectionKind::MessageAnnotations);
            compound::put_head(out, true, annotations.count * 2, annotations.entries_len);
            annotations.put_entries(out);
        }
        put(out, SectionKind::ApplicationProperties, self.application_properties());
    }
}

const fn section_len(count: u32, items_len: usize) -> usize {
    DESCRIPTOR_BYTES + compound::head_len(count, items_len) + items_len
}

fn put(out: &mut Vec<u8>, kind: SectionKind, part: Option<Compound<'_>>) {
    let Some(part) = part else { return };
    put_descriptor(out, kind);
    let is_map = !matches!(kind, SectionKind::Header | SectionKind::Properties);
    compound::put_head(out, is_map, part.count, part.items.len());
    out.extend_from_slice(part.items);
}
