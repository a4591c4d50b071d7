//! Where a case takes its choices from.

/// A row of bytes from proptest; each choice of a generator takes one or more. A tape that has run out gives
/// zeros, and zero is everywhere the plainest choice, so a failing case shrinks to a plain one.
#[derive(Debug, Clone)]
pub(crate) struct Tape<'a> {
    bytes: &'a [u8],
    at: usize,
    round: bool,
}

impl<'a> Tape<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, round: false }
    }

    /// A tape that begins again when it has run out, so that all of a long message gets varied encodings.
    pub(crate) const fn round(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, round: true }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        if self.round && self.at >= self.bytes.len() {
            self.at = 0;
        }
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// A number below `limit`, which is 256 at most.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    /// True once in `n` times; false when the tape has run out.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }
}
