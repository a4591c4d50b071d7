//! Nodes that know a level and nodes that do not yet must agree on every entry that comes before it.

use forebay_namespace::entry::{LEVEL_SUPPORTED, RaiseLevel};
use forebay_namespace::{Code, Command, Entry, State, Verdict, snapshot};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::generate::{entries, fold, of_unknown_kind, placed};

fn raises(entry: &Entry) -> bool {
    matches!(entry.command, Command::RaiseLevel(RaiseLevel { level }) if level > 1)
}

/// As code of level 1 judges, whose texts differ: they are remembered by nobody.
fn without_texts(verdicts: Vec<Verdict>) -> Vec<Result<Verdict, Code>> {
    let without = |verdict| match verdict {
        Verdict::Rejected(why) => Err(why.code),
        other => Ok(other),
    };
    verdicts.into_iter().map(without).collect()
}

proptest! {
    #[test]
    fn before_its_level_an_entry_does_what_one_of_an_unknown_kind_does(entries in entries()) {
        let known: Vec<Entry> = entries.into_iter().filter(|entry| !raises(entry)).collect();
        let old = |entry: &Entry| match entry.command {
            Command::Opaque(_) => entry.clone(),
            _ if entry.command.level() > 1 => of_unknown_kind(entry),
            _ => entry.clone(),
        };
        let unknown: Vec<Entry> = known.iter().map(old).collect();
        let (mut one, mut other) = (State::new(), State::new());
        let verdicts = fold(&mut one, &placed(&known));
        prop_assert_eq!(without_texts(verdicts), without_texts(fold(&mut other, &placed(&unknown))));
        prop_assert_eq!(one.hash(), other.hash());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_state_of_level_1_is_written_without_the_members_of_level_2(entries in entries()) {
        let known: Vec<Entry> = entries.into_iter().filter(|entry| !raises(entry)).collect();
        let mut state = State::new();
        fold(&mut state, &placed(&known));
        let bytes = snapshot::encode(&state).expect("not empty");
        let text = String::from_utf8_lossy(&bytes);
        for member in ["\"limits\"", "\"user_metadata\"", "\"changed_ms\""] {
            prop_assert!(!text.contains(member), "{}", text);
        }
    }
}

#[test]
fn the_level_of_a_kind_is_never_above_what_this_code_understands() {
    let mut runner = TestRunner::deterministic();
    let mut found = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let log = entries().new_tree(&mut runner).expect("a log").current();
        found.extend(log.iter().map(|entry| entry.command.level()));
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [1, 2, LEVEL_SUPPORTED + 1],
        "the last is the unknown kind"
    );
}
