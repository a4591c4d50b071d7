//! What level 2 brought: limits of namespaces, changes of hubs and groups, user metadata.

mod common;

use common::Log;
use forebay_namespace::entry::RaiseLevel;
use forebay_namespace::group::{CreateGroup, DeleteGroup, UpdateGroup};
use forebay_namespace::hub::{CreateHub, DeleteHub, UpdateHub};
use forebay_namespace::limits::{self, USER_METADATA_CHARS_MAX};
use forebay_namespace::namespace::{CreateNamespace, SetNamespaceLimits};
use forebay_namespace::{
    Change, Code, Command, Group, Hub, HubId, Limits, ObjectRef, Precondition, Tier, Verdict,
};

const DAY_MS: u64 = 86_400_000;

fn level_2() -> Log {
    let mut log = Log::with_default_namespace();
    log.must(RaiseLevel { level: 2 });
    log
}

fn hub(name: &str) -> CreateHub {
    CreateHub::with_defaults("default", name)
}

fn update(name: &str) -> UpdateHub {
    UpdateHub::new("default", name)
}

fn partitions(name: &str, partitions: u32) -> UpdateHub {
    UpdateHub { partitions: Some(partitions), ..update(name) }
}

fn retention(name: &str, retention_ms: u64) -> UpdateHub {
    UpdateHub { retention_ms: Some(retention_ms), ..update(name) }
}

fn note_hub(name: &str, text: &str) -> UpdateHub {
    UpdateHub { user_metadata: Some(text.to_owned()), ..update(name) }
}

fn group(name: &str) -> CreateGroup {
    CreateGroup::new("default", "orders", name)
}

fn note_group(name: &str, text: &str) -> UpdateGroup {
    let user_metadata = Some(text.to_owned());
    UpdateGroup { namespace: "default".into(), hub: "orders".into(), name: name.into(), user_metadata }
}

fn set_limits(limits: Limits) -> SetNamespaceLimits {
    SetNamespaceLimits { name: "Default".into(), limits }
}

fn the_hub<'a>(log: &'a Log, name: &str) -> &'a Hub {
    log.state.namespace("default").expect("there").hub(name).expect("there")
}

fn the_group<'a>(log: &'a Log, name: &str) -> &'a Group {
    the_hub(log, "orders").group(name).expect("there")
}

fn refused_text(log: &mut Log, command: impl Into<Command>, code: Code) -> String {
    let rejection = log.propose(command).expect_err("refused");
    assert_eq!(rejection.code, code, "{rejection}");
    rejection.text
}

#[test]
fn a_hub_grows_and_keeps_what_is_not_asked_for() {
    let mut log = level_2();
    log.now_ms = 1_000;
    log.must(CreateHub { user_metadata: Some("first".into()), ..hub("Orders") });
    assert_eq!((the_hub(&log, "orders").created_ms, the_hub(&log, "orders").updated_ms()), (1_000, 1_000));
    log.now_ms = 2_000;
    let version = the_hub(&log, "orders").version;
    let changes = log.must(partitions("ORDERS", 6));
    let updated = |partitions, retention_ms| {
        let (namespace, name) = ("default".into(), "Orders".into());
        [Change::HubUpdated { namespace, hub: HubId(1), name, partitions, retention_ms }]
    };
    assert_eq!(changes, updated(6, DAY_MS));
    assert_eq!(log.must(retention("orders", 5)), updated(6, 5));
    assert_eq!(log.must(note_hub("orders", "second")), updated(6, 5));
    let orders = the_hub(&log, "orders");
    assert_eq!((orders.partitions, orders.retention_ms), (6, 5));
    assert_eq!(orders.user_metadata.as_deref(), Some("second"));
    assert_eq!((orders.created_ms, orders.updated_ms()), (1_000, 2_000));
    assert!(orders.version > version);
    log.must(note_hub("orders", ""));
    assert_eq!(the_hub(&log, "orders").user_metadata, None);
}

#[test]
fn what_is_so_already_changes_nothing() {
    let mut log = level_2();
    log.must(CreateHub { user_metadata: Some("m".into()), ..hub("orders") });
    log.must(CreateGroup { user_metadata: Some("m".into()), ..group("g") });
    log.now_ms = 9_000;
    let (hub_before, group_before) = (the_hub(&log, "orders").clone(), the_group(&log, "g").clone());
    let namespace_before = log.state.namespace("default").unwrap().get().clone();
    for command in [
        Command::from(update("orders")),
        partitions("orders", 4).into(),
        retention("orders", DAY_MS).into(),
        note_hub("orders", "m").into(),
        note_group("G", "m").into(),
        note_group("$default", "").into(),
        UpdateGroup { user_metadata: None, ..note_group("g", "") }.into(),
        set_limits(Limits::OPEN).into(),
    ] {
        assert_eq!(log.must(command), []);
    }
    assert_eq!(the_hub(&log, "orders"), &hub_before);
    assert_eq!(the_group(&log, "g"), &group_before);
    assert_eq!(log.state.namespace("default").unwrap().get(), &namespace_before);
}

