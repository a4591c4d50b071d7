//! What a data folder gives back after accidents: everything acknowledged, nothing else, and the truth about damage.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{LOG, ROOT, door, drop_idle_marks, flip, fresh, open, options, put_control, refused, rounds};
use forebay_log::{
    ByteBudget, ControlLog, ControlSnapshot, Durability, EmbeddedLog, Health, LogError, LogId, LogPolicy,
    Millis, OpenError, OpenOptions, PartitionId, PartitionLogs, Sequence,
};
use forebay_log_contract::{
    Answers, ManualClock, append, append_all, batch, batch_of, block_on, read_bodies,
};

fn bodies_of(log: &EmbeddedLog, index: u32) -> Vec<String> {
    let door = door(log, index);
    read_bodies(&door, door.bounds().first, 10_000).expect("read")
}

fn names(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{name}{n}.0")).collect()
}

fn append_each(log: &EmbeddedLog, index: u32, name: &str, count: usize) {
    for n in 0..count {
        append(&door(log, index), batch(&format!("{name}{n}"), 1)).expect("appended");
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 20);
    append_each(&log, 1, "b", 5);
    let killed = disk.snapshot();
    let (again, report) = open(&killed);
    assert!(!report.clean && !report.created);
    assert_eq!((report.recovered_batches, report.cut_rounds), (25, 0), "{report:?}");
    assert_eq!((report.damage.len(), report.orphans.len()), (0, 0), "{report:?}");
    assert_eq!(bodies_of(&again, 0), names("a", 20));
    assert_eq!(bodies_of(&again, 1), names("b", 5));
    append_each(&again, 1, "c", 1);
    assert_eq!(door(&again, 1).bounds().next, Sequence(6));
}

#[test]
fn after_a_clean_stop_nothing_is_scanned_and_everything_is_there() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 20);
    put_control(&log, "entry");
    log.close().expect("closed");
    log.close().expect("again");
    let answer = append(&door_of_closed(&disk), batch("x", 1));
    assert!(answer.is_ok());
    let (again, report) = open(&disk.snapshot());
    assert!(!report.clean, "the folder was in use again");
    assert_eq!(bodies_of(&again, 0).len(), 21);
    let mut follower = again.follow(Sequence(0)).expect("following");
    assert_eq!(&*block_on(follower.next()).expect("there").body, b"entry");
}

fn door_of_closed(disk: &forebay_log::disk::mem::MemDisk) -> Arc<dyn forebay_log::PartitionLog> {
    let (log, report) = open(disk);
    assert!(report.clean, "{report:?}");
    assert_eq!(report.recovered_batches, 0);
    assert_eq!(bodies_of(&log, 0), names("a", 20));
    let door = door(&log, 0);
    // Left open on purpose: the next open is of a snapshot.
    core::mem::forget(log);
    door
}

#[test]
fn a_closed_log_refuses_and_answers_what_it_took() {
    let (_disk, log) = fresh();
    let door = door(&log, 0);
    let answers = Answers::new();
    for n in 0..100 {
        door.append(answers.submission(batch(&format!("{n}"), 1))).expect("accepted");
    }
    log.close().expect("closed");
    assert!(answers.wait(100).iter().all(Result::is_ok), "what was taken is committed");
    let refused = append(&door, batch("x", 1));
    assert!(matches!(refused, Err(LogError::Unavailable { .. })), "{refused:?}");
}

#[test]
fn crashes_in_the_middle_of_everything_lose_nothing_acknowledged() {
    let (mut disk, mut log) = fresh();
    let mut acknowledged: Vec<String> = Vec::new();
    for cycle in 0..30 {
        for n in 0..7 {
            let name = format!("{cycle}.{n}");
            append(&door(&log, 0), batch(&name, 1 + n % 3)).expect("appended");
            acknowledged.extend((0..=n % 3).map(|event| format!("{name}.{event}")));
        }
        if cycle % 3 == 0 {
            log.maintain().expect("maintained");
        }
        let answers = Answers::new();
        for n in 0..cycle {
            door(&log, 0)
                .append(answers.submission(batch(&format!("in flight {cycle}.{n}"), 1)))
                .expect("taken");
        }
        let killed = disk.snapshot();
        let (again, report) = open(&killed);
        assert_eq!(report.damage, [], "cycle {cycle}");
        let found = bodies_of(&again, 0);
        assert!(found.len() >= acknowledged.len(), "cycle {cycle}");
        assert_eq!(&found[..acknowledged.len()], &acknowledged[..], "cycle {cycle}");
        assert!(found[acknowledged.len()..].iter().all(|body| body.starts_with("in flight")));
        acknowledged = found;
        disk = killed;
        log = again;
    }
}

