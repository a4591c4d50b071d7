//! The life of a link (§2.6.3-2.6.6), refusal included.
//!
//! ```text
//!     peer's attach                        our attach due
//!          │                                     │
//!          ▼                                     ▼
//!    ┌──────────┐  accepted: attach due    ┌──────────┐
//!    │ Incoming │──────────┐   ┌───────────│ Outgoing │
//!    └────┬─────┘          ▼   ▼ peer's    └────┬─────┘
//!         │             ┌──────────┐ attach     │
//!         │ refused:    │ Attached │            │ our detach due
//!         │ attach with └──┬────┬──┘            │
//!         │ nulls and      │    │ peer's detach: answer due, link removed
//!         │ detach due     │ our detach due
//!         ▼                ▼                    ▼
//!       ┌───────────────────────────────────────────┐
//!       │ Detaching: frames of the peer are dropped │── peer's detach: link removed,
//!       └───────────────────────────────────────────┘   it is the answer and gets none
//! ```
//!
//! When the peer detaches, its handle is free at once (late frames on it are dropped); ours is free
//! once our detach is written.

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// The peer attaches; the application has not answered.
    Incoming,
    /// We attach; the peer has not answered.
    Outgoing,
    /// Both sides know it.
    Attached,
    /// Our detach is due or written; the peer's has not come.
    Detaching,
    /// The peer's detach has come; our answer is due.
    Detached,
}

impl LinkState {
    /// Whether commands of the application still mean something.
    pub(crate) const fn is_alive(self) -> bool {
        match self {
            Self::Incoming | Self::Outgoing | Self::Attached => true,
            Self::Detaching | Self::Detached => false,
        }
    }
}
