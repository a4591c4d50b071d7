//! Namespaces, hubs, groups, policies and settings, through the fold.

mod common;

use common::Log;
use forebay_auth::{
    KeySlot, PolicySource, ResourcePath, Rights, SasError, SasToken, Secret, UnixSeconds, sas,
};
use forebay_namespace::entry::{LEVEL_SUPPORTED, RaiseLevel};
use forebay_namespace::group::{CreateGroup, DeleteGroup};
use forebay_namespace::hub::{CreateHub, DeleteHub, HubId};
use forebay_namespace::namespace::CreateNamespace;
use forebay_namespace::policy::{CreatePolicy, DeletePolicy, ReplaceKey, SetPolicyRights};
use forebay_namespace::receiver::{ClaimReceiver, ReceiverId, SeatRef};
use forebay_namespace::setting::{PutSetting, Setting};
use forebay_namespace::{
    Change, Code, Entry, NodeId, ObjectRef, Outcome, Position, Precondition, ProposalId, Verdict, apply,
    codec, limits,
};

fn hub(name: &str) -> CreateHub {
    CreateHub::with_defaults("default", name)
}

fn delete_hub(name: &str) -> DeleteHub {
    DeleteHub { namespace: "default".into(), name: name.into() }
}

fn group(hub: &str, name: &str) -> CreateGroup {
    CreateGroup::new("default", hub, name)
}

fn delete_group(hub: &str, name: &str) -> DeleteGroup {
    DeleteGroup { namespace: "default".into(), hub: hub.into(), name: name.into() }
}

fn policy(hub: Option<&str>, name: &str, rights: Rights) -> CreatePolicy {
    CreatePolicy {
        namespace: "default".into(),
        hub: hub.map(Into::into),
        name: name.into(),
        rights,
        primary: Secret::new("first"),
        secondary: Some(Secret::new("second")),
    }
}

fn replace_key(name: &str, slot: KeySlot, key: &str) -> ReplaceKey {
    ReplaceKey { namespace: "default".into(), hub: None, name: name.into(), slot, key: Secret::new(key) }
}

fn names<'a>(hubs: impl Iterator<Item = &'a forebay_namespace::Hub>) -> Vec<&'a str> {
    hubs.map(|hub| hub.name.as_str()).collect()
}

#[test]
fn a_hub_has_its_defaults_and_the_default_group() {
    let mut log = Log::with_default_namespace();
    log.now_ms = 1_767_225_600_000;
    let changes = log.must(hub("Orders"));
    assert_eq!(
        changes,
        [Change::HubCreated { namespace: "default".into(), hub: HubId(1), name: "Orders".into() }]
    );
    let orders = log.state.namespace("DEFAULT").unwrap().hub("orders").unwrap();
    assert_eq!((orders.id, orders.name.as_str(), orders.partitions), (HubId(1), "Orders", 4));
    assert_eq!((orders.retention_ms, orders.created_ms), (86_400_000, 1_767_225_600_000));
    let groups: Vec<&str> = orders.groups().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["$Default"]);
    assert_eq!(log.state.hub(HubId(1)), Some(orders));
}

#[test]
fn hub_names_are_unique_ignoring_case_and_kept_as_first_written() {
    let mut log = Log::with_default_namespace();
    log.must(hub("Orders"));
    assert_eq!(log.refused(hub("orders")), Code::AlreadyExists);
    assert_eq!(log.refused(hub("ORDERS")), Code::AlreadyExists);
    log.must(CreateNamespace { name: "other".into(), hosts: vec![] });
    log.must(CreateHub::with_defaults("Other", "orders"));
    log.must(hub("audit"));
    assert_eq!(names(log.state.namespace("default").unwrap().hubs()), ["audit", "Orders"]);
    assert_eq!(names(log.state.hubs()), ["Orders", "orders", "audit"], "by id, over all namespaces");
    assert_eq!(log.state.namespace("other").unwrap().hub("Orders").unwrap().namespace, "other");
}

#[test]
fn a_hub_deleted_and_made_again_has_another_id() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    log.must(group("orders", "g"));
    log.must(policy(Some("orders"), "send", Rights::SEND));
    assert_eq!(
        log.must(delete_hub("ORDERS")),
        [Change::HubDeleted { namespace: "default".into(), hub: HubId(1), name: "orders".into() }]
    );
    assert_eq!(log.refused(delete_hub("orders")), Code::NotFound);
    log.must(hub("orders"));
    let orders = log.state.namespace("default").unwrap().hub("orders").unwrap();
    assert_eq!(orders.id, HubId(2));
    assert_eq!((orders.groups().count(), orders.policies().count()), (1, 0));
    assert_eq!(log.state.hub(HubId(1)), None);
}

