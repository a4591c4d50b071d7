//! §2.7.3 Attach: attach a link to a session.

use alloc::string::String;

use super::composite::composite;
use super::{
    DeliveryCount, Fields, Handle, ReceiverSettleMode, Role, SenderSettleMode, Source, Symbols, Target,
};
use crate::wire::Value;

composite! {
    /// §2.7.3, `00 53 12`: attaches a link, or answers the attach of one. An answer without the terminus that
    /// it should have created refuses the link; a detach follows.
    pub Attach = ATTACH "attach" {
        /// Names the link; unique per pair of containers and direction.
        required name: String,
        /// Names the link in the frames of the sender of this.
        required handle: Handle,
        /// The role of the sender of this.
        required role: Role,
        /// What the link's sender does.
        default(SenderSettleMode::MIXED) snd_settle_mode: SenderSettleMode,
        /// What the link's receiver does.
        default(ReceiverSettleMode::FIRST) rcv_settle_mode: ReceiverSettleMode,
        /// Where deliveries come from.
        optional source: Source,
        /// Where deliveries go to.
        optional target: Target,
        /// Deliveries that a resumed link has not settled: kept as it came.
        optional unsettled: Value,
        /// The map above is not complete.
        default(false) incomplete_unsettled: bool,
        /// The delivery count at the link's sender; required from it, ignored from the receiver.
        optional initial_delivery_count: DeliveryCount,
        /// The largest message that can be taken, in bytes; absent or 0 is no limit.
        optional max_message_size: u64,
        /// Extensions the sender of this supports.
        default(Symbols::new()) offered_capabilities: Symbols,
        /// Extensions it may use if the peer supports them.
        default(Symbols::new()) desired_capabilities: Symbols,
        /// Properties of the link.
        default(Fields::new()) properties: Fields,
    }
}

impl Attach {
    /// An `attach` with the defaults of the specification, and without termini.
    #[must_use]
    pub const fn new(name: String, handle: Handle, role: Role) -> Self {
        Self {
            name,
            handle,
            role,
            snd_settle_mode: SenderSettleMode::MIXED,
            rcv_settle_mode: ReceiverSettleMode::FIRST,
            source: None,
            target: None,
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: match role {
                Role::Sender => Some(DeliveryCount::new(0)),
                Role::Receiver => None,
            },
            max_message_size: None,
            offered_capabilities: Symbols::new(),
            desired_capabilities: Symbols::new(),
            properties: Fields::new(),
        }
    }
}
