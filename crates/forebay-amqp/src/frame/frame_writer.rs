//! §2.3 Framing: writes one frame whose body is one performative.

use alloc::vec::Vec;

use super::header::{FrameHeader, FrameType};
use crate::error::ApiMisuse;
use crate::types::{Channel, Composite};
use crate::wire::Writer;

/// Appends an AMQP frame with this performative.
///
/// # Errors
/// [`ApiMisuse::FrameExceedsPeerMaximum`]; `out` is as it was then. Only what the application chose can be
/// that long (texts, properties, filters).
pub fn write_performative<'a>(
    out: &mut Vec<u8>,
    channel: Channel,
    performative: &impl Composite<'a>,
    max_frame_size: u32,
) -> Result<(), ApiMisuse> {
    write_frame(out, FrameType::Amqp, channel, performative, max_frame_size)
}

/// Appends a SASL frame with this body. SASL frames have at most 512 bytes (§5.3.1).
///
/// # Errors
/// As [`write_performative`].
pub fn write_sasl<'a>(out: &mut Vec<u8>, body: &impl Composite<'a>) -> Result<(), ApiMisuse> {
    write_frame(out, FrameType::Sasl, Channel(0), body, crate::limits::FRAME_SIZE_MIN)
}

/// Appends an empty frame: we live (§2.4.5).
pub fn write_heartbeat(out: &mut Vec<u8>) {
    out.extend_from_slice(&FrameHeader::bytes(super::HEADER_BYTES, FrameType::Amqp, Channel(0)));
}

fn write_frame<'a>(
    out: &mut Vec<u8>,
    frame_type: FrameType,
    channel: Channel,
    body: &impl Composite<'a>,
    max: u32,
) -> Result<(), ApiMisuse> {
    let start = out.len();
    out.extend_from_slice(&FrameHeader::bytes(0, frame_type, channel));
    body.encode_described(&mut Writer::new(out));
    match finish_frame(out, start) {
        Some(size) if size <= max => Ok(()),
        _ => {
            let size = out.len().saturating_sub(start);
            out.truncate(start);
            Err(ApiMisuse::FrameExceedsPeerMaximum { size, max })
        }
    }
}

/// Writes the size of the frame that begins at `start` and ends with the buffer; gives it.
#[inline]
pub(super) fn finish_frame(out: &mut [u8], start: usize) -> Option<u32> {
    let frame = out.get_mut(start..)?;
    let size = u32::try_from(frame.len()).ok()?;
    *frame.first_chunk_mut()? = size.to_be_bytes();
    Some(size)
}