#[test]
fn hubs_that_cannot_be_are_refused() {
    let mut log = Log::with_default_namespace();
    for (command, code) in [
        (hub("$cbs"), Code::InvalidName),
        (CreateHub { partitions: 0, ..hub("h") }, Code::InvalidArgument),
        (CreateHub { partitions: limits::PARTITIONS_MAX_LEVEL_1 + 1, ..hub("h") }, Code::InvalidArgument),
        (CreateHub { retention_ms: 0, ..hub("h") }, Code::InvalidArgument),
        (CreateHub { namespace: "nowhere".into(), ..hub("h") }, Code::NotFound),
    ] {
        assert_eq!(log.refused(command), code);
    }
    log.must(CreateHub { partitions: limits::PARTITIONS_MAX_LEVEL_1, retention_ms: 1, ..hub("h") });
    log.must(RaiseLevel { level: 2 });
    let many = |partitions| CreateHub { partitions, retention_ms: u64::MAX, ..hub("many") };
    assert_eq!(log.refused(many(limits::PARTITIONS_MAX + 1)), Code::InvalidArgument);
    log.must(many(limits::PARTITIONS_MAX));
}

#[test]
fn what_is_not_there_is_refused_in_the_words_that_sdks_know_and_with_the_nearest_name() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    let text = log.propose(group("ordres", "g")).unwrap_err().text;
    assert_eq!(text, "The messaging entity 'default:eventhub:ordres' could not be found: similar: 'orders'");
    assert_eq!(log.state.namespace("default").unwrap().similar_hub("ordres"), Some("orders"));
    let text = log.propose(delete_group("orders", "nobody")).unwrap_err().text;
    assert!(text.starts_with("The messaging entity 'orders|nobody' could not be found"), "{text}");
}

#[test]
fn the_default_group_stays() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    assert_eq!(log.refused(delete_group("orders", "$default")), Code::Protected);
    assert_eq!(log.refused(group("orders", "$DEFAULT")), Code::AlreadyExists);
    assert_eq!(log.refused(group("orders", "$other")), Code::InvalidName);
    let created = log.must(group("Orders", "Billing"));
    assert_eq!(created, [Change::GroupCreated { hub: HubId(1), group: "Billing".into() }]);
    assert_eq!(log.refused(group("orders", "billing")), Code::AlreadyExists);
    let deleted = log.must(delete_group("orders", "BILLING"));
    assert_eq!(deleted, [Change::GroupDeleted { hub: HubId(1), group: "Billing".into() }]);
}

#[test]
fn policies_verify_tokens_until_their_key_is_replaced() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    log.must(policy(None, "Root", Rights::MANAGE));
    log.must(policy(Some("orders"), "send", Rights::SEND));
    let expiry = UnixSeconds(2_000);
    let check =
        sas::Check { now: UnixSeconds(1_000), skew_seconds: 60, hosts: forebay_auth::HostRule::Ignore };
    let verify = |log: &Log, policy: &str, key: &str| {
        let token = sas::create("sb://localhost/Orders", policy, &Secret::new(key), expiry);
        let namespace = log.state.namespace("default").unwrap();
        SasToken::parse(token.expose()).unwrap().verify(&namespace, &check)
    };
    let root = verify(&log, "root", "second").unwrap();
    let send = verify(&log, "send", "first").unwrap();
    assert_eq!((root.policy.name.as_str(), root.key_slot), ("Root", KeySlot::Secondary));
    assert_eq!((send.policy.hub.as_deref(), send.rights), (Some("orders"), Rights::SEND));
    assert!(send.scope.covers(&ResourcePath::new("orders/partitions/0")));

    // The same text again is another key.
    let changes = log.must(replace_key("ROOT", KeySlot::Secondary, "second"));
    assert_eq!(
        changes,
        [Change::PolicyChanged { namespace: "default".into(), hub: None, policy: "Root".into() }]
    );
    let namespace = log.state.namespace("default").unwrap();
    assert!(root.still_holds(&namespace).is_err());
    assert_eq!(send.still_holds(&namespace), Ok(()));
    log.must(replace_key("Root", KeySlot::Primary, "third"));
    assert!(matches!(verify(&log, "Root", "first"), Err(SasError::KeyMismatch { .. })));
    assert!(verify(&log, "Root", "third").is_ok());

    let reduced = SetPolicyRights {
        namespace: "default".into(),
        hub: Some("orders".into()),
        name: "send".into(),
        rights: Rights::LISTEN,
    };
    log.must(reduced);
    assert!(send.still_holds(&log.state.namespace("default").unwrap()).is_err());
    log.must(DeletePolicy { namespace: "default".into(), hub: Some("orders".into()), name: "send".into() });
    assert!(matches!(verify(&log, "send", "first"), Err(SasError::PolicyUnknown { .. })));
}

