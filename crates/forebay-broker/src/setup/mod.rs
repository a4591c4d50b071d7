//! What a broker makes by itself when it opens: namespaces, their first policy, its keys.
//!
//! Everything here is a change of the catalogue that is proposed only where it is not so yet, so a crash in the middle is
//! made good by the next start.

pub(crate) mod declared;
pub(crate) mod dev;
pub(crate) mod keys;
pub(crate) mod serve;

use forebay_auth::Rights;
use forebay_log::WallMillis;
use forebay_namespace::namespace::CreateNamespace;
use forebay_namespace::policy::CreatePolicy;
use forebay_namespace::{Code, Command, DEFAULT_POLICY, Secret};

use crate::catalog::{Catalog, ChangeRefused};

/// The catalogue, and the time at which it is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) now: WallMillis,
}

impl Setup<'_> {
    async fn change(&self, command: impl Into<Command>) -> Result<(), ChangeRefused> {
        self.catalog.change(self.now.0, command).await.map(drop)
    }

    /// That somebody else was faster is as good.
    async fn create(&self, command: impl Into<Command>) -> Result<(), ChangeRefused> {
        match self.change(command).await {
            Err(ChangeRefused::Rule(why)) if why.code == Code::AlreadyExists => Ok(()),
            other => other,
        }
    }

    async fn create_namespace(&self, name: &str) -> Result<(), ChangeRefused> {
        if self.catalog.read(|state| state.namespace(name).is_some()) {
            return Ok(());
        }
        self.create(CreateNamespace { name: name.to_owned(), hosts: Vec::new() }).await
    }

    /// The policy that a namespace starts with, with all rights.
    async fn create_first_policy(&self, namespace: &str, primary: Secret) -> Result<(), ChangeRefused> {
        let policy = CreatePolicy {
            namespace: namespace.to_owned(),
            hub: None,
            name: DEFAULT_POLICY.to_owned(),
            rights: Rights::MANAGE,
            primary,
            secondary: Some(keys::generate()),
        };
        self.create(policy).await
    }

    fn namespace_names(&self) -> Vec<String> {
        self.catalog.read(|state| state.namespaces().map(|namespace| namespace.name().to_owned()).collect())
    }
}

#[cfg(test)]
mod tests;
