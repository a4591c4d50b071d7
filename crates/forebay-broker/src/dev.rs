//! What dev mode makes by itself: the default namespace, its policy, its key.

use base64::Engine as _;
use forebay_auth::{KeySlot, Rights, Secret};
use forebay_log::{LogError, WallMillis};
use forebay_namespace::namespace::CreateNamespace;
use forebay_namespace::policy::{CreatePolicy, ReplaceKey};
use forebay_namespace::setting::PutSetting;
use forebay_namespace::{Code, Command, DEFAULT_NAMESPACE, Setting, Verdict};

use crate::catalog::Catalog;
use crate::options::DevKey;

/// The policy of dev mode, with all rights; what Microsoft's emulator has.
pub const DEV_POLICY: &str = "RootManageSharedAccessKey";
/// Its well-known key.
pub const WELL_KNOWN_KEY: &str = "SAS_KEY_VALUE";
/// The setting that holds a generated key.
const KEY_SETTING: &str = "dev.generated-key";
/// Bytes of a generated key, as Azure's keys have.
const KEY_BYTES: usize = 32;

/// Policy and key that clients use in dev mode.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The policy's name.
    pub policy: &'static str,
    /// Its key.
    pub key: Secret,
    /// The key is the one that everybody knows.
    pub is_well_known: bool,
}

/// Makes what a folder lacks and finds the key. A folder that has a key of its own keeps it, so that leaving the flag
/// out never weakens what a folder had; only asking for the well-known key goes back to it.
pub(crate) async fn prepare(
    catalog: &Catalog,
    asked: DevKey,
    now: WallMillis,
) -> Result<Credential, LogError> {
    let stored = catalog.read(|state| state.setting(KEY_SETTING).map(|key| Secret::new(key.expose())));
    let generated = match (asked, stored) {
        (DevKey::WellKnownAsked, _) | (DevKey::WellKnown, None) => None,
        (DevKey::WellKnown | DevKey::Generated, Some(key)) => Some(key),
        (DevKey::Generated, None) => {
            let key = generate_key();
            let setting = PutSetting { name: KEY_SETTING.to_owned(), value: Setting::Secret(key.clone()) };
            change(catalog, setting, now).await?;
            Some(key)
        }
    };
    let credential = Credential {
        policy: DEV_POLICY,
        is_well_known: generated.is_none(),
        key: generated.unwrap_or_else(|| Secret::new(WELL_KNOWN_KEY)),
    };
    let mut namespaces: Vec<String> =
        catalog.read(|state| state.namespaces().map(|namespace| namespace.name().to_owned()).collect());
    if !namespaces.iter().any(|name| name == DEFAULT_NAMESPACE) {
        namespaces.push(DEFAULT_NAMESPACE.to_owned());
    }
    for namespace in namespaces {
        create_namespace(catalog, &namespace, &credential, now).await?;
    }
    Ok(credential)
}

/// Makes a namespace with the policy of dev mode, or brings that policy's key up to date.
pub(crate) async fn create_namespace(
    catalog: &Catalog,
    name: &str,
    credential: &Credential,
    now: WallMillis,
) -> Result<(), LogError> {
    if catalog.read(|state| state.namespace(name).is_none()) {
        change(catalog, CreateNamespace { name: name.to_owned(), hosts: Vec::new() }, now).await?;
    }
    let present = catalog.read(|state| {
        let namespace = state.namespace(name)?;
        namespace.policy(DEV_POLICY).map(|policy| policy.primary.secret.matches(credential.key.expose()))
    });
    match present {
        Some(true) => Ok(()),
        Some(false) => {
            let replace = ReplaceKey {
                namespace: name.to_owned(),
                hub: None,
                name: DEV_POLICY.to_owned(),
                slot: KeySlot::Primary,
                key: credential.key.clone(),
            };
            change(catalog, replace, now).await
        }
        None => {
            let policy = CreatePolicy {
                namespace: name.to_owned(),
                hub: None,
                name: DEV_POLICY.to_owned(),
                rights: Rights::MANAGE,
                primary: credential.key.clone(),
                secondary: None,
            };
            change(catalog, policy, now).await
        }
    }
}

/// Proposes; that somebody else was faster is as good.
async fn change(catalog: &Catalog, command: impl Into<Command>, now: WallMillis) -> Result<(), LogError> {
    match catalog.propose(now.0, command, Vec::new()).await? {
        Verdict::Applied(_) | Verdict::Duplicate { .. } => Ok(()),
        Verdict::Rejected(why) if why.code == Code::AlreadyExists => Ok(()),
        Verdict::Rejected(why) => Err(LogError::Rejected { reason: why.text }),
        Verdict::TooNew { .. } => {
            Err(LogError::Unavailable { reason: "the catalogue takes no changes".to_owned() })
        }
    }
}

fn generate_key() -> Secret {
    let mut bytes = [0; KEY_BYTES];
    crate::random::fill(&mut bytes);
    Secret::new(base64::engine::general_purpose::STANDARD.encode(bytes))
}
