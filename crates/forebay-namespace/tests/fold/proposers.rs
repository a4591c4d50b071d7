//! Several proposers who each know an older state: whatever they do meanwhile, no change is lost or done twice.

use forebay_namespace::entry::RaiseLevel;
use forebay_namespace::hub::{CreateHub, DeleteHub, UpdateHub};
use forebay_namespace::namespace::CreateNamespace;
use forebay_namespace::receiver::{ClaimReceiver, ReceiverId, SeatRef};
use forebay_namespace::{
    Code, Command, Entry, HubId, NodeId, ObjectRef, Position, Precondition, ProposalId, State, Verdict,
    apply, codec,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// What a proposer does next.
#[derive(Clone, Debug)]
enum Step {
    /// Reads on, to somewhere between where it is and the end.
    CatchUp(Index),
    /// Adds one to the retention that it knows, if nobody has changed the hub since.
    Increment,
    /// Makes the hub, which it believes is not there.
    Make,
    /// Deletes the hub as it knows it.
    Delete,
    /// Claims a reader's place.
    Claim(u64),
    /// Appends something again that stands in the log, as after an answer that did not come.
    Again(Index),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => any::<Index>().prop_map(Step::CatchUp),
        8 => Just(Step::Increment),
        1 => Just(Step::Make),
        1 => Just(Step::Delete),
        2 => (0..4u64).prop_map(Step::Claim),
        3 => any::<Index>().prop_map(Step::Again),
    ];
    vec((0..PROPOSERS, step), 0..120)
}

const PROPOSERS: usize = 3;
const FIRST: u64 = 100;

fn object() -> ObjectRef {
    ObjectRef::Hub { namespace: "default".into(), name: "counter".into() }
}

fn count_in(state: &State) -> Option<u64> {
    Some(state.namespace("default")?.hub("counter")?.retention_ms)
}

/// One node: what it has folded so far.
#[derive(Default)]
struct Node {
    view: State,
    folded: usize,
}

/// A shared log, in which session entries have numbers like all others.
#[derive(Default)]
struct Log {
    entries: Vec<Vec<u8>>,
    /// What came of each.
    verdicts: Vec<Verdict>,
    truth: State,
}

impl Log {
    fn append(&mut self, entry: &Entry) -> &Verdict {
        let position = Position::in_log(self.entries.len() as u64);
        self.entries.push(codec::encode(entry));
        self.verdicts.push(apply(&mut self.truth, position, entry));
        self.verdicts.last().expect("one was pushed")
    }

    /// Gives a node the entries up to `end`, and compares what it makes of them.
    fn read(&self, node: &mut Node, end: usize) {
        for (at, bytes) in self.entries.iter().enumerate().take(end).skip(node.folded) {
            let entry = codec::decode(bytes).expect("what was written can be read");
            let verdict = apply(&mut node.view, Position::in_log(at as u64), &entry);
            assert_eq!(verdict, self.verdicts[at], "entry {at}");
        }
        node.folded = node.folded.max(end);
    }

    fn entry(&self, node: usize, command: impl Into<Command>) -> Entry {
        // Their clocks differ.
        let time_ms = 1_000 * (node as i64 + 1) - self.entries.len() as i64;
        Entry::new(ProposalId(self.entries.len() as u128), NodeId(node as u64), time_ms, command)
    }
}

fn increment(log: &Log, node: usize, view: &State) -> Option<Entry> {
    let (known, version) = (count_in(view)?, view.version_of(&object())?);
    let update = UpdateHub { retention_ms: Some(known + 1), ..UpdateHub::new("default", "Counter") };
    Some(log.entry(node, update).only_if(Precondition::Version { object: object(), version }))
}

