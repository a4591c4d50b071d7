//! Replays, snapshots, refusals: properties of the fold as a whole.

use std::collections::{BTreeMap, BTreeSet};

use forebay_namespace::{Change, Entry, Outcome, Position, State, Verdict, apply, codec, snapshot};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::generate::{entries, fold, placed};
use crate::invariants::substance;

/// What became of durable entries, as far as readers have no part in it.
fn without_readers(verdicts: impl IntoIterator<Item = Verdict>) -> Vec<Verdict> {
    let of_readers = |change: &Change| {
        matches!(
            change,
            Change::ReceiverAdmitted { .. }
                | Change::ReceiverSuperseded { .. }
                | Change::ReceiverVoided { .. }
                | Change::ReceiverReleased { .. }
        )
    };
    let without = |verdict| match verdict {
        Verdict::Applied(mut changes) => {
            changes.retain(|change| !of_readers(change));
            Verdict::Applied(changes)
        }
        other => other,
    };
    verdicts.into_iter().map(without).collect()
}

proptest! {
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
    fn a_snapshot_anywhere_and_the_tail_behind_it_equal_the_whole_log(
        entries in entries(),
        cut in any::<prop::sample::Index>(),
    ) {
        let log = placed(&entries);
        let cut = cut.index(log.len()) + 1;
        let mut whole = State::new();
        let verdicts = fold(&mut whole, &log);
        let mut state = State::new();
        fold(&mut state, &log[..cut]);
        let mut restored = snapshot::decode(&snapshot::encode(&state).expect("not empty")).expect("sound");
        state.void_session();
        prop_assert_eq!(restored.hash(), state.hash());
        prop_assert_eq!(snapshot::encode(&restored), snapshot::encode(&state));

        // Behind it comes what is durable: session entries are in no log that outlives them.
        let is_durable = |at: &usize| log[*at].0.session == 0;
        let tail: Vec<usize> = (cut..log.len()).filter(is_durable).collect();
        let folded = tail.iter().map(|at| apply(&mut restored, log[*at].0, &log[*at].1));
        let (folded, expected): (Vec<Verdict>, Vec<Verdict>) =
            (folded.collect(), tail.iter().map(|at| verdicts[*at].clone()).collect());
        prop_assert_eq!(without_readers(folded), without_readers(expected));
        prop_assert_eq!(restored.seats().count(), 0);
        prop_assert_eq!(restored.hash(), whole.hash());
        prop_assert_eq!(snapshot::encode(&restored), snapshot::encode(&whole));
        // And all of the state, once the others have lost their places too.
        let durable: Vec<(Position, Entry)> =
            log.iter().filter(|(position, _)| position.session == 0).cloned().collect();
        let mut without = State::new();
        fold(&mut without, &durable);
        prop_assert_eq!(restored, without);
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
    fn a_refused_entry_changes_only_what_is_remembered_of_it(entries in entries()) {
        let mut state = State::new();
        for (position, entry) in placed(&entries) {
            let before = state.clone();
            let verdict = apply(&mut state, position, &entry);
            if !matches!(verdict, Verdict::Applied(_)) {
                prop_assert_eq!(substance(&state), substance(&before), "{:?} by {:?}", verdict, entry);
                prop_assert!(state.seats().eq(before.seats()));
                prop_assert_eq!(state.position(), Some(position));
            }
        }
    }

    #[test]
    fn an_entry_that_is_applied_without_a_change_changes_nothing(entries in entries()) {
        let mut state = State::new();
        for (position, entry) in placed(&entries) {
            let before = state.clone();
            if apply(&mut state, position, &entry) == Verdict::Applied(Vec::new()) {
                prop_assert_eq!(substance(&state), substance(&before), "{:?}", entry);
                prop_assert!(state.seats().eq(before.seats()));
            }
        }
    }

    #[test]
    fn a_proposal_is_judged_once_and_its_judgement_is_remembered(entries in entries()) {
        let mut state = State::new();
        let mut judged = BTreeMap::new();
        for (position, entry) in placed(&entries) {
            // What readers do is remembered apart, and not across a restart.
            let key = (position.session == 0, entry.proposal);
            let outcome = match apply(&mut state, position, &entry) {
                Verdict::Applied(_) => Outcome::Applied,
                Verdict::Rejected(why) => Outcome::Rejected(why.code),
                Verdict::Duplicate { first, outcome } => {
                    prop_assert_eq!(judged.get(&key), Some(&(first, outcome)));
                    continue;
                }
                Verdict::TooNew { level } => return Err(TestCaseError::fail(format!("level {level}"))),
            };
            prop_assert_eq!(judged.insert(key, (position, outcome)), None, "judged twice: {:?}", entry);
        }
    }
}

/// The properties above say nothing about what the generator never makes.
#[test]
fn the_generated_logs_apply_every_kind_and_meet_every_refusal() {
    let mut runner = TestRunner::deterministic();
    let (mut applied, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let (mut duplicates, mut voided) = (0, 0);
    for _ in 0..1_000 {
        let log = placed(&entries().new_tree(&mut runner).expect("a log").current());
        let verdicts = fold(&mut State::new(), &log);
        for ((_, entry), verdict) in log.iter().zip(verdicts) {
            let whole: serde_json::Value = serde_json::from_slice(&codec::encode(entry)).expect("JSON");
            let kind = whole["kind"].as_str().expect("a kind").to_owned();
            match verdict {
                Verdict::Applied(changes) => {
                    voided += usize::from(
                        changes.iter().any(|change| matches!(change, Change::ReceiverVoided { .. })),
                    );
                    if !changes.is_empty() {
                        applied.insert(kind);
                    }
                }
                Verdict::Rejected(why) => {
                    refused.insert(format!("{:?}", why.code));
                }
                Verdict::Duplicate { .. } => duplicates += 1,
                Verdict::TooNew { level } => panic!("level {level} is not generated"),
            }
        }
    }
    let applied: Vec<&str> = applied.iter().map(String::as_str).collect();
    assert_eq!(
        applied,
        [
            "claim_receiver",
            "create_group",
            "create_hub",
            "create_namespace",
            "create_policy",
            "delete_group",
            "delete_hub",
            "delete_policy",
            "put_setting",
            "raise_level",
            "release_receiver",
            "replace_key",
            "set_namespace_hosts",
            "set_namespace_limits",
            "set_policy_rights",
            "update_group",
            "update_hub",
        ]
    );
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    // Five readers without an epoch in one place are too rare here: the readers' own tests have them.
    assert_eq!(
        refused.into_iter().filter(|code| *code != "TooManyReaders").collect::<Vec<_>>(),
        [
            "AlreadyClaimed",
            "AlreadyExists",
            "EpochLower",
            "EpochMissing",
            "InvalidArgument",
            "InvalidName",
            "LevelTooLow",
            "LimitReached",
            "NotFound",
            "PartitionOutOfRange",
            "PreconditionFailed",
            "Protected",
        ]
    );
    assert!(duplicates > 100 && voided > 10, "{duplicates} duplicates, {voided} times a reader was put out");
}
