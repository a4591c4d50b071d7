//! Hubs: a name, an id that is never used again, partitions and retention.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::group::{Group, noted};
use crate::limits::{HUBS_MAX, Limits, check_user_metadata, invalid, partitions_max_at};
use crate::names::{check_hub, folded};
use crate::policy::Policies;
use crate::state::{Durable, FoldedAt};
use crate::verdict::{Change, Code, Rejection};
use crate::{DEFAULT_GROUP, state, stored};

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
    /// How long events are kept, in milliseconds; [`u64::MAX`] is for ever.
    pub retention_ms: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The position of the last entry that changed it (its groups and policies have their own).
    pub version: u64,
    /// Its consumer groups by folded name.
    pub(crate) groups: BTreeMap<String, Group>,
    /// Its own policies.
    pub(crate) policies: Policies,
    /// What its user noted on it; up to 1,024 characters, never empty.
    #[serde(default, with = "stored::given", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
    /// When it was changed after it was made; left out until then, as level 1 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed_ms: Option<i64>,
}

impl Hub {
    /// When it was made or changed last, in milliseconds since 1970 (its groups and policies have times of their own).
    #[must_use]
    pub fn updated_ms(&self) -> i64 {
        self.changed_ms.unwrap_or(self.created_ms)
    }

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
    /// How many partitions, from 1 to what the namespace's [`Limits`] say.
    pub partitions: u32,
    /// How long events are kept, in milliseconds, from 1 to what the namespace's [`Limits`] say.
    pub retention_ms: u64,
    /// What its user notes on it, at most 1,024 characters; an empty text is none. Giving one needs level 2.
    #[serde(default, with = "stored::given", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
}

impl CreateHub {
    /// A hub with the default number of partitions and retention.
    #[must_use]
    pub fn with_defaults(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let (partitions, retention_ms) = (PARTITIONS_DEFAULT, RETENTION_MS_DEFAULT);
        let (namespace, name) = (namespace.into(), name.into());
        Self { namespace, name, partitions, retention_ms, user_metadata: None }
    }

    /// With no more partitions and no longer retention than a namespace allows: for numbers that nobody asked for.
    #[must_use]
    pub fn lowered_to(mut self, limits: &Limits) -> Self {
        self.partitions = self.partitions.min(limits.partitions_max);
        self.retention_ms = self.retention_ms.min(limits.retention_ms_max);
        self
    }

    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_hub(&self.name)?;
        let partitions_max = partitions_max_at(state.level);
        if !(1..=partitions_max).contains(&self.partitions) {
            return Err(invalid(format!(
                "a hub has 1 to {partitions_max} partitions, not {}",
                self.partitions
            )));
        }
        check_retention_is_some(self.retention_ms)?;
        check_user_metadata(self.user_metadata.as_deref())?;
        let hubs = state.hubs.len();
        let id = state.next_hub_id;
        let namespace = state.namespace_mut(&self.namespace)?;
        if namespace.hubs.contains_key(&folded(&self.name)) {
            let text =
                format!("there is a hub '{}' already: choose another name, or delete it first", self.name);
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        namespace.limits.check_partitions(&self.name, self.partitions)?;
        namespace.limits.check_retention(&self.name, self.retention_ms)?;
        if namespace.hubs.len() >= namespace.limits.hubs_max as usize {
            let text = format!(
                "namespace '{}' has all the hubs it may have, {} (hubs_max): delete one or raise the limit",
                namespace.name, namespace.limits.hubs_max
            );
            return Err(Rejection::new(Code::LimitReached, text));
        }
        if hubs >= HUBS_MAX {
            let text = format!("this server has {HUBS_MAX} hubs, the most it may have: delete some");
            return Err(Rejection::new(Code::LimitReached, text));
        }
        namespace.hubs.insert(folded(&self.name), id);
        let default_group = Group::new(DEFAULT_GROUP, None, at);
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
            user_metadata: noted(&None, &self.user_metadata),
            changed_ms: None,
        };
        let change = Change::HubCreated { namespace: hub.namespace.clone(), hub: id, name: hub.name.clone() };
        state.hubs.insert(id, hub);
        state.next_hub_id = HubId(id.0 + 1);
        Ok(vec![change])
    }
}

/// Changes a hub. It needs level 2; what is so already changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateHub {
    /// The namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many partitions it has from now on, not fewer than before; `None` leaves the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// How long events are kept from now on, in milliseconds, at least 1; `None` leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_ms: Option<u64>,
    /// What its user notes on it from now on, at most 1,024 characters; `None` leaves it, an empty text removes it.
    #[serde(default, with = "stored::given", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
}

impl UpdateHub {
    /// A wish that changes nothing yet.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        let (namespace, name) = (namespace.into(), name.into());
        Self { namespace, name, partitions: None, retention_ms: None, user_metadata: None }
    }

    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let limits = state.namespace(&self.namespace)?.limits;
        let hub = state.hub_mut(&self.namespace, &self.name)?;
        let partitions = self.partitions.unwrap_or(hub.partitions);
        let retention_ms = self.retention_ms.unwrap_or(hub.retention_ms);
        if partitions != hub.partitions {
            check_growth(hub, partitions, &limits)?;
        }
        check_retention_is_some(retention_ms)?;
        limits.check_retention(&hub.name, retention_ms)?;
        check_user_metadata(self.user_metadata.as_deref())?;
        let user_metadata = noted(&hub.user_metadata, &self.user_metadata);
        if (partitions, retention_ms, &user_metadata)
            == (hub.partitions, hub.retention_ms, &hub.user_metadata)
        {
            return Ok(Vec::new());
        }
        (hub.partitions, hub.retention_ms, hub.user_metadata) = (partitions, retention_ms, user_metadata);
        (hub.changed_ms, hub.version) = (Some(at.time_ms), at.log);
        let (namespace, name) = (hub.namespace.clone(), hub.name.clone());
        Ok(vec![Change::HubUpdated { namespace, hub: hub.id, name, partitions, retention_ms }])
    }
}

/// Events stay in the partition that their key led to, and readers keep a place in each: the number only grows.
fn check_growth(hub: &Hub, partitions: u32, limits: &Limits) -> Result<(), Rejection> {
    let Hub { name, partitions: now, .. } = hub;
    if partitions < *now {
        return Err(invalid(format!(
            "hub '{name}' has {now} partitions and cannot have fewer ({partitions}): the number only grows, make \
             another hub"
        )));
    }
    if !limits.partition_growth {
        return Err(invalid(format!(
            "hub '{name}' has {now} partitions and cannot have {partitions}: this namespace does not let hubs grow \
             (partition_growth), allow it or make another hub"
        )));
    }
    limits.check_partitions(name, partitions)
}

fn check_retention_is_some(retention_ms: u64) -> Result<(), Rejection> {
    if retention_ms == 0 {
        return Err(invalid("the retention of a hub is at least 1 ms, not 0"));
    }
    Ok(())
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
