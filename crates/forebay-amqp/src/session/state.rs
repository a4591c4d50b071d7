//! The life of a session (§2.5.5).
//!
//! ```text
//!                  our begin due                peer's begin read, answer due
//!                  ┌─────────────┐              ┌──────────────┐
//!        (none) ──▶│  Beginning  │    (none) ──▶│    Mapped    │
//!                  └──────┬──────┘              └──┬────────┬──┘
//!         peer's begin ───┴───────────────────────▶│        │ peer's end: answer due
//!                          our end due ────────────┤        │
//!                  ┌─────────────┐                 │        ▼
//!                  │   Ending    │◀────────────────┘   ┌─────────┐
//!                  │ (DISCARDING)│                     │  Ended  │ removed once our end is written
//!                  └──────┬──────┘                     └─────────┘
//!                         └── peer's end: removed
//! ```
//!
//! In `Ending` whatever the peer still sends is dropped, not punished; so are frames on a channel
//! whose session has ended.

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// We begin; the peer has not answered.
    Beginning,
    /// Both sides know it.
    Mapped,
    /// Our end is due or written; the peer's has not come.
    Ending,
    /// The peer's end has come; ours is due.
    Ended,
}

impl SessionState {
    /// Whether commands of the application still mean something.
    pub(crate) const fn is_alive(self) -> bool {
        match self {
            Self::Beginning | Self::Mapped => true,
            Self::Ending | Self::Ended => false,
        }
    }
}
