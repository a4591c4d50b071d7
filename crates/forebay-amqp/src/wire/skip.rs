//! Steps over one value by its sizes (§1.2), without looking into it.

use super::format::{self, Layout};
use super::reader::Reader;
use crate::error::{DecodeError, DecodeFault};
use crate::limits::DEPTH_MAX;

/// Steps over the next value: its constructor is known and its bytes are all there. Nothing inside of it is
/// looked at; that is [`validate_value`](super::validate_value)'s.
///
/// # Errors
/// [`DecodeFault::Truncated`], [`DecodeFault::UnknownConstructor`], [`DecodeFault::TooDeep`] for a chain of
/// more than [`DEPTH_MAX`] descriptions.
#[inline]
pub fn skip_value(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    // A description stands in place of one value and needs two: its descriptor and its value.
    let mut due = 1_usize;
    let mut descriptions = 0_usize;
    while due > 0 {
        let start = *reader;
        let code = reader.u8()?;
        if code == format::DESCRIBED {
            descriptions = descriptions.saturating_add(1);
            if descriptions > DEPTH_MAX {
                return Err(start.error(DecodeFault::TooDeep));
            }
            due = due.saturating_add(1);
        } else {
            let Some(layout) = format::layout(code) else {
                return Err(start.error(DecodeFault::UnknownConstructor(code)));
            };
            data_of(layout, reader)?;
            due = due.saturating_sub(1);
        }
    }
    Ok(())
}

/// The bytes that follow a constructor of this layout, without the size itself.
#[inline]
pub(super) fn data_of<'a>(layout: Layout, reader: &mut Reader<'a>) -> Result<Reader<'a>, DecodeError> {
    let size = match layout {
        Layout::Fixed(width) => usize::from(width),
        Layout::Variable8 | Layout::Compound8 | Layout::Array8 => usize::from(reader.u8()?),
        Layout::Variable32 | Layout::Compound32 | Layout::Array32 => {
            let size = reader.u32()?;
            usize::try_from(size).map_err(|_| reader.error(DecodeFault::Truncated))?
        }
    };
    reader.sub(size)
}
