//! The header `fb.m`: what a record does not say by itself (`docs/reference/event.md` §2).
//!
//! `version` u8 = 1 · `flags` u8 · `property mask` · `annotations` · `application properties` · and if the body is data
//! `sections`, then the length of each but the last; all but the first two are plain varints.

use super::damage::Damage;
use super::properties::FIELD_COUNT;
use crate::varint::{put_uvarint, take_uvarint, uvarint_len};

const VERSION: u8 = 1;

const NO_BODY: u8 = 1;
const KEY_IS_PARTITION_KEY: u8 = 1 << 1;
const HAS_SECTIONS: u8 = 1 << 2;
const BODY_VALUE: u8 = 1 << 3;
const BODY_SEQUENCE: u8 = 2 << 3;

/// What the record's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyMeta {
    None,
    Value,
    Sequence,
    /// Data sections: how many, and how many bytes their lengths take, each but the last.
    Data {
        sections: u64,
        lengths_len: usize,
    },
}

/// What `fb.m` says, but for the lengths of data sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) body: BodyMeta,
    pub(super) key_is_partition_key: bool,
    pub(super) has_sections: bool,
    /// Bit i: field i of the properties section has a header.
    pub(super) property_mask: u16,
    /// How many headers are message annotations.
    pub(super) annotations: u64,
    /// How many headers are application properties.
    pub(super) application_properties: u64,
}

impl Meta {
    /// Whether it says no more than a record without it.
    pub(super) fn is_implied(&self) -> bool {
        *self
            == Self {
                body: BodyMeta::Data { sections: 1, lengths_len: 0 },
                key_is_partition_key: false,
                has_sections: false,
                property_mask: 0,
                annotations: 0,
                application_properties: 0,
            }
    }

    /// How many headers the record has, `fb.m` included.
    pub(super) fn header_count(&self) -> u64 {
        (1 + u64::from(self.has_sections) + u64::from(self.property_mask.count_ones()))
            .saturating_add(self.annotations)
            .saturating_add(self.application_properties)
    }

    /// Bytes of the header's value.
    pub(super) const fn len(&self) -> usize {
        let data = match self.body {
            BodyMeta::Data { sections, lengths_len } => uvarint_len(sections) + lengths_len,
            _ => 0,
        };
        2 + uvarint_len(self.property_mask as u64)
            + uvarint_len(self.annotations)
            + uvarint_len(self.application_properties)
            + data
    }

    /// Appends the header's value, but for the lengths of data sections, which must follow.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let body = match self.body {
            BodyMeta::None => NO_BODY,
            BodyMeta::Value => BODY_VALUE,
            BodyMeta::Sequence => BODY_SEQUENCE,
            BodyMeta::Data { .. } => 0,
        };
        let key = if self.key_is_partition_key { KEY_IS_PARTITION_KEY } else { 0 };
        let sections = if self.has_sections { HAS_SECTIONS } else { 0 };
        out.extend_from_slice(&[VERSION, body | key | sections]);
        put_uvarint(out, u64::from(self.property_mask));
        put_uvarint(out, self.annotations);
        put_uvarint(out, self.application_properties);
        if let BodyMeta::Data { sections, .. } = self.body {
            put_uvarint(out, sections);
        }
    }

    /// Reads the header's value; the rest is the lengths of data sections.
    pub(super) fn parse(value: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let (&[version, flags], mut rest) = value.split_first_chunk().ok_or(Damage::Meta)?;
        if version != VERSION {
            return Err(Damage::MetaVersion(version));
        }
        let mut number = || take_uvarint(&mut rest).ok_or(Damage::Meta);
        let property_mask = number()?;
        if property_mask >= 1 << FIELD_COUNT {
            return Err(Damage::MetaFlags);
        }
        let annotations = number()?;
        let application_properties = number()?;
        let body = match flags & !(KEY_IS_PARTITION_KEY | HAS_SECTIONS) {
            0 => BodyMeta::Data { sections: number()?, lengths_len: rest.len() },
            NO_BODY => BodyMeta::None,
            BODY_VALUE => BodyMeta::Value,
            BODY_SEQUENCE => BodyMeta::Sequence,
            _ => return Err(Damage::MetaFlags),
        };
        match body {
            BodyMeta::Data { sections: 0, .. } => return Err(Damage::Meta),
            BodyMeta::Data { .. } => {}
            _ if rest.is_empty() => {}
            _ => return Err(Damage::Meta),
        }
        let meta = Self {
            body,
            key_is_partition_key: flags & KEY_IS_PARTITION_KEY != 0,
            has_sections: flags & HAS_SECTIONS != 0,
            property_mask: property_mask as u16,
            annotations,
            application_properties,
        };
        Ok((meta, rest))
    }
}
