//! §2.7.2 Begin: begin a session on a channel.

use super::composite::composite;
use super::{Channel, Fields, Handle, Symbols, TransferId};

composite! {
    /// §2.7.2, `00 53 11`: begins a session, or answers the begin of one.
    pub Begin = BEGIN "begin" {
        /// In an answer, the channel of the peer's begin; else null.
        optional remote_channel: Channel,
        /// The number of the first transfer frame that will be sent.
        required next_outgoing_id: TransferId,
        /// How many transfer frames can be taken now.
        required incoming_window: u32,
        /// How many transfer frames may be sent at most.
        required outgoing_window: u32,
        /// The highest handle that can be taken.
        default(Handle(u32::MAX)) handle_max: Handle,
        /// Extensions the sender of this supports.
        default(Symbols::new()) offered_capabilities: Symbols,
        /// Extensions it may use if the peer supports them.
        default(Symbols::new()) desired_capabilities: Symbols,
        /// Properties of the session.
        default(Fields::new()) properties: Fields,
    }
}

impl Begin {
    /// A `begin` with the defaults of the specification.
    #[must_use]
    pub const fn new(next_outgoing_id: TransferId, incoming_window: u32, outgoing_window: u32) -> Self {
        Self {
            remote_channel: None,
            next_outgoing_id,
            incoming_window,
            outgoing_window,
            handle_max: Handle(u32::MAX),
            offered_capabilities: Symbols::new(),
            desired_capabilities: Symbols::new(),
            properties: Fields::new(),
        }
    }
}
