//! §2.7.1 Open: negotiate connection parameters.

use alloc::string::String;

use super::composite::composite;
use super::{Fields, Milliseconds, Symbols};

composite! {
    /// §2.7.1, `00 53 10`: the first frame of each direction; says what the sender of the frame can take.
    pub Open = OPEN "open" {
        /// Names the container that opens.
        required container_id: String,
        /// The host the peer wants to reach; chooses the namespace.
        optional hostname: String,
        /// Largest frame the sender of this can take, in bytes; at least 512.
        default(u32::MAX) max_frame_size: u32,
        /// Highest channel number it can take.
        default(u16::MAX) channel_max: u16,
        /// It closes the connection after such a silence; the peer should send something in half of it.
        optional idle_time_out: Milliseconds,
        /// Languages it can write texts in.
        default(Symbols::new()) outgoing_locales: Symbols,
        /// Languages it wants texts in, best first.
        default(Symbols::new()) incoming_locales: Symbols,
        /// Extensions it supports.
        default(Symbols::new()) offered_capabilities: Symbols,
        /// Extensions it may use if the peer supports them.
        default(Symbols::new()) desired_capabilities: Symbols,
        /// Product, version, platform and the like.
        default(Fields::new()) properties: Fields,
    }
}

impl Open {
    /// An `open` with the defaults of the specification.
    #[must_use]
    pub const fn new(container_id: String) -> Self {
        Self {
            container_id,
            hostname: None,
            max_frame_size: u32::MAX,
            channel_max: u16::MAX,
            idle_time_out: None,
            outgoing_locales: Symbols::new(),
            incoming_locales: Symbols::new(),
            offered_capabilities: Symbols::new(),
            desired_capabilities: Symbols::new(),
            properties: Fields::new(),
        }
    }
}
