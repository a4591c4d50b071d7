//! What verifying a folder finds, and that it neither changes the folder nor reads much of it at a time.

mod common;

use std::fs;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{LOG, ROOT, door, drop_idle_marks, flip, fresh, open, options_on, put_control, rounds};
use forebay_log::disk::mem::MemDisk;
use forebay_log::disk::os::OsDisk;
use forebay_log::disk::os::read_only::ReadOnlyDisk;
use forebay_log::disk::{Disk, Entry, File, Lock, Open};
use forebay_log::inspect::{Check, Finding, Folder, InspectError, Inspector, Item, Severity, Summary};
use forebay_log::{
    ControlLog, ControlSnapshot, EmbeddedLog, LogPolicy, PartitionId, PartitionLogs, Sequence,
};
use forebay_log_contract::{append, batch, batch_of};

#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
    entries: Vec<Vec<u8>>,
    unreadable_entry: Option<&'static [u8]>,
}

impl Inspector for Findings {
    fn finding(&mut self, finding: &Finding) {
        self.found.push(finding.clone());
    }

    fn control_entry(&mut self, sequence: Sequence, body: &[u8]) -> Result<(), String> {
        assert_eq!(sequence.0, self.entries.len() as u64, "in order");
        self.entries.push(body.to_vec());
        if self.unreadable_entry == Some(body) { Err("no entry".into()) } else { Ok(()) }
    }

    fn control_snapshot(&mut self, snapshot: &ControlSnapshot) -> Result<(), String> {
        if snapshot.bytes == b"newer" { Err("no state".into()) } else { Ok(()) }
    }
}

fn verify(disk: &MemDisk) -> (Summary, Vec<Finding>) {
    let mut findings = Findings::default();
    let folder = Folder::open(Arc::new(disk.clone()), Path::new(ROOT)).expect("opens");
    let summary = folder.verify(&mut findings).expect("readable");
    (summary, findings.found)
}

fn append_each(log: &EmbeddedLog, index: u32, name: &str, count: usize) {
    for n in 0..count {
        append(&door(log, index), batch(&format!("{name}{n}"), 1)).expect("appended");
    }
}

fn segment_files(disk: &MemDisk, end: &str) -> Vec<PathBuf> {
    let logs = Path::new(ROOT).join("logs/0000000000000007/0");
    let is_it =
        |path: &PathBuf| path.starts_with(&logs) && path.extension().is_some_and(|found| found == end);
    disk.paths().into_iter().filter(is_it).collect()
}

/// Closed and open segments, a trim, a deleted log, control entries; stopped cleanly.
fn stopped() -> MemDisk {
    let (disk, log) = fresh();
    put_control(&log, "one");
    put_control(&log, "two");
    append_each(&log, 0, "a", 60);
    append_each(&log, 1, "b", 3);
    log.snapshot_put(&ControlSnapshot { position: Sequence(1), bytes: b"state".to_vec() }).expect("kept");
    log.maintain().expect("maintained");
    door(&log, 0).trim(Sequence(20)).expect("trimmed");
    log.close().expect("closed");
    disk
}

#[test]
fn a_sound_folder_is_sound_and_everything_in_it_is_counted() {
    let disk = stopped();
    let (summary, found) = verify(&disk);
    assert!(summary.is_sound(), "{found:?}");
    assert_eq!(found, [], "a trim explains what is no longer there");
    assert_eq!((summary.partitions, summary.snapshots, summary.control_entries), (3, 1, 2), "{summary:?}");
    assert!(summary.records >= 45 && summary.segments >= 3 && summary.index_entries >= 1, "{summary:?}");
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 5);
    put_control(&log, "one");
    let (summary, found) = verify(&disk.snapshot());
    assert_eq!(found, [], "a killed folder, nothing torn");
    assert_eq!((summary.records, summary.control_entries, summary.segments), (6, 1, 0), "{summary:?}");
}

