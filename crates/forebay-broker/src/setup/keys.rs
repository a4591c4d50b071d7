//! Keys that are made up here, and the one that everybody knows.

use base64::Engine as _;
use forebay_namespace::policy::ReplaceKey;
use forebay_namespace::{KeySlot, Policy, Secret};

use super::Setup;
use crate::catalog::ChangeRefused;

/// The key of Microsoft's emulator, known to everyone.
pub const WELL_KNOWN_KEY: &str = "SAS_KEY_VALUE";
/// Bytes of a generated key, as Azure's keys have.
const KEY_BYTES: usize = 32;

/// A key of our own: 32 random bytes as base64.
pub(crate) fn generate() -> Secret {
    let mut bytes = [0; KEY_BYTES];
    crate::random::fill(&mut bytes);
    Secret::new(base64::engine::general_purpose::STANDARD.encode(bytes))
}

pub(crate) fn is_well_known(key: &Secret) -> bool {
    key.matches(WELL_KNOWN_KEY)
}

/// A key of a policy that stands somewhere in the catalogue.
struct Place {
    namespace: String,
    hub: Option<String>,
    policy: String,
    slot: KeySlot,
}

impl Setup<'_> {
    /// Replaces the well-known key wherever a policy of these namespaces or their hubs has it. Returns what had it, for
    /// people.
    pub(crate) async fn replace_well_known_keys(
        &self,
        of: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, ChangeRefused> {
        let mut replaced = Vec::new();
        for Place { namespace, hub, policy, slot } in self.well_known_keys(of) {
            replaced.push(match &hub {
                Some(hub) => format!("the {slot} key of '{policy}' of hub '{namespace}/{hub}'"),
                None => format!("the {slot} key of '{policy}' of namespace '{namespace}'"),
            });
            self.change(ReplaceKey { namespace, hub, name: policy, slot, key: generate() }).await?;
        }
        Ok(replaced)
    }

    fn well_known_keys(&self, of: impl Fn(&str) -> bool) -> Vec<Place> {
        self.catalog.read(|state| {
            let mut places = Vec::new();
            for namespace in state.namespaces().filter(|namespace| of(namespace.name())) {
                let own = namespace.policies().map(|policy| (None, policy));
                let hubs =
                    namespace.hubs().flat_map(|hub| hub.policies().map(move |policy| (Some(hub), policy)));
                for (hub, policy) in own.chain(hubs) {
                    let place = |slot| Place {
                        namespace: namespace.name().to_owned(),
                        hub: hub.map(|hub| hub.name.clone()),
                        policy: policy.name.clone(),
                        slot,
                    };
                    places.extend(well_known_slots(policy).map(place));
                }
            }
            places
        })
    }
}

fn well_known_slots(policy: &Policy) -> impl Iterator<Item = KeySlot> {
    let view = policy.view();
    let known = move |slot: &KeySlot| view.key(*slot).is_some_and(|key| is_well_known(key.secret));
    KeySlot::ALL.into_iter().filter(known)
}
