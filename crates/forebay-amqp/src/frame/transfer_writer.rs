//! §2.6.14 Transferring large messages, §2.7.5: writes a delivery as one transfer frame or as many, in place.
//!
//! The payload is written once, behind the head of the first frame, by whoever has it. Only if the frame
//! becomes larger than the peer takes is it cut, from the back, so that every byte moves once:
//!
//! ```text
//! written:  [head][payload payload payload pay]
//! cut:      [head][payload] [head'][payload] [head'][payload] [head'][pay]
//! ```
//!
//! All eleven fields are written in each head; the first has delivery-id, tag and message-format, the others
//! null in their place.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::frame_writer::finish_frame;
use super::header::{FrameHeader, FrameType};
use crate::error::ApiMisuse;
use crate::limits::{DELIVERY_TAG_BYTES_MAX, FRAME_SIZE_MIN};
use crate::types::{Channel, DeliveryId, Handle, Transfer};
use crate::wire::{Encode, Writer};

/// Everything that the heads of one delivery's frames say.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryWriter<'a> {
    /// Our channel of the session.
    pub channel: Channel,
    /// Our handle of the link.
    pub handle: Handle,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Its tag, at most 32 bytes.
    pub delivery_tag: &'a [u8],
    /// The format of the message: 0, or Event Hubs' batch.
    pub message_format: u32,
    /// Whether it is sent settled.
    pub settled: bool,
    /// The largest frame the peer takes, in bytes; below 512 counts as 512 (§2.7.1).
    pub max_frame_size: u32,
}

/// What [`DeliveryWriter::write`] wrote.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Written {
    /// Transfer frames: what the session's window counts.
    pub frames: u32,
    /// The part of the payload for which `frames_max` was too small; empty if all was written. Goes on with
    /// [`DeliveryWriter::write_rest`].
    pub rest: Vec<u8>,
}

/// What [`DeliveryWriter::write_rest`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct WrittenRest {
    /// Transfer frames: what the session's window counts.
    pub frames: u32,
    /// Bytes of the payload; all of them if the delivery is complete now.
    pub bytes: usize,
}

impl DeliveryWriter<'_> {
    /// Appends the delivery whose payload `payload` appends, in at most `frames_max` frames.
    ///
    /// Allocates nothing but what `out` needs to grow, unless a rest stays.
    ///
    /// # Errors
    /// [`ApiMisuse::DeliveryTagTooLong`]; nothing was written then, and `payload` was not called.
    #[inline]
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        frames_max: NonZeroU32,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Written, ApiMisuse> {
        if self.delivery_tag.len() > DELIVERY_TAG_BYTES_MAX {
            return Err(ApiMisuse::DeliveryTagTooLong(self.delivery_tag.len()));
        }
        let start = out.len();
        self.head(out, true, false);
        let payload_start = out.len();
        payload(out);
        match finish_frame(out, start) {
            Some(size) if size <= self.frame_size() => Ok(Written { frames: 1, rest: Vec::new() }),
            _ => Ok(self.cut(out, start, payload_start, frames_max)),
        }
    }

    /// Appends what stayed of a delivery that was begun, in at most `frames_max` frames.
    pub fn write_rest(&self, out: &mut Vec<u8>, rest: &[u8], frames_max: NonZeroU32) -> WrittenRest {
        let mut left = rest;
        let mut frames = 0_u32;
        while frames < frames_max.get() {
            let start = out.len();
            self.head(out, false, false);
            let room = self.room_after(out.len().saturating_sub(start));
            let Some((part, after)) = left.split_at_checked(room).filter(|(_, after)| !after.is_empty())
            else {
                out.extend_from_slice(left);
                finish_frame(out, start);
                return WrittenRest { frames: frames.saturating_add(1), bytes: rest.len() };
            };
            out.truncate(start);
            self.head(out, false, true);
            out.extend_from_slice(part);
            finish_frame(out, start);
            left = after;
            frames = frames.saturating_add(1);
        }
        WrittenRest { frames, bytes: rest.len().saturating_sub(left.len()) }
    }

    /// Cuts the one too large frame at `start` into many.
    #[cold]
    fn cut(&self, out: &mut Vec<u8>, start: usize, payload_start: usize, frames_max: NonZeroU32) -> Written {
        // All heads but the first have the same length: `more` takes one byte either way.
        let end = out.len();
        self.head(out, false, true);
        let head = out.len().saturating_sub(end);
        out.truncate(end);
        let room_first = self.room_after(payload_start.saturating_sub(start));
        let room = self.room_after(head);

        let payload = end.saturating_sub(payload_start);
        let others = payload.saturating_sub(room_first).div_ceil(room.max(1));
        let others_max = usize::try_from(frames_max.get().saturating_sub(1)).unwrap_or(usize::MAX);
        let complete = others <= others_max;
        let others = others.min(others_max);
        let rest = if complete {
            Vec::new()
        } else {
            out.split_off(
                payload_start.saturating_add(room_first).saturating_add(others.saturating_mul(room)),
            )
        };

        let end = out.len();
        out.resize(end.saturating_add(others.saturating_mul(head)), 0);
        for index in (1..=others).rev() {
            // This frame's part of the payload moves behind `index` heads; nothing before it is touched.
            let from = payload_start
                .saturating_add(room_first)
                .saturating_add(index.saturating_sub(1).saturating_mul(room));
            let part = end.min(from.saturating_add(room)).saturating_sub(from);
            let to = from.saturating_add(index.saturating_mul(head));
            out.copy_within(from..from.saturating_add(part), to);
            let more = !(complete && index == others);
            let size = head.saturating_add(part);
            self.head_at(out, to.saturating_sub(head), false, more, size);
        }
        self.head_at(out, start, true, true, payload_start.saturating_sub(start).saturating_add(room_first));
        Written { frames: u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1), rest }
    }

    /// Writes a head over bytes that are there already: behind the end first, then moved.
    fn head_at(&self, out: &mut Vec<u8>, at: usize, first: bool, more: bool, frame_size: usize) {
        let end = out.len();
        self.head(out, first, more);
        if let Some(size) = out.get_mut(end..).and_then(<[u8]>::first_chunk_mut) {
            *size = u32::try_from(frame_size).unwrap_or(u32::MAX).to_be_bytes();
        }
        out.copy_within(end.., at);
        out.truncate(end);
    }

    /// Appends a frame header, without its size, and the transfer.
    #[inline]
    fn head(&self, out: &mut Vec<u8>, first: bool, more: bool) {
        out.extend_from_slice(&FrameHeader::bytes(0, FrameType::Amqp, self.channel));
        let transfer = Transfer {
            delivery_id: first.then_some(self.delivery_id),
            delivery_tag: first.then_some(self.delivery_tag),
            message_format: first.then_some(self.message_format),
            settled: Some(self.settled),
            more,
            ..Transfer::new(self.handle)
        };
        transfer.encode(&mut Writer::new(out));
    }

    fn frame_size(&self) -> u32 {
        self.max_frame_size.max(FRAME_SIZE_MIN)
    }

    /// How many bytes of payload fit behind a head; some always do, as `limits.rs` asserts.
    fn room_after(&self, head: usize) -> usize {
        usize::try_from(self.frame_size()).unwrap_or(usize::MAX).saturating_sub(head)
    }
}
