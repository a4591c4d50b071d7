//! The gateway's bounds, with their reasons.

use std::time::Duration;

/// Largest frame we read, in bytes; what Event Hubs advertises (`docs/reference/amqp.md` §1.3).
pub(crate) const MAX_FRAME_SIZE: u32 = 65_536;
/// Deliveries that a sender may have unanswered; refilled at half. Enough to keep a commit round full from one
/// link, and small enough that a thousand links cannot fill the byte budget by surprise.
pub(crate) const PUBLISH_CREDIT: u32 = 1_000;
/// Requests that a client may have unanswered on `$cbs` and `$management`: what Event Hubs grants.
pub(crate) const REQUEST_CREDIT: u32 = 100;
/// Bytes of one connection's events that may wait for their commit before we stop reading from it. Python's client
/// ignores link credit, so credit alone would not bound it.
pub(crate) const IN_FLIGHT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Replies that wait for credit on one link; a client that asks and never listens is cut off.
pub(crate) const REPLIES_MAX: usize = 1_000;
/// How long we look away when the byte budget is used up.
pub(crate) const BUDGET_RETRY: Duration = Duration::from_millis(5);
/// Links of one connection.
pub(crate) const LINKS_MAX: usize = 4_096;

/// How the gateway presents itself.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Offer SASL PLAIN. Serve mode leaves it out where a password would cross a network in the clear.
    pub offer_plain: bool,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self { offer_plain: true }
    }
}