#[test]
fn a_hub_never_shrinks() {
    let mut log = level_2();
    log.must(hub("orders"));
    for fewer in [3, 0] {
        let text = refused_text(&mut log, partitions("orders", fewer), Code::InvalidArgument);
        assert_eq!(
            text,
            format!(
                "hub 'orders' has 4 partitions and cannot have fewer ({fewer}): the number only grows, make another hub"
            )
        );
    }
    let text =
        refused_text(&mut log, partitions("orders", limits::PARTITIONS_MAX + 1), Code::InvalidArgument);
    assert!(text.contains("at most 2000 (partitions_max)"), "{text}");
    log.must(partitions("orders", limits::PARTITIONS_MAX));
    assert_eq!(log.refused(retention("orders", 0)), Code::InvalidArgument);
    assert_eq!(log.refused(partitions("ordres", 8)), Code::NotFound);
    let nowhere = UpdateHub { namespace: "nowhere".into(), ..partitions("orders", 8) };
    assert_eq!(log.refused(nowhere), Code::NotFound);
}

#[test]
fn a_refused_part_refuses_the_whole_change() {
    let mut log = level_2();
    log.must(hub("orders"));
    let before = the_hub(&log, "orders").clone();
    let wish =
        UpdateHub { retention_ms: Some(1), user_metadata: Some("m".into()), ..partitions("orders", 3) };
    assert_eq!(log.refused(wish), Code::InvalidArgument);
    let wish =
        UpdateHub { retention_ms: Some(0), user_metadata: Some("m".into()), ..partitions("orders", 8) };
    assert_eq!(log.refused(wish), Code::InvalidArgument);
    assert_eq!(the_hub(&log, "orders"), &before);
}

#[test]
fn groups_carry_what_their_user_notes_and_the_default_group_too() {
    let mut log = level_2();
    log.must(hub("orders"));
    log.now_ms = 1_000;
    log.must(CreateGroup { user_metadata: Some("nightly".into()), ..group("Billing") });
    log.now_ms = 2_000;
    assert_eq!(
        (the_group(&log, "billing").created_ms, the_group(&log, "billing").updated_ms()),
        (1_000, 1_000)
    );
    assert_eq!(the_group(&log, "billing").user_metadata.as_deref(), Some("nightly"));
    let updated = |group: &str| [Change::GroupUpdated { hub: HubId(1), group: group.to_owned() }];
    let version = the_group(&log, "billing").version;
    assert_eq!(log.must(note_group("BILLING", "hourly")), updated("Billing"));
    assert_eq!(log.must(note_group("$default", "all")), updated("$Default"));
    let billing = the_group(&log, "billing");
    assert_eq!((billing.created_ms, billing.updated_ms()), (1_000, 2_000));
    assert!(billing.version > version);
    assert_eq!(the_group(&log, "$Default").user_metadata.as_deref(), Some("all"));
    assert_eq!(log.refused(note_group("nobody", "x")), Code::NotFound);
    log.must(CreateGroup { user_metadata: Some(String::new()), ..group("empty") });
    assert_eq!(the_group(&log, "empty").user_metadata, None);
}

#[test]
fn user_metadata_holds_1024_characters_of_any_language_and_not_one_more() {
    let mut log = level_2();
    log.must(hub("orders"));
    let most = "é".repeat(USER_METADATA_CHARS_MAX);
    let more = format!("{most}x");
    log.must(note_hub("orders", &most));
    log.must(note_group("$Default", &most));
    log.must(CreateHub { user_metadata: Some(most.clone()), ..hub("noted") });
    log.must(CreateGroup { user_metadata: Some(most), ..group("noted") });
    for command in [
        Command::from(note_hub("orders", &more)),
        note_group("$Default", &more).into(),
        CreateHub { user_metadata: Some(more.clone()), ..hub("too-much") }.into(),
        CreateGroup { user_metadata: Some(more.clone()), ..group("too-much") }.into(),
    ] {
        let text = refused_text(&mut log, command, Code::InvalidArgument);
        assert_eq!(text, "the user metadata has 1025 characters, and 1024 are the most: shorten it");
    }
}

