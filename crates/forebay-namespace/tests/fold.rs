//! The promises of the fold: whatever is proposed in whatever order, folding it again gives the same.

use forebay_auth::{KeySlot, Rights, Secret};
use forebay_namespace::entry::RaiseLevel;
use forebay_namespace::group::{CreateGroup, DeleteGroup};
use forebay_namespace::hub::{CreateHub, DeleteHub};
use forebay_namespace::namespace::{CreateNamespace, SetNamespaceHosts};
use forebay_namespace::policy::{CreatePolicy, DeletePolicy, ReplaceKey, SetPolicyRights};
use forebay_namespace::receiver::{ClaimReceiver, ReceiverId, ReleaseReceiver, SeatRef};
use forebay_namespace::setting::{PutSetting, Setting};
use forebay_namespace::{
    Change, Class, Command, Entry, HubId, NodeId, ObjectRef, Position, Precondition, ProposalId, State,
    Verdict, apply, codec, snapshot,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn namespace() -> impl Strategy<Value = String> {
    select(vec!["default", "Default", "other"]).prop_map(str::to_owned)
}

fn hub() -> impl Strategy<Value = String> {
    select(vec!["orders", "Orders", "audit", "a/b", "$bad"]).prop_map(str::to_owned)
}

fn small() -> impl Strategy<Value = String> {
    select(vec!["g", "G", "h", "$Default", "a b"]).prop_map(str::to_owned)
}

fn rights() -> impl Strategy<Value = Rights> {
    select(vec![Rights::SEND, Rights::LISTEN, Rights::MANAGE, Rights::NONE])
}

fn key() -> impl Strategy<Value = Secret> {
    "[a-z]{0,3}".prop_map(Secret::new)
}

fn object() -> impl Strategy<Value = ObjectRef> {
    prop_oneof![
        namespace().prop_map(|name| ObjectRef::Namespace { name }),
        (namespace(), hub()).prop_map(|(namespace, name)| ObjectRef::Hub { namespace, name }),
        (namespace(), hub(), small()).prop_map(|(namespace, hub, name)| ObjectRef::Group {
            namespace,
            hub,
            name
        }),
        (namespace(), proptest::option::of(hub()), small())
            .prop_map(|(namespace, hub, name)| ObjectRef::Policy { namespace, hub, name }),
    ]
}

fn precondition() -> impl Strategy<Value = Precondition> {
    prop_oneof![
        object().prop_map(|object| Precondition::Absent { object }),
        object().prop_map(|object| Precondition::Exists { object }),
        (object(), 0..40u64).prop_map(|(object, version)| Precondition::Version { object, version }),
    ]
}

fn durable() -> impl Strategy<Value = Command> {
    let policy = || (namespace(), proptest::option::of(hub()), small());
    prop_oneof![
        1 => Just(RaiseLevel { level: 1 }.into()),
        2 => (namespace(), vec(select(vec!["a.example", "*.example"]), 0..2)).prop_map(|(name, hosts)| {
            CreateNamespace { name, hosts: hosts.into_iter().map(str::to_owned).collect() }.into()
        }),
        1 => namespace().prop_map(|name| SetNamespaceHosts { name, hosts: vec!["b.example".into()] }.into()),
        6 => (namespace(), hub(), 0..6u32).prop_map(|(namespace, name, partitions)| {
            CreateHub { partitions, ..CreateHub::with_defaults(namespace, name) }.into()
        }),
        3 => (namespace(), hub()).prop_map(|(namespace, name)| DeleteHub { namespace, name }.into()),
        3 => (namespace(), hub(), small())
            .prop_map(|(namespace, hub, name)| CreateGroup::new(namespace, hub, name).into()),
        2 => (namespace(), hub(), small())
            .prop_map(|(namespace, hub, name)| DeleteGroup { namespace, hub, name }.into()),
        3 => (policy(), rights(), key(), proptest::option::of(key())).prop_map(
            |((namespace, hub, name), rights, primary, secondary)| {
                CreatePolicy { namespace, hub, name, rights, primary, secondary }.into()
            }
        ),
        1 => (policy(), rights()).prop_map(|((namespace, hub, name), rights)| {
            SetPolicyRights { namespace, hub, name, rights }.into()
        }),
        1 => policy().prop_map(|(namespace, hub, name)| DeletePolicy { namespace, hub, name }.into()),
        1 => (policy(), select(KeySlot::ALL.to_vec()), key()).prop_map(|((namespace, hub, name), slot, key)| {
            ReplaceKey { namespace, hub, name, slot, key }.into()
        }),
        1 => key().prop_map(|key| PutSetting { name: "k".into(), value: Setting::Secret(key) }.into()),
    ]
}

fn session() -> impl Strategy<Value = Command> {
    let seat = (1..4u64, select(vec!["$default", "g"]), 0..3u32)
        .prop_map(|(hub, group, partition)| SeatRef { hub: HubId(hub), group: group.to_owned(), partition });
    let receiver = (0..2u64, 0..8u64).prop_map(|(node, link)| ReceiverId { node: NodeId(node), link });
    prop_oneof![
        3 => (receiver.clone(), seat.clone(), proptest::option::of(-1..3i64)).prop_map(|(receiver, seat, epoch)| {
            ClaimReceiver { receiver, seat, epoch, name: None }.into()
        }),
        1 => (receiver, seat).prop_map(|(receiver, seat)| ReleaseReceiver { receiver, seat }.into()),
    ]
}

/// Entries as several proposers might have appended them: ids repeat, clocks differ.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let command = prop_oneof![3 => durable(), 1 => session()];
    let entry = (0..200u128, 0..1_000i64, proptest::option::weighted(0.2, precondition()), command).prop_map(
        |(id, time_ms, precondition, command)| {
            let entry = Entry::new(ProposalId(id), NodeId(0), time_ms, command);
            precondition.map_or(entry.clone(), |precondition| entry.only_if(precondition))
        },
    );
    vec(entry, 0..60).prop_map(|mut entries| {
        let first = CreateNamespace { name: "default".into(), hosts: vec![] };
        entries.insert(0, Entry::new(ProposalId(u128::MAX), NodeId(0), 0, first));
        entries
    })
}

