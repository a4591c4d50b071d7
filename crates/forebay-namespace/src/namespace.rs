//! Namespaces: a name, the host names by which clients find it, and policies of its own.

use std::collections::BTreeMap;

use forebay_auth::resource::host_matches;
use serde::{Deserialize, Serialize};

use crate::hub::HubId;
use crate::limits::{HOSTS_MAX, Limits, NAMESPACES_MAX};
use crate::names::{check_host, check_namespace, folded};
use crate::policy::Policies;
use crate::state::{Durable, FoldedAt};
use crate::verdict::{Change, Code, Rejection};

/// A namespace as the fold keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// Its name as first written.
    pub name: String,
    /// The host names that are its own: exact, or `*.suffix`.
    pub hosts: Vec<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// The position of the last entry that changed it (its hubs and policies have their own).
    pub version: u64,
    /// Its hubs by folded name.
    pub(crate) hubs: BTreeMap<String, HubId>,
    /// Its policies, without those of its hubs.
    pub(crate) policies: Policies,
    /// What it may have; left out while nothing but the server's bounds is set, as level 1 has it.
    #[serde(default, skip_serializing_if = "Limits::is_open")]
    pub limits: Limits,
}

/// Makes a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateNamespace {
    /// Its name.
    pub name: String,
    /// Its host names; may be empty.
    pub hosts: Vec<String>,
}

impl CreateNamespace {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_namespace(&self.name)?;
        if state.namespaces.contains_key(&folded(&self.name)) {
            let text = format!("there is a namespace '{}' already: choose another name", self.name);
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        if state.namespaces.len() >= NAMESPACES_MAX {
            let text =
                format!("this server has {NAMESPACES_MAX} namespaces, the most it may have: use one of them");
            return Err(Rejection::new(Code::LimitReached, text));
        }
        let hosts = checked_hosts(state, &self.name, &self.hosts)?;
        let namespace = Namespace {
            name: self.name.clone(),
            hosts,
            created_ms: at.time_ms,
            version: at.log,
            hubs: BTreeMap::new(),
            policies: Policies::default(),
            limits: Limits::OPEN,
        };
        state.namespaces.insert(folded(&self.name), namespace);
        Ok(vec![Change::NamespaceCreated { namespace: self.name.clone() }])
    }
}

/// Sets all host names of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetNamespaceHosts {
    /// The namespace.
    pub name: String,
    /// Its host names from now on.
    pub hosts: Vec<String>,
}

impl SetNamespaceHosts {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        let hosts = checked_hosts(state, &self.name, &self.hosts)?;
        let namespace = state.namespace_mut(&self.name)?;
        namespace.hosts = hosts;
        namespace.version = at.log;
        Ok(vec![Change::NamespaceHostsChanged { namespace: namespace.name.clone() }])
    }
}

/// Sets what a namespace may have. It needs level 2; limits that it has already change nothing. Limits that its hubs
/// exceed are refused, so that limits hold at any time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetNamespaceLimits {
    /// The namespace.
    pub name: String,
    /// Its limits from now on.
    pub limits: Limits,
}

impl SetNamespaceLimits {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        self.limits.check()?;
        let namespace = state.namespace(&self.name)?;
        if namespace.limits == self.limits {
            return Ok(Vec::new());
        }
        self.check_what_there_is(state, namespace)?;
        let namespace = state.namespace_mut(&self.name)?;
        namespace.limits = self.limits;
        namespace.version = at.log;
        Ok(vec![Change::NamespaceLimitsChanged { namespace: namespace.name.clone() }])
    }

    fn check_what_there_is(&self, state: &Durable, namespace: &Namespace) -> Result<(), Rejection> {
        // A limit that is added shows up here, because all are named; growth concerns nothing that is there.
        let Limits { hubs_max, partitions_max, groups_max, retention_ms_max, partition_growth: _ } =
            self.limits;
        let exceeded = |text| Err(Rejection::new(Code::LimitReached, text));
        let hubs = namespace.hubs.len();
        if hubs > hubs_max as usize {
            return exceeded(format!(
                "namespace '{}' has {hubs} hubs, the new limits allow {hubs_max} (hubs_max): delete some first, or allow more",
                namespace.name
            ));
        }
        for hub in namespace.hubs.values().filter_map(|id| state.hubs.get(id)) {
            let (name, groups) = (&hub.name, hub.groups.len());
            if hub.partitions > partitions_max {
                return exceeded(format!(
                    "hub '{name}' has {} partitions, the new limits allow {partitions_max} (partitions_max): delete \
                     it first, or allow more",
                    hub.partitions
                ));
            }
            if groups > groups_max as usize {
                return exceeded(format!(
                    "hub '{name}' has {groups} consumer groups, the new limits allow {groups_max} (groups_max): delete \
                     some first, or allow more"
                ));
            }
            if hub.retention_ms > retention_ms_max {
                return exceeded(format!(
                    "hub '{name}' keeps events for {} ms, the new limits allow {retention_ms_max} ms \
                     (retention_ms_max): lower its retention first, or allow more",
                    hub.retention_ms
                ));
            }
        }
        Ok(())
    }
}

/// Host names in lower case, each once; none may be another namespace's, or it would depend on their order which
/// is found. A name below another one's `*.suffix` is fine: the exact name wins.
fn checked_hosts(state: &Durable, own_name: &str, hosts: &[String]) -> Result<Vec<String>, Rejection> {
    if hosts.len() > HOSTS_MAX {
        let text = format!("a namespace may have {HOSTS_MAX} host names: use '*.suffix' for many");
        return Err(Rejection::new(Code::LimitReached, text));
    }
    let mut checked: Vec<String> = Vec::with_capacity(hosts.len());
    for host in hosts {
        check_host(host)?;
        let host = folded(host);
        let taken =
            |other: &&Namespace| !other.name.eq_ignore_ascii_case(own_name) && other.hosts.contains(&host);
        if let Some(other) = state.namespaces.values().find(taken) {
            let text = format!(
                "the host name '{host}' belongs to namespace '{}': remove it there first",
                other.name
            );
            return Err(Rejection::new(Code::AlreadyExists, text));
        }
        if !checked.contains(&host) {
            checked.push(host);
        }
    }
    Ok(checked)
}

impl Namespace {
    /// How well a host name fits: bytes of the name or suffix that matched, exact names before all suffixes.
    pub(crate) fn host_fit(&self, host: &str) -> Option<(bool, usize)> {
        let fits = self.hosts.iter().filter(|pattern| host_matches(pattern, host));
        fits.map(|pattern| (!pattern.starts_with('*'), pattern.len())).max()
    }
}
