//! Verifying what is neither journal nor segment: control snapshots, and files that no record claims.

use std::path::Path;

use super::finding::{Check, Finding, Severity};
use super::verify::Run;
use super::{InspectError, io_error};
use crate::core::catalog::{Catalog, CatalogPartition};
use crate::disk::Entry;
use crate::format::names::{self, SegmentFile};
use crate::format::snapshot::decode_snapshot;
use crate::types::{LogId, PartitionId, Sequence};

/// Every snapshot is sound and speaks of entries that are there.
pub(super) fn verify_snapshots(run: &mut Run<'_>, control_end: Sequence) -> Result<(), InspectError> {
    let folder = run.folder;
    let dir = Path::new(names::SNAPSHOTS);
    let mut bad = Vec::new();
    let mut sound = 0;
    for entry in list(run, dir)? {
        let path = dir.join(&entry.name);
        let Some(position) = names::parse_snapshot(&entry.name).filter(|_| !entry.is_dir) else { continue };
        let bytes = match folder.read_whole(&folder.root.join(&path)) {
            Ok(bytes) => bytes,
            Err(error) => {
                run.unreadable(Finding::new(Check::Unreadable, Severity::Damage, path, ""), error)?;
                continue;
            }
        };
        let Some(snapshot) = decode_snapshot(folder.seed, &bytes) else {
            bad.push(Finding::new(Check::Snapshot, Severity::Damage, path, "its sum is wrong"));
            continue;
        };
        if snapshot.position != position {
            let what = format!("it is of position {}, not of the one in its name", snapshot.position);
            bad.push(Finding::new(Check::Snapshot, Severity::Damage, path, what));
            continue;
        }
        sound += 1;
        if position > control_end {
            let what =
                format!("it folds entries up to {position}, but the control log ends at {control_end}");
            run.report(&Finding::new(Check::Snapshot, Severity::Loss, &path, what));
        }
        if let Err(what) = run.snapshot(&snapshot) {
            run.report(&Finding::new(Check::SnapshotState, Severity::Damage, path, what));
        }
    }
    // Without any, the server refuses to start.
    let severity = if sound == 0 { Severity::Loss } else { Severity::Damage };
    for finding in bad {
        run.report(&Finding { severity, ..finding });
    }
    Ok(())
}

/// Files and folders that no record claims, by what becomes of them at the next start.
pub(super) fn look_for_strays(run: &mut Run<'_>) -> Result<(), InspectError> {
    let folder = run.folder;
    let catalog = &folder.manifest.catalog;
    let root = Path::new("");
    const OURS: [&str; 6] =
        [names::FORMAT, names::LOCK, names::JOURNAL, names::LOGS, names::SNAPSHOTS, names::ORPHANS];
    for entry in list(run, root)? {
        if !OURS.contains(&entry.name.as_str()) && names::parse_manifest(&entry.name).is_none() {
            note(run, root, &entry);
        }
    }
    for entry in list(run, Path::new(names::JOURNAL))? {
        if names::parse_journal(&entry.name).is_none() || entry.is_dir {
            note(run, Path::new(names::JOURNAL), &entry);
        }
    }
    for entry in list(run, Path::new(names::SNAPSHOTS))? {
        if names::parse_snapshot(&entry.name).is_none() || entry.is_dir {
            note(run, Path::new(names::SNAPSHOTS), &entry);
        }
    }
    for entry in list(run, Path::new(names::ORPHANS))? {
        let path = Path::new(names::ORPHANS).join(&entry.name);
        run.report(&Finding::new(Check::Orphan, Severity::Note, path, "a file moved aside"));
    }
    let logs = Path::new(names::LOGS);
    for entry in list(run, logs)? {
        match names::parse_log(&entry.name).filter(|_| entry.is_dir) {
            Some(id) if catalog.deleted.contains(&id) => {
                let what = "the log was deleted, and its folder is still there";
                run.report(&Finding::new(Check::Leftover, Severity::Note, logs.join(&entry.name), what));
            }
            Some(id) if catalog.logs.contains_key(&id) => look_in_log(run, catalog, id)?,
            _ => note(run, logs, &entry),
        }
    }
    Ok(())
}

fn look_in_log(run: &mut Run<'_>, catalog: &Catalog, id: LogId) -> Result<(), InspectError> {
    let dir = Path::new(names::LOGS).join(names::log(id));
    let Some(log) = catalog.logs.get(&id) else { return Ok(()) };
    for entry in list(run, &dir)? {
        let index =
            names::parse_partition(&entry.name).filter(|index| entry.is_dir && *index < log.partitions);
        let Some(index) = index else {
            note(run, &dir, &entry);
            continue;
        };
        let unused = CatalogPartition::default();
        let used = log.used.get(&index).unwrap_or(&unused);
        look_in_partition(run, PartitionId { log: id, index }, used)?;
    }
    Ok(())
}

/// As `tidy_partition` of the engine sorts them.
fn look_in_partition(
    run: &mut Run<'_>,
    id: PartitionId,
    used: &CatalogPartition,
) -> Result<(), InspectError> {
    let dir = Path::new(names::LOGS).join(names::log(id.log)).join(names::partition(id.index));
    let segments = used.segments.all();
    for entry in list(run, &dir)? {
        let Some((base, generation, file)) = names::parse_segment(&entry.name).filter(|_| !entry.is_dir)
        else {
            note(run, &dir, &entry);
            continue;
        };
        if segments.iter().any(|known| (known.id.base, known.id.generation) == (base, generation)) {
            continue;
        }
        let is_left = base >= used.next()
            || base < used.start
            || segments.first().is_none_or(|first| base < first.id.base)
            || segments.iter().any(|known| known.id.base == base);
        let kind = match file {
            SegmentFile::Log => "a segment",
            SegmentFile::Index => "an index",
        };
        let (check, what) = match is_left {
            true => (Check::Leftover, format!("{kind} that was never put on record, or is no longer")),
            false => (Check::Stray, format!("{kind} that no record claims")),
        };
        run.report(&Finding::new(check, Severity::Note, dir.join(&entry.name), what).of(id));
    }
    Ok(())
}

fn note(run: &mut Run<'_>, dir: &Path, entry: &Entry) {
    let path = dir.join(&entry.name);
    let (check, what) = match entry.name.ends_with(names::TEMPORARY) {
        true => (Check::Leftover, "a file that was being written"),
        false => (Check::Stray, "none of Forebay's"),
    };
    run.report(&Finding::new(check, Severity::Note, path, what));
}

fn list(run: &Run<'_>, dir: &Path) -> Result<Vec<Entry>, InspectError> {
    let path = run.folder.root.join(dir);
    run.folder.disk.list(&path).map_err(io_error("list", &path))
}
