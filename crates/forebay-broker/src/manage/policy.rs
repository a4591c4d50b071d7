//! Shared access policies and their keys, of a namespace or of one hub.

use forebay_namespace::policy::{CreatePolicy, DeletePolicy, ReplaceKey, SetPolicyRights};
use forebay_namespace::{KeySlot, Policy, Rights, Secret};

use super::{ManageError, Put, RACES_MAX};
use crate::access::Namespace;
use crate::broker::Broker;
use crate::options::Mode;
use crate::setup::keys;

/// A policy without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its name as first written.
    pub name: String,
    /// What it allows.
    pub rights: Rights,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it or one of its keys was changed last, in milliseconds since 1970.
    pub updated_ms: i64,
}

impl PolicyInfo {
    fn of(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            rights: policy.rights,
            created_ms: policy.created_ms,
            updated_ms: policy.updated_ms,
        }
    }
}

/// A policy's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyKeys {
    /// The policy's name as first written.
    pub name: String,
    /// The first key.
    pub primary: Secret,
    /// The second. All policies have two; should one have been made elsewhere with one, it stands for both.
    pub secondary: Secret,
}

impl PolicyKeys {
    fn of(policy: &Policy) -> Self {
        let primary = policy.primary.secret.clone();
        let secondary = policy.secondary.as_ref().map_or_else(|| primary.clone(), |key| key.secret.clone());
        Self { name: policy.name.clone(), primary, secondary }
    }
}

impl Broker {
    /// The policies of a namespace (`hub` is `None`; without those of its hubs) or of a hub, in the order of their
    /// names.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] for the hub or the namespace.
    pub fn policy_infos(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
    ) -> Result<Vec<PolicyInfo>, ManageError> {
        match hub {
            Some(hub) => self.in_hub(namespace, hub, |hub| hub.policies().map(PolicyInfo::of).collect()),
            None => self
                .in_namespace(namespace, |view| view.policies().map(PolicyInfo::of).collect())
                .ok_or_else(|| ManageError::not_found(namespace.name())),
        }
    }

    /// What a policy is.
    ///
    /// # Errors
    /// [`ManageError::NotFound`].
    pub fn policy_info(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        name: &str,
    ) -> Result<PolicyInfo, ManageError> {
        self.in_policy(namespace, hub, name, PolicyInfo::of)
    }

    /// A policy's keys.
    ///
    /// # Errors
    /// [`ManageError::NotFound`].
    pub fn policy_keys(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        name: &str,
    ) -> Result<PolicyKeys, ManageError> {
        self.in_policy(namespace, hub, name, PolicyKeys::of)
    }

    fn in_policy<R>(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        name: &str,
        look: impl FnOnce(&Policy) -> R,
    ) -> Result<R, ManageError> {
        let found = match hub {
            Some(hub) => self.in_hub(namespace, hub, |hub| hub.policy(name).map(look))?,
            None => self
                .in_namespace(namespace, |view| view.policy(name).map(look))
                .ok_or_else(|| ManageError::not_found(namespace.name()))?,
        };
        found.ok_or_else(|| ManageError::not_found(name))
    }

    /// Makes a policy with two generated keys, or changes what it allows; then its keys stay.
    ///
    /// # Errors
    /// [`ManageError`].
    pub async fn put_policy(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        name: &str,
        rights: Rights,
        client: &str,
    ) -> Result<Put<PolicyInfo>, ManageError> {
        for _ in 0..RACES_MAX {
            let present = self.policy_infos(namespace, hub)?;
            let present = present.into_iter().find(|policy| policy.name.eq_ignore_ascii_case(name));
            let created = present.is_none();
            let (namespace_name, hub_name, policy) =
                (namespace.name().to_owned(), hub.map(str::to_owned), name.to_owned());
            let changed = match present {
                Some(present) if present.rights == rights => {
                    return Ok(Put { value: present, created: false });
                }
                Some(present) => {
                    if !rights.contains(Rights::MANAGE) {
                        self.check_manage_stays(namespace, hub, &present)?;
                    }
                    let (namespace, hub, name) = (namespace_name, hub_name, policy);
                    let command = SetPolicyRights { namespace, hub, name, rights };
                    self.catalog.change(self.wall().0, command).await
                }
                None => {
                    let (namespace, hub, name) = (namespace_name, hub_name, policy);
                    let (primary, secondary) = (keys::generate(), Some(keys::generate()));
                    let command = CreatePolicy { namespace, hub, name, rights, primary, secondary };
                    self.catalog.change(self.wall().0, command).await
                }
            };
            match changed.map_err(|why| ManageError::refused(name, why)) {
                Ok(_) => {
                    let value = self.policy_info(namespace, hub, name)?;
                    let done = if created { "created" } else { "changed" };
                    tracing::info!("{done} policy '{}'{} for {client}", value.name, of_hub(hub));
                    return Ok(Put { value, created });
                }
                Err(error) if error.is_race() => {}
                Err(error) => return Err(error),
            }
        }
        Err(ManageError::raced(name))
    }

