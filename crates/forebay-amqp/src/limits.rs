//! Every bound of the codec: its value, why, and what happens past it.

/// How deep values may nest: lists, maps, arrays and descriptions each count as one level.
///
/// Event Hubs' clients nest three or four levels (attach → source → filter set → described string). A deeper
/// value is refused with [`DecodeFault::TooDeep`](crate::error::DecodeFault::TooDeep).
pub const DEPTH_MAX: usize = 32;

/// How many elements an array of *zero-width* elements (null, true, list0, …) may claim.
///
/// Such an array of four billion elements takes ten bytes, so bytes cannot bound it. No known client sends
/// one at all; the bound keeps "elements per byte of input" in two digits for whoever iterates.
pub const ZERO_WIDTH_ITEMS_MAX: u32 = 64;

/// The smallest `max-frame-size` a peer may advertise, in bytes (§2.3.1, §2.7.1: 512).
pub const FRAME_SIZE_MIN: u32 = 512;

/// The longest delivery tag, in bytes (§2.8.7).
pub const DELIVERY_TAG_BYTES_MAX: usize = 32;

/// Room that the head of a transfer frame takes at most, in bytes: frame header 8, descriptor 3, list8 3, and
/// the eleven fields with a tag of [`DELIVERY_TAG_BYTES_MAX`] and no delivery state.
pub const TRANSFER_HEAD_BYTES_MAX: u32 = 8 + 3 + 3 + 5 + 5 + 34 + 5 + 1 + 1 + 2 + 1 + 1 + 1 + 1;

// A transfer frame always has room for some payload, so splitting always advances.
const _: () = assert!(TRANSFER_HEAD_BYTES_MAX < FRAME_SIZE_MIN);