#[test]
fn a_torn_last_round_is_cut_whatever_byte_it_was_torn_at() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 3);
    append_each(&log, 1, "b", 1);
    let killed = disk.snapshot();
    drop_idle_marks(&killed);
    let last = rounds(&killed).pop().expect("there");
    assert!(last.mark < last.number);
    for cut in (0..last.length).step_by(13) {
        let torn = killed.snapshot();
        torn.tamper(&last.path, |bytes| bytes[last.at + cut..last.at + last.length].fill(0));
        let (again, report) = open(&torn);
        assert_eq!(bodies_of(&again, 0), names("a", 3), "cut at {cut}");
        assert_eq!(bodies_of(&again, 1), Vec::<String>::new(), "cut at {cut}");
        assert_eq!(report.damage, [], "a torn tail is no damage");
        append_each(&again, 1, "c", 1);
        assert_eq!(bodies_of(&again, 1), names("c", 1));
    }
}

#[test]
fn what_follows_a_torn_round_goes_too_even_if_it_looks_whole() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 4);
    let killed = disk.snapshot();
    drop_idle_marks(&killed);
    let all = rounds(&killed);
    // As if nothing had been flushed since round 1: later marks did not reach the disk either.
    for round in all.iter().filter(|round| round.number > 1) {
        assert!(round.mark >= 1, "each round carries the one before");
    }
    let second = all.iter().find(|round| round.number == 2).expect("there");
    flip(&killed, &second.path, second.at + 64 + 48 + 70);
    let (again, report) = open(&killed);
    // Round 4 carries mark 3: round 2 was durable, so this is damage and not a torn tail.
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(report.cut_rounds, 0);
    drop(again);
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 2);
    let killed = disk.snapshot();
    drop_idle_marks(&killed);
    let all = rounds(&killed);
    let (first, second) = (&all[0], &all[1]);
    assert_eq!((first.mark, second.mark), (0, 1));
    flip(&killed, &second.path, second.at + 64 + 20);
    let (again, report) = open(&killed);
    assert_eq!((report.damage.len(), report.cut_rounds), (0, 1), "{report:?}");
    assert_eq!(bodies_of(&again, 0), names("a", 1));
}

#[test]
fn damage_below_the_mark_is_quarantined_and_reported_and_never_cut() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 6);
    append_each(&log, 1, "b", 2);
    let killed = disk.snapshot();
    let third = rounds(&killed).into_iter().find(|round| round.number == 3).expect("there");
    flip(&killed, &third.path, third.at + 64 + 48 + 65);
    let (again, report) = open(&killed);
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let damage = &report.damage[0];
    assert_eq!(
        (damage.partition, damage.first),
        (Some(PartitionId { log: LOG, index: 0 }), Some(Sequence(2)))
    );
    assert!(
        killed.paths().iter().any(|path| path.starts_with(Path::new(ROOT).join("orphans"))),
        "a copy is kept"
    );
    let door = door(&again, 0);
    assert_eq!(
        read_bodies(&door, Sequence(3), 1000).map(|bodies| bodies.len()),
        Ok(3),
        "what follows is served"
    );
    assert_eq!(block_on(door.read(Sequence(0), 10_000)).expect("before it").batches.len(), 2);
    let lost = LogError::Damaged {
        first: Sequence(2),
        next: Sequence(3),
        what: "these events were lost to damage".into(),
    };
    assert_eq!(block_on(door.read(Sequence(2), 100)).expect_err("lost"), lost);
    assert_eq!(bodies_of(&again, 1), names("b", 2));
    again.maintain().expect("maintained");
    again.evict_tail();
    assert_eq!(block_on(door.read(Sequence(2), 100)).expect_err("lost"), lost, "cold too");
    again.close().expect("closed");
    let (third, report) = open(&killed);
    assert!(report.clean && report.damage.is_empty());
    let door = common::door(&third, 0);
    assert_eq!(block_on(door.read(Sequence(2), 100)).expect_err("lost"), lost, "and after a restart");
}

