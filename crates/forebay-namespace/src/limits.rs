//! How large the catalogue may grow: the server's own bounds, and what a namespace may have within them.
//!
//! The fold enforces these numbers, so that changing one is a change of the fold and needs a new level.

use serde::{Deserialize, Serialize};

use crate::verdict::{Code, Rejection};

/// Partitions of a hub: what a unit of the service's largest tier has (docs/reference/http.md §9).
pub const PARTITIONS_MAX: u32 = 2_000;

/// Partitions of a hub before level 2.
pub const PARTITIONS_MAX_LEVEL_1: u32 = 1_024;

/// Consumer groups of a hub: what the largest tier of the service allows (docs/reference/amqp.md §8.6).
pub const GROUPS_MAX: usize = 1_000;

/// Policies of one hub, or of one namespace besides its hubs' own: the service's number.
pub const POLICIES_MAX: usize = 12;

/// Hubs of a server, over all namespaces. Creation on first use lets strangers make hubs, so there is a bound;
/// at about a kilobyte each, a state of ten thousand is a snapshot of some ten megabytes.
pub const HUBS_MAX: usize = 10_000;

/// Namespaces of a server; in development they too are made on first use.
pub const NAMESPACES_MAX: usize = 1_000;

/// Host names of a namespace.
pub const HOSTS_MAX: usize = 100;

/// Settings of a server: only its own code writes them.
pub const SETTINGS_MAX: usize = 100;

/// Bytes of a setting's value.
pub const SETTING_BYTES_MAX: usize = 65_536;

/// Characters of what a user notes on a hub or a group (docs/reference/http.md §4.5).
pub const USER_METADATA_CHARS_MAX: usize = 1_024;

/// Readers without an epoch of one partition through one group (docs/reference/amqp.md §6.6).
pub const SHARED_READERS_MAX: usize = 5;

/// For how many positions of the control log a proposal's id is remembered.
pub const PROPOSALS_REMEMBERED: u64 = 65_536;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

const _: () = assert!(HUBS_MAX >= NAMESPACES_MAX, "every namespace can have a hub");
const _: () = assert!(PARTITIONS_MAX >= PARTITIONS_MAX_LEVEL_1, "a higher level takes nothing away");

/// The partitions that a hub may have at a level, whatever its namespace allows.
pub(crate) fn partitions_max_at(level: u32) -> u32 {
    if level < 2 { PARTITIONS_MAX_LEVEL_1 } else { PARTITIONS_MAX }
}

/// What a namespace may have. Each number holds after every entry: one that what is there already exceeds is
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Hubs of the namespace, from 1 to [`HUBS_MAX`].
    pub hubs_max: u32,
    /// Partitions of a hub, from 1 to [`PARTITIONS_MAX`].
    pub partitions_max: u32,
    /// Consumer groups of a hub, `$Default` counted, from 1 to [`GROUPS_MAX`].
    pub groups_max: u32,
    /// The longest time that a hub may keep events, in milliseconds, at least 1; [`u64::MAX`] is for ever.
    pub retention_ms_max: u64,
    /// Whether a hub may be given more partitions later.
    pub partition_growth: bool,
}

impl Limits {
    /// The server's own bounds and no others. A namespace has these until it is given others, and they are then
    /// in no snapshot: these numbers can change with a level only.
    pub const OPEN: Self = Self {
        hubs_max: HUBS_MAX as u32,
        partitions_max: PARTITIONS_MAX,
        groups_max: GROUPS_MAX as u32,
        retention_ms_max: u64::MAX,
        partition_growth: true,
    };

    /// What a tier of the service allows (docs/reference/http.md §9; a Premium namespace of one processing unit).
    #[must_use]
    pub const fn tier(tier: Tier) -> Self {
        let (hubs_max, partitions_max, groups_max, days, partition_growth) = match tier {
            Tier::Basic => (10, 32, 1, 1, false),
            Tier::Standard => (10, 32, 20, 7, false),
            Tier::Premium => (100, 100, 100, 90, true),
            Tier::Dedicated => (1_000, 1_024, 1_000, 90, true),
        };
        Self { hubs_max, partitions_max, groups_max, retention_ms_max: days * DAY_MS, partition_growth }
    }

    pub(crate) fn is_open(&self) -> bool {
        *self == Self::OPEN
    }

    /// That the numbers are within the server's.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let bounds = [
            ("hubs_max", self.hubs_max, Self::OPEN.hubs_max),
            ("partitions_max", self.partitions_max, Self::OPEN.partitions_max),
            ("groups_max", self.groups_max, Self::OPEN.groups_max),
        ];
        for (name, value, most) in bounds {
            if !(1..=most).contains(&value) {
                return Err(invalid(format!("the limit {name} must be from 1 to {most}, not {value}")));
            }
        }
        if self.retention_ms_max == 0 {
            return Err(invalid("the limit retention_ms_max must be at least 1 ms, not 0"));
        }
        Ok(())
    }

    /// That a hub may have so many partitions.
    pub(crate) fn check_partitions(&self, hub: &str, partitions: u32) -> Result<(), Rejection> {
        if partitions > self.partitions_max {
            return Err(invalid(format!(
                "hub '{hub}' cannot have {partitions} partitions: a hub of this namespace has at most {} \
                 (partitions_max), ask for fewer or raise the limit",
                self.partitions_max
            )));
        }
        Ok(())
    }

    /// That a hub may keep events for so long.
    pub(crate) fn check_retention(&self, hub: &str, retention_ms: u64) -> Result<(), Rejection> {
        if retention_ms > self.retention_ms_max {
            return Err(invalid(format!(
                "hub '{hub}' cannot keep events for {retention_ms} ms: a hub of this namespace keeps them for at most \
                 {} ms (retention_ms_max), ask for less or raise the limit",
                self.retention_ms_max
            )));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::OPEN
    }
}

/// A tier of the service, by whose numbers a namespace can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// `$Default` only, a day.
    Basic,
    /// 20 groups, a week.
    Standard,
    /// 100 hubs, 90 days, hubs may grow.
    Premium,
    /// 1,000 hubs, 90 days, hubs may grow.
    Dedicated,
}

impl Tier {
    /// All of them, the smallest first.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Standard, Self::Premium, Self::Dedicated];

    /// Its name as the service writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Standard => "Standard",
            Self::Premium => "Premium",
            Self::Dedicated => "Dedicated",
        }
    }

    /// The tier of this name, in any letter case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name().eq_ignore_ascii_case(name))
    }
}

/// What a user notes on a hub or a group: `None` leaves it, an empty text removes it.
pub(crate) fn check_user_metadata(text: Option<&str>) -> Result<(), Rejection> {
    let chars = text.map_or(0, |text| text.chars().count());
    if chars > USER_METADATA_CHARS_MAX {
        return Err(invalid(format!(
            "the user metadata has {chars} characters, and {USER_METADATA_CHARS_MAX} are the most: shorten it"
        )));
    }
    Ok(())
}

pub(crate) fn invalid(text: impl Into<String>) -> Rejection {
    Rejection::new(Code::InvalidArgument, text)
}
