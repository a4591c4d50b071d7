//! Chance, from the operating system: proposal ids and keys.

/// 128 random bits.
pub(crate) fn u128() -> u128 {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// Fills a buffer with random bytes.
pub(crate) fn fill(bytes: &mut [u8]) {
    // Without a source of chance there are no keys and no ids; going on would make guessable ones.
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}