#[test]
fn policies_that_cannot_be_are_refused() {
    let mut log = Log::with_default_namespace();
    log.must(policy(None, "p", Rights::SEND));
    for (command, code) in [
        (policy(None, "P", Rights::SEND), Code::AlreadyExists),
        (policy(None, "a b", Rights::SEND), Code::InvalidName),
        (policy(None, "q", Rights::NONE), Code::InvalidArgument),
        (policy(Some("nowhere"), "q", Rights::SEND), Code::NotFound),
        (CreatePolicy { primary: Secret::new(""), ..policy(None, "q", Rights::SEND) }, Code::InvalidArgument),
        (
            CreatePolicy { secondary: Some(Secret::new("a;b")), ..policy(None, "q", Rights::SEND) },
            Code::InvalidArgument,
        ),
    ] {
        assert_eq!(log.refused(command), code);
    }
    assert_eq!(log.refused(replace_key("q", KeySlot::Primary, "k")), Code::NotFound);
    for index in 1..limits::POLICIES_MAX {
        log.must(policy(None, &format!("p{index}"), Rights::SEND));
    }
    assert_eq!(log.refused(policy(None, "one-more", Rights::SEND)), Code::LimitReached);
    assert_eq!(log.state.namespace("default").unwrap().policies().count(), limits::POLICIES_MAX);
}

#[test]
fn no_two_keys_have_the_same_generation() {
    let mut log = Log::with_default_namespace();
    log.must(policy(None, "a", Rights::SEND));
    log.must(policy(None, "b", Rights::SEND));
    log.must(replace_key("a", KeySlot::Primary, "x"));
    log.must(replace_key("a", KeySlot::Secondary, "x"));
    let namespace = log.state.namespace("default").unwrap();
    let mut generations: Vec<u64> = ["a", "b"]
        .iter()
        .flat_map(|name| {
            let policy = PolicySource::policy(&namespace, None, name).unwrap();
            KeySlot::ALL.map(|slot| policy.key(slot).unwrap().generation)
        })
        .collect();
    generations.sort_unstable();
    generations.dedup();
    assert_eq!(generations.len(), 4);
}

#[test]
fn a_setting_made_once_stays() {
    let mut log = Log::default();
    let put = |key: &str| PutSetting { name: "dev.key".into(), value: Setting::Secret(Secret::new(key)) };
    let absent = Precondition::Absent { object: ObjectRef::Setting { name: "dev.key".into() } };
    assert!(log.propose_if(absent.clone(), put("first")).is_ok());
    assert_eq!(log.propose_if(absent, put("second")).unwrap_err().code, Code::PreconditionFailed);
    assert_eq!(log.state.setting("Dev.Key").map(Setting::expose), Some("first"));
    log.must(put("third"));
    assert_eq!(log.state.setting("dev.key").map(Setting::expose), Some("third"));
}

#[test]
fn preconditions_hold_at_the_entrys_own_position() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    let object = ObjectRef::Hub { namespace: "default".into(), name: "orders".into() };
    let version = log.state.version_of(&object).unwrap();
    let unchanged = Precondition::Version { object: object.clone(), version };
    log.must(delete_hub("orders"));
    let gone = log.propose_if(unchanged.clone(), delete_hub("orders")).unwrap_err();
    assert_eq!(gone.text, "hub 'orders' was deleted meanwhile: read the list again");
    log.must(hub("orders"));
    let other = log.propose_if(unchanged, delete_hub("orders")).unwrap_err();
    assert_eq!(
        other.text,
        "hub 'orders' was changed meanwhile (version 1 expected, 4 found): read it again and decide anew"
    );
    let exists = Precondition::Exists { object };
    assert!(log.propose_if(exists.clone(), delete_hub("orders")).is_ok());
    assert_eq!(log.propose_if(exists, hub("orders")).unwrap_err().code, Code::PreconditionFailed);
    assert_eq!(names(log.state.hubs()), Vec::<&str>::new());
}

