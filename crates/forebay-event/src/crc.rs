//! Joining CRC-32C sums, so that a batch's payload is summed once and its header may change afterwards.
//!
//! A CRC is linear: `crc(A ‖ B) = crc(A) · x^(8·|B|) + crc(B)` over GF(2) modulo the polynomial. The power for a given
//! payload length takes a few hundred steps ([`shift_of`]); with it in hand a join ([`join`]) takes at most 32. Bits are
//! reflected as in CRC-32C itself: bit 31 is x^0.

/// The Castagnoli polynomial, reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `x^(2^i)` for each bit `i` of a length in bits.
const POWERS: [u32; 64] = powers();

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where an index past the end is an error")]
const fn powers() -> [u32; 64] {
    let mut table = [0; 64];
    let mut power = 1 << 30;
    let mut i = 0;
    while i < 64 {
        table[i] = power;
        power = multiply(power, power);
        i += 1;
    }
    table
}

/// `a · b` modulo the polynomial.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut mask = 1_u32 << 31;
    let mut product = 0;
    while mask != 0 {
        if a & mask != 0 {
            product ^= b;
        }
        b = if b & 1 != 0 { (b >> 1) ^ POLYNOMIAL } else { b >> 1 };
        mask >>= 1;
    }
    product
}

/// `x^(8·length)`: what appending `length` bytes multiplies a sum by.
pub(crate) fn shift_of(length: usize) -> u32 {
    let mut bits = (length as u64) << 3;
    let mut product = 1 << 31;
    for power in POWERS {
        if bits == 0 {
            break;
        }
        if bits & 1 != 0 {
            product = multiply(power, product);
        }
        bits >>= 1;
    }
    product
}

/// The sum of `A ‖ B` from the sum of `A`, the sum of `B`, and [`shift_of`] B's length.
pub(crate) fn join(first: u32, second: u32, shift: u32) -> u32 {
    multiply(shift, first) ^ second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_sums_equal_the_sum_of_the_whole() {
        let bytes: Vec<u8> = (0..70_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in [0, 1, 2, 39, 40, 41, 1024, 65_535, 65_536, 70_000] {
            for cut in [0, 1, 40, length / 2, length] {
                let (a, b) = bytes[..length].split_at(cut.min(length));
                let joined = join(crc32c::crc32c(a), crc32c::crc32c(b), shift_of(b.len()));
                assert_eq!(joined, crc32c::crc32c(&bytes[..length]), "length {length}, cut {cut}");
            }
        }
    }
}
