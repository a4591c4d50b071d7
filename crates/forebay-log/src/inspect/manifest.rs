//! Reading the manifest entry by entry.

use std::io;
use std::path::Path;

use super::finding::{Check, Finding, Severity};
use super::journal::Journal;
use super::window::Window;
use super::{InspectError, io_error};
use crate::core::catalog::Catalog;
use crate::disk::{Disk, Open};
use crate::format::manifest::{EntryFault, ManifestEntry};
use crate::format::{Seed, names};
use crate::limits::MANIFEST_ENTRY_BYTES_MAX;

/// An entry's header.
const ENTRY_HEADER_BYTES: usize = 12;
/// How far behind a bad entry a sound one is looked for. What one crash can tear is far less.
const LOOK_AHEAD_BYTES: u64 = 64 * 1024;

/// The manifest that counts.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) catalog: Catalog,
    /// Its number; 0 if there is none.
    pub(super) number: u32,
    /// Sound up to here.
    pub(super) end: u64,
    /// Bytes of the file.
    pub(super) length: u64,
    /// Sound entries.
    pub(super) entries: u64,
    /// The highest number of any manifest.
    highest: u32,
    /// Where an entry is bad although a sound one lies behind it.
    rotten: bool,
}

/// Reads the highest manifest whose snapshot is whole. None at all gives an empty one.
pub(super) fn read(
    disk: &dyn Disk,
    root: &Path,
    seed: Seed,
    found: &mut Vec<Finding>,
) -> Result<Manifest, InspectError> {
    let entries = disk.list(root).map_err(io_error("list", root))?;
    let mut numbers: Vec<u32> =
        entries.iter().filter_map(|entry| names::parse_manifest(&entry.name)).collect();
    numbers.sort_unstable();
    let highest = numbers.last().copied().unwrap_or_default();
    let mut broken = Vec::new();
    let mut counts: Option<Manifest> = None;
    for number in numbers.into_iter().rev() {
        let name = names::manifest(number);
        if counts.is_some() {
            let what = "a newer manifest counts";
            found.push(Finding::new(Check::Leftover, Severity::Note, name, what));
            continue;
        }
        let path = root.join(&name);
        let read = disk
            .open(&path, Open::Existing)
            .and_then(Window::new)
            .and_then(|mut window| fold(&mut window, seed, number, found));
        match read.map_err(io_error("read", &path))? {
            Fold::Whole(manifest) => counts = Some(manifest),
            Fold::NotWhole { at, what } => broken.push((name, at, what)),
            Fold::Newer(kind) => {
                let reason = format!(
                    "its manifest has an entry of kind {kind}, which a newer Forebay wrote; start that one"
                );
                return Err(InspectError::Format { folder: root.to_owned(), reason });
            }
        }
    }
    let severity = if counts.is_some() { Severity::Damage } else { Severity::Loss };
    for (name, at, what) in broken {
        found.push(Finding::new(Check::ManifestSnapshot, severity, name, what).at(at));
    }
    Ok(Manifest { highest, ..counts.unwrap_or_default() })
}

enum Fold {
    Whole(Manifest),
    /// The snapshot at its start is not whole.
    NotWhole {
        at: u64,
        what: &'static str,
    },
    /// It has an entry of this unknown kind.
    Newer(u8),
}