#[test]
fn a_tier_holds_a_namespace_to_the_services_numbers() {
    let mut log = level_2();
    let limits = |log: &Log| log.state.namespace("default").unwrap().get().limits;
    assert_eq!(limits(&log), Limits::OPEN);
    let changes = log.must(set_limits(Limits::tier(Tier::Basic)));
    assert_eq!(changes, [Change::NamespaceLimitsChanged { namespace: "default".into() }]);
    assert_eq!(limits(&log), Limits::tier(Tier::Basic));

    let text = refused_text(&mut log, CreateHub { partitions: 33, ..hub("orders") }, Code::InvalidArgument);
    assert_eq!(
        text,
        "hub 'orders' cannot have 33 partitions: a hub of this namespace has at most 32 (partitions_max), ask for \
         fewer or raise the limit"
    );
    let text = refused_text(
        &mut log,
        CreateHub { retention_ms: DAY_MS + 1, ..hub("orders") },
        Code::InvalidArgument,
    );
    assert_eq!(
        text,
        "hub 'orders' cannot keep events for 86400001 ms: a hub of this namespace keeps them for at most 86400000 ms \
         (retention_ms_max), ask for less or raise the limit"
    );
    log.must(CreateHub { partitions: 32, retention_ms: 1, ..hub("orders") });
    let text = refused_text(&mut log, group("g"), Code::LimitReached);
    assert_eq!(
        text,
        "hub 'orders' has all the consumer groups it may have, 1 with $Default (groups_max): delete one or raise the \
         limit"
    );
    let text = refused_text(&mut log, partitions("orders", 33), Code::InvalidArgument);
    assert_eq!(
        text,
        "hub 'orders' has 32 partitions and cannot have 33: this namespace does not let hubs grow (partition_growth), \
         allow it or make another hub"
    );
    log.must(retention("orders", DAY_MS));
    assert_eq!(log.refused(retention("orders", DAY_MS + 1)), Code::InvalidArgument);
    for index in 1..10 {
        log.must(hub(&format!("h{index}")));
    }
    let text = refused_text(&mut log, hub("one-more"), Code::LimitReached);
    assert_eq!(
        text,
        "namespace 'default' has all the hubs it may have, 10 (hubs_max): delete one or raise the limit"
    );
    // Another namespace has its own.
    log.must(CreateNamespace { name: "other".into(), hosts: vec![] });
    log.must(CreateHub { partitions: 2_000, ..CreateHub::with_defaults("other", "orders") });
    log.must(DeleteHub { namespace: "default".into(), name: "h1".into() });
    log.must(hub("one-more"));

    log.must(set_limits(Limits::tier(Tier::Premium)));
    log.must(partitions("orders", 100));
    assert_eq!(log.refused(partitions("orders", 101)), Code::InvalidArgument);
    for index in 1..100 {
        log.must(group(&format!("g{index}")));
    }
    assert_eq!(log.refused(group("one-more")), Code::LimitReached);
}

#[test]
fn limits_below_what_there_is_are_refused_and_name_what_is_in_the_way() {
    let mut log = level_2();
    log.must(CreateHub { partitions: 8, ..hub("orders") });
    log.must(hub("audit"));
    log.must(group("g"));
    for (limits, fix) in [
        (
            Limits { hubs_max: 1, ..Limits::OPEN },
            "namespace 'default' has 2 hubs, the new limits allow 1 (hubs_max)",
        ),
        (
            Limits { partitions_max: 7, ..Limits::OPEN },
            "hub 'orders' has 8 partitions, the new limits allow 7",
        ),
        (
            Limits { groups_max: 1, ..Limits::OPEN },
            "hub 'orders' has 2 consumer groups, the new limits allow 1",
        ),
        (Limits { retention_ms_max: DAY_MS - 1, ..Limits::OPEN }, "lower its retention first"),
    ] {
        let text = refused_text(&mut log, set_limits(limits), Code::LimitReached);
        assert!(text.contains(fix), "{text}");
    }
    assert_eq!(log.state.namespace("default").unwrap().get().limits, Limits::OPEN);
    let tight = Limits {
        hubs_max: 2,
        partitions_max: 8,
        groups_max: 2,
        retention_ms_max: DAY_MS,
        partition_growth: false,
    };
    log.must(set_limits(tight));
    log.must(DeleteGroup { namespace: "default".into(), hub: "orders".into(), name: "g".into() });
    log.must(set_limits(Limits { groups_max: 1, ..tight }));
    let nowhere = SetNamespaceLimits { name: "nowhere".into(), limits: tight };
    assert_eq!(log.refused(nowhere), Code::NotFound);
}

