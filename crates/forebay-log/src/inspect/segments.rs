//! Verifying a partition's segments: every frame, every number, every index entry.

use std::io;
use std::path::{Path, PathBuf};

use super::Folder;
use super::finding::{Check, Finding, Severity};
use super::frames::{Go, Step, check_batch, walk_segment};
use super::verify::Run;
use super::{InspectError, io_error};
use crate::core::catalog::CatalogPartition;
use crate::core::segments::Segment;
use crate::format::frame::FrameHeader;
use crate::format::index::{INDEX_ENTRY_BYTES, IndexEntry, decode_index};
use crate::format::manifest::SegmentId;
use crate::format::names::{self, SegmentFile};
use crate::limits::INDEX_EVERY_BYTES;
use crate::types::{PartitionId, Sequence, WallMillis};

/// A segment's file, from the folder's root.
pub(super) fn segment_file(id: PartitionId, segment: SegmentId, file: SegmentFile) -> PathBuf {
    Path::new(names::LOGS).join(names::log(id.log)).join(names::partition(id.index)).join(names::segment(
        segment.base,
        segment.generation,
        file,
    ))
}

/// What an index file gives.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Sound entries. Each is a hint.
    pub(super) entries: Vec<IndexEntry>,
    /// Where it is bad, and how.
    pub(super) fault: Option<(u64, &'static str)>,
}

impl Folder {
    /// A segment's index; `None` if it has no file.
    pub(super) fn index(&self, id: PartitionId, segment: &Segment) -> io::Result<Option<Index>> {
        let path = self.root.join(segment_file(id, segment.id, SegmentFile::Index));
        let mut window = match self.window(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            window => window?,
        };
        // One entry each so many bytes of the file, so that no length found on disk decides how much is read.
        let bytes = self.window(&self.root.join(segment_file(id, segment.id, SegmentFile::Log)));
        let bytes = bytes.map_or(segment.end.bytes, |window| window.length().max(segment.end.bytes));
        let most = (bytes / INDEX_EVERY_BYTES + 1) * INDEX_ENTRY_BYTES as u64;
        let length = window.length();
        let read = window.view(0, usize::try_from(length.min(most)).unwrap_or(usize::MAX))?;
        let sound = |chunk: &&[u8]| IndexEntry::decode(self.seed, chunk).is_some();
        let mut fault = None;
        if length > most {
            fault = Some((most, "it is longer than the segment can need"));
        } else if decode_index(self.seed, read).is_none() {
            let bad = read.chunks(INDEX_ENTRY_BYTES).position(|chunk| !sound(&chunk)).unwrap_or_default();
            fault = Some(((bad * INDEX_ENTRY_BYTES) as u64, "an entry is not sound, or not in order"));
        }
        let mut entries: Vec<IndexEntry> = read
            .chunks_exact(INDEX_ENTRY_BYTES)
            .filter_map(|chunk| IndexEntry::decode(self.seed, chunk))
            .collect();
        entries.sort_by_key(|entry| entry.position);
        Ok(Some(Index { entries, fault }))
    }
}

pub(super) fn verify_partition(
    run: &mut Run<'_>,
    id: PartitionId,
    used: &CatalogPartition,
) -> Result<(), InspectError> {
    let first = used.segments.all().first();
    run.summary.partitions += u64::from(first.is_some());
    let cursor = first.map_or(used.start, |first| used.start.min(first.id.base));
    let mut walk = Walk {
        id,
        start: used.start,
        cursor,
        time: None,
        first_time: None,
        pending: None,
        file: PathBuf::new(),
        index: Vec::new(),
        indexed: 0,
        index_fault: false,
    };
    for segment in used.segments.all() {
        run.summary.segments += 1;
        walk.segment(run, segment)?;
    }
    // What was lost behind the last frame has numbers too: they are on record, and are not given again.
    if walk.file.as_os_str().is_empty() {
        walk.file = names::manifest(run.folder.manifest.number).into();
    }
    walk.gap(run, used.next(), None);
    Ok(())
}

/// A walk over a partition's segments.
struct Walk {
    id: PartitionId,
    /// Numbers below are not kept any more.
    start: Sequence,
    /// The number that comes next.
    cursor: Sequence,
    /// The append time of the last sound frame.
    time: Option<WallMillis>,
    /// The append time of the segment's first frame.
    first_time: Option<WallMillis>,
    /// Damage whose range ends at the next sound frame.
    pending: Option<(Finding, Sequence)>,
    file: PathBuf,
    index: Vec<IndexEntry>,
    /// So many index entries lie before the walk.
    indexed: usize,
    index_fault: bool,
}

