//! Hubs and consumer groups as links and requests use them: found, and made on first use where that is allowed.

use std::sync::Arc;

use forebay_log::LogError;
use forebay_namespace::group::CreateGroup;
use forebay_namespace::hub::CreateHub;
use forebay_namespace::{Code, HubId, names};

use crate::access::Namespace;
use crate::broker::Broker;
use crate::catalog::ChangeRefused;
use crate::error::EntityError;
use crate::hub::Hub;
use crate::setup::{Setup, dev};

impl Broker {
    /// The hub of this name, made on first use where that is allowed. `client` is named in the line that says so.
    ///
    /// # Errors
    /// [`EntityError`].
    pub async fn hub(
        &self,
        namespace: &Namespace,
        name: &str,
        client: &str,
    ) -> Result<Arc<Hub>, EntityError> {
        if let Some(hub) = self.existing_hub(namespace, name).await? {
            return Ok(hub);
        }
        names::check_hub(name).map_err(|why| EntityError::Name { name: name.to_owned(), why: why.text })?;
        let similar =
            self.in_namespace(namespace, |view| view.similar_hub(name).map(str::to_owned)).flatten();
        if !self.options.auto_create {
            return Err(EntityError::NotFound { entity: name.to_owned(), similar });
        }
        let limits = self.make_namespace(namespace).await?;
        let command = CreateHub::with_defaults(namespace.name(), name).lowered_to(&limits);
        let partitions = command.partitions;
        match self.catalog.change(self.wall().0, command).await {
            Ok(_) => {
                let similar = similar.map_or_else(String::new, |similar| format!("; similar: '{similar}'"));
                tracing::info!("created hub '{name}' with {partitions} partitions for {client}{similar}");
            }
            // Somebody else made it meanwhile.
            Err(ChangeRefused::Rule(why)) if why.code == Code::AlreadyExists => {}
            Err(why) => return Err(why.into()),
        }
        let hub = self.existing_hub(namespace, name).await?;
        hub.ok_or_else(|| EntityError::NotFound { entity: name.to_owned(), similar: None })
    }

    /// Makes a namespace that was not used before, and says what it may have.
    async fn make_namespace(&self, namespace: &Namespace) -> Result<forebay_namespace::Limits, EntityError> {
        let limits = || self.in_namespace(namespace, |view| view.get().limits);
        if let Some(limits) = limits() {
            return Ok(limits);
        }
        let setup = Setup { catalog: &self.catalog, now: self.wall() };
        dev::create_namespace(setup, namespace.name()).await?;
        tracing::info!("created namespace '{}'", namespace.name());
        Ok(limits().unwrap_or_default())
    }

    async fn existing_hub(&self, namespace: &Namespace, name: &str) -> Result<Option<Arc<Hub>>, LogError> {
        let found =
            self.in_namespace(namespace, |view| view.hub(name).map(|hub| (hub.id, hub.partitions))).flatten();
        let Some((id, partitions)) = found else { return Ok(None) };
        self.shared.hubs.open(id, partitions).await
    }

    /// The consumer group's name as first written; made on first use where that is allowed.
    ///
    /// # Errors
    /// [`EntityError`].
    pub async fn group(
        &self,
        namespace: &Namespace,
        hub: &Hub,
        name: &str,
        client: &str,
    ) -> Result<String, EntityError> {
        let look = || {
            self.catalog.read(|state| {
                state.hub(HubId(hub.id.0)).and_then(|hub| hub.group(name)).map(|group| group.name.clone())
            })
        };
        if let Some(group) = look() {
            return Ok(group);
        }
        let not_found = || EntityError::NotFound { entity: format!("{}|{name}", hub.name), similar: None };
        names::check_group(name).map_err(|why| EntityError::Name { name: name.to_owned(), why: why.text })?;
        // The group of a deleted hub must not be made on another one that has its name now.
        if !self.options.auto_create || hub.is_gone() {
            return Err(not_found());
        }
        let command = CreateGroup::new(namespace.name(), hub.name.clone(), name);
        match self.catalog.change(self.wall().0, command).await {
            Ok(_) => {
                tracing::info!("created consumer group '{name}' of hub '{}' for {client}", hub.name);
            }
            Err(ChangeRefused::Rule(why)) if why.code == Code::AlreadyExists => {}
            Err(why) => return Err(why.into()),
        }
        look().ok_or_else(not_found)
    }
}
