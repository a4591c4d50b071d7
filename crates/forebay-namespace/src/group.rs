//! Consumer groups: names under which a hub is read. `$Default` is made with the hub and stays.

use serde::{Deserialize, Serialize};

use crate::DEFAULT_GROUP;
use crate::limits::GROUPS_MAX;
use crate::names::{check_group, folded};
use crate::state::{Durable, FoldedAt};
use crate::verdict::{Change, Code, Rejection};

/// A consumer group as the fold keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name as first written.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The position of the entry that made it.
    pub version: u64,
}

/// Makes a consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    /// The namespace.
    pub namespace: String,
    /// The hub.
    pub hub: String,
    /// Its name.
    pub name: String,
}

impl CreateGroup {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let hub = state.hub_mut(&self.namespace, &self.hub)?;
        if hub.groups.contains_key(&folded(&self.name)) {
            let text = format!(
                "hub '{}' has a consumer group '{}' already: choose another name",
                hub.name, self.name
            );
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        check_group(&self.name)?;
        if hub.groups.len() >= GROUPS_MAX {
            let text = format!("hub '{}' has {GROUPS_MAX} consumer groups, the most it may have", hub.name);
            return Err(Rejection::new(Code::LimitReached, text));
        }
        let group = Group { name: self.name.clone(), created_ms: at.time_ms, version: at.log };
        hub.groups.insert(folded(&self.name), group);
        Ok(vec![Change::GroupCreated { hub: hub.id, group: self.name.clone() }])
    }
}

/// Deletes a consumer group. Its readers lose their places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteGroup {
    /// The namespace.
    pub namespace: String,
    /// The hub.
    pub hub: String,
    /// Its name.
    pub name: String,
}

impl DeleteGroup {
    pub(crate) fn fold(&self, state: &mut Durable, _at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let hub = state.hub_mut(&self.namespace, &self.hub)?;
        if self.name.eq_ignore_ascii_case(DEFAULT_GROUP) {
            let text = format!("the consumer group {DEFAULT_GROUP} of hub '{}' cannot be deleted", hub.name);
            return Err(Rejection::new(Code::Protected, text));
        }
        match hub.groups.remove(&folded(&self.name)) {
            Some(group) => Ok(vec![Change::GroupDeleted { hub: hub.id, group: group.name }]),
            None => Err(not_found(&hub.name, &self.name)),
        }
    }
}

/// A group that is not there, in the words that SDKs look for (docs/reference/amqp.md §4.4).
pub(crate) fn not_found(hub: &str, group: &str) -> Rejection {
    let text = format!(
        "The messaging entity '{hub}|{group}' could not be found: hub '{hub}' has no such consumer group, create it \
         first"
    );
    Rejection::new(Code::NotFound, text)
}
