//! §2.3.1 Frame layout: the first eight bytes of a frame.
//!
//! ```text
//! +0  size (4)      of the whole frame, in bytes
//! +4  doff (1)      where the body begins, in words of four bytes
//! +5  type (1)      0 AMQP, 1 SASL
//! +6  channel (2)   of an AMQP frame; ignored in a SASL frame
//! +8  extended header, to doff × 4: passed over (§2.3.2)
//! ```

use crate::types::Channel;
use crate::violation::Violation;

/// Bytes of a frame header, and so of the smallest frame.
pub const HEADER_BYTES: u32 = 8;

/// The type of a frame (§2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// 0 (§2.3.2).
    Amqp,
    /// 1 (§5.3.1).
    Sasl,
}

impl FrameType {
    /// As it stands on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Amqp => 0,
            Self::Sasl => 1,
        }
    }
}

/// A frame header that was checked: `HEADER_BYTES ≤ body_offset ≤ size ≤ max-frame-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    size: u32,
    body_offset: u32,
    channel: Channel,
}

impl FrameHeader {
    /// Reads a header and checks all of it; `None` if more bytes are needed. A size that cannot be is refused
    /// as soon as its four bytes are there.
    ///
    /// # Errors
    /// [`Violation::FrameTooSmall`], [`Violation::FrameTooLarge`], [`Violation::DataOffsetTooSmall`],
    /// [`Violation::DataOffsetPastEnd`], [`Violation::UnexpectedFrameType`].
    #[inline]
    pub fn read(input: &[u8], expected: FrameType, max_frame_size: u32) -> Result<Option<Self>, Violation> {
        let Some(&size) = input.first_chunk::<4>() else { return Ok(None) };
        let size = u32::from_be_bytes(size);
        if size < HEADER_BYTES {
            return Err(Violation::FrameTooSmall(size));
        }
        if size > max_frame_size {
            return Err(Violation::FrameTooLarge { size, max: max_frame_size });
        }
        let Some(&[_, _, _, _, doff, frame_type, channel @ ..]) = input.first_chunk::<8>() else {
            return Ok(None);
        };
        let body_offset = u32::from(doff).saturating_mul(4);
        if body_offset < HEADER_BYTES {
            return Err(Violation::DataOffsetTooSmall(doff));
        }
        if body_offset > size {
            return Err(Violation::DataOffsetPastEnd { doff, size });
        }
        if frame_type != expected.code() {
            return Err(Violation::UnexpectedFrameType(frame_type));
        }
        Ok(Some(Self { size, body_offset, channel: Channel(u16::from_be_bytes(channel)) }))
    }

    /// The bytes of the header of a frame without an extended header.
    #[must_use]
    pub const fn bytes(size: u32, frame_type: FrameType, channel: Channel) -> [u8; 8] {
        let [s0, s1, s2, s3] = size.to_be_bytes();
        let [c0, c1] = channel.0.to_be_bytes();
        [s0, s1, s2, s3, 2, frame_type.code(), c0, c1]
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub const fn size(self) -> u32 {
        self.size
    }

    /// Where the body begins, in bytes from the start of the frame.
    #[must_use]
    pub const fn body_offset(self) -> u32 {
        self.body_offset
    }

    /// The channel.
    #[must_use]
    pub const fn channel(self) -> Channel {
        self.channel
    }
}
