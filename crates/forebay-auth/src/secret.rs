//! The one field type that holds keys and tokens.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A key, password or token: text that `Debug` and `Display` never show.
///
/// Equality takes the same time whatever the contents are.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// What stands in place of a secret in every printed form.
    pub const REDACTED: &'static str = "***";

    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for signing, for the wire, and for showing a key to the one who asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether someone gave the right secret. An empty secret is nobody's key and matches nothing.
    ///
    /// Digests are compared, so that the time tells nothing about the length either.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        let same = Sha256::digest(self.0.as_bytes()).ct_eq(&Sha256::digest(given.as_bytes()));
        bool::from(same) & !self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("SAS_KEY_VALUE");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    }

    #[test]
    fn a_secret_matches_itself_only() {
        let secret = Secret::new("SAS_KEY_VALUE");
        assert!(secret.matches("SAS_KEY_VALUE"));
        for wrong in ["", "SAS_KEY_VALU", "SAS_KEY_VALUE ", "sas_key_value"] {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn an_empty_secret_matches_nothing() {
        assert!(!Secret::new("").matches(""));
        assert_eq!(Secret::new(""), Secret::new(""));
    }
}
