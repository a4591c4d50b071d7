//! Reading back: the manifest, then what the journal holds beyond it. Judging is `core::recovery`'s.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::JournalFile;
use super::options::{Damage, OpenError, OpenReport};
use crate::api::StoredBatch;
use crate::core::catalog::Catalog;
use crate::core::recovery::{Place, RoundVerdict, Seen, Verdict, judge, judge_round};
use crate::disk::{Disk, Open, read_all};
use crate::format::frame::{FRAME_BYTES, FrameHeader};
use crate::format::journal::{JournalHeader, ManifestEnd, ROUND_BYTES, RoundHeader};
use crate::format::manifest::{EntryFault, ManifestEntry};
use crate::format::{Seed, names};
use crate::limits::BLOCK_BYTES;
use crate::planted::{self, Bug};
use crate::types::{LogId, PartitionId, Sequence, WallMillis};

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}

/// A manifest that was read.
#[derive(Debug)]
pub(crate) struct ReadManifest {
    end: ManifestEnd,
    pub(crate) catalog: Catalog,
    /// The highest number of any manifest, sound or not.
    pub(crate) highest: u32,
}

/// The highest sound manifest; `None` if there is none at all.
pub(crate) fn read_manifest(
    disk: &dyn Disk,
    root: &Path,
    seed: Seed,
) -> Result<Option<ReadManifest>, OpenError> {
    let entries = disk.list(root).map_err(io_error("list", root))?;
    let mut numbers: Vec<u32> =
        entries.iter().filter_map(|entry| names::parse_manifest(&entry.name)).collect();
    numbers.sort_unstable();
    let Some(highest) = numbers.last().copied() else { return Ok(None) };
    for number in numbers.into_iter().rev() {
        let path = root.join(names::manifest(number));
        let file = disk.open(&path, Open::Existing).map_err(io_error("open", &path))?;
        let bytes = read_all(file.as_ref()).map_err(io_error("read", &path))?;
        if let Some((catalog, end)) = fold(seed, number, &bytes, root, &path)? {
            let end = ManifestEnd { number, bytes: end };
            return Ok(Some(ReadManifest { end, catalog, highest }));
        }
    }
    let file = root.join(names::manifest(highest));
    Err(OpenError::Damaged { file, what: "no manifest has a whole snapshot".into() })
}

/// Folds entries up to the first bad one; `None` if the snapshot at the start is not whole.
fn fold(
    seed: Seed,
    number: u32,
    bytes: &[u8],
    root: &Path,
    path: &Path,
) -> Result<Option<(Catalog, u64)>, OpenError> {
    let (mut catalog, mut at, mut count) = (Catalog::default(), 0, 0_u64);
    let mut whole = false;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (entry, taken) = match ManifestEntry::decode(seed, at as u64, rest) {
            Ok(decoded) => decoded,
            Err(EntryFault::Bad) => break,
            Err(EntryFault::UnknownKind(kind)) => {
                let reason = format!(
                    "its manifest has an entry of kind {kind}, which a newer Forebay wrote; start that one"
                );
                return Err(OpenError::Format { folder: root.to_owned(), reason });
            }
        };
        match (&entry, count) {
            (ManifestEntry::Begin { number: own, .. }, 0) if *own == number => {}
            (_, 0) => return Ok(None),
            (ManifestEntry::SnapshotEnd { entries }, _) if !whole => {
                if *entries != count - 1 {
                    return Ok(None);
                }
                whole = true;
            }
            _ => {}
        }
        catalog
            .apply(&entry)
            .map_err(|what| OpenError::Damaged { file: path.to_owned(), what: what.into() })?;
        at += taken;
        count += 1;
    }
    Ok(whole.then_some((catalog, at as u64)))
}

/// What the journal's headers say.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) files: Vec<JournalFile>,
    rounds: Vec<Found>,
    /// The greatest mark: rounds up to here were durable.
    mark: u64,
    manifest: ManifestEnd,
    pub(crate) generation_max: u32,
    pub(crate) wall: Option<WallMillis>,
    strays: Vec<PathBuf>,
    /// The first round that the files say they have.
    first: Option<u64>,
}

#[derive(Debug)]
struct Found {
    header: RoundHeader,
    file: usize,
    at: u64,
}

/// Opens all journal files and collects the sound round headers of those from generation `floor` on.
pub(crate) fn scan(disk: &dyn Disk, dir: &Path, seed: Seed, floor: u32) -> Result<Scan, OpenError> {
    let mut scan = Scan::default();
    for entry in disk.list(dir).map_err(io_error("list", dir))? {
        let path = dir.join(&entry.name);
        let Some(generation) = names::parse_journal(&entry.name).filter(|_| !entry.is_dir) else {
            scan.strays.push(path);
            continue;
        };
        let file = disk.open(&path, Open::Existing).map_err(io_error("open", &path))?;
        let length = file.len().map_err(io_error("read", &path))?;
        scan.generation_max = scan.generation_max.max(generation);
        let capacity = length - length % BLOCK_BYTES;
        if generation >= floor {
            let bytes = read_all(file.as_ref()).map_err(io_error("read", &path))?;
            scan.collect(seed, generation, &bytes);
        }
        scan.files.push(JournalFile { file, generation, capacity, prepared: capacity });
    }
    scan.rounds.sort_by_key(|found| (found.header.number, found.file, found.at));
    Ok(scan)
}