#[test]
fn numbers_of_a_lost_last_batch_are_not_given_again() {
    let (disk, log) = fresh();
    append(&door(&log, 0), batch("a", 5)).expect("appended");
    append_each(&log, 1, "later", 2);
    let killed = disk.snapshot();
    let first = rounds(&killed).into_iter().next().expect("there");
    flip(&killed, &first.path, first.at + 64 + 48 + 65);
    let (again, report) = open(&killed);
    assert_eq!(report.damage.len(), 1, "{report:?}");
    let next = door(&again, 0).bounds().next;
    assert!(next >= Sequence(5), "{next}");
    assert!(matches!(block_on(door(&again, 0).read(Sequence(0), 10)), Err(LogError::Damaged { .. })));
    let new = append(&door(&again, 0), batch("b", 1)).expect("appended");
    assert_eq!(new.base, next);
    let (third, _) = open(&killed.snapshot());
    assert_eq!(door(&third, 0).bounds().next, next.plus(1));
    assert_eq!(read_bodies(&door(&third, 0), next, 100), Ok(vec!["b.0".into()]));
}

#[test]
fn damage_of_the_control_log_refuses_the_start_and_changes_nothing() {
    let (disk, log) = fresh();
    put_control(&log, "one");
    put_control(&log, "two");
    put_control(&log, "three");
    let killed = disk.snapshot();
    let first = rounds(&killed).into_iter().next().expect("there");
    flip(&killed, &first.path, first.at + 64 + 48 + 65);
    let before: Vec<_> = killed.paths().into_iter().map(|path| (killed.bytes(&path), path)).collect();
    let error = refused(&killed);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("keep a copy of the folder"), "{error}");
    let after: Vec<_> = killed.paths().into_iter().map(|path| (killed.bytes(&path), path)).collect();
    assert!(before == after, "nothing was changed");
}

#[test]
fn a_manifest_shorter_than_it_was_flushed_refuses_the_start() {
    let (disk, log) = fresh();
    log.create(LogId(9), 1, LogPolicy::KEEP).expect("made");
    append_each(&log, 0, "a", 2);
    let manifest = Path::new(ROOT).join("MANIFEST-00000001");
    let killed = disk.snapshot();
    killed.tamper(&manifest, |bytes| bytes.truncate(bytes.len() - 1));
    let error = refused(&killed);
    assert!(error.to_string().contains("flushed up to byte"), "{error}");
    let killed = disk.snapshot();
    killed.tamper(&manifest, |bytes| bytes.extend_from_slice(&[1, 2, 3]));
    let (again, report) = open(&killed);
    assert_eq!(report.damage, [], "what lies behind the flushed end was torn");
    assert_eq!(bodies_of(&again, 0), names("a", 2));
}

#[test]
fn a_failed_flush_acknowledges_nothing_and_refuses_until_a_restart() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 2);
    disk.faults().fail_sync.store(true, Ordering::Relaxed);
    let unknown = append(&door(&log, 0), batch("lost", 1));
    assert!(matches!(unknown, Err(LogError::Indeterminate { .. })), "{unknown:?}");
    disk.faults().fail_sync.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        let refused = append(&door(&log, 0), batch("later", 1));
        assert!(matches!(refused, Err(LogError::Unavailable { .. })), "{refused:?}");
    }
    assert!(matches!(log.health(), Health::ReadOnly(_)));
    assert_eq!(door(&log, 0).bounds().next, Sequence(2), "nothing unacknowledged is shown");
    assert_eq!(bodies_of(&log, 0), names("a", 2), "reads go on");
    assert!(log.close().is_err(), "this is no clean stop");
    let (again, report) = open(&disk);
    assert!(!report.clean);
    assert_eq!(&bodies_of(&again, 0)[..2], &names("a", 2)[..]);
    append_each(&again, 0, "b", 1);
}