#[test]
fn the_folder_of_version_1_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let mut findings = Findings::default();
    let folder = Folder::open(Arc::new(ReadOnlyDisk), &root).expect("opens");
    let summary = folder.verify(&mut findings).expect("readable");
    assert!(summary.is_sound(), "{:?}", findings.found);
    assert_eq!(findings.entries, [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()]);
    assert!(!root.join("LOCK").exists(), "nothing is written");
}

#[test]
fn a_damaged_batch_of_a_segment_is_found_with_its_numbers() {
    let disk = stopped();
    let log = segment_files(&disk, "log").pop().expect("there");
    flip(&disk, &log, 48 + 65);
    let (summary, found) = verify(&disk);
    assert_eq!((summary.loss, summary.damage), (1, 0), "{found:?}");
    let finding = &found[0];
    assert_eq!((finding.check, finding.severity, finding.at), (Check::BatchSum, Severity::Loss, Some(0)));
    assert_eq!(finding.partition, Some(PartitionId { log: LOG, index: 0 }));
    let (first, next) = finding.events.expect("told");
    assert_eq!(next, first.plus(1));
    assert!(log.to_string_lossy().contains(&format!("{:020}-", first.0)), "{finding:?}");
}

#[test]
fn behind_a_damaged_header_the_index_leads_on() {
    let (disk, log) = fresh();
    let mut options = options_on(Arc::new(disk.clone()), ROOT);
    log.close().expect("closed");
    options.segment_bytes_max = 40_000;
    let (log, _) = EmbeddedLog::open(options).expect("opens");
    for n in 0..60_u8 {
        append(&door(&log, 0), batch_of(&[vec![n; 900]])).expect("appended");
    }
    log.close().expect("closed");
    let first = segment_files(&disk, "log").remove(0);
    let frame = 48 + 61 + 900 + 11;
    flip(&disk, &first, frame + 20);
    let (summary, found) = verify(&disk);
    assert_eq!((summary.loss, summary.damage), (1, 0), "{found:?}");
    let (first, next) = found[0].events.expect("told");
    assert_eq!((found[0].check, first), (Check::FrameHeader, Sequence(1)));
    assert!(next > Sequence(2) && next < Sequence(10), "an index entry is at most 4 KiB away: {next}");
}

#[test]
fn a_missing_or_short_segment_loses_what_it_held() {
    let disk = stopped();
    let log = segment_files(&disk, "log").pop().expect("there");
    disk.remove(&log).expect("removed");
    let (_, found) = verify(&disk);
    assert!(
        found
            .iter()
            .any(|finding| finding.check == Check::SegmentMissing && finding.severity == Severity::Loss)
    );
    let disk = stopped();
    disk.tamper(&log, |bytes| bytes.truncate(bytes.len() - 1));
    let (_, found) = verify(&disk);
    assert!(found.iter().any(|finding| finding.check == Check::SegmentShort), "{found:?}");
}

#[test]
fn an_index_that_misleads_is_damage_and_one_that_is_gone_is_a_note() {
    let disk = stopped();
    let index = segment_files(&disk, "idx").pop().expect("there");
    flip(&disk, &index, 3);
    let (summary, found) = verify(&disk);
    assert_eq!((summary.loss, summary.damage), (0, 1), "{found:?}");
    assert_eq!(found[0].check, Check::Index);
    disk.remove(&index).expect("removed");
    let (summary, found) = verify(&disk);
    assert!(summary.is_sound() && found[0].check == Check::IndexMissing, "{found:?}");
}

#[test]
fn a_missing_round_is_found_at_the_beginning_in_the_middle_and_at_the_end() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 5);
    let killed = disk.snapshot();
    drop_idle_marks(&killed);
    let all = rounds(&killed);
    let mark = all.last().expect("there").mark;
    assert_eq!(verify(&killed).0.loss, 0);
    for round in all.iter().filter(|round| round.number <= mark) {
        let copy = killed.snapshot();
        flip(&copy, &round.path, round.at + 20);
        let (_, found) = verify(&copy);
        assert!(found.iter().any(|finding| finding.check == Check::RoundMissing), "{round:?}: {found:?}");
    }
    let last = all.last().expect("there");
    flip(&killed, &last.path, last.at + 64 + 10);
    let (summary, found) = verify(&killed);
    assert!(summary.is_sound() && found[0].check == Check::TornTail, "above the mark it is torn: {found:?}");
}

