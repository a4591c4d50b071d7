//! §2.3 Framing: cuts a stream of bytes into frames, in place.

use super::header::{FrameHeader, FrameType};
use super::performative::{Performative, SaslPerformative};
use crate::types::Channel;
use crate::violation::Violation;

/// One whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which session it is for.
    pub channel: Channel,
    /// What follows the header and the extended header.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Whether it has no body: it says only that the peer lives (§2.4.5).
    #[must_use]
    pub const fn is_heartbeat(&self) -> bool {
        self.body.is_empty()
    }

    /// The performative of an AMQP frame, and the payload that a transfer has.
    ///
    /// # Errors
    /// See [`Performative::read`].
    #[inline]
    pub fn performative(&self) -> Result<(Performative<'a>, &'a [u8]), Violation> {
        Performative::read(self.body)
    }

    /// The performative of a SASL frame.
    ///
    /// # Errors
    /// See [`SaslPerformative::read`].
    pub fn sasl(&self) -> Result<SaslPerformative<'a>, Violation> {
        SaslPerformative::read(self.body)
    }
}

/// The frame at the start of `input` and how many bytes it takes; `None` if it is not all there yet.
///
/// A caller that buffers never needs more than `max_frame_size` bytes.
///
/// # Errors
/// A header that breaks a rule, see [`FrameHeader::read`]. There is no way to find the next frame then.
#[inline]
pub fn deframe(
    input: &[u8],
    expected: FrameType,
    max_frame_size: u32,
) -> Result<Option<(Frame<'_>, usize)>, Violation> {
    let Some(header) = FrameHeader::read(input, expected, max_frame_size)? else { return Ok(None) };
    let (Ok(size), Ok(body_offset)) = (usize::try_from(header.size()), usize::try_from(header.body_offset()))
    else {
        return Ok(None);
    };
    let Some(body) = input.get(body_offset..size) else { return Ok(None) };
    Ok(Some((Frame { channel: header.channel(), body }, size)))
}
