//! Logs as several proposers might have written them, without regard to what makes sense.

use forebay_auth::{KeySlot, Rights, Secret};
use forebay_namespace::entry::RaiseLevel;
use forebay_namespace::group::{CreateGroup, DeleteGroup, UpdateGroup};
use forebay_namespace::hub::{CreateHub, DeleteHub, UpdateHub};
use forebay_namespace::namespace::{CreateNamespace, SetNamespaceHosts, SetNamespaceLimits};
use forebay_namespace::policy::{CreatePolicy, DeletePolicy, ReplaceKey, SetPolicyRights};
use forebay_namespace::receiver::{ClaimReceiver, ReceiverId, ReleaseReceiver, SeatRef};
use forebay_namespace::setting::{PutSetting, Setting};
use forebay_namespace::{
    Class, Command, Entry, HubId, Limits, NodeId, ObjectRef, Position, Precondition, ProposalId, State, Tier,
    Verdict, apply, codec,
};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn namespace() -> impl Strategy<Value = String> {
    select(vec!["default", "default", "Default", "other"]).prop_map(str::to_owned)
}

fn hub() -> impl Strategy<Value = String> {
    select(vec!["orders", "orders", "Orders", "audit", "a/b", "$bad"]).prop_map(str::to_owned)
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

fn retention() -> impl Strategy<Value = u64> {
    select(vec![0, 1, 50, 50, 86_400_000, u64::MAX])
}

fn note() -> impl Strategy<Value = Option<String>> {
    let texts = vec![String::new(), "m".to_owned(), "é".repeat(1_024), "é".repeat(1_025)];
    weighted(0.4, select(texts))
}

fn limits() -> impl Strategy<Value = Limits> {
    let any = (0..6u32, 2..7u32, 1..4u32, retention(), any::<bool>()).prop_map(
        |(hubs_max, partitions_max, groups_max, retention_ms_max, partition_growth)| Limits {
            hubs_max,
            partitions_max,
            groups_max,
            retention_ms_max,
            partition_growth,
        },
    );
    prop_oneof![4 => any, 1 => select(Tier::ALL.to_vec()).prop_map(Limits::tier), 2 => Just(Limits::OPEN)]
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
        (namespace(), of(hub()), small()).prop_map(|(namespace, hub, name)| ObjectRef::Policy {
            namespace,
            hub,
            name
        }),
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
    let policy = || (namespace(), of(hub()), small());
    let catalogue = prop_oneof![
        1 => (1..=2u32).prop_map(|level| RaiseLevel { level }.into()),
        2 => (namespace(), vec(select(vec!["a.example", "*.example"]), 0..2)).prop_map(|(name, hosts)| {
            CreateNamespace { name, hosts: hosts.into_iter().map(str::to_owned).collect() }.into()
        }),
        1 => namespace().prop_map(|name| SetNamespaceHosts { name, hosts: vec!["b.example".into()] }.into()),
        2 => (namespace(), limits()).prop_map(|(name, limits)| SetNamespaceLimits { name, limits }.into()),
        6 => (namespace(), hub(), 0..6u32, retention(), note()).prop_map(
            |(namespace, name, partitions, retention_ms, user_metadata)| {
                CreateHub { namespace, name, partitions, retention_ms, user_metadata }.into()
            }
        ),
        4 => (namespace(), hub(), weighted(0.4, 0..9u32), weighted(0.6, retention()), note()).prop_map(
            |(namespace, name, partitions, retention_ms, user_metadata)| {
                UpdateHub { namespace, name, partitions, retention_ms, user_metadata }.into()
            }
        ),
        3 => (namespace(), hub()).prop_map(|(namespace, name)| DeleteHub { namespace, name }.into()),
        4 => (namespace(), hub(), small(), note()).prop_map(|(namespace, hub, name, user_metadata)| {
            CreateGroup { namespace, hub, name, user_metadata }.into()
        }),
        2 => (namespace(), hub(), small(), note()).prop_map(|(namespace, hub, name, user_metadata)| {
            UpdateGroup { namespace, hub, name, user_metadata }.into()
        }),
        2 => (namespace(), hub(), small())
            .prop_map(|(namespace, hub, name)| DeleteGroup { namespace, hub, name }.into()),
    ];
    let policies = prop_oneof![
        3 => (policy(), rights(), key(), of(key())).prop_map(
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
    ];
    prop_oneof![3 => catalogue, 1 => policies]
}

fn session() -> impl Strategy<Value = Command> {
    let seat = (1..3u64, select(vec!["$default", "$default", "g"]), select(vec![0, 0, 1, 5]))
        .prop_map(|(hub, group, partition)| SeatRef { hub: HubId(hub), group: group.to_owned(), partition });
    let receiver = (0..2u64, 0..4u64).prop_map(|(node, link)| ReceiverId { node: NodeId(node), link });
    prop_oneof![
        3 => (receiver.clone(), seat.clone(), of(-1..3i64)).prop_map(|(receiver, seat, epoch)| {
            ClaimReceiver { receiver, seat, epoch, name: None }.into()
        }),
        1 => (receiver, seat).prop_map(|(receiver, seat)| ReleaseReceiver { receiver, seat }.into()),
    ]
}

/// The entry as a newer version might have written it: of a kind that nobody here knows.
pub(crate) fn of_unknown_kind(entry: &Entry) -> Entry {
    let mut whole: Value = serde_json::from_slice(&codec::encode(entry)).expect("entries are JSON");
    whole["kind"] = json!("create_moon");
    codec::decode(whole.to_string().as_bytes()).expect("the envelope is sound")
}

/// Up to sixty entries behind a few that make most of them possible. Proposal ids repeat, clocks differ, some
/// kinds are unknown.
pub(crate) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let command = prop_oneof![3 => durable(), 1 => session()];
    let conditions = vec(precondition(), 0..8).prop_map(|some| some.into_iter().skip(6));
    let entry = (0..400u128, 0..3u64, 0..1_000i64, conditions, command, 0..30u8).prop_map(
        |(id, node, time_ms, conditions, command, unknown)| {
            let entry = Entry::new(ProposalId(id), NodeId(node), time_ms, command);
            let entry = conditions.fold(entry, Entry::only_if);
            if unknown == 0 { of_unknown_kind(&entry) } else { entry }
        },
    );
    // Most logs reach level 2 at once, half of those with limits that are there before any hub.
    let first = |id: u128, command: Command| Entry::new(ProposalId(u128::MAX - id), NodeId(0), 0, command);
    let beginning = weighted(0.8, of(limits())).prop_map(move |raised| {
        let mut beginning = vec![first(0, CreateNamespace { name: "default".into(), hosts: vec![] }.into())];
        if let Some(limits) = raised {
            beginning.push(first(1, RaiseLevel { level: 2 }.into()));
            let set = |limits| SetNamespaceLimits { name: "default".into(), limits };
            beginning.extend(limits.map(|limits| first(2, set(limits).into())));
        }
        beginning
    });
    (beginning, vec(entry, 0..60)).prop_map(|(mut entries, more)| {
        entries.extend(more);
        entries
    })
}

/// Places as one node gives them: session entries are counted behind the last durable one.
pub(crate) fn placed(entries: &[Entry]) -> Vec<(Position, Entry)> {
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

pub(crate) fn fold(state: &mut State, log: &[(Position, Entry)]) -> Vec<Verdict> {
    log.iter().map(|(position, entry)| apply(state, *position, entry)).collect()
}