impl Scan {
    fn collect(&mut self, seed: Seed, generation: u32, bytes: &[u8]) {
        let stale = planted::is(Bug::AcceptStaleGeneration);
        let header = JournalHeader::decode(seed, bytes).filter(|header| header.generation == generation);
        self.manifest = self.manifest.max(header.map(|header| header.manifest).unwrap_or_default());
        self.first = [self.first, header.map(|header| header.first_round)].into_iter().flatten().min();
        let mut at = BLOCK_BYTES;
        while let Some(rest) =
            usize::try_from(at).ok().and_then(|at| bytes.get(at..)).filter(|rest| !rest.is_empty())
        {
            let sound = RoundHeader::decode(seed, rest).filter(|header| {
                (stale || header.generation == generation) && header.length as usize <= rest.len()
            });
            let Some(header) = sound else {
                at += BLOCK_BYTES;
                continue;
            };
            self.mark = self.mark.max(header.mark);
            self.manifest = self.manifest.max(header.manifest);
            self.wall = self.wall.max(Some(header.wall));
            self.rounds.push(Found { header, file: self.files.len(), at });
            at += header.padded();
        }
    }

    /// Whether the manifest that was read is all of the manifest that was flushed.
    pub(crate) fn check_manifest(&self, read: &ReadManifest, root: &Path) -> Result<(), OpenError> {
        let known = self.manifest;
        if known.number > read.end.number {
            let file = root.join(names::manifest(known.number));
            let what = match known.number <= read.highest {
                true => "its snapshot is not whole, and rounds were written after it was",
                false => "it is missing, and rounds were written after it was made",
            };
            return Err(OpenError::Damaged { file, what: what.into() });
        }
        if known.number == read.end.number && known.bytes > read.end.bytes {
            let what = format!(
                "it was flushed up to byte {}, but is sound only up to {}",
                known.bytes, read.end.bytes
            );
            return Err(OpenError::Damaged { file: root.join(names::manifest(known.number)), what });
        }
        Ok(())
    }
}

/// What the journal gives back to one partition.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) batches: Vec<Arc<StoredBatch>>,
    /// The next number, if it is not the one after the last batch: something at the end was lost.
    pub(crate) next_at_least: Option<Sequence>,
    expected: Sequence,
    /// A frame was lost, and it is not known how many numbers it took.
    hole: bool,
}

/// All that the journal gives back.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) partitions: BTreeMap<PartitionId, Recovered>,
    pub(crate) next_round: u64,
    /// Files in which something was lost.
    pub(crate) quarantine: Vec<usize>,
}

/// Judges every round and frame.
pub(crate) fn replay(
    scan: &Scan,
    dir: &Path,
    seed: Seed,
    catalog: &Catalog,
    report: &mut OpenReport,
) -> Result<Replay, OpenError> {
    let mut replay = Replay { next_round: scan.mark + 1, ..Replay::default() };
    let mark = if planted::is(Bug::CutBelowMark) { 0 } else { scan.mark };
    let beyond = planted::is(Bug::KeepBeyondHole);
    // The round before the first: without it the loss of the first would not show.
    let mut previous = scan.first.map(|first| first.saturating_sub(1));
    for (count, found) in scan.rounds.iter().enumerate() {
        let path = || dir.join(names::journal(scan.files.get(found.file).map_or(0, |file| file.generation)));
        let mut lost = |partition: Option<PartitionId>, first: Option<Sequence>, what: String| {
            report.damage.push(Damage { file: path(), partition, first, what });
        };
        let left = (scan.rounds.len() - count) as u64;
        let number = found.header.number;
        let verdict = judge_round(previous, number, mark);
        if matches!(verdict, RoundVerdict::GoOnAfterMissing | RoundVerdict::EndAfterMissing) {
            let after = previous.unwrap_or_default();
            lost(None, None, format!("the rounds between {after} and {number} are missing"));
            replay.quarantine.push(found.file);
        }
        if matches!(verdict, RoundVerdict::End | RoundVerdict::EndAfterMissing) && !beyond {
            report.cut_rounds += left;
            break;
        }
        let marked = number <= mark;
        let bytes = read_round(scan, found).map_err(io_error("read", &path()))?;
        let frames = split(seed, &found.header, &bytes);
        let padding = bytes.get(found.header.length as usize..).unwrap_or_default();
        let whole = frames.iter().all(|frame| frame.header.is_some() && frame.batch.is_some())
            && padding.iter().all(|byte| *byte == 0);
        if !marked && !whole && beyond {
            previous = Some(number);
            continue;
        }
        if !marked && !whole {
            report.cut_rounds += left;
            break;
        }
        if marked && padding.iter().any(|byte| *byte != 0) {
            lost(
                None,
                None,
                format!("the zeros behind round {number} are not zeros; no event is lost by that"),
            );
            replay.quarantine.push(found.file);
        }
        for frame in frames {
            if !replay.take(catalog, marked, found, frame, &mut lost) {
                break;
            }
        }
        previous = Some(number);
        replay.next_round = replay.next_round.max(number + 1);
    }
    for recovered in replay.partitions.values_mut() {
        let end = recovered.batches.last().map_or(Sequence::ZERO, |batch| batch.end());
        recovered.next_at_least = recovered.next_at_least.filter(|next| recovered.hole && *next > end);
    }
    Ok(replay)
}

