//! Every single-bit flip of a small folder is found, or is harmless for a reason that is named here.
//!
//! Each flip is looked at by `inspect`. What that does not call damage must be of a kind listed in [`harmless`], and
//! the engine must give back everything as it was. Of what it does call damage a part is opened by the engine too:
//! whatever is flipped, the engine never gives wrong data, and gives less than there was only where `inspect` says
//! that something is lost.

mod common;
#[path = "common/sparse.rs"]
mod sparse;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{LOG, ROOT, door, options_on, put_control};
use forebay_event::BatchRef;
use forebay_log::disk::mem::MemDisk;
use forebay_log::inspect::{Finding, Folder, InspectError, Inspector, Severity};
use forebay_log::{
    ControlLog, ControlSnapshot, EmbeddedLog, LogError, LogId, LogPolicy, PartitionId, PartitionLogs,
    Sequence,
};
use forebay_log_contract::{append, batch, block_on};
use sparse::SparseDisk;

/// The whole folder is no larger.
const FOLDER_BYTES_MAX: usize = 16 * 1024;
/// The engine opens one in so many of the flips that were found.
const FOUND_EVERY: usize = 31;

fn open(disk: &MemDisk) -> Result<(EmbeddedLog, forebay_log::OpenReport), forebay_log::OpenError> {
    let mut options = options_on(Arc::new(SparseDisk(disk.clone())), ROOT);
    options.segment_bytes_max = 300;
    EmbeddedLog::open(options)
}

/// Two logs, one of them deleted; closed segments with indexes, an open one; a trim; two snapshots; then, in a second
/// life, a round whose event is in a segment too, and one whose event is not, both below the mark.
fn folder() -> (MemDisk, EmbeddedLog) {
    let disk = MemDisk::default();
    let (log, _) = open(&disk).expect("opens");
    log.create(LOG, 2, LogPolicy::KEEP).expect("made");
    log.create(LogId(9), 1, LogPolicy::KEEP).expect("made");
    put_control(&log, "first");
    put_control(&log, "second");
    for n in 0..6 {
        append(&door(&log, 0), batch(&format!("a{n}"), 1 + n % 2)).expect("appended");
    }
    for position in 1..=2 {
        let bytes = format!("state {position}").into_bytes();
        log.snapshot_put(&ControlSnapshot { position: Sequence(position), bytes }).expect("kept");
    }
    log.maintain().expect("maintained");
    door(&log, 0).trim(Sequence(4)).expect("trimmed");
    log.delete(LogId(9)).expect("deleted");
    log.close().expect("closed");
    let (log, report) = open(&disk).expect("opens");
    assert!(report.clean);
    // A round goes on to the next journal file as soon as that is prepared: better before the first than between two.
    std::thread::sleep(Duration::from_millis(50));
    append(&door(&log, 0), batch("late", 2)).expect("appended");
    log.maintain().expect("maintained");
    append(&door(&log, 1), batch("b", 2)).expect("appended");
    (disk, log)
}

/// The folder after `end`, made again until its rounds have come to lie in one journal file.
fn small(end: impl Fn(MemDisk, EmbeddedLog) -> MemDisk) -> MemDisk {
    for _ in 0..50 {
        let (disk, log) = folder();
        let disk = end(disk, log);
        if bytes_of(&disk) <= FOLDER_BYTES_MAX {
            return disk;
        }
    }
    panic!("the rounds never came to lie in one file");
}

fn bytes_of(disk: &MemDisk) -> usize {
    disk.paths().iter().map(|path| disk.bytes(path).expect("there").len()).sum()
}

