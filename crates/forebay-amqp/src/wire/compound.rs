//! Lists, maps, arrays and described values as views of the bytes they stand in (§1.2, §1.6.22-1.6.24).
//!
//! A view is made in constant time. What is inside is read when it is iterated, so each item is a `Result`.

use super::format::{self, Layout};
use super::reader::Reader;
use super::skip::{data_of, skip_value};
use super::value_ref::ValueRef;
use crate::error::{DecodeError, DecodeFault};
use crate::limits::{DEPTH_MAX, ZERO_WIDTH_ITEMS_MAX};

/// A count that the peer claims. It becomes a number only against the bytes that must hold it, so it can be
/// no loop's bound and no buffer's capacity by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed(u32);

impl Claimed {
    /// A number as it stood on the wire.
    #[must_use]
    pub const fn new(count: u32) -> Self {
        Self(count)
    }

    /// The number as claimed, for who checks it later.
    pub(super) const fn unchecked(self) -> u32 {
        self.0
    }

    /// The count, if so many items of at least `bytes_min` bytes each fit into `bytes_left`; items of no
    /// width are bounded by [`ZERO_WIDTH_ITEMS_MAX`].
    #[must_use]
    pub fn fits(self, bytes_left: usize, bytes_min: u8) -> Option<u32> {
        let most = match usize::from(bytes_min) {
            0 => return (self.0 <= ZERO_WIDTH_ITEMS_MAX).then_some(self.0),
            bytes_min => bytes_left.checked_div(bytes_min)?,
        };
        (usize::try_from(self.0).ok()? <= most).then_some(self.0)
    }
}

/// Reads size and count; gives a reader of the items.
#[inline]
pub(super) fn compound_body<'a>(
    layout: Layout,
    reader: &mut Reader<'a>,
) -> Result<(Reader<'a>, Claimed), DecodeError> {
    let mut body = data_of(layout, reader)?;
    let count = match layout {
        Layout::Compound8 | Layout::Array8 => u32::from(body.u8()?),
        _ => body.u32()?,
    };
    Ok((body, Claimed(count)))
}

/// A list (§1.6.22).
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a> {
    items: Reader<'a>,
    count: u32,
}

impl<'a> ListRef<'a> {
    pub(super) const fn empty(reader: &Reader<'a>) -> Self {
        Self { items: reader.emptied(), count: 0 }
    }

    #[inline]
    pub(super) fn read(layout: Layout, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (items, count) = compound_body(layout, reader)?;
        let Some(count) = count.fits(items.remaining(), 1) else {
            return Err(items.error(DecodeFault::CountExceedsBytes));
        };
        Ok(Self { items, count })
    }

    /// Reads a list's head without making a list of it: a reader of the items, and their count, which has been
    /// checked. The hot path of composites.
    #[inline]
    pub(crate) fn read_fields(reader: &mut Reader<'a>) -> Result<(Reader<'a>, u32), DecodeError> {
        let start = *reader;
        let code = reader.u8()?;
        let layout = match code {
            format::LIST_8 => Layout::Compound8,
            format::LIST_32 => Layout::Compound32,
            format::LIST_0 => return Ok((reader.emptied(), 0)),
            code => return Err(start.error(DecodeFault::WrongType(code))),
        };
        let list = Self::read(layout, reader)?;
        Ok((list.items, list.count))
    }

    /// The number of values; there are at least as many bytes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values in turn; after the first error, nothing more.
    #[must_use]
    pub const fn iter(&self) -> Items<'a> {
        Items(RawItems { reader: self.items, left: self.count })
    }

    /// The values' encodings in turn.
    #[must_use]
    pub const fn raw(&self) -> RawItems<'a> {
        RawItems { reader: self.items, left: self.count }
    }

    /// A reader at the first value.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        self.items
    }
}

/// A map (§1.6.23): its order matters, its keys may repeat; both are left to the reader.
#[derive(Clone, Copy, Debug)]
pub struct MapRef<'a>(ListRef<'a>);