#[test]
fn numbers_that_were_lost_before_stay_a_finding() {
    for follows in [false, true] {
        let (disk, log) = fresh();
        append(&door(&log, 0), batch("a", 5)).expect("appended");
        append_each(&log, 1, "b", 2);
        let killed = disk.snapshot();
        let first = rounds(&killed).remove(0);
        flip(&killed, &first.path, first.at + 64 + 48 + 65);
        let (again, report) = open(&killed);
        assert_eq!(report.damage.len(), 1, "{report:?}");
        let next = door(&again, 0).bounds().next;
        if follows {
            append_each(&again, 0, "c", 1);
        }
        again.close().expect("closed");
        let (summary, found) = verify(&killed);
        assert_eq!((summary.loss, summary.damage), (1, 0), "{found:?}");
        let gap = found.iter().find(|finding| finding.check == Check::EventGap).expect("found");
        assert_eq!(gap.events, Some((Sequence(0), next)));
        assert_eq!(gap.partition, Some(PartitionId { log: LOG, index: 0 }));
        assert!(
            found.iter().any(|finding| finding.check == Check::Orphan),
            "the copy that was kept: {found:?}"
        );
    }
}

#[test]
fn rot_in_the_middle_of_the_manifest_is_told_from_a_torn_tail() {
    let disk = stopped();
    let manifest = Path::new(ROOT).join("MANIFEST-00000001");
    disk.tamper(&manifest, |bytes| bytes.extend_from_slice(&[1, 2, 3]));
    let (summary, found) = verify(&disk);
    assert!(summary.is_sound() && found[0].check == Check::ManifestTail, "{found:?}");
    let disk = stopped();
    let length = disk.bytes(&manifest).expect("there").len();
    flip(&disk, &manifest, length - 200);
    let (summary, found) = verify(&disk);
    assert!(!summary.is_sound());
    assert!(found.iter().any(|finding| finding.check == Check::ManifestEntry), "{found:?}");
}

#[test]
fn contents_that_the_caller_cannot_read_are_findings() {
    let disk = stopped();
    let folder = Folder::open(Arc::new(disk), Path::new(ROOT)).expect("opens");
    let mut findings = Findings { unreadable_entry: Some(b"two"), ..Findings::default() };
    folder.verify(&mut findings).expect("readable");
    assert_eq!(findings.found.len(), 1, "{:?}", findings.found);
    assert_eq!((findings.found[0].check, findings.found[0].what.as_str()), (Check::ControlEntry, "no entry"));
}

#[test]
fn what_nobody_claims_is_noted_and_left_alone() {
    let disk = stopped();
    for name in ["stray", "snapshots/x.tmp", "orphans/old", "logs/0000000000000007/0/notes.txt"] {
        let path = Path::new(ROOT).join(name);
        disk.create_dir(path.parent().expect("there")).expect("made");
        disk.open(&path, Open::New).expect("made");
    }
    let before: Vec<_> = disk.paths();
    let (summary, found) = verify(&disk);
    assert!(summary.is_sound() && summary.notes == 4, "{found:?}");
    let checks: Vec<Check> = found.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, [Check::Stray, Check::Leftover, Check::Orphan, Check::Stray]);
    assert_eq!(before, disk.paths());
}

#[test]
fn a_folder_in_use_is_refused_and_one_that_is_looked_at_is_not_served() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inspect-lock-{}", std::process::id()));
    let (log, _) = EmbeddedLog::open(options_on(Arc::new(OsDisk), &root)).expect("opens");
    log.create(LOG, 1, LogPolicy::KEEP).expect("made");
    append(&door(&log, 0), batch("a", 3)).expect("appended");
    let refused = Folder::open(Arc::new(ReadOnlyDisk), &root).map(drop);
    assert!(matches!(refused, Err(InspectError::Locked { .. })), "{refused:?}");
    log.close().expect("closed");
    let folder = Folder::open(Arc::new(ReadOnlyDisk), &root).expect("free");
    assert!(folder.verify(&mut Findings::default()).expect("readable").is_sound());
    assert!(EmbeddedLog::open(options_on(Arc::new(OsDisk), &root)).is_err(), "it is being looked at");
    drop(folder);
    fs::remove_dir_all(&root).expect("removed");
    let refused = Folder::open(Arc::new(ReadOnlyDisk), &root).map(drop);
    assert!(matches!(refused, Err(InspectError::NotAFolder { .. })), "{refused:?}");
}

