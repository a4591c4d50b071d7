//! Shared access policies as this crate sees them: a name, rights, two keys, and where it stands.
//!
//! The policies themselves are kept by the namespace; this is the window through which they are read.

use std::fmt;

use crate::{Rights, Secret};

/// Where policies are looked up: one namespace.
pub trait PolicySource {
    /// The policy `name` of the hub, or of the namespace where `hub` is `None`; names ignore letter case.
    ///
    /// A hub's lookup does not fall back to the namespace.
    fn policy(&self, hub: Option<&str>, name: &str) -> Option<PolicyView<'_>>;
}

/// A policy as [`PolicySource`] shows it.
#[derive(Clone, Copy, Debug)]
pub struct PolicyView<'a> {
    /// The name as first written.
    pub name: &'a str,
    /// What it allows.
    pub rights: Rights,
    /// The first key.
    pub primary: KeyView<'a>,
    /// The second key, where there is one.
    pub secondary: Option<KeyView<'a>>,
}

impl<'a> PolicyView<'a> {
    /// The key in this slot.
    #[must_use]
    pub fn key(&self, slot: KeySlot) -> Option<KeyView<'a>> {
        match slot {
            KeySlot::Primary => Some(self.primary),
            KeySlot::Secondary => self.secondary,
        }
    }
}

/// A key of a policy.
#[derive(Clone, Copy, Debug)]
pub struct KeyView<'a> {
    /// Its text. Signatures use its UTF-8 bytes as written, not base64-decoded.
    pub secret: &'a Secret,
    /// A number that no other key of this namespace ever has: a key set again, even to the same text, has
    /// another one.
    pub generation: u64,
}

/// Which of a policy's two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySlot {
    /// The first key.
    Primary,
    /// The second key, for changing keys without a gap.
    Secondary,
}

impl KeySlot {
    /// Both slots, in the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    /// `primary` or `secondary`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

impl fmt::Display for KeySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names a policy: of one hub (lower-case name), or of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRef {
    /// The hub whose policy it is; `None` for a policy of the namespace.
    pub hub: Option<String>,
    /// The policy's name as first written.
    pub name: String,
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hub {
            Some(hub) => write!(f, "policy '{}' of hub '{hub}'", self.name),
            None => write!(f, "policy '{}'", self.name),
        }
    }
}