impl<'a> MapRef<'a> {
    #[inline]
    pub(super) fn read(layout: Layout, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        let list = ListRef::read(layout, reader)?;
        if !list.count.is_multiple_of(2) {
            return Err(start.error(DecodeFault::OddMap));
        }
        Ok(Self(list))
    }

    /// The number of pairs; there are at least twice as many bytes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.0.count >> 1
    }

    /// Whether it has no pairs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values in turn; after the first error, nothing more.
    #[must_use]
    pub const fn iter(&self) -> Entries<'a> {
        Entries(self.0.raw())
    }

    /// The encodings of key, value, key, value, …
    #[must_use]
    pub const fn raw(&self) -> RawItems<'a> {
        self.0.raw()
    }

    /// The value of the first key that is this string or symbol.
    ///
    /// # Errors
    /// Of any entry up to the one found.
    pub fn get(&self, name: &str) -> Result<Option<ValueRef<'a>>, DecodeError> {
        for entry in self.iter() {
            let (key, value) = entry?;
            if key.as_text() == Some(name) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// The encodings of the values of a list or map.
#[derive(Clone, Copy, Debug)]
pub struct RawItems<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> RawItems<'a> {
    fn fail(&mut self, error: DecodeError) -> Option<Result<Reader<'a>, DecodeError>> {
        *self = Self { reader: self.reader.emptied(), left: 0 };
        Some(Err(error))
    }

    fn next_reader(&mut self) -> Option<Result<Reader<'a>, DecodeError>> {
        if self.left == 0 {
            return match self.reader.finish() {
                Ok(()) => None,
                Err(error) => self.fail(error),
            };
        }
        self.left = self.left.saturating_sub(1);
        let start = self.reader;
        match skip_value(&mut self.reader) {
            Ok(()) => Some(Ok(start.up_to(&self.reader))),
            Err(error) => self.fail(error),
        }
    }
}

impl<'a> Iterator for RawItems<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_reader().map(|item| item.map(|reader| reader.rest()))
    }
}

/// The values of a list.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a>(RawItems<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Result<ValueRef<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let item = self.0.next_reader()?.and_then(|mut reader| ValueRef::read(&mut reader));
        match item {
            Ok(value) => Some(Ok(value)),
            Err(error) => {
                self.0.fail(error);
                Some(Err(error))
            }
        }
    }
}

/// The keys and values of a map.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a>(RawItems<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(ValueRef<'a>, ValueRef<'a>), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut items = Items(self.0);
        let key = items.next()?;
        // The count is even, so a value follows or an error does.
        let entry = key.and_then(|key| match items.next() {
            Some(value) => value.map(|value| (key, value)),
            None => Err(items.0.reader.error(DecodeFault::OddMap)),
        });
        self.0 = items.0;
        if entry.is_err() {
            self.0 = RawItems { reader: self.0.reader.emptied(), left: 0 };
        }
        Some(entry)
    }
}

/// An array (§1.6.24): one constructor, then elements without.
#[derive(Clone, Copy, Debug)]
pub struct ArrayRef<'a> {
    /// At the constructor: one byte, or `00 descriptor …` and one; the elements follow.
    body: Reader<'a>,
    /// The last byte of the constructor.
    code: u8,
    items: Reader<'a>,
    count: u32,
}

impl<'a> ArrayRef<'a> {
    /// No elements, of type null.
    pub(super) const EMPTY: Self =
        Self { body: Reader::new(&[format::NULL]), code: format::NULL, items: Reader::new(&[]), count: 0 };

    pub(super) fn read(layout: Layout, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (mut body, count) = compound_body(layout, reader)?;
        Self::from_body(&mut body, count)
    }

    pub(super) fn from_body(body: &mut Reader<'a>, count: Claimed) -> Result<Self, DecodeError> {
        if count == Claimed(0) && body.is_empty() {
            // Not the specification's empty array, which has a constructor; but its meaning is plain.
            return Ok(Self::EMPTY);
        }
        let start = *body;
        let (_, code, layout) = read_constructor(body)?;
        let Some(count) = count.fits(body.remaining(), layout.bytes_min()) else {
            return Err(body.error(DecodeFault::CountExceedsBytes));
        };
        Ok(Self { body: start, code, items: *body, count })
    }