    /// Deletes a policy: tokens that its keys signed are refused from now on. `false`: it was not there.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] for the hub; [`ManageError::Protected`] for the namespace's last one with Manage.
    pub async fn delete_policy(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        name: &str,
        client: &str,
    ) -> Result<bool, ManageError> {
        let present = self.policy_infos(namespace, hub)?;
        let Some(policy) = present.iter().find(|policy| policy.name.eq_ignore_ascii_case(name)) else {
            return Ok(false);
        };
        self.check_manage_stays(namespace, hub, policy)?;
        let command = DeletePolicy {
            namespace: namespace.name().to_owned(),
            hub: hub.map(str::to_owned),
            name: name.to_owned(),
        };
        match self.catalog.change(self.wall().0, command).await {
            Ok(_) => {
                tracing::info!("deleted policy '{name}'{} for {client}", of_hub(hub));
                Ok(true)
            }
            Err(why) => match ManageError::refused(name, why) {
                ManageError::NotFound { .. } => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Whoever takes the last policy with Manage from a namespace has locked everyone out, himself too.
    fn check_manage_stays(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        policy: &PolicyInfo,
    ) -> Result<(), ManageError> {
        if hub.is_some() || !policy.rights.contains(Rights::MANAGE) {
            return Ok(());
        }
        let managing =
            |other: &PolicyInfo| other.name != policy.name && other.rights.contains(Rights::MANAGE);
        if self.policy_infos(namespace, None)?.iter().any(managing) {
            return Ok(());
        }
        Err(ManageError::Protected(format!(
            "'{}' is the last policy of namespace '{}' with Manage: without it nobody could manage the namespace; make \
             another one with Manage first",
            policy.name,
            namespace.name()
        )))
    }

    /// Replaces one of a policy's keys, by `key` or by a generated one: tokens that the old one signed are refused from
    /// now on.
    ///
    /// # Errors
    /// [`ManageError::NotFound`]; [`ManageError::Invalid`] for a key that cannot be one, and outside of dev mode for
    /// the key that everybody knows.
    pub async fn regenerate_key(
        &self,
        namespace: &Namespace,
        hub: Option<&str>,
        name: &str,
        slot: KeySlot,
        key: Option<Secret>,
        client: &str,
    ) -> Result<PolicyKeys, ManageError> {
        let serving_others = matches!(self.options.mode, Mode::Serve(_));
        if serving_others && key.as_ref().is_some_and(keys::is_well_known) {
            let text = "this key is known to everyone: leave it out and one is generated, or choose another";
            return Err(ManageError::Invalid(text.to_owned()));
        }
        self.policy_info(namespace, hub, name)?;
        let command = ReplaceKey {
            namespace: namespace.name().to_owned(),
            hub: hub.map(str::to_owned),
            name: name.to_owned(),
            slot,
            key: key.unwrap_or_else(keys::generate),
        };
        let changed = self.catalog.change(self.wall().0, command).await;
        changed.map_err(|why| ManageError::refused(name, why))?;
        tracing::info!("replaced the {slot} key of policy '{name}'{} for {client}", of_hub(hub));
        self.policy_keys(namespace, hub, name)
    }
}

fn of_hub(hub: Option<&str>) -> String {
    hub.map_or_else(String::new, |hub| format!(" of hub '{hub}'"))
}