impl Walk {
    fn finding(&self, check: Check, severity: Severity, what: impl Into<String>) -> Finding {
        Finding::new(check, severity, &self.file, what).of(self.id)
    }

    /// Events from `first` to `next` cannot be read. Below the start nobody reads them any more.
    fn lost(&self, run: &mut Run<'_>, finding: Finding, first: Sequence, next: Sequence) {
        let severity = if next > self.start { Severity::Loss } else { Severity::Damage };
        run.report(&Finding { severity, ..finding }.events(first, next));
    }

    /// Nothing has the numbers from the cursor up to `next`. Below the start that is what a trim leaves.
    fn gap(&self, run: &mut Run<'_>, next: Sequence, at: Option<u64>) {
        let first = self.cursor.max(self.start);
        if first < next {
            let what = format!("no frame has the numbers {first} up to {next} (exclusive)");
            let finding = self.finding(Check::EventGap, Severity::Loss, what);
            run.report(&Finding { at, ..finding.events(first, next) });
        }
    }

    fn settle(&mut self, run: &mut Run<'_>, next: Sequence) -> bool {
        let Some((finding, first)) = self.pending.take() else { return false };
        self.lost(run, finding, first, next.max(first));
        true
    }

    fn segment(&mut self, run: &mut Run<'_>, segment: &Segment) -> Result<(), InspectError> {
        let folder = run.folder;
        self.file = segment_file(self.id, segment.id, SegmentFile::Log);
        if segment.id.base < self.cursor {
            let what = format!("it begins before number {}, where the one before ends", self.cursor);
            run.report(&self.finding(Check::FramePlace, Severity::Damage, what));
        } else if segment.id.base > self.cursor {
            self.gap(run, segment.id.base, Some(0));
        }
        (self.cursor, self.first_time) = (segment.id.base, None);
        let end = segment.end;
        let mut window = match folder.window(&folder.root.join(&self.file)) {
            Ok(window) => window,
            Err(error) => {
                self.cursor = end.next;
                let what = "the file is missing";
                let finding = self.finding(Check::SegmentMissing, Severity::Note, what);
                if error.kind() != io::ErrorKind::NotFound {
                    let finding = Finding { severity: Severity::Loss, ..finding };
                    return run.unreadable(finding.events(segment.id.base, end.next), error);
                }
                match segment.is_empty() {
                    true => run.report(&finding),
                    false => self.lost(run, finding, segment.id.base, end.next),
                }
                return Ok(());
            }
        };
        if window.length() < end.bytes {
            let what = format!("it has {} bytes of {} on record", window.length(), end.bytes);
            self.lost(
                run,
                self.finding(Check::SegmentShort, Severity::Loss, what).at(window.length()),
                self.cursor,
                end.next,
            );
        } else if window.length() > end.bytes {
            let what = format!("{} bytes lie behind its recorded end", window.length() - end.bytes);
            run.report(&self.finding(Check::SegmentTail, Severity::Note, what).at(end.bytes));
        }
        self.load_index(run, segment)?;
        let index = std::mem::take(&mut self.index);
        let mut walked = Ok(());
        if window.length() >= end.bytes || window.length() > 0 {
            walked = walk_segment(&mut window, folder.seed, self.id, (0, end.bytes), &index, &mut |step| {
                Ok(self.step(run, step, &index))
            });
        }
        if let Err(error) = walked {
            let finding = self.finding(Check::Unreadable, Severity::Loss, "").events(self.cursor, end.next);
            self.pending = None;
            self.cursor = end.next;
            return run.unreadable(finding, error);
        }
        self.close(run, segment, window.length() >= end.bytes, &index);
        Ok(())
    }

    /// At a segment's end: does it end as recorded?
    fn close(&mut self, run: &mut Run<'_>, segment: &Segment, is_whole: bool, index: &[IndexEntry]) {
        let end = segment.end;
        let was_damaged = self.settle(run, end.next) || !is_whole;
        let times = |first: Option<WallMillis>, last: Option<WallMillis>| {
            segment.is_empty() || (first == Some(end.first_time) && last == Some(end.last_time))
        };
        if !was_damaged && self.cursor != end.next {
            let what = format!("its frames end at number {}, the record at {}", self.cursor, end.next);
            let finding = self.finding(Check::SegmentEnd, Severity::Damage, what);
            match self.cursor < end.next {
                true => self.lost(run, finding, self.cursor, end.next),
                false => run.report(&finding),
            }
        } else if !was_damaged && !times(self.first_time, self.time) {
            let what = "its first or last append time is not the recorded one";
            run.report(&self.finding(Check::SegmentEnd, Severity::Damage, what));
        }
        self.cursor = end.next;
        if index.get(self.indexed..).is_some_and(|rest| rest.iter().any(|entry| entry.position >= end.bytes))
        {
            let file = segment_file(self.id, segment.id, SegmentFile::Index);
            let what = "it has entries behind the segment's recorded end";
            run.report(&Finding::new(Check::Index, Severity::Note, file, what).of(self.id));
        }
    }