    /// The number of elements: bounded by the bytes, and for elements of no width by [`ZERO_WIDTH_ITEMS_MAX`].
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has no elements.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The constructor of the elements' encoding, inside any description.
    #[must_use]
    pub const fn element_code(&self) -> u8 {
        self.code
    }

    /// The elements in turn; after the first error, nothing more.
    #[must_use]
    pub fn iter(&self) -> ArrayItems<'a> {
        ArrayItems { constructor: self.body.up_to(&self.items), items: self.items, left: self.count }
    }

    /// A reader at the constructor, with the elements behind it.
    pub(super) const fn body(&self) -> Reader<'a> {
        self.body
    }
}

/// The elements of an array.
#[derive(Clone, Copy, Debug)]
pub struct ArrayItems<'a> {
    constructor: Reader<'a>,
    items: Reader<'a>,
    left: u32,
}

impl<'a> Iterator for ArrayItems<'a> {
    type Item = Result<ValueRef<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = if self.left == 0 {
            match self.items.finish() {
                Ok(()) => return None,
                Err(error) => Err(error),
            }
        } else {
            self.left = self.left.saturating_sub(1);
            let mut constructor = self.constructor;
            constructed(&mut constructor, &mut self.items)
        };
        if item.is_err() {
            self.left = 0;
            self.items = self.items.emptied();
        }
        Some(item)
    }
}

/// A described value (§1.2, §1.3): a descriptor, and a value in the sense it gives.
///
/// Held as constructor and data apart, because the elements of an array share one constructor.
#[derive(Clone, Copy, Debug)]
pub struct DescribedRef<'a> {
    /// At the descriptor; the constructor of the value follows.
    constructor: Reader<'a>,
    data: Reader<'a>,
}

impl<'a> DescribedRef<'a> {
    /// Reads what follows the 0x00 of a described value.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        skip_value(reader)?;
        let (_, _, layout) = read_constructor(reader)?;
        let constructor = start.up_to(reader);
        let start = *reader;
        data_of(layout, reader)?;
        Ok(Self { constructor, data: start.up_to(reader) })
    }

    /// The descriptor: a ulong or a symbol, unless the peer invents.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn descriptor(&self) -> Result<ValueRef<'a>, DecodeError> {
        let mut constructor = self.constructor;
        ValueRef::read(&mut constructor)
    }

    /// The value that is described.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn value(&self) -> Result<ValueRef<'a>, DecodeError> {
        let mut constructor = self.constructor;
        skip_value(&mut constructor)?;
        let mut data = self.data;
        constructed(&mut constructor, &mut data)
    }
}

/// Reads a constructor: `code`, or `00 descriptor constructor`. Gives its bytes, the code at its end, and its
/// layout.
fn read_constructor<'a>(reader: &mut Reader<'a>) -> Result<(Reader<'a>, u8, Layout), DecodeError> {
    let start = *reader;
    for _ in 0..=DEPTH_MAX {
        let code = reader.u8()?;
        if code != format::DESCRIBED {
            let Some(layout) = format::layout(code) else {
                return Err(start.error(DecodeFault::UnknownConstructor(code)));
            };
            return Ok((start.up_to(reader), code, layout));
        }
        skip_value(reader)?;
    }
    Err(start.error(DecodeFault::TooDeep))
}

/// Reads a value whose constructor stands apart from its data.
fn constructed<'a>(constructor: &mut Reader<'a>, data: &mut Reader<'a>) -> Result<ValueRef<'a>, DecodeError> {
    let code = constructor.u8()?;
    if code != format::DESCRIBED {
        return ValueRef::read_data(code, data);
    }
    // The element's data ends where the innermost code says.
    let mut inner = *constructor;
    skip_value(&mut inner)?;
    let (_, _, layout) = read_constructor(&mut inner)?;
    let start = *data;
    data_of(layout, data)?;
    Ok(ValueRef::Described(DescribedRef { constructor: *constructor, data: start.up_to(data) }))
}
