//! Writes values into a `Vec<u8>`, each in its shortest form (§1.6), and patches sizes afterwards.

use alloc::vec::Vec;

use super::format;

/// Appends encoded values to a buffer that the caller owns.
///
/// ```
/// # use forebay_amqp::wire::Writer;
/// let mut out = Vec::new();
/// let mut writer = Writer::new(&mut out);
/// writer.list(2, |writer| {
///     writer.uint(7);
///     writer.null();
/// });
/// assert_eq!(out, [0xc0, 0x04, 0x02, 0x52, 0x07, 0x40]);
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

/// A list, map or array that was begun and whose size is not known yet. Give it back to [`Writer::end`].
#[derive(Debug)]
#[must_use]
pub struct OpenCompound {
    /// Where its constructor stands.
    start: usize,
    /// Its constructor in the 32-bit form.
    wide: u8,
}

/// Bytes that `count` and `size` take more in the 32-bit form of a compound.
const WIDER_BY: usize = 6;

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// The whole buffer's length so far.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.out.len()
    }

    /// Bytes that are already encoded, or the payload after a performative.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The buffer itself, to append to.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// `null`.
    #[inline]
    pub fn null(&mut self) {
        self.out.push(format::NULL);
    }

    /// `boolean`, as 0x41 or 0x42.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        self.out.push(if value { format::TRUE } else { format::FALSE });
    }

    /// `ubyte`.
    #[inline]
    pub fn ubyte(&mut self, value: u8) {
        self.raw(&[format::UBYTE, value]);
    }

    /// `ushort`.
    #[inline]
    pub fn ushort(&mut self, value: u16) {
        self.scalar(format::USHORT, value.to_be_bytes());
    }

    /// `uint`.
    #[inline]
    pub fn uint(&mut self, value: u32) {
        match u8::try_from(value) {
            Ok(0) => self.out.push(format::UINT_0),
            Ok(small) => self.raw(&[format::SMALL_UINT, small]),
            Err(_) => self.scalar(format::UINT, value.to_be_bytes()),
        }
    }

    /// `ulong`.
    #[inline]
    pub fn ulong(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(0) => self.out.push(format::ULONG_0),
            Ok(small) => self.raw(&[format::SMALL_ULONG, small]),
            Err(_) => self.scalar(format::ULONG, value.to_be_bytes()),
        }
    }

    /// `byte`.
    #[inline]
    pub fn byte(&mut self, value: i8) {
        self.scalar(format::BYTE, value.to_be_bytes());
    }

    /// `short`.
    #[inline]
    pub fn short(&mut self, value: i16) {
        self.scalar(format::SHORT, value.to_be_bytes());
    }

    /// `int`.
    #[inline]
    pub fn int(&mut self, value: i32) {
        match i8::try_from(value) {
            Ok(small) => self.scalar(format::SMALL_INT, small.to_be_bytes()),
            Err(_) => self.scalar(format::INT, value.to_be_bytes()),
        }
    }

    /// `long`.
    #[inline]
    pub fn long(&mut self, value: i64) {
        match i8::try_from(value) {
            Ok(small) => self.scalar(format::SMALL_LONG, small.to_be_bytes()),
            Err(_) => self.scalar(format::LONG, value.to_be_bytes()),
        }
    }

    /// `float`.
    #[inline]
    pub fn float(&mut self, value: f32) {
        self.scalar(format::FLOAT, value.to_be_bytes());
    }

    /// `double`.
    #[inline]
    pub fn double(&mut self, value: f64) {
        self.scalar(format::DOUBLE, value.to_be_bytes());
    }

    /// `decimal32`, as IEEE 754-2008 bytes.
    pub fn decimal32(&mut self, value: [u8; 4]) {
        self.scalar(format::DECIMAL_32, value);
    }

    /// `decimal64`, as IEEE 754-2008 bytes.
    pub fn decimal64(&mut self, value: [u8; 8]) {
        self.scalar(format::DECIMAL_64, value);
    }

    /// `decimal128`, as IEEE 754-2008 bytes.
    pub fn decimal128(&mut self, value: [u8; 16]) {
        self.scalar(format::DECIMAL_128, value);
    }

    /// `char`, UTF-32BE.
    pub fn char(&mut self, value: char) {
        self.scalar(format::CHAR, u32::from(value).to_be_bytes());
    }

    /// `timestamp`: milliseconds since 1970 UTC.
    #[inline]
    pub fn timestamp(&mut self, millis: i64) {
        self.scalar(format::TIMESTAMP, millis.to_be_bytes());
    }

    /// `uuid`.
    pub fn uuid(&mut self, value: [u8; 16]) {
        self.scalar(format::UUID, value);
    }

    /// `binary`.
    #[inline]
    pub fn binary(&mut self, bytes: &[u8]) {
        self.variable(format::BINARY_8, format::BINARY_32, bytes);
    }

    /// `string`.
    #[inline]
    pub fn string(&mut self, text: &str) {
        self.variable(format::STRING_8, format::STRING_32, text.as_bytes());
    }

    /// `symbol`. The text must be ASCII, as that of a [`Symbol`](super::Symbol) is.
    #[inline]
    pub fn symbol(&mut self, text: &str) {
        debug_assert!(text.is_ascii(), "a symbol is ASCII");
        self.variable(format::SYMBOL_8, format::SYMBOL_32, text.as_bytes());
    }

    /// `list0`, the empty list in one byte. Not for performatives: `composite.rs` says why.
    pub fn list0(&mut self) {
        self.out.push(format::LIST_0);
    }

    /// The descriptor of a described value; the value must follow. Codes below 256, that is all of the
    /// specification's, are `00 53 xx`.
    #[inline]
    pub fn descriptor(&mut self, code: u64) {
        match u8::try_from(code) {
            Ok(code) => self.raw(&[format::DESCRIBED, format::SMALL_ULONG, code]),
            Err(_) => {
                self.out.push(format::DESCRIBED);
                self.ulong(code);
            }
        }
    }

    /// A symbolic descriptor; the value must follow.
    pub fn symbolic_descriptor(&mut self, name: &str) {
        self.out.push(format::DESCRIBED);
        self.symbol(name);
    }

    /// A list of exactly `count` values, which `items` writes.
    #[inline]
    pub fn list(&mut self, count: u32, items: impl FnOnce(&mut Self)) {
        let open = self.begin_list();
        items(self);
        self.end(open, count);
    }

    /// A map of exactly `pairs` keys and values, which `items` writes in turn.
    #[inline]
    pub fn map(&mut self, pairs: u32, items: impl FnOnce(&mut Self)) {
        let open = self.begin_map();
        items(self);
        self.end(open, pairs.saturating_mul(2));
    }

    /// An array of symbols, in the form all clients read: sym32 elements (`docs/reference/amqp.md` §2).
    pub fn symbol_array<'s>(&mut self, items: impl IntoIterator<Item = &'s str>) {
        self.variable_array(format::SYMBOL_32, items);
    }

    /// An array of strings, as str32 elements.
    pub fn string_array<'s>(&mut self, items: impl IntoIterator<Item = &'s str>) {
        self.variable_array(format::STRING_32, items);
    }

    fn variable_array<'s>(&mut self, element: u8, items: impl IntoIterator<Item = &'s str>) {
        let open = self.begin_array();
        self.out.push(element);
        let mut count = 0_u32;
        for item in items {
            self.raw(&length(item.len()).to_be_bytes());
            self.raw(item.as_bytes());
            count = count.saturating_add(1);
        }
        self.end(open, count);
    }

    /// Begins a list; values follow, then [`Writer::end`].
    #[inline]
    pub fn begin_list(&mut self) -> OpenCompound {
        self.begin(format::LIST_8, format::LIST_32)
    }

    /// Begins a map; keys and values follow in turn, then [`Writer::end`] with the number of both.
    #[inline]
    pub fn begin_map(&mut self) -> OpenCompound {
        self.begin(format::MAP_8, format::MAP_32)
    }

    /// Begins an array; one constructor and elements without follow, then [`Writer::end`].
    pub fn begin_array(&mut self) -> OpenCompound {
        self.begin(format::ARRAY_8, format::ARRAY_32)
    }

    #[inline]
    fn begin(&mut self, narrow: u8, wide: u8) -> OpenCompound {
        let start = self.out.len();
        self.raw(&[narrow, 0, 0]);
        OpenCompound { start, wide }
    }

    /// Ends what was begun, now that its size and the number of values in it are known.
    ///
    /// ```text
    /// c0 size count items…            if both fit a byte, else the items move six bytes up:
    /// d0 size(4) count(4) items…
    /// ```
    #[inline]
    pub fn end(&mut self, open: OpenCompound, count: u32) {
        // `size` counts what follows it: the count's one byte, and the items.
        let size = self.out.len().saturating_sub(open.start).saturating_sub(2);
        if let (Ok(size), Ok(count)) = (u8::try_from(size), u8::try_from(count))
            && let Some([_, size_slot, count_slot, ..]) = self.out.get_mut(open.start..)
        {
            *size_slot = size;
            *count_slot = count;
        } else {
            self.widen(&open, size, count);
        }
    }

    #[cold]
    fn widen(&mut self, open: &OpenCompound, narrow_size: usize, count: u32) {
        let items = open.start.saturating_add(3);
        let len = self.out.len();
        self.out.resize(len.saturating_add(WIDER_BY), 0);
        self.out.copy_within(items..len, items.saturating_add(WIDER_BY));
        if let Some(head) = self.out.get_mut(open.start..).and_then(<[u8]>::first_chunk_mut::<9>) {
            let [s0, s1, s2, s3] = length(narrow_size.saturating_add(3)).to_be_bytes();
            let [c0, c1, c2, c3] = count.to_be_bytes();
            *head = [open.wide, s0, s1, s2, s3, c0, c1, c2, c3];
        }
    }

    #[inline]
    fn scalar<const N: usize>(&mut self, code: u8, bytes: [u8; N]) {
        self.out.push(code);
        self.raw(&bytes);
    }

    #[inline]
    fn variable(&mut self, narrow: u8, wide: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(len) => self.raw(&[narrow, len]),
            Err(_) => self.scalar(wide, length(bytes.len()).to_be_bytes()),
        }
        self.raw(bytes);
    }
}

/// A length in the four bytes the wire has for it. Buffers of 4 GiB do not occur: frames and messages are
/// bounded far below.
pub(super) fn length(len: usize) -> u32 {
    debug_assert!(u32::try_from(len).is_ok(), "a value of 4 GiB");
    u32::try_from(len).unwrap_or(u32::MAX)
}
