//! The gateway's bounds, with their reasons.

use std::sync::Arc;
use std::time::Duration;

/// Largest frame we read, in bytes; what Event Hubs advertises (`docs/reference/amqp.md` §1.3).
pub(crate) const MAX_FRAME_SIZE: u32 = 65_536;
/// Deliveries that a link's sender may have on the way or unanswered, together; credit comes back with the answers.
/// Enough to keep a commit round full from one link, and small enough that a thousand links cannot fill the byte budget
/// by surprise.
pub(crate) const PUBLISH_CREDIT: u32 = 1_000;
/// Requests that a client may have unanswered on `$cbs` and `$management`: what Event Hubs grants.
pub(crate) const REQUEST_CREDIT: u32 = 100;
/// Bytes of one connection's events that may wait for their commit before we stop reading from it. Python's client
/// ignores link credit, so credit alone would not bound it.
pub(crate) const IN_FLIGHT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Deliveries of one connection that may wait, for the same reason.
pub(crate) const IN_FLIGHT_DELIVERIES_MAX: u32 = 8_000;
/// Unanswered deliveries of a session that the core allows before it ends the session: never reached by a peer that
/// we can stop reading from, since one more read cannot bring as many as are left.
pub(crate) const UNSETTLED_MAX: u32 = 20_000;
/// The smallest transfer frame: header, performative with handle, id, tag and format, a message of a few bytes.
const TRANSFER_BYTES_MIN: u32 = 28;

const _: () = assert!(
    IN_FLIGHT_DELIVERIES_MAX + crate::buffers::INPUT_BYTES_MAX as u32 / TRANSFER_BYTES_MIN < UNSETTLED_MAX
);

/// Largest request on `$cbs` and `$management`, in bytes: a token and its names fit many times.
pub(crate) const REQUEST_BYTES_MAX: u64 = 64 * 1024;
/// Longest message id and name in a request, in bytes: the first is repeated in the reply, the second kept with the token.
pub(crate) const REQUEST_NAME_BYTES_MAX: usize = 2 * 1024;
/// Replies that wait for credit on one link; a client that asks and never listens is cut off.
pub(crate) const REPLIES_MAX: usize = 100;
/// Links of a connection to `$cbs` and `$management`, both directions; they need no right.
pub(crate) const NODE_LINKS_MAX: usize = 64;
/// How long a peer may take no byte of what waits for it.
pub(crate) const WRITE_STALL: Duration = Duration::from_secs(60);
/// How long we look away when the byte budget is used up.
pub(crate) const BUDGET_RETRY: Duration = Duration::from_millis(5);
/// Links of one connection.
pub(crate) const LINKS_MAX: usize = 4_096;

/// How long a TLS handshake may take.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// TLS handshakes at a time; who comes beyond waits to be accepted. A restart brings all clients back at once, and each
/// handshake holds some 20 KiB and a millisecond of a core.
pub(crate) const HANDSHAKES_MAX: usize = 512;

/// How long a handshake may take for certain; beyond, it goes on only while there is room for others. Several times the
/// slowest that is sound, and short: whoever takes all the room and says nothing keeps others out for as long.
pub(crate) const CROWDED_GRACE: Duration = Duration::from_secs(2);

/// What one listener speaks.
#[derive(Debug, Clone)]
pub struct Listening {
    /// TLS from the first byte, with this configuration; `None`: AMQP as it is.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Offer SASL PLAIN. Serve mode leaves it out where a password would cross a network in the clear.
    pub offer_plain: bool,
}

impl Default for Listening {
    /// Without TLS, with SASL PLAIN.
    fn default() -> Self {
        Self { tls: None, offer_plain: true }
    }
}
