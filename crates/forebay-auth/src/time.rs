//! Wall time as tokens write it.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z, the unit of the `se` part of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// The second that contains this millisecond; times before 1970 count as 0.
    #[must_use]
    pub fn from_millis(unix_ms: i64) -> Self {
        Self(u64::try_from(unix_ms).unwrap_or(0) / 1_000)
    }

    /// This time later by `seconds`, at most the end of time.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
