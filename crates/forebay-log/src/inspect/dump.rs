//! Showing a folder frame by frame: what a partition holds, in order, or what the journal's files hold, as they lie.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use forebay_event::Origin;

use super::frames::{Step, check_batch, walk_round, walk_segment};
use super::journal::{FoundRound, JournalFile};
use super::segments::segment_file;
use super::window::Window;
use super::{Folder, InspectError, io_error};
use crate::core::segments::Segment;
use crate::format::frame::FrameHeader;
use crate::format::index::IndexEntry;
use crate::format::names::SegmentFile;
use crate::types::{PartitionId, Sequence, WallMillis};

/// One thing that is shown. Paths are from the folder's root; places are bytes from a file's start.
#[derive(Debug)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A journal file begins.
    File(JournalFileView<'a>),
    /// A round begins.
    Round(RoundView<'a>),
    /// A frame.
    Frame(StoredFrame<'a>),
    /// No sound frame where one should begin.
    Damage {
        /// The file.
        file: &'a Path,
        /// Where in it.
        at: u64,
        /// What was found.
        what: String,
    },
}

/// A journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalFileView<'a> {
    /// The file.
    pub file: &'a Path,
    /// The generation in its name.
    pub generation: u32,
    /// Its length.
    pub bytes: u64,
    /// Its first round, if its header says so.
    pub first_round: Option<u64>,
    /// Whether all it holds is in segments.
    pub is_spent: bool,
}

/// A round whose header is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundView<'a> {
    /// The file.
    pub file: &'a Path,
    /// Where in it.
    pub at: u64,
    /// Its number, dense over all files.
    pub number: u64,
    /// The last round whose flush had returned when it was written.
    pub mark: u64,
    /// Whether it is at or below the greatest mark, and so was durable for sure.
    pub is_marked: bool,
    /// Bytes of header and frames.
    pub bytes: u32,
    /// Its frames.
    pub frames: u32,
    /// When it was written.
    pub wall: WallMillis,
}

/// A frame whose header is sound.
#[derive(Debug)]
pub struct StoredFrame<'a> {
    /// The file.
    pub file: &'a Path,
    /// Where in it.
    pub at: u64,
    /// The round that it lies in; `None` in a segment.
    pub round: Option<u64>,
    /// Which door it came in by.
    pub origin: Origin,
    /// Whose it is.
    pub partition: PartitionId,
    /// The number of its first event.
    pub base: Sequence,
    /// When it was appended.
    pub append_time: WallMillis,
    /// The record batch as stored.
    pub batch: &'a [u8],
    /// What is wrong with the batch, if anything.
    pub fault: Option<String>,
}

