//! What holds of every catalogue after every entry.

use std::collections::{BTreeMap, BTreeSet};

use forebay_namespace::limits::{POLICIES_MAX, USER_METADATA_CHARS_MAX};
use forebay_namespace::{
    Change, Hub, HubId, Limits, NamespaceView, ObjectRef, Policy, Position, State, Verdict, apply, snapshot,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::generate::{entries, fold, placed};

/// The durable state without what every entry moves: position, time and the proposals remembered.
pub(crate) fn substance(state: &State) -> Option<Value> {
    const AROUND: (usize, usize) = (64, 4);
    let bytes = snapshot::encode(state)?;
    let body = &bytes[AROUND.0..bytes.len() - AROUND.1];
    let mut value: Value = serde_json::from_slice(body).expect("a snapshot's body is JSON");
    let members = value.as_object_mut().expect("of an object");
    for moved in ["position", "time_ms", "proposals"] {
        assert!(members.remove(moved).is_some(), "{moved}");
    }
    Some(value)
}

fn unique_ignoring_case<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = BTreeSet::new();
    names.map(str::to_ascii_lowercase).all(|name| seen.insert(name))
}

fn check_note(note: Option<&str>) {
    assert!(note.is_none_or(|text| (1..=USER_METADATA_CHARS_MAX).contains(&text.chars().count())));
}

fn check_policies<'a>(policies: impl Iterator<Item = &'a Policy>) {
    let policies: Vec<&Policy> = policies.collect();
    assert!(policies.len() <= POLICIES_MAX);
    assert!(unique_ignoring_case(policies.iter().map(|policy| policy.name.as_str())));
    assert!(
        policies.iter().all(|policy| !policy.rights.is_empty() && policy.created_ms <= policy.updated_ms)
    );
}

fn check_hub(hub: &Hub, limits: &Limits, last: u64) {
    assert!((1..=limits.partitions_max).contains(&hub.partitions), "{hub:?} {limits:?}");
    assert!((1..=limits.retention_ms_max).contains(&hub.retention_ms), "{hub:?} {limits:?}");
    assert!(hub.groups().count() <= limits.groups_max as usize, "{hub:?} {limits:?}");
    assert!(hub.group("$default").is_some_and(|group| group.name == "$Default"), "{hub:?}");
    assert!(unique_ignoring_case(hub.groups().map(|group| group.name.as_str())), "{hub:?}");
    assert!(hub.created_ms <= hub.updated_ms() && hub.version <= last, "{hub:?}");
    check_note(hub.user_metadata.as_deref());
    for group in hub.groups() {
        assert!(hub.created_ms <= group.created_ms && group.created_ms <= group.updated_ms(), "{hub:?}");
        assert!(group.version <= last, "{hub:?}");
        check_note(group.user_metadata.as_deref());
    }
    check_policies(hub.policies());
}

fn check_namespace(namespace: NamespaceView<'_>, last: u64) {
    let limits = &namespace.get().limits;
    let hubs: Vec<&Hub> = namespace.hubs().collect();
    assert!(hubs.len() <= limits.hubs_max as usize, "{limits:?} {hubs:?}");
    assert!(unique_ignoring_case(hubs.iter().map(|hub| hub.name.as_str())), "{hubs:?}");
    for hub in &hubs {
        assert_eq!(hub.namespace, namespace.name());
        assert_eq!(namespace.hub(&hub.name.to_uppercase()).map(|found| found.id), Some(hub.id));
        check_hub(hub, limits, last);
    }
    check_policies(namespace.policies());
}

fn check(state: &State) {
    let last = state.position().map_or(0, |position| position.log);
    let of_namespaces: usize = state.namespaces().map(|namespace| namespace.hubs().count()).sum();
    assert_eq!(of_namespaces, state.hubs().count(), "every hub is in one namespace");
    state.namespaces().for_each(|namespace| check_namespace(namespace, last));
    for (place, seat) in state.seats() {
        let hub = state.hub(place.hub).expect("no seat outlives its hub");
        assert!(hub.group(&place.group).is_some() && place.partition < hub.partitions);
        let claims = seat.claims();
        assert!((1..=5).contains(&claims.len()));
        assert!(claims.len() == 1 || claims.iter().all(|claim| claim.epoch.is_none()));
    }
}

