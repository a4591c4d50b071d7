//! How a broker is opened.

use std::path::PathBuf;

use forebay_log::Durability;

/// What `forebay dev` decides about the broker.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// The data folder; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// When an event is acknowledged.
    pub durability: Durability,
    /// Bound of the events kept in memory when there is no folder.
    pub memory_bytes: u64,
    /// Make hubs and consumer groups on first use.
    pub auto_create: bool,
    /// How far a client's clock may be behind ours before its token counts as expired, in seconds.
    pub clock_skew_seconds: u64,
    /// The key of `RootManageSharedAccessKey` in dev mode.
    pub dev_key: DevKey,
}

/// Which key dev mode uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevKey {
    /// `SAS_KEY_VALUE`, as Microsoft's emulator: known to everyone. A folder that has a key of its own keeps that.
    WellKnown,
    /// The well-known key even so.
    WellKnownAsked,
    /// A random one, kept in the control log.
    Generated,
}