/// Counts the largest piece that is read at once.
#[derive(Debug, Clone)]
struct Measured(MemDisk, Arc<AtomicUsize>);

#[derive(Debug)]
struct MeasuredFile(Arc<dyn File>, Arc<AtomicUsize>);

impl Disk for Measured {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(MeasuredFile(self.0.open(path, how)?, Arc::clone(&self.1))))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.0.lock(path)
    }
    fn random_id(&self) -> io::Result<[u8; 16]> {
        self.0.random_id()
    }
}

impl File for MeasuredFile {
    fn write_at(&self, _position: u64, _pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        panic!("nothing is written")
    }
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.fetch_max(buffer.len(), Ordering::Relaxed);
        self.0.read_at(position, buffer)
    }
    fn sync_data(&self) -> io::Result<()> {
        panic!("nothing is written")
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, _bytes: u64) -> io::Result<()> {
        panic!("nothing is written")
    }
    fn forget(&self, _from: u64, _bytes: u64) {}
    fn allocate(&self, _bytes: u64) -> io::Result<()> {
        panic!("nothing is written")
    }
}

#[test]
fn a_folder_is_read_a_piece_at_a_time_and_never_written() {
    let disk = MemDisk::default();
    let mut options = options_on(Arc::new(disk.clone()), ROOT);
    options.segment_bytes_max = 64 << 20;
    let (log, _) = EmbeddedLog::open(options).expect("opens");
    log.create(LOG, 1, LogPolicy::KEEP).expect("made");
    for n in 0..40_u8 {
        append(&door(&log, 0), batch_of(&[vec![n; 500_000]])).expect("appended");
    }
    log.maintain().expect("maintained");
    let largest = Arc::new(AtomicUsize::new(0));
    let copy = Measured(disk.snapshot(), Arc::clone(&largest));
    let folder = Folder::open(Arc::new(copy), Path::new(ROOT)).expect("opens");
    let summary = folder.verify(&mut Findings::default()).expect("readable");
    assert!(summary.is_sound() && summary.bytes > 20_000_000, "{summary:?}");
    assert!(largest.load(Ordering::Relaxed) < 1 << 20, "{largest:?}: about a batch at a time");
}

#[test]
fn frames_are_shown_from_a_number_on_across_segments_and_journal() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 60);
    log.maintain().expect("maintained");
    append_each(&log, 0, "late", 3);
    let killed = disk.snapshot();
    let folder = Folder::open(Arc::new(killed), Path::new(ROOT)).expect("opens");
    for from in [0, 1, 33, 59, 60, 62, 63] {
        let mut shown = Vec::new();
        folder
            .frames(PartitionId { log: LOG, index: 0 }, Sequence(from), &mut |item| {
                match item {
                    Item::Frame(frame) => shown.push((frame.base.0, frame.round.is_some(), frame.fault)),
                    other => panic!("{other:?}"),
                }
                std::ops::ControlFlow::Continue(())
            })
            .expect("readable");
        let expected: Vec<_> = (from..63).map(|n| (n, n >= 60, None)).collect();
        assert_eq!(shown, expected, "from {from}");
    }
    let mut rounds = 0;
    let journal = folder.journal(&mut |item| {
        rounds += usize::from(matches!(item, Item::Round(round) if round.frames > 0));
        std::ops::ControlFlow::Continue(())
    });
    journal.expect("readable");
    // A journal file that was left early, for one whose blocks are written, may be free again by now.
    assert!((3..=63).contains(&rounds), "{rounds}");
    let (again, _) = open(&disk.snapshot());
    assert_eq!(door(&again, 0).bounds().next, Sequence(63));
}