/// What may have become of hubs between one entry and the next.
fn check_step(before: &State, after: &State, position: Position) {
    for hub in after.hubs() {
        let Some(old) = before.hub(hub.id) else { continue };
        assert_eq!((&hub.name, &hub.namespace, hub.created_ms), (&old.name, &old.namespace, old.created_ms));
        assert!(hub.partitions >= old.partitions, "a hub never shrinks: {old:?} {hub:?}");
        // Version and time tell of a change, and of nothing else.
        let told = |hub: &Hub| (hub.partitions, hub.retention_ms, hub.user_metadata.clone());
        match told(hub) == told(old) {
            true => assert_eq!((hub.version, hub.updated_ms()), (old.version, old.updated_ms())),
            false => assert_eq!((hub.version, Some(hub.updated_ms())), (position.log, after.time_ms())),
        }
        if hub.partitions > old.partitions {
            let namespace = before.namespace(&hub.namespace).expect("hubs are in namespaces");
            assert!(namespace.get().limits.partition_growth, "{old:?} {hub:?}");
        }
        for group in hub.groups() {
            let Some(old) = old.group(&group.name) else { continue };
            assert_eq!((&group.name, group.created_ms), (&old.name, old.created_ms));
            match group.user_metadata == old.user_metadata {
                true => assert_eq!(group, old),
                false => {
                    assert_eq!((group.version, Some(group.updated_ms())), (position.log, after.time_ms()))
                }
            }
        }
    }
}

/// What a follower knows of hubs who sees nothing but the changes.
#[derive(Default)]
struct Follower {
    hubs: BTreeMap<HubId, Known>,
    highest: u64,
}

#[derive(Debug, PartialEq)]
struct Known {
    name: String,
    groups: BTreeSet<String>,
    /// Once a change has told them.
    numbers: Option<(u32, u64)>,
}

impl Follower {
    fn follow(&mut self, change: &Change) {
        match change {
            Change::HubCreated { hub, name, .. } => {
                assert!(hub.0 > self.highest, "an id is never used again: {hub} after {}", self.highest);
                self.highest = hub.0;
                let groups = BTreeSet::from(["$Default".to_owned()]);
                self.hubs.insert(*hub, Known { name: name.clone(), groups, numbers: None });
            }
            Change::HubUpdated { hub, name, partitions, retention_ms, .. } => {
                let known = self.hubs.get_mut(hub).expect("only a hub that is there is changed");
                assert_eq!(&known.name, name);
                known.numbers = Some((*partitions, *retention_ms));
            }
            Change::HubDeleted { hub, name, .. } => {
                assert_eq!(&self.hubs.remove(hub).expect("it was there").name, name);
            }
            Change::GroupCreated { hub, group } => {
                assert!(self.hubs.get_mut(hub).expect("its hub is there").groups.insert(group.clone()));
            }
            Change::GroupUpdated { hub, group } => assert!(self.hubs[hub].groups.contains(group)),
            Change::GroupDeleted { hub, group } => {
                assert!(self.hubs.get_mut(hub).expect("its hub is there").groups.remove(group));
            }
            _ => {}
        }
    }

    fn agrees_with(&self, state: &State) {
        assert!(self.hubs.keys().copied().eq(state.hubs().map(|hub| hub.id)));
        for hub in state.hubs() {
            let known = &self.hubs[&hub.id];
            assert_eq!(known.name, hub.name);
            assert!(known.groups.iter().all(|group| hub.group(group).is_some()));
            assert_eq!(known.groups.len(), hub.groups().count());
            assert!(known.numbers.is_none_or(|told| told == (hub.partitions, hub.retention_ms)));
        }
    }
}

proptest! {
    #[test]
    fn limits_names_and_the_default_group_hold_after_every_entry(entries in entries()) {
        let mut state = State::new();
        for (position, entry) in placed(&entries) {
            let before = state.clone();
            apply(&mut state, position, &entry);
            check(&state);
            check_step(&before, &state, position);
        }
    }

    #[test]
    fn who_follows_the_changes_knows_every_hub_and_group(entries in entries()) {
        let (mut state, mut follower) = (State::new(), Follower::default());
        for verdict in fold(&mut state, &placed(&entries)) {
            if let Verdict::Applied(changes) = verdict {
                changes.iter().for_each(|change| follower.follow(change));
            }
        }
        follower.agrees_with(&state);
    }

    #[test]
    fn an_object_made_again_has_another_version(entries in entries()) {
        let object = ObjectRef::Hub { namespace: "default".into(), name: "orders".into() };
        let (mut state, mut seen) = (State::new(), BTreeMap::new());
        for (position, entry) in placed(&entries) {
            apply(&mut state, position, &entry);
            let Some(version) = state.version_of(&object) else { continue };
            let hub = state.namespace("default").and_then(|namespace| namespace.hub("orders")).expect("it has a version");
            let now = (hub.id, hub.partitions, hub.retention_ms, hub.user_metadata.clone());
            prop_assert_eq!(seen.entry(version).or_insert_with(|| now.clone()), &now);
        }
    }
}
