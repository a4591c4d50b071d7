//! What there is: the state that the fold builds, and the ways to read it.
//!
//! Nothing here decides anything; the nouns do, in their files.

use std::collections::BTreeMap;

use forebay_auth::{PolicySource, PolicyView};
use serde::{Deserialize, Serialize};

use crate::entry::{NodeId, Position};
use crate::hub::{Hub, HubId};
use crate::names::folded;
use crate::namespace::Namespace;
use crate::policy::Policy;
use crate::precondition::ObjectRef;
use crate::proposals::Proposals;
use crate::receiver::{Seat, SeatRef, Seats};
use crate::setting::{Setting, StoredSetting};
use crate::similar::nearest;
use crate::verdict::{Code, Rejection};

/// The state after some entries. It is changed by [`crate::apply()`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub(crate) durable: Durable,
    pub(crate) seats: Seats,
    pub(crate) session_proposals: Proposals,
    /// The last entry folded, durable or session.
    pub(crate) position: Option<Position>,
    /// A level was reached that is above ours; nothing is folded any more.
    pub(crate) too_new: Option<u32>,
}

/// What outlives a restart: snapshots and the state's hash are made of this, as JSON: fields in
/// this order, maps in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Durable {
    pub(crate) level: u32,
    /// The last durable entry folded.
    pub(crate) position: Option<u64>,
    /// The time of that entry, in milliseconds since 1970; it never goes back.
    pub(crate) time_ms: i64,
    pub(crate) next_hub_id: HubId,
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    pub(crate) hubs: BTreeMap<HubId, Hub>,
    pub(crate) settings: BTreeMap<String, StoredSetting>,
    pub(crate) proposals: Proposals,
}

/// Where and when an entry is folded, as the nouns need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoldedAt {
    pub(crate) log: u64,
    pub(crate) time_ms: i64,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The state before any entry: nothing is there, not even the default namespace.
    #[must_use]
    pub fn new() -> Self {
        Self::from_durable(Durable {
            level: 1,
            position: None,
            time_ms: i64::MIN,
            next_hub_id: HubId::FIRST,
            namespaces: BTreeMap::new(),
            hubs: BTreeMap::new(),
            settings: BTreeMap::new(),
            proposals: Proposals::default(),
        })
    }

    /// A state as it is after a restart: no reader has a place.
    pub(crate) fn from_durable(durable: Durable) -> Self {
        Self {
            position: durable.position.map(Position::in_log),
            durable,
            seats: Seats::default(),
            session_proposals: Proposals::default(),
            too_new: None,
        }
    }

    /// Voids everything that does not outlive a restart.
    pub fn void_session(&mut self) {
        self.seats = Seats::default();
        self.session_proposals = Proposals::default();
    }

    /// The last entry folded; `None` before the first.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The time of the last durable entry, in milliseconds since 1970; `None` before the first.
    #[must_use]
    pub fn time_ms(&self) -> Option<i64> {
        self.durable.position.map(|_| self.durable.time_ms)
    }

    /// The level up to which entries are applied.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.durable.level
    }

    /// The namespaces in the order of their names.
    pub fn namespaces(&self) -> impl Iterator<Item = NamespaceView<'_>> {
        self.durable.namespaces.values().map(|namespace| NamespaceView { state: &self.durable, namespace })
    }

    /// The namespace of this name, in any letter case.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<NamespaceView<'_>> {
        let namespace = self.durable.namespaces.get(&folded(name))?;
        Some(NamespaceView { state: &self.durable, namespace })
    }

    /// The hub with this id.
    #[must_use]
    pub fn hub(&self, id: HubId) -> Option<&Hub> {
        self.durable.hubs.get(&id)
    }

    /// All hubs in the order of their ids: the logs that must exist.
    pub fn hubs(&self) -> impl Iterator<Item = &Hub> {
        self.durable.hubs.values()
    }

    /// The setting of this name, in any letter case.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.durable.settings.get(&folded(name)).map(|setting| &setting.value)
    }

    /// Who reads there; `None` when nobody does.
    #[must_use]
    pub fn seat(&self, seat: &SeatRef) -> Option<&Seat> {
        self.seats.get(seat)
    }

    /// All places where someone reads, in order.
    pub fn seats(&self) -> impl Iterator<Item = (&SeatRef, &Seat)> {
        self.seats.iter()
    }

    /// The version of an object, for [`crate::Precondition::Version`]; `None` when it does not exist.
    #[must_use]
    pub fn version_of(&self, object: &ObjectRef) -> Option<u64> {
        self.durable.version_of(object)
    }

    /// How many readers of a node have places.
    #[must_use]
    pub fn receivers_of(&self, node: NodeId) -> usize {
        let claims = self.seats.iter().flat_map(|(_, seat)| seat.claims());
        claims.filter(|claim| claim.receiver.node == node).count()
    }
}