fn fold(window: &mut Window, seed: Seed, number: u32, found: &mut Vec<Finding>) -> io::Result<Fold> {
    let mut manifest = Manifest { number, length: window.length(), ..Manifest::default() };
    let mut is_whole = false;
    while manifest.end < manifest.length {
        let at = manifest.end;
        let (entry, taken) = match entry_at(window, seed, at)? {
            Ok(read) => read,
            Err(EntryFault::UnknownKind(kind)) => return Ok(Fold::Newer(kind)),
            Err(EntryFault::Bad) if !is_whole => {
                return Ok(Fold::NotWhole { at, what: "an entry of its snapshot is not sound" });
            }
            Err(EntryFault::Bad) => {
                let finding = bad_entry(window, seed, &mut manifest)?;
                found.push(finding);
                break;
            }
        };
        match (&entry, manifest.entries) {
            (ManifestEntry::Begin { number: own, .. }, 0) if *own == number => {}
            (_, 0) => return Ok(Fold::NotWhole { at, what: "it does not begin with its own number" }),
            (ManifestEntry::SnapshotEnd { entries }, count) if !is_whole => {
                if *entries != count - 1 {
                    return Ok(Fold::NotWhole { at, what: "its snapshot has another number of entries" });
                }
                is_whole = true;
            }
            _ => {}
        }
        if let Err(what) = manifest.catalog.apply(&entry) {
            let name = names::manifest(number);
            found.push(Finding::new(Check::ManifestOrder, Severity::Loss, name, what).at(at));
            break;
        }
        manifest.end += taken;
        manifest.entries += 1;
    }
    if !is_whole {
        return Ok(Fold::NotWhole { at: manifest.end, what: "its snapshot is cut short" });
    }
    Ok(Fold::Whole(manifest))
}

type Entry = Result<(ManifestEntry, u64), EntryFault>;

fn entry_at(window: &mut Window, seed: Seed, at: u64) -> io::Result<Entry> {
    let head = window.view(at, ENTRY_HEADER_BYTES)?;
    let length = head.first_chunk::<4>().map_or(u32::MAX, |length| u32::from_le_bytes(*length));
    if length > MANIFEST_ENTRY_BYTES_MAX
        || at + ENTRY_HEADER_BYTES as u64 + u64::from(length) > window.length()
    {
        return Ok(Err(EntryFault::Bad));
    }
    let bytes = window.view(at, ENTRY_HEADER_BYTES + length as usize)?;
    Ok(ManifestEntry::decode(seed, at, bytes).map(|(entry, taken)| (entry, taken as u64)))
}

/// Tells a torn tail from rot: entries are sealed with their place and flushed one append after another, so a sound
/// one behind a bad one proves that the bad one was whole once.
fn bad_entry(window: &mut Window, seed: Seed, manifest: &mut Manifest) -> io::Result<Finding> {
    let (at, name) = (manifest.end, names::manifest(manifest.number));
    let left = manifest.length - at;
    for later in at + 1..manifest.length.min(at + LOOK_AHEAD_BYTES) {
        if !matches!(entry_at(window, seed, later)?, Err(EntryFault::Bad)) {
            manifest.rotten = true;
            let what = format!("an entry is not sound, and a sound one follows at byte {later}");
            return Ok(Finding::new(Check::ManifestEntry, Severity::Loss, name, what).at(at));
        }
    }
    let what = format!("the last {left} bytes are no whole entry");
    Ok(Finding::new(Check::ManifestTail, Severity::Note, name, what).at(at))
}

/// Whether the manifest that counts is all of the manifest that was flushed, by what the journal says.
pub(super) fn check_end(manifest: &Manifest, journal: &Journal, found: &mut Vec<Finding>) {
    let known = journal.manifest;
    let name = names::manifest(known.number);
    if manifest.number == 0 && manifest.highest == 0 {
        if !journal.files.is_empty() {
            let what = "there is no manifest, and there is a journal";
            found.push(Finding::new(Check::ManifestMissing, Severity::Loss, names::manifest(1), what));
        }
    } else if known.number > manifest.highest {
        let what = "it is missing, and rounds were written after it was made";
        found.push(Finding::new(Check::ManifestMissing, Severity::Loss, name, what));
    } else if known.number == manifest.number && known.bytes > manifest.end {
        found.retain(|finding| finding.check != Check::ManifestTail);
        let what =
            format!("it was flushed up to byte {}, but is sound only up to {}", known.bytes, manifest.end);
        found.push(Finding::new(Check::ManifestEnd, Severity::Loss, name, what).at(manifest.end));
    } else if known.number > manifest.number {
        // The finding about its snapshot is already there; without it older entries would be believed.
        for finding in found.iter_mut().filter(|finding| finding.check == Check::ManifestSnapshot) {
            finding.severity = Severity::Loss;
        }
    }
}
