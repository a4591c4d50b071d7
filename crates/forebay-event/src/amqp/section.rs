//! A message as its sections, whatever their order and the form of their descriptors, looked at whole.

use forebay_amqp::error::DecodeError;
use forebay_amqp::types::sections;
pub(super) use forebay_amqp::types::sections::{Section, SectionKind};
use forebay_amqp::wire::{format, validate_value};

use super::compound::Compound;
use super::properties::FIELD_COUNT;

/// Why bytes are not the sections of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// A section, or a value in it, is malformed, of the wrong type or unknown.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A section that may come once comes again.
    #[error("section {0:?} comes twice")]
    Twice(SectionKind),
    /// The properties section has more fields than there are properties.
    #[error("the properties section has {0} fields, 13 is the most")]
    Fields(u32),
    /// A section that has no place there.
    #[error("section {0:?} has no place there")]
    Misplaced(SectionKind),
    /// There is no section where one must be.
    #[error("a section is missing")]
    Missing,
}

/// How closely values are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Everything nested is proved to be well-formed.
    Whole,
    /// The bytes have been proved before: values are stepped over by their sizes.
    Done,
}

/// The sections of a message, in the order sent. The first error ends the walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sections<'a> {
    sections: sections::Sections<'a>,
    check: Check,
}

impl<'a> Sections<'a> {
    #[inline]
    pub(super) const fn new(message: &'a [u8], check: Check) -> Self {
        Self { sections: sections::Sections::new(message), check }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, SectionError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let section = match self.sections.next()? {
            Ok(section) => section,
            Err(error) => return Some(Err(error.into())),
        };
        // A binary holds nothing that could be malformed.
        if self.check == Check::Whole
            && section.kind != SectionKind::Data
            && let Err(error) = check(&section)
        {
            self.sections = sections::Sections::new(&[]);
            return Some(Err(error));
        }
        Some(Ok(section))
    }
}

fn check(section: &Section<'_>) -> Result<(), SectionError> {
    validate_value(&mut section.reader()).map_err(|mut error| {
        error.offset = error.offset.saturating_add(u32::try_from(section.body_offset()).unwrap_or(u32::MAX));
        error.named("message section")
    })?;
    if section.kind == SectionKind::Properties {
        let fields = Compound::of(section.body).count;
        if fields > FIELD_COUNT {
            return Err(SectionError::Fields(fields));
        }
    }
    Ok(())
}

/// The bytes of a data section.
#[inline]
pub(super) fn data<'a>(section: &Section<'a>) -> &'a [u8] {
    section.data().unwrap_or_default()
}

/// Whether the descriptor is written `00 53 xx`, as all stored ones are.
pub(super) fn has_short_descriptor(section: &Section<'_>) -> bool {
    section.whole.starts_with(&[format::DESCRIBED, format::SMALL_ULONG, section.kind as u8])
}

/// Appends a section's descriptor, `00 53 xx`.
pub(super) fn put_descriptor(out: &mut Vec<u8>, kind: SectionKind) {
    out.extend_from_slice(&[format::DESCRIBED, format::SMALL_ULONG, kind as u8]);
}

/// Bytes that [`put_descriptor`] appends.
pub(super) const DESCRIPTOR_BYTES: usize = 3;