/// As a killed process leaves it, once the last round's mark is written.
fn killed() -> MemDisk {
    small(|disk, _log| {
        for _ in 0..100 {
            let copy = disk.snapshot();
            if let Some(last) = common::rounds(&copy).last().filter(|last| last.frames == 0) {
                // The zeros behind it need not have reached the disk.
                copy.tamper(&last.path, |bytes| bytes.truncate(last.at + last.length));
                return copy;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no round carried the last mark");
    })
}

/// As a clean stop leaves it.
fn stopped() -> MemDisk {
    small(|disk, log| {
        log.close().expect("closed");
        disk
    })
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Inspector for Findings {
    fn finding(&mut self, finding: &Finding) {
        self.0.push(finding.clone());
    }
}

/// The worst of what `inspect` finds.
fn inspect(disk: &MemDisk) -> Option<Finding> {
    let mut findings = Findings::default();
    match Folder::open(Arc::new(disk.clone()), Path::new(ROOT)) {
        Ok(folder) => drop(folder.verify(&mut findings).expect("readable")),
        Err(InspectError::Damaged(finding)) => findings.0.push(*finding),
        Err(error) => panic!("{error}"),
    }
    // The first of the worst.
    findings.0.into_iter().rev().max_by_key(|finding| finding.severity)
}

/// What the engine gives back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Contents {
    logs: Vec<LogId>,
    events: BTreeMap<(PartitionId, Sequence), Vec<u8>>,
    ends: BTreeMap<PartitionId, (Sequence, Sequence)>,
    snapshot: Option<ControlSnapshot>,
    /// It said that something is lost.
    said: bool,
}

/// Opens a copy; `None` if the engine refuses.
fn contents(disk: &MemDisk) -> Option<Contents> {
    let (log, report) = open(&disk.snapshot()).ok()?;
    log.evict_tail();
    let mut found = Contents { logs: log.logs().expect("served"), ..Contents::default() };
    found.said = !report.damage.is_empty();
    match log.snapshot_get() {
        Ok(snapshot) => found.snapshot = snapshot,
        Err(_) => found.said = true,
    }
    for id in found.logs.clone() {
        for index in 0..if id == LogId::CONTROL { 1 } else { 2 } {
            let id = PartitionId { log: id, index };
            let Ok(door) = log.partition(id) else { continue };
            let bounds = door.bounds();
            found.ends.insert(id, (bounds.first, bounds.next));
            let mut at = bounds.first;
            while at < bounds.next {
                match block_on(door.read(at, 1)) {
                    Ok(read) => {
                        for batch in read.batches {
                            let records = BatchRef::parse(&batch.bytes).expect("sound").records();
                            for record in records {
                                let record = record.expect("sound");
                                let sequence = batch.base.plus(u64::from(record.offset_delta));
                                let body = record.value.expect("a body").to_vec();
                                found.events.insert((id, sequence), body);
                                at = at.max(sequence.plus(1));
                            }
                        }
                    }
                    Err(LogError::Damaged { next, .. }) => {
                        found.said = true;
                        at = next.max(at.plus(1));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    found.events.retain(|(id, sequence), _| *sequence >= found.ends[id].0);
    Some(found)
}

/// A kind of bytes in which a flip harms nothing, and in how many of the flips the engine is asked whether that is so.
type Harmless = (&'static str, usize, fn(&Path, usize, &Layout) -> bool);

/// What lies where in the folder, by the test's own reading.
struct Layout {
    rounds: Vec<common::Round>,
    /// Journal files that nothing needs.
    spent: Vec<PathBuf>,
    /// Where the manifest's last append begins, if no round was written after it.
    manifest_known: usize,
}

fn is_journal(path: &Path) -> bool {
    path.starts_with(Path::new(ROOT).join("journal"))
}

/// Where nothing need be found, and why that is right.
const HARMLESS: &[Harmless] = &[
    // A round without frames carries a mark and nothing else; without it the round before is kept since it is whole.
    ("the last mark", 7, |path, at, layout| {
        layout.rounds.last().is_some_and(|last| last.frames == 0 && last.path == path && at >= last.at)
    }),
    // After a clean stop everything is in segments, and no journal file is read.
    ("a spent journal file", 499, |path, _, layout| layout.spent.iter().any(|spent| spent == path)),
    // What the last append to the manifest said, recovery finds out again from the journal.
    ("the manifest's last append", 13, |path, at, layout| {
        path.to_string_lossy().contains("MANIFEST") && at >= layout.manifest_known
    }),
];

/// Flips every bit of the folder; gives how many were found by which check, and how many were harmless for which reason.
fn flip_everything(disk: &MemDisk, layout: &Layout) -> BTreeMap<String, usize> {
    let whole = contents(disk).expect("opens");
    assert!(!whole.said);
    assert!(inspect(disk).is_none_or(|finding| finding.severity == Severity::Note), "{:?}", inspect(disk));
    let mut counts = BTreeMap::new();
    for path in disk.paths() {
        for bit in 0..disk.bytes(&path).expect("there").len() * 8 {
            let place = || format!("{} byte {} bit {}", path.display(), bit / 8, bit % 8);
            let flip = || disk.tamper(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            flip();
            let found = inspect(disk).filter(|finding| finding.severity > Severity::Note);
            let name = match &found {
                Some(finding) => {
                    if bit % FOUND_EVERY == 0 {
                        judge(&whole, contents(disk), finding, &place());
                    }
                    format!("found by {}", finding.check.name())
                }
                None => {
                    let kind = HARMLESS.iter().find(|(_, _, is_it)| is_it(&path, bit / 8, layout));
                    let (kind, every, _) = kind.unwrap_or_else(|| panic!("nothing finds {}", place()));
                    if bit % every == 0 {
                        assert_eq!(contents(disk).as_ref(), Some(&whole), "{kind}: {}", place());
                    }
                    format!("harmless: {kind}")
                }
            };
            *counts.entry(name).or_default() += 1;
            flip();
        }
    }
    counts
}

/// Never wrong data; and never less than there was where nothing is said to be lost.
fn judge(whole: &Contents, found: Option<Contents>, finding: &Finding, place: &str) {
    let Some(found) = found else {
        assert_eq!(finding.severity, Severity::Loss, "the engine refuses: {place}: {finding:?}");
        return;
    };
    for (event, body) in &found.events {
        assert_eq!(whole.events.get(event), Some(body), "{event:?}: {place}: {finding:?}");
    }
    let is_less = found.events.len() < whole.events.len();
    assert!(!is_less || found.said, "lost without a word: {place}: {finding:?}");
    if finding.severity == Severity::Damage {
        assert_eq!((&found.logs, &found.ends), (&whole.logs, &whole.ends), "{place}: {finding:?}");
    }
}

#[expect(clippy::print_stdout, reason = "the counts are the test's result, shown with --nocapture")]
fn print(name: &str, counts: &BTreeMap<String, usize>) {
    let total: usize = counts.values().sum();
    println!("{name}: {total} flips");
    for (what, count) in counts {
        println!("  {count:7}  {what}");
    }
}

fn journal_files(disk: &MemDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| is_journal(path)).collect()
}

fn harmless(counts: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    counts.iter().filter_map(|(name, count)| Some((name.strip_prefix("harmless: ")?, *count))).collect()
}

#[test]
fn every_flipped_bit_of_a_killed_folder_is_found_or_harmless() {
    let disk = killed();
    let layout = Layout { rounds: common::rounds(&disk), spent: Vec::new(), manifest_known: usize::MAX };
    let counts = flip_everything(&disk, &layout);
    print("killed", &counts);
    assert_eq!(harmless(&counts), [("the last mark", 64 * 8)], "a round's header");
}

#[test]
fn every_flipped_bit_of_a_stopped_folder_is_found_or_harmless() {
    let disk = stopped();
    let journal = journal_files(&disk);
    let journal_bits: usize = journal.iter().map(|path| disk.bytes(path).expect("there").len() * 8).sum();
    let is_manifest = |path: &PathBuf| path.to_string_lossy().contains("MANIFEST");
    let manifest = disk.paths().into_iter().find(is_manifest).expect("there is one");
    let manifest = disk.bytes(&manifest).expect("there").len();
    // A clean stop of three partitions: entry header, generation, round and time, three ends.
    let last_append = 12 + 20 + 3 * 28;
    let rounds = common::rounds(&disk);
    let layout = Layout { rounds, spent: journal, manifest_known: manifest - last_append };
    let counts = flip_everything(&disk, &layout);
    print("stopped", &counts);
    let expected = [("a spent journal file", journal_bits), ("the manifest's last append", last_append * 8)];
    assert_eq!(harmless(&counts), expected);
}
