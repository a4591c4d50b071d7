//! What serve mode makes of its configuration: the namespaces it lists, their host names, limits and keys.

use forebay_auth::Rights;
use forebay_namespace::namespace::{SetNamespaceHosts, SetNamespaceLimits};
use forebay_namespace::{DEFAULT_POLICY, NamespaceView};

use super::{Setup, keys};
use crate::catalog::ChangeRefused;
use crate::options::{NamespaceSpec, ServeMode};
use crate::storage::OpenError;

/// Brings the catalogue to what the configuration says. Namespaces that it no longer lists stay in the catalogue without
/// host names, and nobody reaches them; the well-known key goes from all that it does.
pub(crate) async fn prepare(setup: Setup<'_>, mode: &ServeMode) -> Result<(), OpenError> {
    check(mode)?;
    let unlisted: Vec<String> =
        setup.namespace_names().into_iter().filter(|name| !mode.serves(name)).collect();
    for name in &unlisted {
        set_hosts(setup, name, &[]).await.map_err(|why| about(name, why))?;
    }
    if !unlisted.is_empty() {
        tracing::warn!(
            "the data folder has namespaces that the configuration does not list: {}; they are kept and not served",
            unlisted.join(", ")
        );
    }
    // Names are given up before they are given away, so that one can move from a namespace to another.
    for spec in &mode.namespaces {
        let kept: Vec<String> =
            hosts_of(setup, &spec.name).into_iter().filter(|host| spec.lists(host)).collect();
        set_hosts(setup, &spec.name, &kept).await.map_err(|why| about(&spec.name, why))?;
    }
    for spec in &mode.namespaces {
        prepare_namespace(setup, spec).await.map_err(|why| about(&spec.name, why))?;
    }
    for replaced in setup.replace_well_known_keys(|name| mode.serves(name)).await? {
        tracing::warn!("{replaced} was the well-known one and is a generated one now");
    }
    Ok(())
}

impl ServeMode {
    /// Whether the configuration lists a namespace of this name, in any letter case.
    pub(crate) fn serves(&self, name: &str) -> bool {
        self.namespaces.iter().any(|spec| spec.name.eq_ignore_ascii_case(name))
    }

    /// Whether host names that nobody lists mean this namespace.
    pub(crate) fn is_default(&self, name: &str) -> bool {
        self.default_namespace.as_ref().is_some_and(|default| default.eq_ignore_ascii_case(name))
    }
}

impl NamespaceSpec {
    fn lists(&self, host: &str) -> bool {
        self.hosts.iter().any(|listed| listed.eq_ignore_ascii_case(host))
    }
}

fn check(mode: &ServeMode) -> Result<(), OpenError> {
    if mode.namespaces.is_empty() {
        return Err(OpenError::Setup("no namespace is configured: list one at least".to_owned()));
    }
    for (index, spec) in mode.namespaces.iter().enumerate() {
        if mode.namespaces[..index].iter().any(|other| other.name.eq_ignore_ascii_case(&spec.name)) {
            let text = format!("namespace '{}' is configured twice: rename one, or remove it", spec.name);
            return Err(OpenError::Setup(text));
        }
    }
    match &mode.default_namespace {
        Some(name) if !mode.serves(name) => {
            let text = format!(
                "the default namespace '{name}' is not among the namespaces configured: add it, or name one of them"
            );
            Err(OpenError::Setup(text))
        }
        _ => Ok(()),
    }
}

fn about(namespace: &str, why: ChangeRefused) -> OpenError {
    match why {
        ChangeRefused::Rule(why) => OpenError::Setup(format!("namespace '{namespace}': {why}")),
        ChangeRefused::Log(error) => OpenError::Log(error),
    }
}

async fn prepare_namespace(setup: Setup<'_>, spec: &NamespaceSpec) -> Result<(), ChangeRefused> {
    setup.create_namespace(&spec.name).await?;
    set_hosts(setup, &spec.name, &spec.hosts).await?;
    let limits = setup.catalog.read(|state| state.namespace(&spec.name).map(|found| found.get().limits));
    if limits != Some(spec.limits) {
        setup.change(SetNamespaceLimits { name: spec.name.clone(), limits: spec.limits }).await?;
    }
    let manageable = setup.catalog.read(|state| state.namespace(&spec.name).is_some_and(is_manageable));
    if !manageable {
        setup.create_first_policy(&spec.name, keys::generate()).await?;
        tracing::info!("made policy '{DEFAULT_POLICY}' of namespace '{}' with two generated keys", spec.name);
    }
    Ok(())
}

/// Whether some policy can manage it. One whose operator has deleted the first policy and made others is left alone.
fn is_manageable(namespace: NamespaceView<'_>) -> bool {
    namespace.policies().any(|policy| policy.name == DEFAULT_POLICY || policy.rights.contains(Rights::MANAGE))
}

fn hosts_of(setup: Setup<'_>, namespace: &str) -> Vec<String> {
    setup
        .catalog
        .read(|state| state.namespace(namespace).map(|found| found.get().hosts.clone()).unwrap_or_default())
}

/// Sets host names, if they are others; on a namespace that is not there it does nothing.
async fn set_hosts(setup: Setup<'_>, namespace: &str, hosts: &[String]) -> Result<(), ChangeRefused> {
    let same = setup.catalog.read(|state| {
        let Some(found) = state.namespace(namespace) else { return true };
        // As the catalogue keeps them: in lower case, each once.
        let mut wanted: Vec<String> = Vec::with_capacity(hosts.len());
        for host in hosts.iter().map(|host| host.to_ascii_lowercase()) {
            if !wanted.contains(&host) {
                wanted.push(host);
            }
        }
        found.get().hosts == wanted
    });
    if same {
        return Ok(());
    }
    setup.change(SetNamespaceHosts { name: namespace.to_owned(), hosts: hosts.to_vec() }).await
}
