//! Bytes read as a script of choices. Past its end every choice is 0, so that each input is a whole script.

/// What is left of a script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tape<'a>(pub(crate) &'a [u8]);

impl<'a> Tape<'a> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    /// A number that is mostly small, and sometimes at the edges of 32 bits.
    pub(crate) fn number(&mut self) -> u32 {
        match self.byte() {
            small @ 0..200 => u32::from(small),
            byte @ 200..=239 => u32::MAX - u32::from(byte - 200),
            240..=247 => i32::MAX.cast_unsigned().wrapping_add(u32::from(self.byte())),
            248.. => u32::from(self.short()) << 16 | u32::from(self.short()),
        }
    }

    /// As many bytes as are left, at most.
    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
