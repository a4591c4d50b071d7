//! What is left of a delivery when the session window ended inside it (§2.5.6, §2.6.14).
//!
//! At most one delivery of a session is in this state: while it waits the window is shut, so no other
//! can begin. Its bytes are bounded by the size of the message that the application wrote.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::frame::{DeliveryWriter, WrittenRest};
use crate::limits::{FRAME_SIZE_MIN, TRANSFER_HEAD_BYTES_MAX};
use crate::types::{Channel, DeliveryId, Handle};

/// The unsent bytes of at most one delivery.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    link: u32,
    delivery_id: u32,
    settled: bool,
    bytes: Vec<u8>,
    sent: usize,
}

impl Rest {
    /// Keeps what did not fit.
    pub(crate) fn keep(&mut self, link: u32, delivery_id: u32, settled: bool, bytes: Vec<u8>) {
        *self = Self { link, delivery_id, settled, bytes, sent: 0 };
    }

    /// The link whose delivery it is.
    pub(crate) const fn link(&self) -> u32 {
        self.link
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        self.len() > 0
    }

    /// Bytes that wait.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Appends what the window allows. Returns the transfer frames written.
    pub(crate) fn write(
        &mut self,
        channel: Channel,
        handle: Handle,
        max_frame_size: u32,
        window: NonZeroU32,
        out: &mut Vec<u8>,
    ) -> u32 {
        let writer = DeliveryWriter {
            channel,
            handle,
            delivery_id: DeliveryId::new(self.delivery_id),
            delivery_tag: &[],
            message_format: 0,
            settled: self.settled,
            max_frame_size,
        };
        let WrittenRest { frames, bytes } = writer.write_rest(out, &self.bytes[self.sent..], window);
        self.sent += bytes;
        if !self.is_waiting() {
            self.clear();
        }
        frames
    }

    /// Transfer frames it takes at most.
    pub(crate) fn frames(&self, max_frame_size: u32) -> u32 {
        let room = (max_frame_size.max(FRAME_SIZE_MIN) - TRANSFER_HEAD_BYTES_MAX) as usize;
        u32::try_from(self.len().div_ceil(room)).unwrap_or(u32::MAX)
    }

    pub(crate) fn forget_link(&mut self, link: u32) {
        if self.link == link {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
