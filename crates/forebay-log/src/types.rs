//! The small values that the doors speak in: ids, sequence numbers, two kinds of time, a log's policy.

use core::fmt;
use core::time::Duration;

/// A log: a hub, or an internal log. Given by the control log and never used again after a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u64);

impl LogId {
    /// The control log: always there, one partition, never deleted.
    pub const CONTROL: Self = Self(0);
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One partition of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The log.
    pub log: LogId,
    /// The partition's index, from 0.
    pub index: u32,
}

impl PartitionId {
    /// The partition that holds the control log.
    pub const CONTROL: Self = Self { log: LogId::CONTROL, index: 0 };
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.log, self.index)
    }
}

/// The number of an event in its partition: dense from 0, never given twice. It is the Kafka offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number of a partition's first event.
    pub const ZERO: Self = Self(0);

    /// The number that is `count` further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Wall time: milliseconds since 1970-01-01 UTC. Orders events for people; may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallMillis(pub i64);

impl WallMillis {
    /// This time, `duration` earlier.
    #[must_use]
    pub const fn minus(self, duration: Millis) -> Self {
        Self(self.0.saturating_sub_unsigned(duration.0))
    }
}

/// Monotonic time: milliseconds since some fixed instant. Measures; means nothing to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoMillis(pub u64);

impl MonoMillis {
    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// A span of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The span as the standard library's type.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// What becomes of old events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Cleanup {
    /// They are deleted when they expire.
    #[default]
    Delete = 1,
    /// The newest event of each key stays.
    Compact = 2,
    /// Both.
    CompactAndDelete = 3,
}

/// Whose time an event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum TimestampType {
    /// The log's, at append (Event Hubs' own rule).
    #[default]
    LogAppend = 1,
    /// The producer's.
    Create = 2,
}

/// How a log keeps its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPolicy {
    /// Events older than this expire, by append time; `None`: never.
    pub retention: Option<Millis>,
    /// A partition's oldest segments expire beyond this size; `None`: no bound.
    pub retention_bytes: Option<u64>,
    /// Delete or compact.
    pub cleanup: Cleanup,
    /// How long a tombstone stays in a compacted log.
    pub tombstone_retention: Millis,
    /// Whose time events carry.
    pub timestamps: TimestampType,
    /// The largest stored batch taken, in bytes, its 61-byte header included.
    pub batch_bytes_max: u32,
}

impl LogPolicy {
    /// Nothing expires. The control log's policy.
    pub const KEEP: Self = Self {
        retention: None,
        retention_bytes: None,
        cleanup: Cleanup::Delete,
        tombstone_retention: Millis::from_secs(24 * 3600),
        timestamps: TimestampType::LogAppend,
        batch_bytes_max: crate::limits::BATCH_BYTES_MAX,
    };

    /// Events expire after `retention`; all else as in [`LogPolicy::KEEP`].
    #[must_use]
    pub const fn retain(retention: Millis) -> Self {
        Self { retention: Some(retention), ..Self::KEEP }
    }
}

impl Default for LogPolicy {
    /// Event Hubs' default: one day.
    fn default() -> Self {
        Self::retain(Millis::from_secs(24 * 3600))
    }
}

/// When an append is acknowledged, and so what an accident can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// After the flush: survives a power cut.
    Disk,
    /// After the write: survives a killed process; a power cut loses up to the last second.
    Os,
    /// In bounded memory only; the oldest events go first when the bound is reached.
    Memory,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Os => "os",
            Self::Memory => "memory",
        })
    }
}
