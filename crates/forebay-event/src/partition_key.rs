//! Which partition a partition key belongs to: Jenkins' lookup3 with both seeds 0 (`docs/reference/amqp.md` §9.1).

/// The hash of a partition key. Event Hubs reads its low 16 bits as a signed number.
#[must_use]
pub fn hash(key: &str) -> i16 {
    let seed = 0xDEAD_BEEF_u32.wrapping_add(key.len() as u32);
    let mut state = State { a: seed, b: seed, c: seed };
    let mut rest = key.as_bytes();
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        state.add(block);
        state.mix();
        rest = after;
    }
    if !rest.is_empty() {
        state.add(rest);
        state.finish();
    }
    (state.c ^ state.b) as i16
}

/// The partition, of a hub with `count` of them in id order, that events with this key go to.
///
/// # Panics
/// If `count` is 0; a hub has at least one partition.
#[must_use]
pub fn partition_for(key: &str, count: u32) -> u32 {
    partition_of_hash(hash(key), count)
}

/// The partition that a key with this hash belongs to; as [`partition_for`].
pub(crate) fn partition_of_hash(hash: i16, count: u32) -> u32 {
    // The remainder keeps the sign of the hash, so its magnitude is the remainder of the magnitude.
    u32::from(hash.unsigned_abs()) % count
}

#[derive(Debug, Clone, Copy)]
struct State {
    a: u32,
    b: u32,
    c: u32,
}

impl State {
    /// Adds up to twelve bytes as three little-endian words, short ones filled up with zeros.
    fn add(&mut self, block: &[u8]) {
        let mut words = block
            .chunks(4)
            .map(|chunk| chunk.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)));
        let mut add = |to: &mut u32| *to = to.wrapping_add(words.next().unwrap_or(0));
        add(&mut self.a);
        add(&mut self.b);
        add(&mut self.c);
    }

    const fn mix(&mut self) {
        let Self { mut a, mut b, mut c } = *self;
        (a, c) = mix_step(a, c, b, 4);
        (b, a) = mix_step(b, a, c, 6);
        (c, b) = mix_step(c, b, a, 8);
        (a, c) = mix_step(a, c, b, 16);
        (b, a) = mix_step(b, a, c, 19);
        (c, b) = mix_step(c, b, a, 4);
        *self = Self { a, b, c };
    }

    const fn finish(&mut self) {
        let Self { mut a, mut b, mut c } = *self;
        c = finish_step(c, b, 14);
        a = finish_step(a, c, 11);
        b = finish_step(b, a, 25);
        c = finish_step(c, b, 16);
        a = finish_step(a, c, 4);
        b = finish_step(b, a, 14);
        c = finish_step(c, b, 24);
        *self = Self { a, b, c };
    }
}

/// `x −= y; x ^= rol(y, k); y += z`; gives x and y.
const fn mix_step(x: u32, y: u32, z: u32, k: u32) -> (u32, u32) {
    (x.wrapping_sub(y) ^ y.rotate_left(k), y.wrapping_add(z))
}

/// `x ^= y; x −= rol(y, k)`.
const fn finish_step(x: u32, y: u32, k: u32) -> u32 {
    (x ^ y).wrapping_sub(y.rotate_left(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, hash, partitions of 2, 4, 5, 8 and 32: the table of `docs/reference/amqp.md` §9.1.
    const VECTORS: &[(&str, i16, [u32; 5])] = &[
        // 15263 = 4 · 3815 + 3; a remainder of 7 by 8 leaves no other.
        ("7", -15263, [1, 3, 3, 7, 31]),
        ("131", 30562, [0, 2, 2, 2, 2]),
        ("7149583486996073602", 12977, [1, 1, 2, 1, 17]),
        ("FWfAT", -22341, [1, 1, 1, 5, 5]),
        ("sOdeEAsyQoEuEFPGerWO", -6503, [1, 3, 3, 7, 7]),
        ("a", -16220, [0, 0, 0, 4, 28]),
        ("abc", -14161, [1, 1, 1, 1, 17]),
        ("device-42", -21548, [0, 0, 3, 4, 12]),
        ("123456789012", 21621, [1, 1, 1, 5, 21]),
        ("1234567890123", 7770, [0, 2, 0, 2, 26]),
        ("order-0001-long-partition-key-value", 5209, [1, 1, 4, 1, 25]),
        ("contoso", -28164, [0, 0, 4, 4, 4]),
        ("Straße", -18926, [0, 2, 1, 6, 14]),
        ("sensor/北京", 27053, [1, 1, 3, 5, 13]),
        ("PartitionKey", 632, [0, 0, 2, 0, 24]),
    ];

    #[test]
    fn keys_go_where_the_clients_send_them() {
        for (key, expected, partitions) in VECTORS {
            assert_eq!(hash(key), *expected, "{key}");
            let found = [2, 4, 5, 8, 32].map(|count| partition_for(key, count));
            assert_eq!(found, *partitions, "{key}");
        }
    }

    #[test]
    fn hashes_are_those_of_the_dotnet_tests() {
        let vectors = [
            ("!c*_!I@1^c", 15372),
            ("p4*!jioeO/z-!-;w:dh", -3104),
            ("$0cb", 26269),
            ("-4189260826195535198", 453),
            ("", 0),
        ];
        for (key, expected) in vectors {
            assert_eq!(hash(key), expected, "{key}");
        }
    }

    #[test]
    fn the_partition_is_the_magnitude_of_the_truncating_remainder() {
        for hash in i16::MIN..=i16::MAX {
            for count in [1, 3, 4, 32, 100, 1024] {
                let expected = (i32::from(hash) % count as i32).unsigned_abs();
                assert_eq!(partition_of_hash(hash, count), expected);
            }
        }
    }
}