#[test]
fn a_proposal_that_stands_in_the_log_twice_is_done_once() {
    let mut log = Log::with_default_namespace();
    let entry = log.entry(hub("orders"));
    let first = Position::in_log(log.next);
    assert!(matches!(log.append(&entry), Verdict::Applied(_)));
    log.must(delete_hub("orders"));
    assert_eq!(log.append(&entry), Verdict::Duplicate { first, outcome: Outcome::Applied });
    assert_eq!(names(log.state.hubs()), Vec::<&str>::new());
    let refused = log.entry(delete_hub("orders"));
    let first = Position::in_log(log.next);
    assert!(matches!(log.append(&refused), Verdict::Rejected(_)));
    log.must(hub("orders"));
    let outcome = Outcome::Rejected(Code::NotFound);
    assert_eq!(log.append(&refused), Verdict::Duplicate { first, outcome });
}

#[test]
fn time_does_not_go_back() {
    let mut log = Log::with_default_namespace();
    log.now_ms = 5_000;
    log.must(hub("first"));
    log.now_ms = 4_000;
    log.must(hub("second"));
    assert_eq!(log.state.namespace("default").unwrap().hub("second").unwrap().created_ms, 5_000);
    assert_eq!(log.state.time_ms(), Some(5_000));
}

#[test]
fn a_level_above_ours_stops_the_fold() {
    let mut log = Log::with_default_namespace();
    assert_eq!(log.must(RaiseLevel { level: 1 }), []);
    let raise = log.entry(RaiseLevel { level: LEVEL_SUPPORTED + 1 });
    let too_new = Verdict::TooNew { level: LEVEL_SUPPORTED + 1 };
    let before = log.state.hash();
    assert_eq!(log.append(&raise), too_new);
    let entry = log.entry(hub("orders"));
    assert_eq!(log.append(&entry), too_new);
    assert_eq!(log.state.hash(), before);
}

#[test]
fn an_unknown_kind_is_refused_and_remembered() {
    let mut log = Log::with_default_namespace();
    let bytes = br#"{"v":1,"id":"0000000000000000000000000000002a","by":5,"at":9,"if":[],"kind":"create_moon","body":{}}"#;
    let moon = codec::decode(bytes).unwrap();
    let verdict = log.append(&moon);
    let Verdict::Rejected(rejection) = verdict else { panic!("{verdict:?}") };
    assert_eq!(rejection.code, Code::LevelTooLow);
    assert!(matches!(
        log.append(&moon),
        Verdict::Duplicate { outcome: Outcome::Rejected(Code::LevelTooLow), .. }
    ));
}

#[test]
fn readers_lose_their_places_with_hub_and_group() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    log.must(group("orders", "Billing"));
    let claim = |link, group: &str| ClaimReceiver {
        receiver: ReceiverId { node: NodeId(0), link },
        seat: SeatRef { hub: HubId(1), group: group.into(), partition: 0 },
        epoch: None,
        name: None,
    };
    let hash = log.state.hash();
    for (count, (link, group)) in [(1, "billing"), (2, "$Default"), (3, "BILLING")].into_iter().enumerate() {
        let position = Position::behind(log.next - 1, count as u64 + 1);
        let entry = Entry::new(ProposalId(link.into()), NodeId(0), 0, claim(link, group));
        assert!(matches!(apply(&mut log.state, position, &entry), Verdict::Applied(_)));
    }
    assert_eq!(log.state.receivers_of(NodeId(0)), 3);
    assert_eq!(log.state.hash(), hash, "session entries are in no hash");
    let voided = |changes: &[Change]| -> Vec<u64> {
        changes
            .iter()
            .filter_map(|change| match change {
                Change::ReceiverVoided { receiver, .. } => Some(receiver.link),
                _ => None,
            })
            .collect()
    };
    assert_eq!(voided(&log.must(delete_group("orders", "billing"))), [1, 3]);
    assert_eq!(voided(&log.must(delete_hub("orders"))), [2]);
    assert_eq!(log.state.receivers_of(NodeId(0)), 0);
}

#[test]
#[should_panic(expected = "entries are folded in order")]
fn an_entry_out_of_order_is_a_fault_of_the_caller() {
    let mut log = Log::with_default_namespace();
    log.next = 0;
    let entry = log.entry(hub("orders"));
    log.append(&entry);
}
