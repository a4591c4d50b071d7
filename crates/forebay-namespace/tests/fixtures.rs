//! Entries and snapshots as they were written once must be read forever, and mean the same.
//!
//! The files are never changed; a new form gets new files beside them.

use forebay_auth::{KeySlot, PolicySource, Rights};
use forebay_namespace::{
    Change, Code, HubId, Limits, Position, Setting, State, Verdict, apply, codec, snapshot,
};

const ENTRIES: &str = include_str!("fixtures/entries-v1.jsonl");
const SNAPSHOT: &[u8] = include_bytes!("fixtures/snapshot-v1.bin");
const ENTRIES_V2: &str = include_str!("fixtures/entries-v2.jsonl");
const SNAPSHOT_V2: &[u8] = include_bytes!("fixtures/snapshot-v2.bin");
const HASH_V2: &str = "c04ca38d762ce696d9b29c9a14a139495432450faac380ef98bf30ec3881153d";

/// Three hundred entries of chance, written and folded by code that knew level 1 only; among them entries of level 2,
/// hubs of more partitions than level 1 allows, members that are null, proposals that repeat.
const MIXED: &str = include_str!("fixtures/entries-v1-mixed.jsonl");
const MIXED_HASH: &str = "d27c58c2744fc5c0b85a35d60835c481e24fa1412208b3f95427fb7029625fac";
const HASH: &str = "fc83ee4e630009b20ad82bc432ecbf5208e4306194f3b645d406b82ee7fb3e35";

fn folded(entries: &str) -> (State, Vec<Verdict>) {
    let mut state = State::new();
    let fold = |(index, line): (usize, &str)| {
        let entry = codec::decode(line.as_bytes()).expect("the line is an entry");
        apply(&mut state, Position::in_log(index as u64), &entry)
    };
    let verdicts = entries.lines().enumerate().map(fold).collect();
    (state, verdicts)
}

fn refused(verdicts: &[Verdict]) -> Vec<(usize, Code)> {
    let code = |(index, verdict): (usize, &Verdict)| match verdict {
        Verdict::Applied(_) => None,
        Verdict::Rejected(rejection) => Some((index, rejection.code)),
        other => panic!("{other:?}"),
    };
    verdicts.iter().enumerate().filter_map(code).collect()
}

fn assert_contents(state: &State) {
    let namespace = state.namespace("default").expect("it is there");
    assert_eq!(namespace.get().hosts, ["*.hubs.example", "hubs.internal"]);
    let hubs: Vec<_> = namespace.hubs().map(|hub| (hub.name.as_str(), hub.id, hub.partitions)).collect();
    assert_eq!(hubs, [("Events", HubId(1), 4)]);
    let events = namespace.hub("events").expect("it is there");
    assert_eq!((events.retention_ms, events.created_ms), (86_400_000, 1_767_225_600_003));
    let groups: Vec<&str> = events.groups().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["$Default", "Billing"]);
    let root = PolicySource::policy(&namespace, None, "rootmanagesharedaccesskey").expect("it is there");
    assert_eq!((root.rights, root.primary.secret.expose()), (Rights::MANAGE, "SAS_KEY_VALUE"));
    assert!(root.secondary.is_none());
    let send = PolicySource::policy(&namespace, Some("events"), "send").expect("it is there");
    assert_eq!(send.rights, Rights::SEND | Rights::LISTEN);
    let keys = KeySlot::ALL.map(|slot| send.key(slot).map(|key| (key.secret.expose(), key.generation)));
    assert_eq!(keys, [Some(("k1", 12)), Some(("k3", 15))]);
    assert_eq!(state.setting("dev.key").map(Setting::expose), Some("SAS_KEY_VALUE"));
    assert_eq!((state.level(), state.time_ms()), (1, Some(1_767_225_600_016)));
    assert_eq!(state.position(), Some(Position::in_log(17)));
    assert_eq!(state.hash().to_string(), HASH);
}

#[test]
fn the_entries_of_version_1_fold_to_the_state_they_meant() {
    let (state, verdicts) = folded(ENTRIES);
    assert_contents(&state);
    let refused = refused(&verdicts);
    assert_eq!(refused, [(10, Code::Protected), (17, Code::LevelTooLow)]);
    let gone = Change::HubDeleted { namespace: "default".into(), hub: HubId(2), name: "gone".into() };
    assert_eq!(verdicts[9], Verdict::Applied(vec![gone]));
}

#[test]
fn the_snapshot_of_version_1_holds_the_state_it_meant() {
    let state = snapshot::decode(SNAPSHOT).unwrap();
    assert_contents(&state);
    assert_eq!(state, folded(ENTRIES).0);
    assert_eq!(snapshot::encode(&state).as_deref(), Some(SNAPSHOT), "the same state is the same bytes");
}