#[test]
fn limits_beyond_the_servers_are_refused() {
    let mut log = level_2();
    for (limits, text) in [
        (Limits { hubs_max: 0, ..Limits::OPEN }, "the limit hubs_max must be from 1 to 10000, not 0"),
        (
            Limits { hubs_max: 10_001, ..Limits::OPEN },
            "the limit hubs_max must be from 1 to 10000, not 10001",
        ),
        (Limits { partitions_max: 2_001, ..Limits::OPEN }, "partitions_max must be from 1 to 2000, not 2001"),
        (Limits { groups_max: 1_001, ..Limits::OPEN }, "groups_max must be from 1 to 1000, not 1001"),
        (Limits { groups_max: 0, ..Limits::OPEN }, "groups_max must be from 1 to 1000, not 0"),
        (Limits { retention_ms_max: 0, ..Limits::OPEN }, "retention_ms_max must be at least 1 ms, not 0"),
    ] {
        let refused = refused_text(&mut log, set_limits(limits), Code::InvalidArgument);
        assert!(refused.contains(text), "{refused}");
    }
    for tier in Tier::ALL {
        log.must(set_limits(Limits::tier(tier)));
        assert_eq!(Tier::from_name(&tier.name().to_uppercase()), Some(tier));
    }
    assert_eq!(Tier::from_name("Gold"), None);
}

#[test]
fn numbers_that_nobody_asked_for_are_lowered_to_the_limits() {
    let tight = Limits { partitions_max: 2, retention_ms_max: 1_000, ..Limits::OPEN };
    let lowered = hub("orders").lowered_to(&tight);
    assert_eq!((lowered.partitions, lowered.retention_ms), (2, 1_000));
    assert_eq!(hub("orders").lowered_to(&Limits::OPEN), hub("orders"));
    let mut log = level_2();
    log.must(set_limits(tight));
    log.must(lowered);
}

#[test]
fn before_level_2_its_entries_are_refused_and_leave_no_trace_in_the_state() {
    let mut log = Log::with_default_namespace();
    log.must(hub("orders"));
    let noted = || CreateHub { user_metadata: Some("m".into()), ..hub("noted") };
    let noted_group = || CreateGroup { user_metadata: Some("m".into()), ..group("noted") };
    let commands: [Command; 6] = [
        partitions("orders", 8).into(),
        note_group("$Default", "m").into(),
        set_limits(Limits::tier(Tier::Basic)).into(),
        // Refused for the level alone: at level 1 nobody can tell whether they make sense.
        UpdateHub::new("nowhere", "nothing").into(),
        noted().into(),
        noted_group().into(),
    ];
    for command in &commands {
        let text = refused_text(&mut log, command.clone(), Code::LevelTooLow);
        assert_eq!(text, "this kind of entry needs level 2, this log is at level 1: raise the level first");
    }
    assert_eq!(the_hub(&log, "orders").partitions, 4);
    assert_eq!(log.state.hubs().count(), 1);
    log.must(RaiseLevel { level: 2 });
    log.must(noted());
    log.must(noted_group());
    log.must(partitions("orders", 8));
}

#[test]
fn a_change_of_a_hub_can_demand_that_nobody_changed_it_meanwhile() {
    let mut log = level_2();
    log.must(hub("orders"));
    let object = ObjectRef::Hub { namespace: "default".into(), name: "orders".into() };
    let version = log.state.version_of(&object).unwrap();
    let unchanged = Precondition::Version { object, version };
    assert!(log.propose_if(unchanged.clone(), partitions("orders", 8)).is_ok());
    let stale = log.propose_if(unchanged, retention("orders", 1)).unwrap_err();
    assert_eq!(stale.code, Code::PreconditionFailed);
    assert_eq!(the_hub(&log, "orders").retention_ms, DAY_MS);
}

#[test]
fn a_change_that_stands_in_the_log_twice_is_done_once() {
    let mut log = level_2();
    log.must(hub("orders"));
    let entry = log.entry(note_hub("orders", "once"));
    assert!(matches!(log.append(&entry), Verdict::Applied(_)));
    log.must(note_hub("orders", "later"));
    assert!(matches!(log.append(&entry), Verdict::Duplicate { .. }));
    assert_eq!(the_hub(&log, "orders").user_metadata.as_deref(), Some("later"));
}
