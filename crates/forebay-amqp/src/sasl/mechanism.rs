//! Mechanism names, and the initial response of PLAIN (RFC 4616).

use core::fmt;

/// A SASL mechanism that Event Hubs clients know (docs/reference/amqp.md §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// Microsoft's name for "the identity comes from `$cbs`"; .NET knows no other.
    Mssbcbs,
    /// User name and password: a rule and its key.
    Plain,
    /// No identity; it comes from `$cbs`.
    Anonymous,
    /// A client certificate. Parsed, never accepted.
    External,
}

impl Mechanism {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mssbcbs => "MSSBCBS",
            Self::Plain => "PLAIN",
            Self::Anonymous => "ANONYMOUS",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism with this name; names are case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Mssbcbs, Self::Plain, Self::Anonymous, Self::External]
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// User and password of a PLAIN initial response: `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PlainCredentials<'b> {
    /// The authentication identity: on Event Hubs a rule name.
    pub user: &'b str,
    /// The password: on Event Hubs the rule's key.
    pub password: &'b str,
}

impl fmt::Debug for PlainCredentials<'_> {
    /// The password stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainCredentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Reads a PLAIN initial response. `None` if it has not exactly two NULs, an empty user, or no UTF-8.
/// The authorisation identity (before the first NUL) is ignored: nobody acts for others here.
#[must_use]
pub fn plain_credentials(initial_response: &[u8]) -> Option<PlainCredentials<'_>> {
    let mut parts = initial_response.split(|&byte| byte == 0);
    let (_authzid, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || user.is_empty() {
        return None;
    }
    Some(PlainCredentials {
        user: core::str::from_utf8(user).ok()?,
        password: core::str::from_utf8(password).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_credentials_with_and_without_an_authorisation_identity() {
        for response in [b"\0Root\0key=".as_slice(), b"someone\0Root\0key="] {
            let read = plain_credentials(response).expect("well formed");
            assert_eq!((read.user, read.password), ("Root", "key="));
        }
    }

    #[test]
    fn refuses_malformed_plain_credentials() {
        for response in [b"".as_slice(), b"Root", b"Root\0key", b"\0\0key", b"\0a\0b\0c", b"\0\xff\0b"] {
            assert_eq!(plain_credentials(response), None, "{response:?}");
        }
    }

    #[test]
    fn every_name_reads_back() {
        for mechanism in [Mechanism::Mssbcbs, Mechanism::Plain, Mechanism::Anonymous, Mechanism::External] {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
        }
        assert_eq!(Mechanism::from_name("SCRAM-SHA-256"), None);
    }

    #[test]
    fn debug_output_hides_the_password() {
        let shown = alloc::format!("{:?}", plain_credentials(b"\0Root\0secret"));
        assert!(shown.contains("Root") && !shown.contains("secret"), "{shown}");
    }
}
