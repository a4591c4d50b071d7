//! §2.7.6 Disposition: tell the state of deliveries.

use super::composite::composite;
use super::{DeliveryId, DeliveryRange, DeliveryState, Role};

composite! {
    /// §2.7.6, `00 53 15`. Reading one allocates nothing, unless its state carries an error.
    pub Disposition = DISPOSITION "disposition" {
        /// The role of the sender of this; the deliveries go the way that makes it so.
        required role: Role,
        /// The first delivery.
        required first: DeliveryId,
        /// The last delivery; absent means the first is the only one.
        optional last: DeliveryId,
        /// The sender of this has settled them.
        default(false) settled: bool,
        /// Their state.
        optional state: DeliveryState,
        /// The peer may take its time to answer.
        default(false) batchable: bool,
    }
}

impl Disposition {
    /// The deliveries it speaks of; `None` if the last comes before the first.
    #[must_use]
    pub fn range(&self) -> Option<DeliveryRange> {
        DeliveryRange::new(self.first, self.last.unwrap_or(self.first))
    }
}