#[test]
fn a_failed_write_acknowledges_nothing() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 2);
    disk.faults().fail_write.store(true, Ordering::Relaxed);
    let unknown = append(&door(&log, 0), batch("lost", 1));
    assert!(matches!(unknown, Err(LogError::Indeterminate { .. })), "{unknown:?}");
    disk.faults().fail_write.store(false, Ordering::Relaxed);
    let (again, report) = open(&disk.snapshot());
    assert_eq!(report.damage, []);
    assert_eq!(bodies_of(&again, 0), names("a", 2));
}

#[test]
fn a_full_disk_refuses_and_recovers_when_there_is_room_again() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 2);
    disk.faults().full.store(true, Ordering::Relaxed);
    // The journal's files are there: events are still taken until they are full.
    append_each(&log, 0, "b", 2);
    assert!(log.maintain().is_err());
    assert!(matches!(log.health(), Health::Degraded(_)));
    let answers = Answers::new();
    let mut refused = None;
    for n in 0..60 {
        match append(&door(&log, 1), batch_of(&[vec![n; 1 << 20]])) {
            Ok(_) => {}
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    drop(answers);
    assert!(matches!(refused, Some(LogError::Unavailable { .. })), "{refused:?}");
    assert_eq!(bodies_of(&log, 0).len(), 4, "reads go on");
    disk.faults().full.store(false, Ordering::Relaxed);
    log.maintain().expect("there is room again");
    assert_eq!(log.health(), Health::Ok);
    append_each(&log, 0, "c", 2);
    let (again, report) = open(&disk.snapshot());
    assert_eq!(report.damage, []);
    assert_eq!(bodies_of(&again, 0).len(), 6);
}

#[test]
fn journal_files_are_used_again_and_what_they_held_is_in_segments() {
    let (disk, log) = fresh();
    for n in 0..60_u8 {
        append(&door(&log, 0), batch_of(&[vec![n; 1 << 20]])).expect("appended");
    }
    log.maintain().expect("maintained");
    let journal: usize = disk
        .paths()
        .iter()
        .filter(|path| path.starts_with(Path::new(ROOT).join("journal")))
        .map(|path| disk.bytes(path).map_or(0, |bytes| bytes.len()))
        .sum();
    assert!(journal <= 256 << 20, "{journal}");
    for cold in [false, true] {
        if cold {
            log.evict_tail();
        }
        for n in [0, 1, 30, 59_u8] {
            let read = block_on(door(&log, 0).read(Sequence(u64::from(n)), 1)).expect("read");
            assert_eq!(forebay_log_contract::bodies(&read.batches[0]), [vec![n; 1 << 20]]);
        }
    }
    let (again, report) = open(&disk.snapshot());
    assert_eq!(report.damage, []);
    assert_eq!(door(&again, 0).bounds().next, Sequence(60));
}

#[test]
fn the_os_level_survives_a_killed_process() {
    let disk = forebay_log::disk::mem::MemDisk::default();
    let os = || OpenOptions { durability: Durability::Os, ..options(&disk) };
    let (log, _) = EmbeddedLog::open(os()).expect("opens");
    log.create(LOG, 2, LogPolicy::KEEP).expect("made");
    append_each(&log, 0, "a", 10);
    let killed = disk.snapshot();
    let (again, report) =
        EmbeddedLog::open(OpenOptions { durability: Durability::Os, ..options(&killed) }).expect("opens");
    assert_eq!((report.damage.len(), report.recovered_batches), (0, 10));
    assert_eq!(bodies_of(&again, 0), names("a", 10));
}

#[test]
fn deleted_logs_stay_deleted_and_their_files_go() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 3);
    log.maintain().expect("maintained");
    append_each(&log, 0, "b", 3);
    let before = disk.snapshot();
    log.delete(LOG).expect("deleted");
    let of_log = |disk: &forebay_log::disk::mem::MemDisk| {
        disk.paths()
            .iter()
            .filter(|path| path.starts_with(Path::new(ROOT).join("logs/0000000000000007")))
            .count()
    };
    assert!(of_log(&before) > 0);
    assert_eq!(of_log(&disk), 0);
    let (again, report) = open(&disk.snapshot());
    assert_eq!((report.damage.len(), report.recovered_batches), (0, 0), "{report:?}");
    assert!(again.partition(PartitionId { log: LOG, index: 0 }).is_err());
    assert!(matches!(again.create(LOG, 1, LogPolicy::KEEP), Err(LogError::Rejected { .. })));
}

