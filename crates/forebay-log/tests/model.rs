//! Any mixture of appends, reads, trims, maintenance, crashes and clean restarts against plain vectors.

mod common;

use common::{LOG, door, fresh, open};
use forebay_log::PartitionLogs as _;
use forebay_log::disk::mem::MemDisk;
use forebay_log::{EmbeddedLog, LogError, Sequence};
use forebay_log_contract::{append, batch, block_on, bodies, read_bodies};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Append { partition: usize, count: usize },
    Read { partition: usize, from: u64, max_bytes: usize },
    Trim { partition: usize, below: u64 },
    Maintain,
    CoolDown,
    Crash,
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let partition = 0..2_usize;
    prop_oneof![
        6 => (partition.clone(), 1..9_usize).prop_map(|(partition, count)| Op::Append { partition, count }),
        4 => (partition.clone(), 0..60_u64, 1..2000_usize)
            .prop_map(|(partition, from, max_bytes)| Op::Read { partition, from, max_bytes }),
        1 => (partition, 0..60_u64).prop_map(|(partition, below)| Op::Trim { partition, below }),
        2 => Just(Op::Maintain),
        2 => Just(Op::CoolDown),
        1 => Just(Op::Crash),
        1 => Just(Op::Restart),
    ]
}

#[derive(Debug, Default, Clone)]
struct Model {
    first: u64,
    events: Vec<String>,
}

struct World {
    disk: MemDisk,
    log: EmbeddedLog,
    model: [Model; 2],
    name: usize,
}

impl World {
    fn step(&mut self, op: &Op) {
        match *op {
            Op::Append { partition, count } => {
                self.name += 1;
                let name = self.name.to_string();
                let model = &mut self.model[partition];
                let appended =
                    append(&door(&self.log, partition as u32), batch(&name, count)).expect("appended");
                assert_eq!(appended.base, Sequence(model.events.len() as u64));
                assert_eq!(appended.log_start, Sequence(model.first));
                model.events.extend((0..count).map(|event| format!("{name}.{event}")));
            }
            Op::Read { partition, from, max_bytes } => self.read(partition, from, max_bytes),
            Op::Trim { partition, below } => {
                let model = &mut self.model[partition];
                door(&self.log, partition as u32).trim(Sequence(below)).expect("trimmed");
                model.first = model.first.max(below.min(model.events.len() as u64));
            }
            Op::Maintain => self.log.maintain().expect("maintained"),
            Op::CoolDown => self.log.evict_tail(),
            Op::Crash => {
                self.disk = self.disk.snapshot();
                self.reopen();
            }
            Op::Restart => {
                self.log.close().expect("closed");
                self.reopen();
            }
        }
    }

    fn reopen(&mut self) {
        let (log, report) = open(&self.disk);
        assert_eq!((report.damage.len(), report.orphans.len()), (0, 0), "{report:?}");
        self.log = log;
        for partition in 0..2 {
            let bounds = door(&self.log, partition as u32).bounds();
            let model = &self.model[partition];
            assert_eq!((bounds.first.0, bounds.next.0), (model.first, model.events.len() as u64));
        }
    }

    fn read(&self, partition: usize, from: u64, max_bytes: usize) {
        let model = &self.model[partition];
        let (first, next) = (Sequence(model.first), Sequence(model.events.len() as u64));
        let read = block_on(door(&self.log, partition as u32).read(Sequence(from), max_bytes));
        if from < first.0 || from > next.0 {
            assert_eq!(read.map(drop), Err(LogError::OutOfRange { first, next }));
            return;
        }
        let read = read.expect("within bounds");
        assert_eq!((read.log_start, read.next), (first, next));
        assert_eq!(read.batches.is_empty(), from == next.0);
        let mut at = read.batches.first().map_or(next, |batch| batch.base);
        assert!(at.0 <= from);
        for batch in &read.batches {
            assert_eq!(batch.base, at, "no gap");
            for (body, expected) in bodies(batch).iter().zip(&model.events[at.0 as usize..]) {
                assert_eq!(body, expected.as_bytes());
            }
            at = batch.end();
        }
        assert!(at.0 > from || from == next.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_what_plain_vectors_would_be(ops in prop::collection::vec(op(), 1..60)) {
        let (disk, log) = fresh();
        let mut world = World { disk, log, model: Default::default(), name: 0 };
        for op in &ops {
            world.step(op);
        }
        for partition in 0..2 {
            let model = &world.model[partition];
            let all = read_bodies(&door(&world.log, partition as u32), Sequence(model.first), 500);
            prop_assert_eq!(all.as_deref(), Ok(&model.events[model.first as usize..]));
        }
        prop_assert!(world.log.logs().unwrap().contains(&LOG));
    }
}
