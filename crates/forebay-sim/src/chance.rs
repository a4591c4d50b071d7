//! Chance: a small generator, and one stream for each source of it.

/// A stream of numbers that follows from its seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// The stream for one source of chance: a new draw in one place must not shift all others.
    #[must_use]
    pub(crate) fn salted(seed: u64, salt: &str) -> Self {
        let salt = salt.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut stream = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt);
        stream.next();
        stream
    }

    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; zero if that is zero.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// An index below `count`; zero if that is zero.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or(0)
    }

    /// True in `in_hundred` of a hundred cases.
    pub(crate) const fn happens(&mut self, in_hundred: u64) -> bool {
        self.below(100) < in_hundred
    }
}
