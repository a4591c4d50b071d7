//! Time as an argument: the log asks a [`Clock`], and only the shell holds one.

use core::fmt::Debug;

use crate::types::{MonoMillis, WallMillis};

/// Where the log's shell gets its time from.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since 1970; may jump.
    fn wall(&self) -> WallMillis;
    /// Milliseconds that only go forward, and go on while the machine sleeps.
    fn monotonic(&self) -> MonoMillis;
}

/// The machine's clocks: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> WallMillis {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        WallMillis(now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000))
    }

    fn monotonic(&self) -> MonoMillis {
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(id);
        let millis = now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000);
        MonoMillis(u64::try_from(millis).unwrap_or(0))
    }
}
