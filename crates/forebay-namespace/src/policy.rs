//! Shared access policies: a name, rights, two keys; of a namespace or of one hub.

use std::collections::BTreeMap;

use forebay_auth::{KeySlot, KeyView, PolicyView, Rights, Secret};
use serde::{Deserialize, Serialize};

use crate::limits::POLICIES_MAX;
use crate::names::{check_key, check_policy, folded};
use crate::state::{Durable, FoldedAt};
use crate::verdict::{Change, Code, Rejection};
use crate::{HubId, stored};

/// A policy as the fold keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name as first written.
    pub name: String,
    /// What it allows.
    #[serde(with = "stored::rights")]
    pub rights: Rights,
    /// The first key.
    pub primary: PolicyKey,
    /// The second key, where there is one.
    pub secondary: Option<PolicyKey>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was changed last, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The position of the last entry that changed it.
    pub version: u64,
}

/// A key of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyKey {
    /// Its text.
    #[serde(with = "stored::secret")]
    pub secret: Secret,
    /// A number that no other key has; a grant names the key it rests on by it.
    pub generation: u64,
}

impl PolicyKey {
    /// An entry sets each of the two keys once at most, so position and slot name it.
    fn set_at(at: FoldedAt, slot: KeySlot, secret: &Secret) -> Self {
        let slot_bit = match slot {
            KeySlot::Primary => 0,
            KeySlot::Secondary => 1,
        };
        Self { secret: secret.clone(), generation: at.log * 2 + slot_bit }
    }

    fn view(&self) -> KeyView<'_> {
        KeyView { secret: &self.secret, generation: self.generation }
    }
}

impl Policy {
    /// As `forebay-auth` looks at it.
    #[must_use]
    pub fn view(&self) -> PolicyView<'_> {
        let (primary, secondary) = (self.primary.view(), self.secondary.as_ref().map(PolicyKey::view));
        PolicyView { name: &self.name, rights: self.rights, primary, secondary }
    }
}

/// The policies of one namespace or hub by folded name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Policies(BTreeMap<String, Policy>);

impl Policies {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.values()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Policy> {
        self.0.get(&folded(name))
    }

    fn get_mut(&mut self, name: &str) -> Result<&mut Policy, Rejection> {
        let text = || format!("there is no policy '{name}': look at the list of policies");
        self.0.get_mut(&folded(name)).ok_or_else(|| Rejection::new(Code::NotFound, text()))
    }
}

/// Makes a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreatePolicy {
    /// The namespace.
    pub namespace: String,
    /// The hub, for a hub's policy.
    pub hub: Option<String>,
    /// Its name.
    pub name: String,
    /// What it allows; not nothing.
    #[serde(with = "stored::rights")]
    pub rights: Rights,
    /// The first key.
    #[serde(with = "stored::secret")]
    pub primary: Secret,
    /// The second key.
    #[serde(with = "stored::optional_secret")]
    pub secondary: Option<Secret>,
}

impl CreatePolicy {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_policy(&self.name)?;
        check_rights(self.rights)?;
        check_key(&self.primary)?;
        self.secondary.as_ref().map_or(Ok(()), check_key)?;
        let place = Place::find(state, &self.namespace, self.hub.as_deref())?;
        let policies = place.policies(state)?;
        if policies.get(&self.name).is_some() {
            let text = format!("there is a policy '{}' already: choose another name", self.name);
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        if policies.0.len() >= POLICIES_MAX {
            let text = format!("a namespace and a hub have {POLICIES_MAX} policies at most: delete one");
            return Err(Rejection::new(Code::LimitReached, text));
        }
        let policy = Policy {
            name: self.name.clone(),
            rights: self.rights,
            primary: PolicyKey::set_at(at, KeySlot::Primary, &self.primary),
            secondary: self.secondary.as_ref().map(|key| PolicyKey::set_at(at, KeySlot::Secondary, key)),
            created_ms: at.time_ms,
            updated_ms: at.time_ms,
            version: at.log,
        };
        policies.0.insert(folded(&self.name), policy);
        Ok(place.changed(self.name.clone()))
    }
}

/// Changes what a policy allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPolicyRights {
    /// The namespace.
    pub namespace: String,
    /// The hub, for a hub's policy.
    pub hub: Option<String>,
    /// Its name.
    pub name: String,
    /// What it allows from now on; not nothing.
    #[serde(with = "stored::rights")]
    pub rights: Rights,
}

impl SetPolicyRights {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_rights(self.rights)?;
        let place = Place::find(state, &self.namespace, self.hub.as_deref())?;
        let policy = place.policies(state)?.get_mut(&self.name)?;
        policy.rights = self.rights;
        policy.updated_ms = at.time_ms;
        policy.version = at.log;
        let name = policy.name.clone();
        Ok(place.changed(name))
    }
}

/// Deletes a policy. What relied on it is to be closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeletePolicy {
    /// The namespace.
    pub namespace: String,
    /// The hub, for a hub's policy.
    pub hub: Option<String>,
    /// Its name.
    pub name: String,
}

impl DeletePolicy {
    pub(crate) fn fold(&self, state: &mut Durable, _at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let place = Place::find(state, &self.namespace, self.hub.as_deref())?;
        let policies = place.policies(state)?;
        let name = policies.get_mut(&self.name)?.name.clone();
        policies.0.remove(&folded(&name));
        Ok(place.changed(name))
    }
}

/// Replaces one key of a policy. What relied on the old one is to be closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaceKey {
    /// The namespace.
    pub namespace: String,
    /// The hub, for a hub's policy.
    pub hub: Option<String>,
    /// The policy's name.
    pub name: String,
    /// Which key.
    #[serde(with = "stored::key_slot")]
    pub slot: KeySlot,
    /// The new key; the proposer has made it up, or someone has chosen it.
    #[serde(with = "stored::secret")]
    pub key: Secret,
}

impl ReplaceKey {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_key(&self.key)?;
        let place = Place::find(state, &self.namespace, self.hub.as_deref())?;
        let policy = place.policies(state)?.get_mut(&self.name)?;
        let key = PolicyKey::set_at(at, self.slot, &self.key);
        match self.slot {
            KeySlot::Primary => policy.primary = key,
            KeySlot::Secondary => policy.secondary = Some(key),
        }
        policy.updated_ms = at.time_ms;
        policy.version = at.log;
        let name = policy.name.clone();
        Ok(place.changed(name))
    }
}

fn check_rights(rights: Rights) -> Result<(), Rejection> {
    if rights.is_empty() {
        let text = "a policy must give at least one of Send, Listen and Manage";
        return Err(Rejection::new(Code::InvalidArgument, text));
    }
    Ok(())
}

/// Where a policy stands: found first, so that nothing is changed when it is not there.
struct Place {
    namespace: String,
    hub: Option<HubId>,
}

impl Place {
    fn find(state: &mut Durable, namespace: &str, hub: Option<&str>) -> Result<Self, Rejection> {
        let hub = hub.map(|hub| state.hub(namespace, hub)).transpose()?.map(|hub| hub.id);
        Ok(Self { namespace: state.namespace_mut(namespace)?.name.clone(), hub })
    }

    fn policies<'s>(&self, state: &'s mut Durable) -> Result<&'s mut Policies, Rejection> {
        if let Some(id) = self.hub {
            return Ok(&mut state.hubs.get_mut(&id).expect("the hub was found just now").policies);
        }
        Ok(&mut state.namespace_mut(&self.namespace)?.policies)
    }

    fn changed(self, policy: String) -> Vec<Change> {
        let namespace = self.namespace;
        vec![Change::PolicyChanged { namespace, hub: self.hub, policy }]
    }
}
