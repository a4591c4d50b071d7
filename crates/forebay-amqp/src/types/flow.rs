//! §2.7.4 Flow: update the state of a session and, with a handle, of a link.

use super::composite::composite;
use super::{DeliveryCount, Fields, Handle, TransferId};

composite! {
    /// §2.7.4, `00 53 13`. Reading one without properties allocates nothing.
    pub Flow = FLOW "flow" {
        /// The next transfer frame expected; absent only before the peer's begin was seen.
        optional next_incoming_id: TransferId,
        /// How many transfer frames can be taken now.
        required incoming_window: u32,
        /// The number of the next transfer frame that will be sent.
        required next_outgoing_id: TransferId,
        /// How many transfer frames may be sent at most.
        required outgoing_window: u32,
        /// The link; without, the fields below have no meaning.
        optional handle: Handle,
        /// The delivery count, as the sender of this knows it.
        optional delivery_count: DeliveryCount,
        /// How many deliveries may be begun past that count.
        optional link_credit: u32,
        /// How many deliveries are ready at the link's sender.
        optional available: u32,
        /// The credit is to be used up at once, or given up.
        default(false) drain: bool,
        /// A flow is wanted in answer.
        default(false) echo: bool,
        /// Properties of the link's state.
        default(Fields::new()) properties: Fields,
    }
}

impl Flow {
    /// A `flow` of the session alone.
    #[must_use]
    pub const fn new(next_outgoing_id: TransferId, incoming_window: u32, outgoing_window: u32) -> Self {
        Self {
            next_incoming_id: None,
            incoming_window,
            next_outgoing_id,
            outgoing_window,
            handle: None,
            delivery_count: None,
            link_credit: None,
            available: None,
            drain: false,
            echo: false,
            properties: Fields::new(),
        }
    }
}
