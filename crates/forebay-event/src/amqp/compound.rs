//! The inside of lists and maps: values one after another, and the head that goes before them.

use forebay_amqp::wire::{Reader, format, skip_value};

/// A list or map that has been proved to be well-formed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Compound<'a> {
    /// How many values; of a map, keys and values.
    pub(super) count: u32,
    /// The values' encodings, one after another.
    pub(super) items: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Of a list's or map's encoding.
    pub(super) fn of(value: &'a [u8]) -> Self {
        match *value {
            [format::LIST_8 | format::MAP_8, _, count, ref items @ ..] => Self { count: count.into(), items },
            [format::LIST_32 | format::MAP_32, _, _, _, _, a, b, c, d, ref items @ ..] => {
                Self { count: u32::from_be_bytes([a, b, c, d]), items }
            }
            _ => Self::default(),
        }
    }

    /// The values' encodings, in turn.
    #[inline]
    pub(super) const fn values(&self) -> Values<'a> {
        Values(Reader::new(self.items))
    }

    /// The encodings of a map's keys and values, in pairs.
    #[inline]
    pub(super) const fn pairs(&self) -> Pairs<'a> {
        Pairs(self.values())
    }
}

/// The encodings of values that follow one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(Reader<'a>);

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0;
        // Fails at the end, and nowhere else in what has been proved.
        skip_value(&mut self.0).ok()?;
        Some(self.0.bytes_since(&start))
    }
}

/// The encodings of a map's keys and values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs<'a>(Values<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

/// Bytes that the head of a list or map takes: constructor, size and count, in the shortest form.
pub(super) const fn head_len(count: u32, items_len: usize) -> usize {
    if is_narrow(count, items_len) { 3 } else { 9 }
}

const fn is_narrow(count: u32, items_len: usize) -> bool {
    items_len < 255 && count <= 255
}

/// Appends the head of a list (`is_map` false) or map.
pub(super) fn put_head(out: &mut Vec<u8>, is_map: bool, count: u32, items_len: usize) {
    let (narrow, wide) =
        if is_map { (format::MAP_8, format::MAP_32) } else { (format::LIST_8, format::LIST_32) };
    if is_narrow(count, items_len) {
        out.extend_from_slice(&[narrow, items_len as u8 + 1, count as u8]);
    } else {
        out.push(wide);
        out.extend_from_slice(&(items_len as u32 + 4).to_be_bytes());
        out.extend_from_slice(&count.to_be_bytes());
    }
}
