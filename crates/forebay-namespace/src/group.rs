//! Consumer groups: names under which a hub is read. `$Default` is made with the hub and stays.

use serde::{Deserialize, Serialize};

use crate::DEFAULT_GROUP;
use crate::limits::check_user_metadata;
use crate::names::{check_group, folded};
use crate::state::{Durable, FoldedAt};
use crate::stored;
use crate::verdict::{Change, Code, Rejection};

/// A consumer group as the fold keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name as first written.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The position of the last entry that changed it.
    pub version: u64,
    /// What its user noted on it; up to 1,024 characters, never empty.
    #[serde(default, with = "stored::given", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
    /// When it was changed after it was made; left out until then, as level 1 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed_ms: Option<i64>,
}

impl Group {
    /// As it is when made.
    pub(crate) fn new(name: &str, user_metadata: Option<&String>, at: FoldedAt) -> Self {
        Self {
            name: name.to_owned(),
            created_ms: at.time_ms,
            version: at.log,
            user_metadata: user_metadata.filter(|text| !text.is_empty()).cloned(),
            changed_ms: None,
        }
    }

    /// When it was made or changed last, in milliseconds since 1970.
    #[must_use]
    pub fn updated_ms(&self) -> i64 {
        self.changed_ms.unwrap_or(self.created_ms)
    }
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
    /// What its user notes on it, at most 1,024 characters; an empty text is none. Giving one needs level 2.
    #[serde(default, with = "stored::given", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
}

impl CreateGroup {
    /// A group without user metadata.
    #[must_use]
    pub fn new(namespace: impl Into<String>, hub: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), hub: hub.into(), name: name.into(), user_metadata: None }
    }

    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let groups_max = state.namespace(&self.namespace)?.limits.groups_max;
        let hub = state.hub_mut(&self.namespace, &self.hub)?;
        if hub.groups.contains_key(&folded(&self.name)) {
            let text = format!(
                "hub '{}' has a consumer group '{}' already: choose another name",
                hub.name, self.name
            );
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        check_group(&self.name)?;
        check_user_metadata(self.user_metadata.as_deref())?;
        if hub.groups.len() >= groups_max as usize {
            let text = format!(
                "hub '{}' has all the consumer groups it may have, {groups_max} with {DEFAULT_GROUP} (groups_max): delete \
                 one or raise the limit",
                hub.name
            );
            return Err(Rejection::new(Code::LimitReached, text));
        }
        let group = Group::new(&self.name, self.user_metadata.as_ref(), at);
        hub.groups.insert(folded(&self.name), group);
        Ok(vec![Change::GroupCreated { hub: hub.id, group: self.name.clone() }])
    }
}

/// Changes what is noted on a consumer group, `$Default` too. It needs level 2; what is so already changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateGroup {
    /// The namespace.
    pub namespace: String,
    /// The hub.
    pub hub: String,
    /// Its name.
    pub name: String,
    /// What its user notes on it from now on, at most 1,024 characters; `None` leaves it, an empty text removes it.
    #[serde(default, with = "stored::given", skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<String>,
}

impl UpdateGroup {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let hub = state.hub_mut(&self.namespace, &self.hub)?;
        let id = hub.id;
        let Some(group) = hub.groups.get_mut(&folded(&self.name)) else {
            return Err(not_found(&hub.name, &self.name));
        };
        check_user_metadata(self.user_metadata.as_deref())?;
        let user_metadata = noted(&group.user_metadata, &self.user_metadata);
        if user_metadata == group.user_metadata {
            return Ok(Vec::new());
        }
        group.user_metadata = user_metadata;
        group.changed_ms = Some(at.time_ms);
        group.version = at.log;
        Ok(vec![Change::GroupUpdated { hub: id, group: group.name.clone() }])
    }
}

/// What is noted after a wish for it.
pub(crate) fn noted(now: &Option<String>, wish: &Option<String>) -> Option<String> {
    wish.as_ref().or(now.as_ref()).filter(|text| !text.is_empty()).cloned()
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
            let text = format!(
                "the consumer group {DEFAULT_GROUP} of hub '{}' cannot be deleted: every hub has it, delete the hub or \
                 leave the group unused",
                hub.name
            );
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