#[test]
fn a_proposal_judged_before_the_snapshot_is_still_known() {
    let mut state = snapshot::decode(SNAPSHOT).unwrap();
    let first = codec::decode(ENTRIES.lines().next().unwrap().as_bytes()).unwrap();
    let verdict = apply(&mut state, Position::in_log(18), &first);
    assert!(
        matches!(verdict, Verdict::Duplicate { first, .. } if first == Position::in_log(0)),
        "{verdict:?}"
    );
}

#[test]
fn code_that_knows_level_2_judges_a_log_of_level_1_as_code_that_did_not() {
    let (state, verdicts) = folded(MIXED);
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| wanted(verdict)).count();
    let applied = count(|verdict| matches!(verdict, Verdict::Applied(_)));
    let too_early =
        count(|verdict| matches!(verdict, Verdict::Rejected(why) if why.code == Code::LevelTooLow));
    let duplicates = count(|verdict| matches!(verdict, Verdict::Duplicate { .. }));
    assert_eq!((verdicts.len(), applied, too_early, duplicates), (300, 43, 90, 3));
    assert_eq!(state.hash().to_string(), MIXED_HASH);
}

fn assert_contents_of_level_2(state: &State) {
    let namespace = state.namespace("default").expect("it is there");
    assert_eq!(namespace.get().limits, Limits::OPEN);
    let hubs: Vec<_> = namespace.hubs().map(|hub| (hub.name.as_str(), hub.id, hub.partitions)).collect();
    assert_eq!(hubs, [("large", HubId(4), 2_000), ("Orders", HubId(2), 8)]);
    assert_eq!(namespace.hub("large").map(|hub| hub.retention_ms), Some(u64::MAX));
    let orders = namespace.hub("orders").expect("it is there");
    assert_eq!((orders.retention_ms, orders.version), (7_200_000, 10));
    assert_eq!((orders.created_ms, orders.updated_ms()), (1_767_225_600_007, 1_767_225_600_010));
    assert_eq!(orders.user_metadata.as_deref(), Some("team: équipe \"a\""));
    let groups: Vec<_> = orders
        .groups()
        .map(|group| {
            (group.name.as_str(), group.user_metadata.as_deref(), group.updated_ms() - group.created_ms)
        })
        .collect();
    assert_eq!(groups, [("$Default", Some("all of it"), 6), ("audit", None, 0), ("Billing", None, 6)]);
    let small = state.namespace("small").expect("it is there");
    let limits = Limits {
        hubs_max: 1,
        partitions_max: 32,
        groups_max: 1,
        retention_ms_max: 86_400_000,
        partition_growth: false,
    };
    assert_eq!((small.get().limits, small.get().version), (limits, 16));
    let only = small.hub("only").expect("it is there");
    assert_eq!((only.id, only.partitions, only.user_metadata.as_deref()), (HubId(3), 32, Some("full")));
    assert_eq!((state.level(), state.position()), (2, Some(Position::in_log(27))));
    assert_eq!(state.hash().to_string(), HASH_V2);
}

#[test]
fn the_entries_of_level_2_fold_to_the_state_they_meant() {
    let (state, verdicts) = folded(ENTRIES_V2);
    assert_contents_of_level_2(&state);
    let (too_early, invalid) = (Code::LevelTooLow, Code::InvalidArgument);
    assert_eq!(
        refused(&verdicts),
        [
            (2, too_early),
            (3, too_early),
            (4, too_early),
            (5, invalid),
            (11, invalid),
            (18, Code::LimitReached),
            (19, invalid),
            (20, invalid),
            (21, Code::LimitReached),
            (23, Code::LimitReached),
            (27, too_early),
        ]
    );
    let (namespace, name) = ("default".to_owned(), "Orders".to_owned());
    let updated =
        Change::HubUpdated { namespace, hub: HubId(2), name, partitions: 8, retention_ms: 7_200_000 };
    assert_eq!(verdicts[10], Verdict::Applied(vec![updated]));
    assert_eq!(verdicts[12], Verdict::Applied(vec![]));
    let noted = Change::GroupUpdated { hub: HubId(2), group: "$Default".into() };
    assert_eq!(verdicts[13], Verdict::Applied(vec![noted]));
}

#[test]
fn the_snapshot_of_level_2_holds_the_state_it_meant() {
    let state = snapshot::decode(SNAPSHOT_V2).unwrap();
    assert_contents_of_level_2(&state);
    assert_eq!(state, folded(ENTRIES_V2).0);
    assert_eq!(snapshot::encode(&state).as_deref(), Some(SNAPSHOT_V2), "the same state is the same bytes");
}