/// One namespace of a [`State`]. It is where policies are looked up ([`PolicySource`]).
#[derive(Clone, Copy, Debug)]
pub struct NamespaceView<'a> {
    state: &'a Durable,
    namespace: &'a Namespace,
}

impl<'a> NamespaceView<'a> {
    /// Name, hosts and version.
    #[must_use]
    pub fn get(&self) -> &'a Namespace {
        self.namespace
    }

    /// Its name as first written.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.namespace.name
    }

    /// Its hubs in the order of their names.
    pub fn hubs(&self) -> impl Iterator<Item = &'a Hub> + use<'a> {
        let state = self.state;
        self.namespace.hubs.values().filter_map(|id| state.hubs.get(id))
    }

    /// Its hub of this name, in any letter case.
    #[must_use]
    pub fn hub(&self, name: &str) -> Option<&'a Hub> {
        self.state.hubs.get(self.namespace.hubs.get(&folded(name))?)
    }

    /// The name of the hub that was perhaps meant by a name that is not there, or is new.
    #[must_use]
    pub fn similar_hub(&self, name: &str) -> Option<&'a str> {
        nearest(name, self.hubs().map(|hub| hub.name.as_str()))
    }

    /// Its own policies, without those of its hubs, in the order of their names.
    pub fn policies(&self) -> impl Iterator<Item = &'a Policy> + use<'a> {
        self.namespace.policies.iter()
    }

    /// Its own policy of this name, in any letter case.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&'a Policy> {
        self.namespace.policies.get(name)
    }
}

impl PolicySource for NamespaceView<'_> {
    fn policy(&self, hub: Option<&str>, name: &str) -> Option<PolicyView<'_>> {
        match hub {
            Some(hub) => NamespaceView::hub(self, hub)?.policy(name).map(Policy::view),
            None => NamespaceView::policy(self, name).map(Policy::view),
        }
    }
}

impl Durable {
    pub(crate) fn namespace_mut(&mut self, name: &str) -> Result<&mut Namespace, Rejection> {
        self.namespaces.get_mut(&folded(name)).ok_or_else(|| namespace_not_found(name))
    }

    pub(crate) fn namespace(&self, name: &str) -> Result<&Namespace, Rejection> {
        self.namespaces.get(&folded(name)).ok_or_else(|| namespace_not_found(name))
    }

    pub(crate) fn hub(&self, namespace: &str, name: &str) -> Result<&Hub, Rejection> {
        let namespace = self.namespace(namespace)?;
        let view = NamespaceView { state: self, namespace };
        view.hub(name).ok_or_else(|| hub_not_found(&namespace.name, name, view.similar_hub(name)))
    }

    pub(crate) fn hub_mut(&mut self, namespace: &str, name: &str) -> Result<&mut Hub, Rejection> {
        let id = self.hub(namespace, name)?.id;
        self.hubs.get_mut(&id).ok_or_else(|| hub_not_found(namespace, name, None))
    }

    pub(crate) fn version_of(&self, object: &ObjectRef) -> Option<u64> {
        match object {
            ObjectRef::Namespace { name } => Some(self.namespaces.get(&folded(name))?.version),
            ObjectRef::Hub { namespace, name } => Some(self.hub(namespace, name).ok()?.version),
            ObjectRef::Group { namespace, hub, name } => {
                Some(self.hub(namespace, hub).ok()?.group(name)?.version)
            }
            ObjectRef::Policy { namespace, hub: Some(hub), name } => {
                Some(self.hub(namespace, hub).ok()?.policy(name)?.version)
            }
            ObjectRef::Policy { namespace, hub: None, name } => {
                Some(self.namespaces.get(&folded(namespace))?.policies.get(name)?.version)
            }
            ObjectRef::Setting { name } => Some(self.settings.get(&folded(name))?.version),
        }
    }
}

fn namespace_not_found(name: &str) -> Rejection {
    let text = format!(
        "The messaging entity '{name}' could not be found: there is no such namespace, make it first"
    );
    Rejection::new(Code::NotFound, text)
}

/// A hub that is not there, in the words that SDKs look for (docs/reference/amqp.md §4.4).
pub(crate) fn hub_not_found(namespace: &str, name: &str, similar: Option<&str>) -> Rejection {
    let hint = similar.map_or("create it first".to_owned(), |similar| format!("similar: '{similar}'"));
    let text = format!("The messaging entity '{namespace}:eventhub:{name}' could not be found: {hint}");
    Rejection::new(Code::NotFound, text)
}
