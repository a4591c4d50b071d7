//! Steps over one value by its sizes (§1.2), without looking into it.

use super::format::{self, Layout};
use super::reader::Reader;
use crate::error::{DecodeError, DecodeFault};
use crate::limits::DEPTH_MAX;

/// Steps over the next value: its constructor is known and its bytes are all there. Nothing inside of it is
/// looked at; that is [`validate_value`](super::validate_value)'s.
///
/// # Errors
/// [`DecodeFault::Truncated`], [`DecodeFault::UnknownConstructor`], [`DecodeFault::TooDeep`] for descriptions
/// nested deeper than [`DEPTH_MAX`].
#[inline]
pub fn skip_value(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    // A description needs two values, its descriptor and the value that it stands for. The lowest bit is the
    // innermost description's: whether its descriptor has been passed.
    let (mut depth, mut passed) = (0_usize, 0_u64);
    loop {
        let start = *reader;
        let code = reader.u8()?;
        if code == format::DESCRIBED {
            if depth == DEPTH_MAX {
                return Err(start.error(DecodeFault::TooDeep));
            }
            depth = depth.saturating_add(1);
            passed <<= 1;
            continue;
        }
        let Some(layout) = format::layout(code) else {
            return Err(start.error(DecodeFault::UnknownConstructor(code)));
        };
        data_of(layout, reader)?;
        // What ends with this value.
        while depth > 0 && passed & 1 == 1 {
            depth = depth.saturating_sub(1);
            passed >>= 1;
        }
        if depth == 0 {
            return Ok(());
        }
        passed |= 1;
    }
}

// One bit a level.
const _: () = assert!(DEPTH_MAX <= u64::BITS as usize);

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
