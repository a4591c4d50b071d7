//! The embedded log meets the contract of the storage doors at every durability level.

use std::sync::Arc;

use forebay_log::disk::mem::MemDisk;
use forebay_log::{ByteBudget, Durability, EmbeddedLog, Millis, OpenOptions};
use forebay_log_contract::{Harness, ManualClock, contract_tests};

struct Embedded {
    engine: EmbeddedLog,
    clock: ManualClock,
}

impl Embedded {
    fn open(options: OpenOptions) -> Self {
        let clock = ManualClock::new();
        let options = OpenOptions {
            clock: Arc::new(clock.clone()),
            // So small that the tail cache keeps next to nothing that is in a segment.
            budget: ByteBudget::new(64 * 1024),
            distrust_clock: false,
            ..options
        };
        let (engine, report) = EmbeddedLog::open(options).expect("opens");
        assert!(report.created && report.clean, "{report:?}");
        Self { engine, clock }
    }
}

impl Harness for Embedded {
    type Engine = EmbeddedLog;

    fn engine(&self) -> &EmbeddedLog {
        &self.engine
    }

    fn advance(&self, by: Millis) {
        self.clock.advance(by);
    }

    fn maintain(&self) {
        self.engine.maintain().expect("maintained");
    }

    fn cool_down(&self) {
        self.engine.evict_tail();
    }
}

fn on_disk(durability: Durability) -> OpenOptions {
    OpenOptions {
        durability,
        disk: Arc::new(MemDisk::default()),
        segment_bytes_max: 1000,
        ..OpenOptions::dir("/data")
    }
}

contract_tests!(memory, Embedded::open(OpenOptions::memory()));
contract_tests!(os, Embedded::open(on_disk(Durability::Os)));
contract_tests!(disk, Embedded::open(on_disk(Durability::Disk)));
