//! The namespaces of one server as a state machine, folded from the control log.
//!
//! Every change is an [`Entry`] in one ordered log. Whoever wants a change appends an entry, waits until its
//! own fold has passed it, and answers with the [`Verdict`]. Every node folds the same entries in the same
//! order and so agrees on which were applied, without a leader or a lock.
//!
//! **The fold rule.** [`apply()`] is a function of the state, the position and the entry, and of nothing else.
//! Time comes from the entry, ids and keys come from whoever proposes. A refused entry is a committed no-op
//! with a code; codes, entry kinds and their meaning are only ever added to, each under a new level
//! ([`entry::LEVEL_SUPPORTED`]), because a state folded differently by two nodes cannot be repaired.
//!
//! Entries are *durable* (catalogue, policies, settings) or *session* (readers' claims). One order and one
//! fold, but what durable entries do never depends on session entries, and a restart voids those: they are in
//! no snapshot and in no hash.
//!
//! | to find | look in |
//! |---|---|
//! | what can be proposed | [`entry`], and the noun's own file: [`namespace`], [`hub`], [`group`], [`policy`], [`setting`], [`receiver`] |
//! | how it is decided | [`apply`](mod@apply) for the order of checks, then the noun |
//! | what there is | [`state`], read through [`State`] and [`NamespaceView`] |
//! | what things may be called, and how many there may be | [`names`], [`limits`] |
//! | bytes | [`codec`] for entries, [`snapshot`] for states |
//!
//! This crate never reads a clock, a random source, a file or a socket, never walks a hash map, and never
//! waits: waiting for one's own entry is the broker's part.

pub mod apply;
pub mod codec;
pub mod entry;
pub mod group;
pub mod hosts;
pub mod hub;
pub mod limits;
pub mod names;
pub mod namespace;
pub mod policy;
pub mod precondition;
mod proposals;
pub mod receiver;
pub mod setting;
pub mod similar;
pub mod snapshot;
pub mod state;
mod stored;
pub mod verdict;

pub use apply::apply;
pub use forebay_auth::{KeySlot, Rights, Secret};

pub use entry::{Class, Command, Entry, NodeId, Position, ProposalId};
pub use group::Group;
pub use hub::{Hub, HubId};
pub use limits::{Limits, Tier};
pub use namespace::Namespace;
pub use policy::Policy;
pub use precondition::{ObjectRef, Precondition};
pub use receiver::{Claim, ReceiverId, Seat, SeatRef};
pub use setting::Setting;
pub use state::{NamespaceView, State};
pub use verdict::{Change, Code, Outcome, Rejection, Verdict};

/// The namespace that a server always has.
pub const DEFAULT_NAMESPACE: &str = "default";

/// The policy that every namespace starts with, by the service's custom.
pub const DEFAULT_POLICY: &str = "RootManageSharedAccessKey";

/// The consumer group that every hub has and keeps.
pub const DEFAULT_GROUP: &str = "$Default";
