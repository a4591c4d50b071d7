//! Consumer groups.

use forebay_namespace::Group;
use forebay_namespace::group::{CreateGroup, DeleteGroup, UpdateGroup};

use super::{ManageError, Put, RACES_MAX};
use crate::access::Namespace;
use crate::broker::Broker;

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name as first written.
    pub name: String,
    /// What its user noted on it.
    pub user_metadata: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was made or changed last, in milliseconds since 1970.
    pub updated_ms: i64,
}

impl GroupInfo {
    fn of(group: &Group) -> Self {
        Self {
            name: group.name.clone(),
            user_metadata: group.user_metadata.clone(),
            created_ms: group.created_ms,
            updated_ms: group.updated_ms(),
        }
    }
}

impl Broker {
    /// A hub's consumer groups in the order of their names; `$Default` is always there.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] for the hub.
    pub fn group_infos(&self, namespace: &Namespace, hub: &str) -> Result<Vec<GroupInfo>, ManageError> {
        self.in_hub(namespace, hub, |hub| hub.groups().map(GroupInfo::of).collect())
    }

    /// What a consumer group is.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] for the hub or the group.
    pub fn group_info(
        &self,
        namespace: &Namespace,
        hub: &str,
        group: &str,
    ) -> Result<GroupInfo, ManageError> {
        let found = self.in_hub(namespace, hub, |hub| hub.group(group).map(GroupInfo::of))?;
        found.ok_or_else(|| ManageError::not_found(entity(hub, group)))
    }

    /// Makes a consumer group, or changes what is noted on it: `None` leaves that, an empty text removes it.
    ///
    /// # Errors
    /// [`ManageError`].
    pub async fn put_group(
        &self,
        namespace: &Namespace,
        hub: &str,
        group: &str,
        user_metadata: Option<String>,
        client: &str,
    ) -> Result<Put<GroupInfo>, ManageError> {
        for _ in 0..RACES_MAX {
            let present = self.in_hub(namespace, hub, |hub| hub.group(group).map(GroupInfo::of))?;
            let created = present.is_none();
            let made = match present {
                Some(present) if says(&present, user_metadata.as_deref()) => {
                    return Ok(Put { value: present, created: false });
                }
                Some(_) => self.update_group(namespace, hub, group, user_metadata.clone()).await,
                None => self.create_group(namespace, hub, group, user_metadata.clone()).await,
            };
            match made {
                Ok(()) => {
                    let value = self.group_info(namespace, hub, group)?;
                    let done = if created { "created" } else { "changed" };
                    tracing::info!("{done} consumer group '{}' of hub '{hub}' for {client}", value.name);
                    return Ok(Put { value, created });
                }
                Err(error) if error.is_race() => {}
                Err(error) => return Err(error),
            }
        }
        Err(ManageError::raced(&entity(hub, group)))
    }

    async fn create_group(
        &self,
        namespace: &Namespace,
        hub: &str,
        group: &str,
        user_metadata: Option<String>,
    ) -> Result<(), ManageError> {
        let command = CreateGroup { user_metadata, ..CreateGroup::new(namespace.name(), hub, group) };
        let changed = self.catalog.change(self.wall().0, command).await;
        changed.map(drop).map_err(|why| ManageError::refused(&entity(hub, group), why))
    }

    async fn update_group(
        &self,
        namespace: &Namespace,
        hub: &str,
        group: &str,
        user_metadata: Option<String>,
    ) -> Result<(), ManageError> {
        let (namespace, name) = (namespace.name().to_owned(), group.to_owned());
        let command = UpdateGroup { namespace, hub: hub.to_owned(), name, user_metadata };
        let changed = self.catalog.change(self.wall().0, command).await;
        changed.map(drop).map_err(|why| ManageError::refused(&entity(hub, group), why))
    }

    /// Deletes a consumer group; its readers lose their places. `false`: it was not there.
    ///
    /// # Errors
    /// [`ManageError::NotFound`] for the hub, [`ManageError::Protected`] for `$Default`.
    pub async fn delete_group(
        &self,
        namespace: &Namespace,
        hub: &str,
        group: &str,
        client: &str,
    ) -> Result<bool, ManageError> {
        let present = self.in_hub(namespace, hub, |hub| hub.group(group).map(|group| group.name.clone()))?;
        let Some(name) = present else { return Ok(false) };
        let command =
            DeleteGroup { namespace: namespace.name().to_owned(), hub: hub.to_owned(), name: name.clone() };
        match self.catalog.change(self.wall().0, command).await {
            Ok(_) => {
                tracing::info!("deleted consumer group '{name}' of hub '{hub}' for {client}");
                Ok(true)
            }
            Err(why) => match ManageError::refused(&entity(hub, group), why) {
                ManageError::NotFound { .. } => Ok(false),
                error => Err(error),
            },
        }
    }
}

fn says(group: &GroupInfo, user_metadata: Option<&str>) -> bool {
    user_metadata.is_none_or(|text| text == group.user_metadata.as_deref().unwrap_or_default())
}

fn entity(hub: &str, group: &str) -> String {
    format!("{hub}|{group}")
}
