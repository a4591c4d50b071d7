//! A delivery that comes in several transfer frames (§2.6.14), put together within a bound.

use alloc::vec::Vec;

use crate::connection::DeliveryTag;

/// The frames of one delivery so far.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) id: u32,
    pub(crate) tag: DeliveryTag,
    pub(crate) message_format: u32,
    /// Any of the frames may say so.
    pub(crate) settled: bool,
    bytes: Vec<u8>,
    /// Bytes the peer sent, kept or not.
    received: u64,
    bytes_max: u64,
}

impl Assembly {
    pub(crate) const fn new(
        id: u32,
        tag: DeliveryTag,
        message_format: u32,
        settled: bool,
        bytes_max: u64,
    ) -> Self {
        Self { id, tag, message_format, settled, bytes: Vec::new(), received: 0, bytes_max }
    }

    /// Another frame's bytes. Past the bound they are counted, not kept, and what was kept is let go.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.is_too_large() {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    pub(crate) const fn is_too_large(&self) -> bool {
        self.received > self.bytes_max
    }

    /// Whether these bytes make it too large, if it is not already.
    pub(crate) const fn is_past_bound_with(&self, bytes: &[u8]) -> bool {
        self.received.saturating_add(bytes.len() as u64) > self.bytes_max
    }

    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly(bytes_max: u64) -> Assembly {
        Assembly::new(1, DeliveryTag::default(), 0, false, bytes_max)
    }

    #[test]
    fn accepts_a_delivery_at_the_bound() {
        let mut assembly = assembly(4);
        assembly.append(b"ab");
        assembly.append(b"cd");
        assert!(!assembly.is_too_large());
        assert_eq!(assembly.into_bytes(), b"abcd");
    }

    #[test]
    fn counts_but_does_not_keep_a_delivery_past_the_bound() {
        let mut assembly = assembly(4);
        assembly.append(b"abcd");
        assembly.append(b"e");
        assembly.append(b"fgh");
        assert!(assembly.is_too_large());
        assert_eq!((assembly.received(), assembly.held()), (8, 0));
    }
}