/// Places as one node gives them: session entries are counted behind the last durable one.
fn placed(entries: &[Entry]) -> Vec<(Position, Entry)> {
    let (mut next, mut count) = (0, 0);
    let place = |entry: &Entry| {
        if entry.command.class() == Some(Class::Session) {
            count += 1;
            (Position::behind(next - 1, count), entry.clone())
        } else {
            (next, count) = (next + 1, 0);
            (Position::in_log(next - 1), entry.clone())
        }
    };
    entries.iter().map(place).collect()
}

fn fold(state: &mut State, log: &[(Position, Entry)]) -> Vec<Verdict> {
    log.iter().map(|(position, entry)| apply(state, *position, entry)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn folding_the_same_log_gives_the_same_verdicts_state_and_hash(entries in entries()) {
        let log = placed(&entries);
        let (mut one, mut other) = (State::new(), State::new());
        let verdicts = fold(&mut one, &log);
        // The other node reads the entries from bytes.
        let read: Vec<(Position, Entry)> =
            log.iter().map(|(position, entry)| (*position, codec::decode(&codec::encode(entry)).unwrap())).collect();
        prop_assert_eq!(&read, &log);
        prop_assert_eq!(verdicts, fold(&mut other, &read));
        prop_assert_eq!(one.hash(), other.hash());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_snapshot_and_the_tail_behind_it_equal_the_whole_log(entries in entries(), cut in any::<prop::sample::Index>()) {
        let log: Vec<(Position, Entry)> =
            placed(&entries).into_iter().filter(|(position, _)| position.session == 0).collect();
        let cut = cut.index(log.len());
        let mut whole = State::new();
        let verdicts = fold(&mut whole, &log);
        let mut state = State::new();
        fold(&mut state, &log[..=cut]);
        let mut restored = snapshot::decode(&snapshot::encode(&state).unwrap()).unwrap();
        prop_assert_eq!(&restored, &state);
        prop_assert_eq!(fold(&mut restored, &log[cut + 1..]), &verdicts[cut + 1..]);
        prop_assert_eq!(restored.hash(), whole.hash());
        prop_assert_eq!(restored, whole);
    }

    #[test]
    fn what_readers_do_does_not_reach_what_is_durable(entries in entries()) {
        let log = placed(&entries);
        let (mut with, mut without) = (State::new(), State::new());
        fold(&mut with, &log);
        let durable: Vec<(Position, Entry)> =
            log.into_iter().filter(|(position, _)| position.session == 0).collect();
        fold(&mut without, &durable);
        prop_assert_eq!(with.hash(), without.hash());
        prop_assert_eq!(snapshot::encode(&with), snapshot::encode(&without));
        prop_assert_eq!(&snapshot::decode(&snapshot::encode(&with).unwrap()).unwrap(), &without);
        with.void_session();
        prop_assert_eq!(with.seats().count(), 0);
        prop_assert_eq!(with.hash(), without.hash());
    }

    #[test]
    fn no_hub_id_is_given_twice(entries in entries()) {
        let mut state = State::new();
        let mut given = Vec::new();
        for verdict in fold(&mut state, &placed(&entries)) {
            if let Verdict::Applied(changes) = verdict {
                given.extend(changes.into_iter().filter_map(|change| match change {
                    Change::HubCreated { hub, .. } => Some(hub),
                    _ => None,
                }));
            }
        }
        prop_assert!(given.is_sorted_by(|one, next| one < next), "{:?}", given);
        prop_assert!(state.hubs().all(|hub| given.contains(&hub.id)));
    }

    #[test]
    fn a_refused_entry_changes_nothing_that_can_be_read(entries in entries()) {
        let mut state = State::new();
        for (position, entry) in placed(&entries) {
            let before = state.clone();
            if !matches!(apply(&mut state, position, &entry), Verdict::Applied(_)) {
                prop_assert!(state.hubs().eq(before.hubs()));
                prop_assert!(state.seats().eq(before.seats()));
                let namespaces = |state: &State| {
                    state.namespaces().map(|namespace| namespace.get().clone()).collect::<Vec<_>>()
                };
                prop_assert_eq!(namespaces(&state), namespaces(&before));
                prop_assert_eq!(state.setting("k"), before.setting("k"));
            }
        }
    }

    #[test]
    fn every_namespace_finds_its_own_hubs_and_seats_hold_what_they_may(entries in entries()) {
        let mut state = State::new();
        fold(&mut state, &placed(&entries));
        let through_namespaces: usize = state.namespaces().map(|namespace| namespace.hubs().count()).sum();
        prop_assert_eq!(through_namespaces, state.hubs().count());
        for hub in state.hubs() {
            prop_assert_eq!(state.namespace(&hub.namespace).unwrap().hub(&hub.name).map(|found| found.id), Some(hub.id));
            prop_assert!(hub.group("$Default").is_some());
        }
        for (seat_ref, seat) in state.seats() {
            let hub = state.hub(seat_ref.hub).expect("no seat outlives its hub");
            prop_assert!(hub.group(&seat_ref.group).is_some() && seat_ref.partition < hub.partitions);
            let claims = seat.claims();
            prop_assert!((1..=5).contains(&claims.len()));
            prop_assert!(claims.len() == 1 || claims.iter().all(|claim| claim.epoch.is_none()));
        }
    }
}
