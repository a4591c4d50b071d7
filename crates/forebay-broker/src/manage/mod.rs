//! Hubs, consumer groups and policies as they are managed: looked at, made, changed, deleted.
//!
//! What is asked for is a wish: what is so already changes nothing, so a client that repeats a call whose answer was cut
//! finds what it wanted. An answer comes when the change is durable in the catalogue and the hub's log has followed.

mod error;
mod group;
mod hub;
mod namespace;
mod policy;

pub use error::ManageError;
pub use group::GroupInfo;
pub use hub::{HubInfo, HubWish};
pub use namespace::{NamespaceCredential, NamespaceInfo};
pub use policy::{PolicyInfo, PolicyKeys};

use crate::broker::Broker;
use crate::options::Mode;

/// How often a wish is looked at anew because somebody else made or deleted its object meanwhile.
const RACES_MAX: usize = 8;

/// What is there after a wish was fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put<T> {
    /// As it is now.
    pub value: T,
    /// It was not there before.
    pub created: bool,
}

impl Broker {
    /// Whether callers on this machine may manage without a key, under the rules of the gateway: in dev mode only.
    pub fn management_without_key(&self) -> bool {
        matches!(self.options.mode, Mode::Dev(_))
    }
}

#[cfg(test)]
mod tests;
