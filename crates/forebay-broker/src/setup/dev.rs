//! What dev mode makes by itself: the default namespace, its policy, its key.

use forebay_namespace::policy::ReplaceKey;
use forebay_namespace::setting::PutSetting;
use forebay_namespace::{DEFAULT_NAMESPACE, DEFAULT_POLICY, KeySlot, Secret, Setting};

use super::{Setup, keys};
use crate::catalog::ChangeRefused;
use crate::options::DevKey;

/// The setting that holds a generated key, for when the well-known one was asked for in between.
const KEY_SETTING: &str = "dev.generated-key";

/// Makes what a folder lacks. A namespace that has a key of its own keeps it, so that leaving a flag out never weakens
/// what a folder had; only asking for the well-known key goes back to it.
pub(crate) async fn prepare(setup: Setup<'_>, asked: DevKey) -> Result<(), ChangeRefused> {
    let shared = shared_key(setup, asked).await?;
    let mut namespaces = setup.namespace_names();
    if !namespaces.iter().any(|name| name == DEFAULT_NAMESPACE) {
        namespaces.push(DEFAULT_NAMESPACE.to_owned());
    }
    for namespace in namespaces {
        ensure_namespace(setup, &namespace, asked, &shared).await?;
    }
    if asked == DevKey::Generated {
        for replaced in setup.replace_well_known_keys(|_| true).await? {
            tracing::warn!("{replaced} was the well-known one and is a generated one now");
        }
    }
    Ok(())
}

/// A namespace made on first use: it has the key of the default namespace, by which its maker was let in.
pub(crate) async fn create_namespace(setup: Setup<'_>, name: &str) -> Result<(), ChangeRefused> {
    let key = key_of(setup, DEFAULT_NAMESPACE).unwrap_or_else(keys::generate);
    ensure_namespace(setup, name, DevKey::WellKnown, &key).await
}

/// The key for namespaces that have none of their own.
async fn shared_key(setup: Setup<'_>, asked: DevKey) -> Result<Secret, ChangeRefused> {
    if asked == DevKey::WellKnownAsked {
        return Ok(Secret::new(keys::WELL_KNOWN_KEY));
    }
    if let Some(own) = key_of(setup, DEFAULT_NAMESPACE).filter(|key| !keys::is_well_known(key)) {
        return Ok(own);
    }
    let kept = setup.catalog.read(|state| state.setting(KEY_SETTING).map(|key| Secret::new(key.expose())));
    match (kept, asked) {
        (Some(key), _) => Ok(key),
        (None, DevKey::Generated) => {
            let key = keys::generate();
            let value = Setting::Secret(key.clone());
            setup.change(PutSetting { name: KEY_SETTING.to_owned(), value }).await?;
            Ok(key)
        }
        (None, _) => Ok(Secret::new(keys::WELL_KNOWN_KEY)),
    }
}

fn key_of(setup: Setup<'_>, namespace: &str) -> Option<Secret> {
    setup
        .catalog
        .read(|state| Some(state.namespace(namespace)?.policy(DEFAULT_POLICY)?.primary.secret.clone()))
}

async fn ensure_namespace(
    setup: Setup<'_>,
    name: &str,
    asked: DevKey,
    shared: &Secret,
) -> Result<(), ChangeRefused> {
    setup.create_namespace(name).await?;
    let found = setup.catalog.read(|state| {
        let policy = state.namespace(name)?.policy(DEFAULT_POLICY)?;
        Some((policy.primary.secret.clone(), policy.secondary.is_some()))
    });
    let Some((primary, has_secondary)) = found else {
        return setup.create_first_policy(name, shared.clone()).await;
    };
    let replaceable = asked == DevKey::WellKnownAsked || keys::is_well_known(&primary);
    if replaceable && !primary.matches(shared.expose()) {
        setup.change(replace(name, KeySlot::Primary, shared.clone())).await?;
    }
    if !has_secondary {
        // Folders of an older version have policies with one key.
        setup.change(replace(name, KeySlot::Secondary, keys::generate())).await?;
    }
    Ok(())
}

fn replace(namespace: &str, slot: KeySlot, key: Secret) -> ReplaceKey {
    ReplaceKey { namespace: namespace.to_owned(), hub: None, name: DEFAULT_POLICY.to_owned(), slot, key }
}
