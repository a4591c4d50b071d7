//! Entries and snapshots as they were written once must be read forever, and mean the same.
//!
//! The files are never changed; a new form gets new files beside them.

use forebay_auth::{KeySlot, PolicySource, Rights};
use forebay_namespace::{Change, Code, HubId, Position, Setting, State, Verdict, apply, codec, snapshot};

const ENTRIES: &str = include_str!("fixtures/entries-v1.jsonl");
const SNAPSHOT: &[u8] = include_bytes!("fixtures/snapshot-v1.bin");
const HASH: &str = "fc83ee4e630009b20ad82bc432ecbf5208e4306194f3b645d406b82ee7fb3e35";

fn folded() -> (State, Vec<Verdict>) {
    let mut state = State::new();
    let fold = |(index, line): (usize, &str)| {
        let entry = codec::decode(line.as_bytes()).expect("the line is an entry");
        apply(&mut state, Position::in_log(index as u64), &entry)
    };
    let verdicts = ENTRIES.lines().enumerate().map(fold).collect();
    (state, verdicts)
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
    let (state, verdicts) = folded();
    assert_contents(&state);
    let refused: Vec<(usize, Code)> = verdicts
        .iter()
        .enumerate()
        .filter_map(|(index, verdict)| match verdict {
            Verdict::Applied(_) => None,
            Verdict::Rejected(rejection) => Some((index, rejection.code)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(refused, [(10, Code::Protected), (17, Code::LevelTooLow)]);
    let gone = Change::HubDeleted { namespace: "default".into(), hub: HubId(2), name: "gone".into() };
    assert_eq!(verdicts[9], Verdict::Applied(vec![gone]));
}

#[test]
fn the_snapshot_of_version_1_holds_the_state_it_meant() {
    let state = snapshot::decode(SNAPSHOT).unwrap();
    assert_contents(&state);
    assert_eq!(state, folded().0);
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