    fn load_index(&mut self, run: &mut Run<'_>, segment: &Segment) -> Result<(), InspectError> {
        (self.indexed, self.index_fault) = (0, false);
        self.index.clear();
        let file = segment_file(self.id, segment.id, SegmentFile::Index);
        let finding = |check, severity, what: &str| Finding::new(check, severity, &file, what).of(self.id);
        match run.folder.index(self.id, segment) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(io_error("read", &run.folder.root.join(&file))(error));
            }
            Err(error) => return run.unreadable(finding(Check::Unreadable, Severity::Damage, ""), error),
            Ok(None) if segment.sealed && !segment.is_empty() => {
                run.report(&finding(Check::IndexMissing, Severity::Note, "the file is missing"));
            }
            Ok(None) => {}
            Ok(Some(index)) => {
                if let Some((at, what)) = index.fault {
                    run.report(&finding(Check::Index, Severity::Damage, what).at(at));
                    self.index_fault = true;
                }
                run.summary.index_entries += index.entries.len() as u64;
                self.index = index.entries;
            }
        }
        Ok(())
    }

    fn step(&mut self, run: &mut Run<'_>, step: Step<'_>, index: &[IndexEntry]) -> Go {
        match step {
            Step::Bad { at, on } => {
                let what = match on {
                    Some(on) => format!("no sound frame begins here; an index entry leads on at byte {on}"),
                    None => "no sound frame begins here, and no index entry leads on".to_owned(),
                };
                let finding = self.finding(Check::FrameHeader, Severity::Loss, what).at(at);
                match &self.pending {
                    Some(_) => run.report(&finding),
                    None => self.pending = Some((finding, self.cursor)),
                }
                let on = on.unwrap_or(u64::MAX);
                self.indexed +=
                    index.iter().skip(self.indexed).take_while(|entry| entry.position < on).count();
            }
            Step::Frame { at, header, batch } => {
                run.advance(header.frame_bytes());
                run.summary.frames += 1;
                run.summary.bytes += header.frame_bytes();
                if !self.settle(run, header.base) {
                    self.place(run, at, &header);
                }
                self.compare_index(run, at, &header, index);
                self.batch(run, at, &header, batch);
            }
        }
        true
    }

    fn place(&self, run: &mut Run<'_>, at: u64, header: &FrameHeader) {
        if header.base > self.cursor {
            self.gap(run, header.base, Some(at));
        } else if header.base < self.cursor {
            let what = format!("it is of number {}, and the one before ends at {}", header.base, self.cursor);
            run.report(&self.finding(Check::FramePlace, Severity::Damage, what).at(at));
        }
        if self.time.is_some_and(|time| time > header.append_time) {
            let what = "its append time is before that of the frame before";
            run.report(&self.finding(Check::FramePlace, Severity::Damage, what).at(at));
        }
    }

    fn batch(&mut self, run: &mut Run<'_>, at: u64, header: &FrameHeader, batch: &[u8]) {
        self.time = self.time.max(Some(header.append_time));
        self.first_time = self.first_time.or(Some(header.append_time));
        match check_batch(header, batch) {
            Ok(sound) => {
                run.summary.records += u64::from(sound.records);
                self.cursor = sound.next;
                run.sound_frame(self.id, (&self.file, at), header.base, batch);
            }
            Err(fault) => {
                let finding = self.finding(fault.check, Severity::Damage, fault.what).at(at);
                match fault.next {
                    Some(next) => {
                        self.cursor = next;
                        run.report(&finding.events(header.base, next));
                    }
                    None => self.pending = Some((finding, header.base)),
                }
            }
        }
    }

    /// Each entry of the index must lead to the frame that it speaks of.
    fn compare_index(&mut self, run: &mut Run<'_>, at: u64, header: &FrameHeader, index: &[IndexEntry]) {
        while let Some(entry) = index.get(self.indexed).filter(|entry| entry.position <= at) {
            self.indexed += 1;
            let leads =
                entry.position == at && (entry.sequence, entry.time) == (header.base, header.append_time);
            // One finding an index: it is not believed anyway.
            if !leads && !std::mem::replace(&mut self.index_fault, true) {
                let file = self.file.with_extension("idx");
                let what = format!("the entry for number {} leads to another frame", entry.sequence);
                run.report(&Finding::new(Check::Index, Severity::Damage, file, what).of(self.id));
            }
        }
    }
}