#[test]
fn a_deletion_on_record_is_finished_at_the_next_start() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 3);
    log.maintain().expect("maintained");
    let before = disk.snapshot();
    log.delete(LOG).expect("deleted");
    // As if the process had died between the record and the files: the manifest is new, the files are still there.
    let manifest = Path::new(ROOT).join("MANIFEST-00000001");
    let recorded = disk.bytes(&manifest).expect("there");
    before.tamper(&manifest, |bytes| *bytes = recorded);
    let (_again, report) = open(&before);
    assert_eq!((report.damage.len(), report.orphans.len()), (0, 0), "{report:?}");
    assert!(
        !before.paths().iter().any(|path| path.starts_with(Path::new(ROOT).join("logs/0000000000000007")))
    );
}

#[test]
fn unknown_files_are_moved_aside_and_missing_ones_reported() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 60);
    log.maintain().expect("maintained");
    let killed = disk.snapshot();
    let dir = Path::new(ROOT).join("logs/0000000000000007/0");
    let mut segments: Vec<_> = killed
        .paths()
        .into_iter()
        .filter(|path| path.starts_with(&dir) && path.extension().is_some_and(|end| end == "log"))
        .collect();
    segments.sort();
    assert!(segments.len() > 2, "{segments:?}");
    forebay_log::disk::Disk::rename(&killed, &segments[1], &dir.join("stray")).expect("renamed");
    let (again, report) = open(&killed);
    assert_eq!(report.orphans.len(), 1, "{report:?}");
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(report.damage[0].file, segments[1]);
    again.evict_tail();
    let door = door(&again, 0);
    let first = report.damage[0].first.expect("known");
    let error = block_on(door.read(first, 100)).expect_err("missing");
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    assert!(block_on(door.read(Sequence(0), 100)).is_ok());
}

