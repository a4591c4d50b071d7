//! How large the catalogue may grow. The fold enforces these numbers, so that changing one is a change of
//! the fold and needs a new level.

/// Partitions of a hub: what the largest tier of the service allows (docs/reference/amqp.md §8.6).
pub const PARTITIONS_MAX: u32 = 1_024;

/// Consumer groups of a hub: what the largest tier of the service allows (docs/reference/amqp.md §8.6).
pub const GROUPS_MAX: usize = 1_000;

/// Policies of one hub, or of one namespace besides its hubs' own: the service's number.
pub const POLICIES_MAX: usize = 12;

/// Hubs of a server, over all namespaces. Creation on first use lets strangers make hubs, so there is a bound;
/// at about a kilobyte each, a state of ten thousand is a snapshot of some ten megabytes.
pub const HUBS_MAX: usize = 10_000;

/// Namespaces of a server; in development they too are made on first use.
pub const NAMESPACES_MAX: usize = 1_000;

/// Host names of a namespace.
pub const HOSTS_MAX: usize = 100;

/// Settings of a server: only its own code writes them.
pub const SETTINGS_MAX: usize = 100;

/// Bytes of a setting's value.
pub const SETTING_BYTES_MAX: usize = 65_536;

/// Readers without an epoch of one partition through one group (docs/reference/amqp.md §6.6).
pub const SHARED_READERS_MAX: usize = 5;

/// For how many positions of the control log a proposal's id is remembered.
pub const PROPOSALS_REMEMBERED: u64 = 65_536;

const _: () = assert!(HUBS_MAX >= NAMESPACES_MAX, "every namespace can have a hub");