proptest! {
    #[test]
    fn no_change_of_several_proposers_is_lost_and_none_is_done_twice(steps in steps()) {
        let mut log = Log::default();
        let mut nodes: [Node; PROPOSERS] = Default::default();
        let hub = CreateHub { retention_ms: FIRST, ..CreateHub::with_defaults("default", "counter") };
        let start: [Command; 3] = [
            CreateNamespace { name: "default".into(), hosts: vec![] }.into(),
            RaiseLevel { level: 2 }.into(),
            hub.clone().into(),
        ];
        for command in start {
            let entry = log.entry(0, command);
            prop_assert!(matches!(log.append(&entry), Verdict::Applied(_)));
        }
        // What the count must be, by the answers alone.
        let mut count = Some(FIRST);
        for (node, step) in steps {
            let view = &nodes[node].view;
            let entry = match step {
                Step::CatchUp(how_far) => {
                    let behind = log.entries.len() - nodes[node].folded;
                    let end = nodes[node].folded + how_far.index(behind + 1);
                    log.read(&mut nodes[node], end);
                    continue;
                }
                Step::Increment => increment(&log, node, view),
                Step::Make => {
                    Some(log.entry(node, hub.clone()).only_if(Precondition::Absent { object: object() }))
                }
                Step::Delete => view.version_of(&object()).map(|version| {
                    let delete = DeleteHub { namespace: "default".into(), name: "counter".into() };
                    log.entry(node, delete).only_if(Precondition::Version { object: object(), version })
                }),
                Step::Claim(link) => view.hubs().next().map(|hub| {
                    let receiver = ReceiverId { node: NodeId(node as u64), link };
                    let seat = SeatRef { hub: hub.id, group: "$Default".into(), partition: 0 };
                    log.entry(node, ClaimReceiver { receiver, seat, epoch: None, name: None })
                }),
                Step::Again(which) => {
                    let earlier = codec::decode(&log.entries[which.index(log.entries.len())]).expect("sound");
                    let before = log.truth.clone();
                    let again = log.append(&earlier).clone();
                    prop_assert!(matches!(again, Verdict::Duplicate { .. }), "{:?}", again);
                    prop_assert_eq!(log.truth.hubs().collect::<Vec<_>>(), before.hubs().collect::<Vec<_>>());
                    continue;
                }
            };
            let Some(entry) = entry else { continue };
            let known = count_in(&nodes[node].view);
            let command = entry.command.clone();
            match (command, log.append(&entry).clone()) {
                (Command::UpdateHub(_), Verdict::Applied(_)) => {
                    prop_assert_eq!(known, count, "it was changed by someone who knew it");
                    count = count.map(|count| count + 1);
                }
                (Command::CreateHub(_), Verdict::Applied(_)) => {
                    prop_assert_eq!(count.replace(FIRST), None);
                }
                (Command::DeleteHub(_), Verdict::Applied(_)) => {
                    prop_assert_eq!(known, count);
                    count = None;
                }
                (Command::UpdateHub(_) | Command::CreateHub(_) | Command::DeleteHub(_), Verdict::Rejected(why)) => {
                    prop_assert_eq!(why.code, Code::PreconditionFailed);
                }
                (Command::ClaimReceiver(_), Verdict::Applied(_) | Verdict::Rejected(_)) => {}
                (command, verdict) => prop_assert!(false, "{:?}: {:?}", command, verdict),
            }
            prop_assert_eq!(count_in(&log.truth), count);
        }
        for node in &mut nodes {
            log.read(node, log.entries.len());
            prop_assert_eq!(node.view.hash(), log.truth.hash());
            prop_assert_eq!(&node.view, &log.truth);
        }
    }
}

#[test]
fn of_two_who_change_what_both_have_read_the_second_is_refused() {
    let mut log = Log::default();
    let mut nodes: [Node; 2] = Default::default();
    let start: [Command; 3] = [
        CreateNamespace { name: "default".into(), hosts: vec![] }.into(),
        RaiseLevel { level: 2 }.into(),
        CreateHub { retention_ms: FIRST, ..CreateHub::with_defaults("default", "counter") }.into(),
    ];
    for command in start {
        let entry = log.entry(0, command);
        log.append(&entry);
    }
    nodes.iter_mut().for_each(|node| log.read(node, 3));
    let mut next = |node: usize| {
        let entry = increment(&log, node, &nodes[node].view).expect("the hub is there");
        let verdict = log.append(&entry).clone();
        log.read(&mut nodes[node], log.entries.len());
        verdict
    };
    assert!(matches!(next(0), Verdict::Applied(_)));
    assert!(matches!(next(1), Verdict::Rejected(why) if why.code == Code::PreconditionFailed));
    assert!(matches!(next(1), Verdict::Applied(_)));
    assert_eq!(count_in(&log.truth), Some(FIRST + 2));
    assert_eq!(
        log.truth.hub(HubId(1)).map(|hub| hub.updated_ms()),
        Some(log.truth.time_ms().expect("entries"))
    );
}
