//! A clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use forebay_log::{Clock, Millis, MonoMillis, WallMillis};

/// Stands still until it is moved. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock {
    wall: Arc<AtomicI64>,
    mono: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock at some time in 2023.
    #[must_use]
    pub fn new() -> Self {
        Self { wall: Arc::new(AtomicI64::new(1_700_000_000_000)), mono: Arc::new(AtomicU64::new(1_000_000)) }
    }

    /// Moves both kinds of time on.
    pub fn advance(&self, by: Millis) {
        self.wall.fetch_add(i64::try_from(by.0).unwrap_or(i64::MAX), Ordering::SeqCst);
        self.mono.fetch_add(by.0, Ordering::SeqCst);
    }

    /// Moves wall time alone, forward or back, as an operator or a time server may.
    pub fn jump(&self, by_ms: i64) {
        self.wall.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> WallMillis {
        WallMillis(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> MonoMillis {
        MonoMillis(self.mono.load(Ordering::SeqCst))
    }
}
