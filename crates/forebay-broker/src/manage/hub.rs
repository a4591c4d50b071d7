//! Hubs: made, grown, given another retention, deleted.

use forebay_namespace::hub::{CreateHub, DeleteHub, UpdateHub};
use forebay_namespace::{Change, HubId, NamespaceView};

use super::{ManageError, Put, RACES_MAX};
use crate::access::Namespace;
use crate::broker::Broker;

/// A hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubInfo {
    /// Its name as first written.
    pub name: String,
    /// How many partitions it has; their ids are 0 and up.
    pub partitions: u32,
    /// How long events are kept, in milliseconds; [`u64::MAX`] is for ever.
    pub retention_ms: u64,
    /// What its user noted on it.
    pub user_metadata: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was made or changed last, in milliseconds since 1970.
    pub updated_ms: i64,
}

impl HubInfo {
    fn of(hub: &forebay_namespace::Hub) -> Self {
        Self {
            name: hub.name.clone(),
            partitions: hub.partitions,
            retention_ms: hub.retention_ms,
            user_metadata: hub.user_metadata.clone(),
            created_ms: hub.created_ms,
            updated_ms: hub.updated_ms(),
        }
    }
}

/// What a hub is to be. What is `None` stays as it is, and has the usual value on a new hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HubWish {
    /// How many partitions; the number only grows.
    pub partitions: Option<u32>,
    /// How long events are kept, in milliseconds, at least 1; [`u64::MAX`] is for ever.
    pub retention_ms: Option<u64>,
    /// What its user notes on it, at most 1,024 characters; an empty text is none.
    pub user_metadata: Option<String>,
}

impl HubWish {
    fn is_fulfilled_by(&self, hub: &HubInfo) -> bool {
        let noted = hub.user_metadata.as_deref().unwrap_or_default();
        self.partitions.is_none_or(|partitions| partitions == hub.partitions)
            && self.retention_ms.is_none_or(|retention| retention == hub.retention_ms)
            && self.user_metadata.as_ref().is_none_or(|text| text == noted)
    }
}

impl Broker {
    /// A namespace's hubs, in the order of their names; none where it does not exist (yet).
    pub fn hub_infos(&self, namespace: &Namespace) -> Vec<HubInfo> {
        self.in_namespace(namespace, |view| view.hubs().map(HubInfo::of).collect()).unwrap_or_default()
    }

    /// What a hub is.
    ///
    /// # Errors
    /// [`ManageError::NotFound`].
    pub fn hub_info(&self, namespace: &Namespace, hub: &str) -> Result<HubInfo, ManageError> {
        self.in_hub(namespace, hub, HubInfo::of)
    }

    /// Makes a hub, or changes it. `client` is named in the line that says so. The answer comes when its log has
    /// followed: links that exist already use new partitions from then on.
    ///
    /// # Errors
    /// [`ManageError`]; after [`ManageError::Log`] the same wish again finishes what was begun.
    pub async fn put_hub(
        &self,
        namespace: &Namespace,
        hub: &str,
        wish: HubWish,
        client: &str,
    ) -> Result<Put<HubInfo>, ManageError> {
        for _ in 0..RACES_MAX {
            let put = match self.hub_info(namespace, hub) {
                Ok(present) => self.update_hub(namespace, &present, &wish, client).await,
                Err(ManageError::NotFound { .. }) => self.create_hub(namespace, hub, &wish, client).await,
                Err(error) => return Err(error),
            };
            match put {
                Err(error) if error.is_race() && self.namespace_info(namespace).is_some() => {}
                put => return put,
            }
        }
        Err(ManageError::raced(hub))
    }