/// What is shown goes here; it says whether it wants more.
type Visit<'v> = &'v mut dyn FnMut(Item<'_>) -> ControlFlow<()>;

impl Folder {
    /// The frames of a partition from the one that holds event `from` on: those in segments, then those that are only
    /// in the journal.
    ///
    /// # Errors
    /// [`InspectError::Io`].
    pub fn frames(&self, id: PartitionId, from: Sequence, visit: Visit<'_>) -> Result<(), InspectError> {
        let used = self.manifest.catalog.logs.get(&id.log).and_then(|log| log.used.get(&id.index));
        let segments = used.map(|used| used.segments.all()).unwrap_or_default();
        for segment in segments.iter().filter(|segment| segment.end.next > from && !segment.is_empty()) {
            let name = segment_file(id, segment.id, SegmentFile::Log);
            let path = self.root.join(&name);
            let going = self.frames_of_segment(id, segment, from, &name, visit);
            match going {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let what = "the file is missing".to_owned();
                    if visit(Item::Damage { file: &name, at: 0, what }).is_break() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(io_error("read", &path)(error)),
            }
        }
        let beyond = from.max(used.map(|used| used.next()).unwrap_or_default());
        self.frames_of_rounds(id, beyond, visit)
    }

    fn frames_of_segment(
        &self,
        id: PartitionId,
        segment: &Segment,
        from: Sequence,
        name: &Path,
        visit: Visit<'_>,
    ) -> io::Result<bool> {
        let mut window = self.window(&self.root.join(name))?;
        let index = self.index(id, segment)?.unwrap_or_default().entries;
        let start = self.landing(&mut window, id, &index, from)?;
        let mut goes_on = true;
        walk_segment(&mut window, self.seed, id, (start, segment.end.bytes), &index, &mut |step| {
            goes_on = match step {
                Step::Frame { at, header, batch } => show(name, None, from, (at, header, batch), visit),
                Step::Bad { at, .. } => {
                    let what = "no sound frame begins here".to_owned();
                    visit(Item::Damage { file: name, at, what }).is_continue()
                }
            };
            Ok(goes_on)
        })?;
        Ok(goes_on)
    }

    /// Where to begin: at the last index entry at or below `from` that leads to its frame.
    fn landing(
        &self,
        window: &mut Window,
        id: PartitionId,
        index: &[IndexEntry],
        from: Sequence,
    ) -> io::Result<u64> {
        let Some(entry) = index.iter().rev().find(|entry| entry.sequence <= from) else { return Ok(0) };
        let mut leads = false;
        let range = (entry.position, window.length());
        walk_segment(window, self.seed, id, range, &[], &mut |step| {
            leads = match step {
                Step::Frame { header, .. } => header.base == entry.sequence,
                Step::Bad { .. } => false,
            };
            Ok(false)
        })?;
        Ok(if leads { entry.position } else { 0 })
    }

    fn frames_of_rounds(
        &self,
        id: PartitionId,
        from: Sequence,
        visit: Visit<'_>,
    ) -> Result<(), InspectError> {
        for round in &self.journal.rounds {
            let Some(file) = self.journal.file(round) else { continue };
            let mut goes_on = true;
            self.walk(file, round, &mut |step| {
                if let Step::Frame { at, header, batch } = step
                    && header.partition == id
                {
                    let number = Some(round.header.number);
                    goes_on = show(&file.path, number, from, (at, header, batch), visit);
                }
                goes_on
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The journal's files in the order of their generations, each with its rounds and their frames, also those that
    /// are no longer needed.
    ///
    /// # Errors
    /// [`InspectError::Io`].
    pub fn journal(&self, visit: Visit<'_>) -> Result<(), InspectError> {
        let journal = &self.journal;
        for (index, file) in journal.files.iter().enumerate() {
            let view = JournalFileView {
                file: &file.path,
                generation: file.generation,
                bytes: file.length,
                first_round: file.header.map(|header| header.first_round),
                is_spent: file.is_spent,
            };
            if visit(Item::File(view)).is_break() {
                return Ok(());
            }
            let rounds = if file.is_spent { &journal.spent } else { &journal.rounds };
            for round in rounds.iter().filter(|round| round.file == index) {
                if self.show_round(file, round, visit)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn show_round(
        &self,
        file: &JournalFile,
        round: &FoundRound,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, InspectError> {
        let header = round.header;
        let view = RoundView {
            file: &file.path,
            at: round.at,
            number: header.number,
            mark: header.mark,
            is_marked: file.is_spent || header.number <= self.journal.mark,
            bytes: header.length,
            frames: header.frames,
            wall: header.wall,
        };
        let mut flow = visit(Item::Round(view));
        if flow.is_continue() {
            self.walk(file, round, &mut |step| {
                let goes_on = match step {
                    Step::Frame { at, header, batch } => show(
                        &file.path,
                        Some(round.header.number),
                        Sequence::ZERO,
                        (at, header, batch),
                        visit,
                    ),
                    Step::Bad { at, .. } => {
                        let what =
                            "no sound frame begins here; the rest of the round cannot be walked".into();
                        visit(Item::Damage { file: &file.path, at, what }).is_continue()
                    }
                };
                if !goes_on {
                    flow = ControlFlow::Break(());
                }
                goes_on
            })?;
        }
        Ok(flow)
    }

    fn walk(
        &self,
        file: &JournalFile,
        round: &FoundRound,
        visit: &mut dyn FnMut(Step<'_>) -> bool,
    ) -> Result<(), InspectError> {
        let path = self.root.join(&file.path);
        let walked = self
            .window(&path)
            .and_then(|mut window| walk_round(&mut window, self.seed, round, &mut |step| Ok(visit(step))));
        walked.map_err(io_error("read", &path))
    }
}

/// Shows a frame, unless all its events are before `from`.
fn show(
    file: &Path,
    round: Option<u64>,
    from: Sequence,
    (at, header, batch): (u64, FrameHeader, &[u8]),
    visit: Visit<'_>,
) -> bool {
    let (next, fault) = match check_batch(&header, batch) {
        Ok(sound) => (sound.next, None),
        Err(fault) => (fault.next.unwrap_or(header.base.plus(1)), Some(fault.what)),
    };
    if next <= from {
        return true;
    }
    let frame = StoredFrame {
        file,
        at,
        round,
        origin: header.origin,
        partition: header.partition,
        base: header.base,
        append_time: header.append_time,
        batch,
        fault,
    };
    visit(Item::Frame(frame)).is_continue()
}
