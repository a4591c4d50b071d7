//! Looks at everything in one value (§1.6): sizes, counts, constructors, text, at every depth, without
//! recursion.

use super::compound::{Claimed, compound_body};
use super::format::{self, Layout};
use super::reader::Reader;
use super::scalar::{ascii, utf8};
use super::skip::data_of;
use crate::error::{DecodeError, DecodeFault};
use crate::limits::DEPTH_MAX;

/// Steps over the next value and proves that it is well-formed throughout: who then walks it meets no error.
///
/// Time is linear in the bytes of the value; no allocation.
///
/// # Errors
/// The first fault met, see [`DecodeFault`].
pub fn validate_value(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    // Most values are scalars and need no stack.
    let mut after = *reader;
    match after.u8()? {
        format::DESCRIBED
        | format::LIST_8
        | format::LIST_32
        | format::MAP_8
        | format::MAP_32
        | format::ARRAY_8
        | format::ARRAY_32 => walk(reader, Level::values(1)),
        code => {
            *reader = after;
            scalar(code, reader)
        }
    }
}

/// The same for the body of an array: `reader` stands at its constructor and ends with its last element.
pub(super) fn validate_array(reader: &mut Reader<'_>, count: u32) -> Result<(), DecodeError> {
    walk(reader, Level { left: count, end: 0, items: Items::OfArray })
}

/// Values that are due, and where they must end.
#[derive(Clone, Copy)]
struct Level {
    /// How many bytes remain in the reader where this level ends; [`ANYWHERE`] if it has no size of its own.
    end: usize,
    left: u32,
    items: Items,
}

const ANYWHERE: usize = usize::MAX;

#[derive(Clone, Copy)]
enum Items {
    /// Each with its constructor.
    Values,
    /// The elements of an array whose constructor has not been read yet.
    OfArray,
    /// The same, and a descriptor of it has been.
    OfDescribedArray,
    /// The elements of an array: this constructor, without description.
    Elements(u8),
}

impl Level {
    const fn values(left: u32) -> Self {
        Self { left, end: ANYWHERE, items: Items::Values }
    }
}

struct Stack {
    levels: [Level; DEPTH_MAX + 1],
    used: usize,
}

impl Stack {
    fn push(&mut self, level: Level, reader: &Reader<'_>) -> Result<(), DecodeError> {
        let Some(slot) = self.levels.get_mut(self.used) else {
            return Err(reader.error(DecodeFault::TooDeep));
        };
        *slot = level;
        self.used = self.used.saturating_add(1);
        Ok(())
    }

    fn top(&mut self) -> Option<&mut Level> {
        self.levels.get_mut(self.used.checked_sub(1)?)
    }

    fn pop(&mut self) {
        self.used = self.used.saturating_sub(1);
    }
}

fn walk(reader: &mut Reader<'_>, root: Level) -> Result<(), DecodeError> {
    let mut stack = Stack { levels: [root; DEPTH_MAX + 1], used: 1 };
    while let Some(level) = stack.top() {
        if let Items::OfArray | Items::OfDescribedArray = level.items {
            let (end, left) = (level.end, level.left);
            if left == 0 && reader.remaining() == end && matches!(level.items, Items::OfArray) {
                stack.pop();
            } else if reader.peek() == Some(format::DESCRIBED) {
                // The descriptor, once for all elements; then this level's constructor is looked at again.
                reader.u8()?;
                level.items = Items::OfDescribedArray;
                stack.push(Level::values(1), reader)?;
            } else {
                let start = *reader;
                let code = reader.u8()?;
                let layout = known_layout(code, &start)?;
                let bytes_left = reader.remaining().saturating_sub(end);
                let Some(count) = Claimed::new(left).fits(bytes_left, layout.bytes_min()) else {
                    return Err(reader.error(DecodeFault::CountExceedsBytes));
                };
                // Elements of no width are all alike, and alike well-formed.
                level.left = if layout == Layout::Fixed(0) { 0 } else { count };
                level.items = Items::Elements(code);
            }
            continue;
        }
        if level.left == 0 {
            if level.end != ANYWHERE && reader.remaining() != level.end {
                let overran = reader.remaining() < level.end;
                let fault = if overran { DecodeFault::Truncated } else { DecodeFault::TrailingBytes };
                return Err(reader.error(fault));
            }
            stack.pop();
            continue;
        }
        level.left = level.left.saturating_sub(1);
        let code = match level.items {
            Items::Elements(code) => code,
            _ => reader.u8()?,
        };
        match code {
            // A descriptor and a value, in place of one.
            format::DESCRIBED => stack.push(Level::values(2), reader)?,
            // As deep as any other list, though nothing is in it.
            format::LIST_0 => stack.push(Level::values(0), reader)?,
            format::LIST_8
            | format::LIST_32
            | format::MAP_8
            | format::MAP_32
            | format::ARRAY_8
            | format::ARRAY_32 => stack.push(compound(code, reader)?, reader)?,
            code => scalar(code, reader)?,
        }
    }
    Ok(())
}

/// Reads the head of a list, map or array; gives the level of what is in it.
fn compound(code: u8, reader: &mut Reader<'_>) -> Result<Level, DecodeError> {
    let layout = known_layout(code, reader)?;
    let start = *reader;
    let mut after = *reader;
    let (items, claimed) = compound_body(layout, &mut after)?;
    *reader = start.forward_to(&items);
    let end = after.remaining();
    if let Layout::Array8 | Layout::Array32 = layout {
        // Checked where the constructor, and with it the elements' width, is known.
        return Ok(Level { left: claimed.unchecked(), end, items: Items::OfArray });
    }
    let Some(left) = claimed.fits(items.remaining(), 1) else {
        return Err(items.error(DecodeFault::CountExceedsBytes));
    };
    if matches!(code, format::MAP_8 | format::MAP_32) && !left.is_multiple_of(2) {
        return Err(start.error(DecodeFault::OddMap));
    }
    Ok(Level { left, end, items: Items::Values })
}

/// Checks the data of anything that is no compound.
#[inline]
fn scalar(code: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let start = *reader;
    let data = data_of(known_layout(code, reader)?, reader)?;
    match code {
        format::STRING_8 | format::STRING_32 => utf8(data).map(drop),
        format::SYMBOL_8 | format::SYMBOL_32 => ascii(data).map(drop),
        format::BOOLEAN if !matches!(data.rest(), [0 | 1]) => Err(start.error(DecodeFault::OutOfRange)),
        format::CHAR => match char::from_u32(data.clone().u32()?) {
            Some(_) => Ok(()),
            None => Err(start.error(DecodeFault::InvalidChar)),
        },
        _ => Ok(()),
    }
}

fn known_layout(code: u8, at: &Reader<'_>) -> Result<Layout, DecodeError> {
    format::layout(code).ok_or_else(|| at.error(DecodeFault::UnknownConstructor(code)))
}
