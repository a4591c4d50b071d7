//! §2.7.5 Transfer: a message, or a part of one, on a link.

use super::composite::composite;
use super::{DeliveryId, DeliveryState, Handle, ReceiverSettleMode};

composite! {
    /// §2.7.5, `00 53 14`: the head of a transfer frame; the payload follows it. Reading one allocates
    /// nothing, unless it carries a state with an error.
    pub Transfer<'a> = TRANSFER "transfer" {
        /// The link.
        required handle: Handle,
        /// Names the delivery; required in its first frame.
        optional delivery_id: DeliveryId,
        /// Names the delivery on its link, at most 32 bytes; required in its first frame.
        optional delivery_tag: &'a [u8],
        /// The format of the message; required in the first frame of a delivery, and 0 where a client omits it.
        optional message_format: u32,
        /// The sender has settled; absent is false, or as in the frames before.
        optional settled: bool,
        /// More frames of this delivery follow.
        default(false) more: bool,
        /// Overrides the link's mode for this delivery.
        optional rcv_settle_mode: ReceiverSettleMode,
        /// The state at the sender.
        optional state: DeliveryState,
        /// The delivery was begun on an earlier attachment of this link.
        default(false) resume: bool,
        /// The delivery is given up; what was sent of it is void.
        default(false) aborted: bool,
        /// The receiver may take its time to answer.
        default(false) batchable: bool,
    }
}

impl Transfer<'_> {
    /// A `transfer` with the defaults of the specification.
    #[must_use]
    pub const fn new(handle: Handle) -> Self {
        Self {
            handle,
            delivery_id: None,
            delivery_tag: None,
            message_format: None,
            settled: None,
            more: false,
            rcv_settle_mode: None,
            state: None,
            resume: false,
            aborted: false,
            batchable: false,
        }
    }
}
