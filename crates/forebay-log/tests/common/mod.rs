//! What the tests of the data folder share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use forebay_log::disk::Disk;
use forebay_log::disk::mem::MemDisk;
use forebay_log::{
    ByteBudget, ControlEntry, ControlLog, EmbeddedLog, EntryClass, LogId, LogPolicy, OpenError, OpenOptions,
    OpenReport, PartitionId, PartitionLog, PartitionLogs,
};
use forebay_log_contract::{ManualClock, block_on};

pub(crate) const ROOT: &str = "/data";
pub(crate) const LOG: LogId = LogId(7);

pub(crate) fn options(disk: &MemDisk) -> OpenOptions {
    options_on(Arc::new(disk.clone()), ROOT)
}

pub(crate) fn options_on(disk: Arc<dyn Disk>, root: impl Into<PathBuf>) -> OpenOptions {
    OpenOptions {
        disk,
        clock: Arc::new(ManualClock::new()),
        budget: ByteBudget::new(256 << 20),
        segment_bytes_max: 2000,
        ..OpenOptions::dir(root)
    }
}

pub(crate) fn open(disk: &MemDisk) -> (EmbeddedLog, OpenReport) {
    EmbeddedLog::open(options(disk)).expect("opens")
}

pub(crate) fn refused(disk: &MemDisk) -> OpenError {
    EmbeddedLog::open(options(disk)).map(drop).expect_err("refused")
}

/// A new folder with one log of two partitions.
pub(crate) fn fresh() -> (MemDisk, EmbeddedLog) {
    let disk = MemDisk::default();
    let (log, report) = open(&disk);
    assert!(report.created);
    log.create(LOG, 2, LogPolicy::KEEP).expect("made");
    (disk, log)
}

pub(crate) fn door(log: &EmbeddedLog, index: u32) -> Arc<dyn PartitionLog> {
    log.partition(PartitionId { log: LOG, index }).expect("there")
}

pub(crate) fn put_control(log: &EmbeddedLog, body: &str) {
    let entry = ControlEntry { class: EntryClass::Durable, body: body.as_bytes().to_vec() };
    block_on(log.append(vec![entry])).expect("appended");
}

/// A round as it lies in a journal file: the test reads the format by itself.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) path: PathBuf,
    pub(crate) at: usize,
    pub(crate) number: u64,
    pub(crate) mark: u64,
    pub(crate) length: usize,
    pub(crate) frames: u32,
}

/// All rounds of the newest generations, by number.
pub(crate) fn rounds(disk: &MemDisk) -> Vec<Round> {
    let mut found = Vec::new();
    for path in
        disk.paths().into_iter().filter(|path| path.parent() == Some(&Path::new(ROOT).join("journal")))
    {
        let bytes = disk.bytes(&path).expect("there");
        let name = path.file_name().and_then(|name| name.to_str()).expect("named");
        let generation = u64::from_str_radix(name, 16).expect("a number");
        for at in (4096..bytes.len()).step_by(4096) {
            let u32_at = |offset: usize| u32::from_le_bytes(bytes[at + offset..][..4].try_into().expect("4"));
            let u64_at = |offset: usize| u64::from_le_bytes(bytes[at + offset..][..8].try_into().expect("8"));
            if &bytes[at..at + 4] == b"FBR1" && u64::from(u32_at(8)) == generation {
                let length = u32_at(32) as usize;
                let (number, mark, frames) = (u64_at(16), u64_at(24), u32_at(36));
                found.push(Round { path: path.clone(), at, number, mark, length, frames });
            }
        }
    }
    found.sort_by_key(|round| round.number);
    found
}

/// Takes rounds without frames away from the end: a power cut may, they are not flushed.
pub(crate) fn drop_idle_marks(disk: &MemDisk) {
    while let Some(last) = rounds(disk).pop().filter(|round| round.frames == 0) {
        disk.tamper(&last.path, |bytes| bytes[last.at..last.at + 64].fill(0));
    }
}

pub(crate) fn flip(disk: &MemDisk, path: &Path, at: usize) {
    disk.tamper(path, |bytes| bytes[at] ^= 0x10);
}
