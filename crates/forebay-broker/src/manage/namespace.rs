//! Namespaces, as they are shown.

use forebay_auth::Rights;
use forebay_namespace::{DEFAULT_POLICY, Limits, NamespaceView, Secret};

use crate::access::Namespace;
use crate::broker::Broker;
use crate::setup::keys;

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInfo {
    /// Its name as first written.
    pub name: String,
    /// The host names that are its own, exact or `*.suffix`; in dev mode it has others besides.
    pub hosts: Vec<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// What it may have.
    pub limits: Limits,
}

impl NamespaceInfo {
    fn of(namespace: NamespaceView<'_>) -> Self {
        let namespace = namespace.get();
        Self {
            name: namespace.name.clone(),
            hosts: namespace.hosts.clone(),
            created_ms: namespace.created_ms,
            limits: namespace.limits,
        }
    }
}

/// A policy and a key with which everything in a namespace can be done: what the operator is shown.
#[derive(Debug, Clone)]
pub struct NamespaceCredential {
    /// The namespace's name.
    pub namespace: String,
    /// The host names that are its own.
    pub hosts: Vec<String>,
    /// The policy's name.
    pub policy: String,
    /// Its first key.
    pub key: Secret,
    /// The key is the one that everybody knows.
    pub is_well_known: bool,
}

impl NamespaceCredential {
    /// By the policy that it started with; where that was deleted, by the first that may manage.
    fn of(namespace: NamespaceView<'_>) -> Option<Self> {
        let first = namespace.policy(DEFAULT_POLICY).filter(|policy| policy.rights.contains(Rights::MANAGE));
        let policy =
            first.or_else(|| namespace.policies().find(|policy| policy.rights.contains(Rights::MANAGE)))?;
        let key = policy.primary.secret.clone();
        Some(Self {
            namespace: namespace.name().to_owned(),
            hosts: namespace.get().hosts.clone(),
            policy: policy.name.clone(),
            is_well_known: keys::is_well_known(&key),
            key,
        })
    }
}

impl Broker {
    /// All namespaces that are served, in the order of their names.
    pub fn namespace_infos(&self) -> Vec<NamespaceInfo> {
        self.served(|namespace| Some(NamespaceInfo::of(namespace)))
    }

    /// What a namespace is; `None` if it does not exist (yet).
    pub fn namespace_info(&self, namespace: &Namespace) -> Option<NamespaceInfo> {
        self.in_namespace(namespace, NamespaceInfo::of)
    }

    /// A policy and key for each namespace that is served, in the order of their names: for the block and the files
    /// that show them. A namespace that nobody could manage has none.
    pub fn credentials(&self) -> Vec<NamespaceCredential> {
        self.served(NamespaceCredential::of)
    }

    fn served<T>(&self, show: impl Fn(NamespaceView<'_>) -> Option<T>) -> Vec<T> {
        self.catalog.read(|state| {
            state.namespaces().filter(|found| self.is_served(found.name())).filter_map(show).collect()
        })
    }
}
