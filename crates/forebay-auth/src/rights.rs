//! What a policy allows: docs/reference/amqp.md §3.3 and §3.4.

use std::fmt;
use std::ops::BitOr;

/// A set of the rights Send, Listen and Manage. Manage implies the other two.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rights(u8);

const NAMED: [(&str, u8); 3] = [("Listen", 0b010), ("Manage", 0b100), ("Send", 0b001)];

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// To publish events.
    pub const SEND: Self = Self(0b001);
    /// To read events.
    pub const LISTEN: Self = Self(0b010);
    /// To change hubs, groups and policies; with it come [`Rights::SEND`] and [`Rights::LISTEN`].
    pub const MANAGE: Self = Self(0b111);

    /// Whether every right in `wanted` is held.
    #[must_use]
    pub fn contains(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// Whether there is no right in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the rights held, in alphabetical order: `Listen`, `Manage`, `Send`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMED.into_iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(name, _)| name)
    }

    /// The right of this name in any letter case; `Manage` brings the others with it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [("Send", Self::SEND), ("Listen", Self::LISTEN), ("Manage", Self::MANAGE)]
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, right)| right)
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manage_implies_the_others_and_nothing_else_does() {
        let all = [Rights::SEND, Rights::LISTEN, Rights::MANAGE];
        for held in all {
            for wanted in all {
                assert_eq!(held.contains(wanted), held == Rights::MANAGE || held == wanted);
            }
        }
        assert!(!(Rights::SEND | Rights::LISTEN).contains(Rights::MANAGE));
        assert!(Rights::NONE.contains(Rights::NONE));
    }

    #[test]
    fn names_and_sets_are_each_other() {
        for (rights, text) in [
            (Rights::NONE, "none"),
            (Rights::SEND, "Send"),
            (Rights::LISTEN | Rights::SEND, "Listen, Send"),
            (Rights::MANAGE, "Listen, Manage, Send"),
        ] {
            assert_eq!(rights.to_string(), text);
            let again =
                rights.names().filter_map(Rights::from_name).fold(Rights::NONE, |sum, right| sum | right);
            assert_eq!(again, rights);
        }
        assert_eq!(Rights::from_name("manage"), Some(Rights::MANAGE));
        assert_eq!(Rights::from_name("Write"), None);
    }
}