    async fn create_hub(
        &self,
        namespace: &Namespace,
        hub: &str,
        wish: &HubWish,
        client: &str,
    ) -> Result<Put<HubInfo>, ManageError> {
        let limits = self.namespace_info(namespace).map(|info| info.limits);
        let limits = limits.ok_or_else(|| ManageError::not_found(namespace.name()))?;
        let usual = CreateHub::with_defaults(namespace.name(), hub).lowered_to(&limits);
        let command = CreateHub {
            partitions: wish.partitions.unwrap_or(usual.partitions),
            retention_ms: wish.retention_ms.unwrap_or(usual.retention_ms),
            user_metadata: wish.user_metadata.clone(),
            ..usual
        };
        let changes = self.catalog.change(self.wall().0, command).await;
        let changes = changes.map_err(|why| ManageError::refused(hub, why))?;
        let made = changes.iter().find_map(|change| match change {
            Change::HubCreated { hub, .. } => Some(*hub),
            _ => None,
        });
        let value = self.settled(made, hub).await?;
        tracing::info!("created hub '{}' with {} partitions for {client}", value.name, value.partitions);
        Ok(Put { value, created: true })
    }

    async fn update_hub(
        &self,
        namespace: &Namespace,
        present: &HubInfo,
        wish: &HubWish,
        client: &str,
    ) -> Result<Put<HubInfo>, ManageError> {
        let name = &present.name;
        let id = self.in_hub(namespace, name, |hub| hub.id)?;
        if !wish.is_fulfilled_by(present) {
            let HubWish { partitions, retention_ms, user_metadata } = wish.clone();
            let command = UpdateHub {
                partitions,
                retention_ms,
                user_metadata,
                ..UpdateHub::new(namespace.name(), name)
            };
            let changes = self.catalog.change(self.wall().0, command).await;
            changes.map_err(|why| ManageError::refused(name, why))?;
            tracing::info!("changed hub '{name}' for {client}");
        }
        // Also when there was nothing to change: perhaps the log has not followed an earlier change.
        Ok(Put { value: self.settled(Some(id), name).await?, created: false })
    }

    /// The hub as it is once its log has followed the catalogue.
    async fn settled(&self, id: Option<HubId>, name: &str) -> Result<HubInfo, ManageError> {
        let id = id.ok_or_else(|| ManageError::not_found(name))?;
        self.shared.hubs.settle(id).await?;
        let info = self.catalog.read(|state| state.hub(id).map(HubInfo::of));
        info.ok_or_else(|| ManageError::not_found(name))
    }

    /// Deletes a hub with its groups, policies and events. `false`: it was not there. When it returns `true` nothing of
    /// the hub is served any more, and no crash brings it back.
    ///
    /// # Errors
    /// [`ManageError::Log`]: perhaps it is deleted in the catalogue already and its events follow later.
    pub async fn delete_hub(
        &self,
        namespace: &Namespace,
        hub: &str,
        client: &str,
    ) -> Result<bool, ManageError> {
        let command = DeleteHub { namespace: namespace.name().to_owned(), name: hub.to_owned() };
        let Ok(name) = self.in_hub(namespace, hub, |hub| hub.name.clone()) else { return Ok(false) };
        let changes = match self.catalog.change(self.wall().0, command).await {
            Ok(changes) => changes,
            Err(why) => match ManageError::refused(hub, why) {
                // Somebody else was faster.
                ManageError::NotFound { .. } => return Ok(false),
                error => return Err(error),
            },
        };
        tracing::info!("deleted hub '{name}' for {client}");
        for change in changes {
            if let Change::HubDeleted { hub, .. } = change {
                self.shared.hubs.settle(hub).await?;
            }
        }
        Ok(true)
    }

    /// Looks at a hub of the catalogue.
    pub(super) fn in_hub<R>(
        &self,
        namespace: &Namespace,
        hub: &str,
        look: impl FnOnce(&forebay_namespace::Hub) -> R,
    ) -> Result<R, ManageError> {
        let found = self.in_namespace(namespace, |view| match view.hub(hub) {
            Some(found) => Ok(look(found)),
            None => Err(hub_not_found(view, hub)),
        });
        found.unwrap_or_else(|| Err(ManageError::not_found(namespace.name())))
    }
}

fn hub_not_found(namespace: NamespaceView<'_>, hub: &str) -> ManageError {
    let similar = namespace.similar_hub(hub).map(str::to_owned);
    ManageError::NotFound { entity: hub.to_owned(), similar }
}