#[test]
fn a_damaged_segment_gives_a_definite_error_and_never_other_bytes() {
    let (disk, log) = fresh();
    append_each(&log, 0, "a", 30);
    log.maintain().expect("maintained");
    log.evict_tail();
    let dir = Path::new(ROOT).join("logs/0000000000000007/0");
    let is_segment = |path: &std::path::PathBuf| {
        path.starts_with(&dir) && path.extension().is_some_and(|end| end == "log")
    };
    let segment = disk.paths().into_iter().filter(is_segment).min().expect("there");
    let length = disk.bytes(&segment).expect("there").len();
    let expected = names("a", 30);
    for at in (0..length).step_by(11) {
        flip(&disk, &segment, at);
        let door = door(&log, 0);
        for (n, expected) in expected.iter().enumerate() {
            match block_on(door.read(Sequence(n as u64), 1)) {
                Ok(read) => {
                    let body = forebay_log_contract::bodies(&read.batches[0]);
                    assert_eq!(body, [expected.as_bytes().to_vec()], "byte {at}");
                }
                Err(LogError::Damaged { first, next, .. }) => {
                    assert!(first <= Sequence(n as u64) && Sequence(n as u64) < next, "byte {at}");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        flip(&disk, &segment, at);
    }
}

#[test]
fn expiry_waits_while_the_clock_is_not_to_be_trusted() {
    let disk = forebay_log::disk::mem::MemDisk::default();
    let clock = ManualClock::new();
    let with_clock = OpenOptions { clock: Arc::new(clock.clone()), ..options(&disk) };
    let (log, _) = EmbeddedLog::open(with_clock).expect("opens");
    log.create(LOG, 1, LogPolicy::retain(Millis::from_secs(3600))).expect("made");
    append_each(&log, 0, "a", 2);
    log.maintain().expect("maintained");
    clock.jump(24 * 3_600_000);
    log.maintain().expect("maintained");
    log.maintain().expect("maintained");
    assert_eq!(door(&log, 0).bounds().first, Sequence(0), "the clock has jumped");
    clock.advance(Millis::from_secs(3600));
    log.maintain().expect("maintained");
    assert_eq!(door(&log, 0).bounds().first, Sequence(2), "an hour of running time later");
}

#[test]
fn snapshots_survive_and_a_damaged_newest_one_gives_way_to_the_one_before() {
    let (disk, log) = fresh();
    for n in 1..=3 {
        put_control(&log, "entry");
        let snapshot = ControlSnapshot { position: Sequence(n), bytes: vec![n as u8; 100] };
        log.snapshot_put(&snapshot).expect("kept");
    }
    let killed = disk.snapshot();
    let snapshots: Vec<_> = killed
        .paths()
        .into_iter()
        .filter(|path| path.starts_with(Path::new(ROOT).join("snapshots")))
        .collect();
    assert_eq!(snapshots.len(), 2, "{snapshots:?}");
    let get = |disk: &forebay_log::disk::mem::MemDisk| open(disk).0.snapshot_get();
    assert_eq!(get(&killed.snapshot()).map(|found| found.map(|found| found.position)), Ok(Some(Sequence(3))));
    flip(&killed, &snapshots[1], 60);
    assert_eq!(get(&killed.snapshot()).map(|found| found.map(|found| found.position)), Ok(Some(Sequence(2))));
    flip(&killed, &snapshots[0], 60);
    assert!(matches!(get(&killed), Err(LogError::Damaged { .. })));
}

#[test]
fn a_second_opener_is_refused_and_a_newer_folder_too() {
    let (disk, log) = fresh();
    let error = refused(&disk);
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    log.close().expect("closed");
    let format = Path::new(ROOT).join("FORMAT");
    let text = String::from_utf8(disk.bytes(&format).expect("there")).expect("text");
    let body = text.replace("min-reader 1", "min-reader 2");
    let body = body.rsplit_once("sum ").expect("there").0.to_owned();
    let newer = format!("{body}sum {:08x}\n", crc32c::crc32c(body.as_bytes()));
    disk.tamper(&format, |bytes| *bytes = newer.into_bytes());
    let error = refused(&disk);
    assert!(error.to_string().contains("newer Forebay"), "{error}");
    disk.tamper(&format, |bytes| bytes.truncate(10));
    assert!(refused(&disk).to_string().contains("damaged"));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for options in [
        OpenOptions { durability: Durability::Disk, ..OpenOptions::memory() },
        OpenOptions { durability: Durability::Memory, ..OpenOptions::dir(ROOT) },
    ] {
        assert!(matches!(EmbeddedLog::open(options).map(drop), Err(OpenError::Options(_))));
    }
}

#[test]
fn the_memory_level_lets_the_oldest_go_and_never_the_control_log() {
    let budget = ByteBudget::new(1 << 30);
    let options = OpenOptions { memory_bytes: 1 << 20, budget, ..OpenOptions::memory() };
    let (log, _) = EmbeddedLog::open(options).expect("opens");
    log.create(LOG, 2, LogPolicy::KEEP).expect("made");
    put_control(&log, "entry");
    append_each(&log, 1, "quiet", 1);
    for n in 0..300_u32 {
        append(&door(&log, 0), batch_of(&[vec![n as u8; 8000]])).expect("appended");
    }
    let (used, bound) = log.memory_bytes();
    assert!(used <= bound, "{used}");
    let bounds = door(&log, 0).bounds();
    assert!(bounds.first > Sequence(100) && bounds.next == Sequence(300), "{bounds:?}");
    assert_eq!(log.memory_evicted(), bounds.first.0);
    assert_eq!(
        door(&log, 1).bounds().first,
        Sequence(0),
        "an open segment stays while closed ones are there"
    );
    let mut follower = log.follow(Sequence(0)).expect("following");
    assert_eq!(&*block_on(follower.next()).expect("there").body, b"entry");
}

#[test]
fn one_flush_serves_everyone_who_came_while_the_last_one_ran() {
    let (disk, log) = fresh();
    let before = disk.faults().syncs.load(Ordering::Relaxed);
    append_all(&door(&log, 0), (0..2000).map(|n| batch(&format!("{n}"), 1)));
    let flushes = disk.faults().syncs.load(Ordering::Relaxed) - before;
    assert!(flushes < 2000, "{flushes} flushes");
}
