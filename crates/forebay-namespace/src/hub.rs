//! Hubs: a name, an id that is never used again, partitions and retention.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::group::Group;
use crate::limits::{HUBS_MAX, PARTITIONS_MAX};
use crate::names::{check_hub, folded};
use crate::policy::Policies;
use crate::state::{Durable, FoldedAt};
use crate::verdict::{Change, Code, Rejection};
use crate::{DEFAULT_GROUP, state};

/// Partitions of a hub for which nothing else was asked.
pub const PARTITIONS_DEFAULT: u32 = 4;

/// Retention of a hub for which nothing else was asked, in milliseconds: a day.
pub const RETENTION_MS_DEFAULT: u64 = 24 * 60 * 60 * 1_000;

/// A hub's id, which is also the id of its log. It is never used again: a hub deleted and made again by the same
/// name has another one, so that old events, readers and grants cannot be mistaken for its own. Id 0 is the control
/// log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HubId(pub u64);

impl HubId {
    /// The id of the first hub.
    pub const FIRST: Self = Self(1);
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A hub as the fold keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Its id.
    pub id: HubId,
    /// The namespace it is in, by the name as first written.
    pub namespace: String,
    /// Its name as first written.
    pub name: String,
    /// How many partitions it has, from 1; their ids are 0 and up.
    pub partitions: u32,
    /// How long events are kept, in milliseconds.
    pub retention_ms: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The position of the last entry that changed it (its groups and policies have their own).
    pub version: u64,
    /// Its consumer groups by folded name.
    pub(crate) groups: BTreeMap<String, Group>,
    /// Its own policies.
    pub(crate) policies: Policies,
}

impl Hub {
    /// Its consumer groups in the order of their names; `$Default` is always there.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// The consumer group of this name, in any letter case.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(&folded(name))
    }

    /// Its own policies in the order of their names.
    pub fn policies(&self) -> impl Iterator<Item = &crate::Policy> {
        self.policies.iter()
    }

    /// Its own policy of this name, in any letter case.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&crate::Policy> {
        self.policies.get(name)
    }
}

/// Makes a hub with the group `$Default`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateHub {
    /// The namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many partitions, from 1 to [`PARTITIONS_MAX`].
    pub partitions: u32,
    /// How long events are kept, in milliseconds, at least 1.
    pub retention_ms: u64,
}

impl CreateHub {
    /// A hub with the default number of partitions and retention.
    #[must_use]
    pub fn with_defaults(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let (partitions, retention_ms) = (PARTITIONS_DEFAULT, RETENTION_MS_DEFAULT);
        Self { namespace: namespace.into(), name: name.into(), partitions, retention_ms }
    }

    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_hub(&self.name)?;
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            let text = format!("a hub has 1 to {PARTITIONS_MAX} partitions, not {}", self.partitions);
            return Err(Rejection::new(Code::InvalidArgument, text));
        }
        if self.retention_ms == 0 {
            return Err(Rejection::new(
                Code::InvalidArgument,
                "the retention of a hub is at least 1 ms, not 0",
            ));
        }
        let hubs = state.hubs.len();
        let id = state.next_hub_id;
        let namespace = state.namespace_mut(&self.namespace)?;
        if namespace.hubs.contains_key(&folded(&self.name)) {
            let text =
                format!("there is a hub '{}' already: choose another name, or delete it first", self.name);
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        if hubs >= HUBS_MAX {
            let text = format!("this server has {HUBS_MAX} hubs, the most it may have: delete some");
            return Err(Rejection::new(Code::LimitReached, text));
        }
        namespace.hubs.insert(folded(&self.name), id);
        let default_group = Group { name: DEFAULT_GROUP.to_owned(), created_ms: at.time_ms, version: at.log };
        let hub = Hub {
            id,
            namespace: namespace.name.clone(),
            name: self.name.clone(),
            partitions: self.partitions,
            retention_ms: self.retention_ms,
            created_ms: at.time_ms,
            version: at.log,
            groups: BTreeMap::from([(folded(DEFAULT_GROUP), default_group)]),
            policies: Policies::default(),
        };
        let change = Change::HubCreated { namespace: hub.namespace.clone(), hub: id, name: hub.name.clone() };
        state.hubs.insert(id, hub);
        state.next_hub_id = HubId(id.0 + 1);
        Ok(vec![change])
    }
}

/// Deletes a hub with its groups and policies. Its readers lose their places, its events are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteHub {
    /// The namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl DeleteHub {
    pub(crate) fn fold(&self, state: &mut Durable, _at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let id = state.hub(&self.namespace, &self.name)?.id;
        state.namespace_mut(&self.namespace)?.hubs.remove(&folded(&self.name));
        let hub =
            state.hubs.remove(&id).ok_or_else(|| state::hub_not_found(&self.namespace, &self.name, None))?;
        Ok(vec![Change::HubDeleted { namespace: hub.namespace, hub: id, name: hub.name }])
    }
}
