//! Variable-length integers: seven bits a byte, low first, high bit = more follow. Kafka's record fields are zig-zag
//! coded (`docs/reference/event.md` §2 uses the plain form inside `fb.m`).

/// Most bytes that a 64-bit number takes.
const LONGEST: usize = 10;

/// Bytes that `value` takes in the plain form.
pub(crate) const fn uvarint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Bytes that `value` takes in the zig-zag form.
pub(crate) const fn varint_len(value: i64) -> usize {
    uvarint_len(zigzag(value))
}

/// Bytes that the zig-zag form of a length or count takes.
pub(crate) const fn length_len(length: usize) -> usize {
    varint_len(length as i64)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Appends `value` in the plain form.
pub(crate) fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` in the zig-zag form.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, zigzag(value));
}

/// Appends a length or count in the zig-zag form.
pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, length as i64);
}

/// Takes a plain number off the front of `input`; `None` if it is cut or does not fit 64 bits.
#[inline]
pub(crate) fn take_uvarint(input: &mut &[u8]) -> Option<u64> {
    // Nearly all of them are lengths and deltas of one byte.
    match input.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *input = rest;
            Some(u64::from(byte))
        }
        _ => take_long_uvarint(input),
    }
}

fn take_long_uvarint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (i, byte) in input.iter().take(LONGEST).enumerate() {
        let bits = u64::from(byte & 0x7F);
        if i == LONGEST - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * i);
        if byte & 0x80 == 0 {
            *input = input.get(i + 1..)?;
            return Some(value);
        }
    }
    None
}

/// Takes a zig-zag number off the front of `input`; `None` if it is cut or does not fit 64 bits.
#[inline]
pub(crate) fn take_varint(input: &mut &[u8]) -> Option<i64> {
    let raw = take_uvarint(input)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_take_as_many_bytes_as_said() {
        let edges = (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, !(1 << bit)]);
        for value in edges {
            let mut plain = Vec::new();
            put_uvarint(&mut plain, value);
            assert_eq!(plain.len(), uvarint_len(value));
            assert_eq!(take_uvarint(&mut &plain[..]), Some(value));
            let mut zigzag = Vec::new();
            put_varint(&mut zigzag, value as i64);
            assert_eq!(zigzag.len(), varint_len(value as i64));
            assert_eq!(take_varint(&mut &zigzag[..]), Some(value as i64));
            for cut in 0..plain.len() {
                assert_eq!(take_uvarint(&mut &plain[..cut]), None);
            }
        }
    }

    #[test]
    fn numbers_past_64_bits_are_refused() {
        assert_eq!(take_uvarint(&mut &[0xFF; 11][..]), None);
        let mut largest = [0xFF; 10];
        largest[9] = 1;
        assert_eq!(take_uvarint(&mut &largest[..]), Some(u64::MAX));
        largest[9] = 2;
        assert_eq!(take_uvarint(&mut &largest[..]), None);
    }
}
