//! What we advertise and tolerate, and what was agreed.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::sasl::Mechanism;
use crate::wire::{Symbol, Value};

/// How a connection presents itself and where its bounds are. All fields have defaults that suit a
/// server of Event Hubs clients (docs/reference/amqp.md §1.3-1.5).
#[derive(Debug, Clone)]
pub struct Config {
    /// `open.container-id`.
    pub container_id: String,
    /// `open.hostname`; a client names the namespace here, a server leaves it out.
    pub hostname: Option<String>,
    /// Largest frame we read, in bytes. At least 512 (§2.7.1).
    pub max_frame_size: u32,
    /// Highest channel number the peer may use; sessions are at most one more.
    pub channel_max: u16,
    /// Highest link handle the peer may use in a session; at most [`Config::HANDLE_MAX_BOUND`] counts.
    pub handle_max: u32,
    /// Silence after which we may give up a peer, as advertised; enforced at twice this, because some
    /// clients send a heartbeat only once per full period. `None`: never.
    pub idle_timeout: Option<Duration>,
    /// From the first byte to the peer's open.
    pub handshake_timeout: Duration,
    /// How long we wait for the peer's close after ours.
    pub close_timeout: Duration,
    /// Transfer frames the peer may send before it must see a flow; refilled by the core at half.
    pub session_incoming_window: u32,
    /// Bytes kept of one delivery when its link states no max-message-size.
    pub max_delivery_bytes: u64,
    /// Bytes kept of all incomplete deliveries of a connection together. Each link's limit holds too, but a
    /// peer may have thousands of links.
    pub buffered_bytes_max: usize,
    /// Deliveries of one session that may be unsettled at a time, each way.
    pub unsettled_max: u32,
    /// Whether a peer that sends beyond the link credit or session window is punished. Off by
    /// default: Event Hubs' Python clients ignore link credit and count the window in messages.
    pub strict_credit: bool,
    /// `open.properties`.
    pub properties: Vec<(Symbol, Value)>,
    /// Server: offered in this order, always as an array of sym32. Empty: no SASL layer at all.
    pub sasl_mechanisms: Vec<Mechanism>,
}

impl Config {
    /// The most handles a session tracks per direction, whatever `handle_max` says: handles index a
    /// table that grows to the highest number in use.
    pub const HANDLE_MAX_BOUND: u32 = 65_535;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            container_id: String::from("forebay"),
            hostname: None,
            max_frame_size: 65_536,
            channel_max: 4_999,
            handle_max: 255,
            idle_timeout: Some(Duration::from_secs(240)),
            handshake_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(1),
            session_incoming_window: 5_000,
            max_delivery_bytes: 1_048_576,
            buffered_bytes_max: 64 << 20,
            unsettled_max: 16_384,
            strict_credit: false,
            properties: Vec::new(),
            sasl_mechanisms: alloc::vec![Mechanism::Mssbcbs, Mechanism::Plain, Mechanism::Anonymous],
        }
    }
}

/// Who a client claims to be in the SASL exchange (§5.3).
#[derive(Clone)]
pub enum ClientAuth {
    /// ANONYMOUS: identity comes later, from a claims-based-security token.
    Anonymous,
    /// PLAIN: an Event Hubs rule name and its key.
    Plain {
        /// Rule name.
        user: String,
        /// Key.
        password: String,
    },
    /// MSSBCBS: as ANONYMOUS, under the name .NET clients insist on.
    Mssbcbs,
}

impl core::fmt::Debug for ClientAuth {
    /// The password stays out of logs.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Plain { user, .. } => f.debug_struct("Plain").field("user", user).finish_non_exhaustive(),
            Self::Mssbcbs => f.write_str("Mssbcbs"),
        }
    }
}
