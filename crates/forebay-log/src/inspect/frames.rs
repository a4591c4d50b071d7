//! Walking frames, in a segment and in a round, past damage where something leads on.

use std::io;

use forebay_event::BatchRef;
use forebay_event::batch::ATTRIBUTE_LOG_APPEND_TIME;

use super::finding::Check;
use super::journal::FoundRound;
use super::window::Window;
use crate::format::Seed;
use crate::format::frame::{FRAME_BYTES, FrameHeader};
use crate::format::index::IndexEntry;
use crate::format::journal::ROUND_BYTES;
use crate::types::{PartitionId, Sequence};

/// What of a batch a frame's sum covers.
const FRAME_SUMMED_BYTES: usize = FRAME_BYTES + 21;

/// What a walk comes by.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A frame with a sound header; its batch is still to be judged.
    Frame { at: u64, header: FrameHeader, batch: &'a [u8] },
    /// No sound frame, although one should begin here. The walk goes on at `on`, if something leads on.
    Bad { at: u64, on: Option<u64> },
}

/// Whether a walk goes on.
pub(super) type Go = bool;

/// The frame at `at`, if its header is sound and it ends at or before `end`.
fn frame_at(window: &mut Window, seed: Seed, at: u64, end: u64) -> io::Result<Option<FrameHeader>> {
    let header = FrameHeader::decode(seed, window.view(at, FRAME_SUMMED_BYTES)?);
    Ok(header.filter(|header| at + header.frame_bytes() <= end.min(window.length())))
}

fn hand_over(
    window: &mut Window,
    at: u64,
    header: FrameHeader,
    visit: &mut dyn FnMut(Step<'_>) -> io::Result<Go>,
) -> io::Result<Go> {
    let frame = window.view(at, usize::try_from(header.frame_bytes()).unwrap_or(usize::MAX))?;
    let batch = frame.get(FRAME_BYTES..).unwrap_or_default();
    visit(Step::Frame { at, header, batch })
}

/// Walks the frames of a segment of `id` from byte `from` up to `end`. Where a header is bad, the next entry of `index`
/// that leads to its frame leads on.
pub(super) fn walk_segment(
    window: &mut Window,
    seed: Seed,
    id: PartitionId,
    (from, end): (u64, u64),
    index: &[IndexEntry],
    visit: &mut dyn FnMut(Step<'_>) -> io::Result<Go>,
) -> io::Result<()> {
    let mut at = from;
    while at < end {
        if let Some(header) = frame_at(window, seed, at, end)?.filter(|header| header.partition == id) {
            if !hand_over(window, at, header, visit)? {
                return Ok(());
            }
            at += header.frame_bytes();
            continue;
        }
        let mut on = None;
        for entry in index.iter().filter(|entry| entry.position > at && entry.position < end) {
            let landing = frame_at(window, seed, entry.position, end)?;
            if landing.is_some_and(|header| header.partition == id && header.base == entry.sequence) {
                on = Some(entry.position);
                break;
            }
        }
        if !visit(Step::Bad { at, on })? {
            return Ok(());
        }
        let Some(on) = on else { return Ok(()) };
        at = on;
    }
    Ok(())
}

/// Walks the frames of a round; what follows a bad header in it cannot be walked.
pub(super) fn walk_round(
    window: &mut Window,
    seed: Seed,
    round: &FoundRound,
    visit: &mut dyn FnMut(Step<'_>) -> io::Result<Go>,
) -> io::Result<()> {
    let mut at = round.at + ROUND_BYTES as u64;
    for _ in 0..round.header.frames {
        let header = frame_at(window, seed, at, round.end())?
            .filter(|header| header.generation == round.header.generation);
        let Some(header) = header else {
            visit(Step::Bad { at, on: None })?;
            return Ok(());
        };
        if !hand_over(window, at, header, visit)? {
            return Ok(());
        }
        at += header.frame_bytes();
    }
    Ok(())
}

/// A batch that is as it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoundBatch {
    /// The number after its last event.
    pub(super) next: Sequence,
    /// Its records.
    pub(super) records: u32,
}

/// What is wrong with a batch, and the number after its last event where that can be believed.
#[derive(Debug)]
pub(super) struct BatchFault {
    pub(super) check: Check,
    pub(super) what: String,
    pub(super) next: Option<Sequence>,
}

/// Judges the batch behind a frame's header: its sum, its place, its records one by one.
pub(super) fn check_batch(header: &FrameHeader, bytes: &[u8]) -> Result<SoundBatch, BatchFault> {
    let fault = |check, what: String, next| BatchFault { check, what, next };
    let batch = BatchRef::parse(bytes)
        .and_then(|batch| batch.verify_crc().map(|()| batch))
        .map_err(|error| fault(Check::BatchSum, error.to_string(), None))?;
    let last = u64::try_from(batch.last()).ok().filter(|_| u64::try_from(batch.base()) == Ok(header.base.0));
    let Some(last) = last else {
        let what = format!("the frame is of number {}, its batch of number {}", header.base, batch.base());
        return Err(fault(Check::FramePlace, what, None));
    };
    let next = Sequence(last).plus(1);
    if batch.attributes() & ATTRIBUTE_LOG_APPEND_TIME != 0 && batch.max_timestamp_ms() != header.append_time.0
    {
        let what = "the batch's time is not the frame's append time".to_owned();
        return Err(fault(Check::FramePlace, what, Some(next)));
    }
    if !batch.is_compressed()
        && let Some(error) = batch.records().find_map(Result::err)
    {
        return Err(fault(Check::BatchRecords, error.to_string(), Some(next)));
    }
    Ok(SoundBatch { next, records: batch.count() })
}
