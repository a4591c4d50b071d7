//! Time as an argument: the core is told what time it is and never asks.

use core::time::Duration;

/// A point on the shell's monotonic clock, in microseconds since the shell started.
///
/// Arithmetic saturates: a deadline too far to be told is one that never comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The shell's start.
    pub const START: Self = Self(0);
    /// The last point there is: a deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point `micros` microseconds after the shell's start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the shell's start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This point and `duration` more, or `None` past [`Instant::NEVER`].
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(u64::try_from(duration.as_micros()).ok()?).map(Self)
    }

    /// This point and `duration` more, at most [`Instant::NEVER`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::NEVER)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    /// Saturates, as [`Instant::saturating_add`].
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let second = Instant::from_micros(1_000_000);
        assert_eq!(second.since(Instant::START), Duration::from_secs(1));
        assert_eq!(Instant::START.since(second), Duration::ZERO);
        assert_eq!(second.saturating_add(Duration::MAX), Instant::NEVER);
        assert_eq!(second.checked_add(Duration::MAX), None);
        assert_eq!(second + Duration::from_micros(5), Instant::from_micros(1_000_005));
    }
}
