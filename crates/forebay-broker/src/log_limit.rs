//! At most a few warnings a second from one place, so that a client in a retry loop cannot fill the log. For all
//! gateways.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Warnings of one kind in one second.
const PER_SECOND: u64 = 5;

/// Counts the warnings of the present second; a `static` beside the place that warns.
#[derive(Debug, Default)]
pub struct LogLimit {
    /// The second in the high 40 bits, the count in the low 24.
    state: AtomicU64,
    suppressed: AtomicU64,
}

impl LogLimit {
    /// With nothing counted yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Writes a warning, or counts it as left out; the next that is written says how many were.
    pub fn warn(&self, text: impl FnOnce() -> String) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.admit(second) {
            let left_out = self.suppressed.swap(0, Ordering::Relaxed);
            if left_out > 0 {
                tracing::warn!("{} ({left_out} like it were left out)", text());
            } else {
                tracing::warn!("{}", text());
            }
        } else {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn admit(&self, second: u64) -> bool {
        let base = second << 24;
        let before = self
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                Some(if state >> 24 == second { state + 1 } else { base + 1 })
            })
            .unwrap_or(base);
        before >> 24 != second || before & 0xff_ffff < PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_admits_a_few_and_the_next_begins_anew() {
        let limit = LogLimit::new();
        let admitted = |second| (0..100).filter(|_| limit.admit(second)).count() as u64;
        assert_eq!(admitted(7), PER_SECOND);
        assert_eq!(admitted(8), PER_SECOND);
    }
}