fn read_round(scan: &Scan, found: &Found) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(found.header.padded()).map_err(io::Error::other)?];
    let file = scan.files.get(found.file).ok_or(io::ErrorKind::NotFound)?;
    let read = file.file.read_at(found.at, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// A frame as far as it is sound. Without a header it stands for the rest of the round.
struct SeenFrame {
    header: Option<FrameHeader>,
    batch: Option<StoredBatch>,
}

fn split(seed: Seed, round: &RoundHeader, bytes: &[u8]) -> Vec<SeenFrame> {
    let mut rest = bytes.get(ROUND_BYTES..round.length as usize).unwrap_or_default();
    let mut frames = Vec::new();
    for _ in 0..round.frames {
        let header = FrameHeader::decode(seed, rest).filter(|header| {
            header.generation == round.generation && header.frame_bytes() <= rest.len() as u64
        });
        let Some(header) = header else {
            frames.push(SeenFrame { header: None, batch: None });
            return frames;
        };
        let (frame, behind) = rest.split_at(FRAME_BYTES + header.length as usize);
        let batch = frame.get(FRAME_BYTES..).and_then(|body| header.batch(body));
        frames.push(SeenFrame { header: Some(header), batch });
        rest = behind;
    }
    frames
}

impl Replay {
    /// Judges one frame and does what the verdict says; `false` if the round's rest cannot be walked.
    fn take(
        &mut self,
        catalog: &Catalog,
        marked: bool,
        found: &Found,
        frame: SeenFrame,
        lost: &mut impl FnMut(Option<PartitionId>, Option<Sequence>, String),
    ) -> bool {
        let id = frame.header.map(|header| header.partition);
        let known =
            id.is_some_and(|id| catalog.logs.get(&id.log).is_some_and(|log| id.index < log.partitions));
        let id = id.unwrap_or(PartitionId::CONTROL);
        let base = frame.header.map_or(Sequence::ZERO, |header| header.base);
        let recovered = match known {
            true => self.partitions.entry(id).or_insert_with(|| Recovered::starting(catalog, id)),
            false => &mut Recovered::default(),
        };
        let place = match Place::of(base, recovered.expected) {
            Place::Ahead if recovered.hole => Place::Next,
            place => place,
        };
        let seen =
            Seen { marked, header: frame.header.is_some(), batch: frame.batch.is_some(), known, place };
        let (verdict, label) = judge(seen);
        match verdict {
            Verdict::Skip => {}
            Verdict::Cut if !planted::is(Bug::KeepBeyondHole) => return false,
            Verdict::Cut | Verdict::Keep | Verdict::KeepAfterHole => {
                if base > recovered.expected {
                    let (first, number) = (recovered.expected, found.header.number);
                    lost(
                        Some(id),
                        Some(first),
                        format!("events {first} up to {base} are missing ({label}, round {number})"),
                    );
                    self.quarantine.push(found.file);
                }
                if let Some(batch) = frame.batch {
                    recovered.expected = batch.end();
                    recovered.hole = false;
                    recovered.batches.push(Arc::new(batch));
                }
            }
            Verdict::Lost => {
                lost(
                    Some(id),
                    Some(base),
                    format!("a batch is damaged ({label}, round {})", found.header.number),
                );
                self.quarantine.push(found.file);
                recovered.hole = true;
                recovered.expected = recovered.expected.max(base.plus(1));
                // A record takes at least seven bytes: no number that the batch may have used is given again.
                let most = frame.header.map_or(0, |header| u64::from(header.length) / 7);
                recovered.next_at_least = recovered.next_at_least.max(Some(base.plus(most)));
            }
            Verdict::LostRest => {
                lost(
                    None,
                    None,
                    format!("the rest of round {} cannot be walked ({label})", found.header.number),
                );
                self.quarantine.push(found.file);
                return false;
            }
        }
        true
    }
}

impl Recovered {
    fn starting(catalog: &Catalog, id: PartitionId) -> Self {
        let used = catalog.logs.get(&id.log).and_then(|log| log.used.get(&id.index));
        Self { expected: used.map_or(Sequence::ZERO, |used| used.next()), ..Self::default() }
    }
}

/// Whether anything of the control log is lost.
pub(crate) fn control_damage(report: &OpenReport) -> Option<&Damage> {
    report.damage.iter().find(|damage| damage.partition.is_some_and(|id| id.log == LogId::CONTROL))
}

impl Scan {
    /// Files in the journal's folder that are none of ours.
    pub(crate) fn take_strays(&mut self) -> Vec<PathBuf> {
        core::mem::take(&mut self.strays)
    }

    /// Whether the files hold any round.
    pub(crate) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }
}
