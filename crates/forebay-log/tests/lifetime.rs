//! What an open log holds it gives back.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{LOG, door, options};
use forebay_log::disk::mem::MemDisk;
use forebay_log::{ByteBudget, EmbeddedLog, LogPolicy, OpenOptions, PartitionLogs};
use forebay_log_contract::{ManualClock, append, batch};

fn check(options: OpenOptions, use_it: impl FnOnce(&EmbeddedLog)) {
    let clock = Arc::new(ManualClock::new());
    let budget = ByteBudget::new(1 << 30);
    let (log, _) =
        EmbeddedLog::open(OpenOptions { clock: clock.clone(), budget: Arc::clone(&budget), ..options })
            .expect("opens");
    log.create(LOG, 3, LogPolicy::KEEP).expect("made");
    let kept = door(&log, 0);
    append(&kept, batch("a", 3)).expect("appended");
    use_it(&log);
    drop(log);
    assert!(append(&kept, batch("b", 1)).is_err(), "a door that was kept says so");
    drop(kept);
    assert_eq!(Arc::strong_count(&clock), 1, "everything is freed");
    assert_eq!(budget.used(), 0, "and given back");
}

#[test]
fn a_dropped_log_frees_everything() {
    check(OpenOptions::memory(), |_| {});
    check(options(&MemDisk::default()), |_| {});
    check(options(&MemDisk::default()), |log| log.delete(LOG).expect("deleted"));
}

#[test]
fn a_log_that_failed_frees_everything() {
    let disk = MemDisk::default();
    check(options(&disk), |log| {
        disk.faults().fail_sync.store(true, Ordering::Relaxed);
        assert!(append(&door(log, 1), batch("x", 1)).is_err());
    });
}

#[test]
fn deleting_gives_the_memory_back() {
    let budget = ByteBudget::new(1 << 30);
    let disk = MemDisk::default();
    let (log, _) =
        EmbeddedLog::open(OpenOptions { budget: Arc::clone(&budget), ..options(&disk) }).expect("opens");
    log.create(LOG, 1, LogPolicy::KEEP).expect("made");
    append(&door(&log, 0), batch("a", 100)).expect("appended");
    assert!(budget.used() > 0);
    log.delete(LOG).expect("deleted");
    assert_eq!(budget.used(), 0);
    let (memory, _) = EmbeddedLog::open(OpenOptions::memory()).expect("opens");
    memory.create(LOG, 1, LogPolicy::KEEP).expect("made");
    append(&door(&memory, 0), batch("a", 100)).expect("appended");
    assert!(memory.memory_bytes().0 > 0);
    memory.delete(LOG).expect("deleted");
    assert_eq!(memory.memory_bytes().0, 0);
}
