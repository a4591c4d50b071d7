//! Cold reads: a few threads that read segments, check every sum once, and answer.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use super::partition::PartitionShell;
use super::queue::lock;
use super::shared::Shared;
use super::store::{DiskStore, segment_path};
use crate::api::{Answer, AnswerSender, PartitionLog, ReadBatches, StoredBatch};
use crate::core::segments::Segment;
use crate::disk::{File, Open, read_all};
use crate::error::LogError;
use crate::format::frame::{FRAME_BYTES, FrameHeader};
use crate::format::index::{IndexEntry, decode_index};
use crate::format::manifest::SegmentId;
use crate::format::names::SegmentFile;
use crate::limits::{INDEX_EVERY_BYTES, READ_BYTES_MAX, READ_HANDLES_MAX};
use crate::types::{PartitionId, Sequence, WallMillis};

/// How much is read at a time while looking for a frame.
const SCAN_BYTES: usize = 256 * 1024;

type Key = (PartitionId, SegmentId);

/// Work for the reading threads, and what they keep open.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    jobs: Mutex<Jobs>,
    wake: Condvar,
    open: Mutex<Opened>,
}

#[derive(Debug, Default)]
struct Jobs {
    queue: VecDeque<Job>,
    stopping: bool,
}

#[derive(Debug, Default)]
struct Opened {
    segments: BTreeMap<Key, (Arc<OpenSegment>, u64)>,
    uses: u64,
}

/// A segment open for reading, and its index.
#[derive(Debug)]
struct OpenSegment {
    file: Arc<dyn File>,
    index: Mutex<Indexed>,
}

#[derive(Debug, Default)]
struct Indexed {
    entries: Vec<IndexEntry>,
    /// Frames below this position are covered.
    upto: u64,
}

#[derive(Debug)]
struct Job {
    partition: Weak<PartitionShell>,
    segment: Segment,
    what: What,
}

#[derive(Debug)]
enum What {
    Read { from: Sequence, max_bytes: usize, answer: AnswerSender<ReadBatches> },
    Seek { at: WallMillis, answer: AnswerSender<Sequence> },
}

impl Readers {
    pub(crate) fn read(
        &self,
        partition: Arc<PartitionShell>,
        segment: Segment,
        from: Sequence,
        max_bytes: usize,
    ) -> Answer<ReadBatches> {
        let (sender, answer) = Answer::channel();
        self.push(&partition, segment, What::Read { from, max_bytes, answer: sender });
        answer
    }

    pub(crate) fn seek(
        &self,
        partition: Arc<PartitionShell>,
        segment: Segment,
        at: WallMillis,
    ) -> Answer<Sequence> {
        let (sender, answer) = Answer::channel();
        self.push(&partition, segment, What::Seek { at, answer: sender });
        answer
    }

    fn push(&self, partition: &Arc<PartitionShell>, segment: Segment, what: What) {
        let mut jobs = lock(&self.jobs);
        if jobs.stopping {
            return;
        }
        jobs.queue.push_back(Job { partition: Arc::downgrade(partition), segment, what });
        drop(jobs);
        self.wake.notify_one();
    }

    /// Closes a segment that goes away.
    pub(crate) fn forget(&self, partition: PartitionId, segment: SegmentId) {
        lock(&self.open).segments.remove(&(partition, segment));
    }

    pub(crate) fn stop(&self) {
        let mut jobs = lock(&self.jobs);
        jobs.stopping = true;
        jobs.queue.clear();
        drop(jobs);
        self.wake.notify_all();
    }

    fn next(&self) -> Option<Job> {
        let mut jobs = lock(&self.jobs);
        loop {
            if jobs.stopping {
                return None;
            }
            if let Some(job) = jobs.queue.pop_front() {
                return Some(job);
            }
            jobs = self.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn open(&self, store: &DiskStore, key: Key) -> io::Result<Arc<OpenSegment>> {
        let mut open = lock(&self.open);
        open.uses += 1;
        let uses = open.uses;
        if let Some((segment, used)) = open.segments.get_mut(&key) {
            *used = uses;
            return Ok(Arc::clone(segment));
        }
        drop(open);
        let file =
            store.disk.open(&segment_path(&store.root, key.0, key.1, SegmentFile::Log), Open::Existing)?;
        let index = Mutex::new(load_index(store, key).unwrap_or_default());
        let segment = Arc::new(OpenSegment { file, index });
        let mut open = lock(&self.open);
        open.segments.insert(key, (Arc::clone(&segment), uses));
        if open.segments.len() > READ_HANDLES_MAX {
            let oldest = open.segments.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            oldest.and_then(|key| open.segments.remove(&key));
        }
        Ok(segment)
    }
}

/// A closed segment's index from its file.
fn load_index(store: &DiskStore, (partition, segment): Key) -> Option<Indexed> {
    let path = segment_path(&store.root, partition, segment, SegmentFile::Index);
    let file = store.disk.open(&path, Open::Existing).ok()?;
    let entries = decode_index(store.seed, &read_all(file.as_ref()).ok()?)?;
    let upto = entries.last()?.position;
    Some(Indexed { entries, upto })
}

/// A reading thread.
pub(crate) fn run(shared: &Shared) {
    let Some(store) = shared.disk() else { return };
    while let Some(job) = store.readers.next() {
        serve(store, job);
    }
}

/// Answers one cold read, if one waits.
pub(crate) fn step(shared: &Shared) -> bool {
    let Some(store) = shared.disk() else { return false };
    let job = lock(&store.readers.jobs).queue.pop_front();
    let found = job.is_some();
    job.into_iter().for_each(|job| serve(store, job));
    found
}

fn serve(store: &DiskStore, job: Job) {
    let Some(partition) = job.partition.upgrade() else { return };
    match job.what {
        What::Read { from, max_bytes, answer } => {
            drop(answer.send(read(store, &partition, &job.segment, from, max_bytes)));
        }
        What::Seek { at, answer } => drop(answer.send(seek(store, &partition, &job.segment, at))),
    }
}

fn read(
    store: &DiskStore,
    partition: &PartitionShell,
    segment: &Segment,
    from: Sequence,
    max_bytes: usize,
) -> Result<ReadBatches, LogError> {
    let mut batches: Vec<Arc<StoredBatch>> = Vec::new();
    let mut bytes = 0;
    let max_bytes = max_bytes.min(READ_BYTES_MAX);
    let outcome = walk(store, partition.id, segment, Start::Sequence(from), |frame, body| {
        let Some(batch) = frame.batch(body) else { return Err("a batch's sum is wrong") };
        if batch.last < from {
            return Ok(Step::Next);
        }
        let follows = batches.last().map_or(batch.base <= from, |last| last.end() == batch.base);
        bytes += batch.bytes.len();
        if !follows || (bytes > max_bytes && !batches.is_empty()) {
            return Ok(Step::Stop);
        }
        batches.push(Arc::new(batch));
        Ok(if bytes >= max_bytes { Step::Stop } else { Step::Next })
    });
    let bounds = partition.bounds();
    // The segment may have expired, or its log been deleted, while it was read.
    if partition.log.is_gone() {
        return Err(LogError::NotFound);
    }
    if from < bounds.first {
        return Err(LogError::OutOfRange { first: bounds.first, next: bounds.next });
    }
    if batches.is_empty() {
        let next = segment.end.next;
        return match outcome {
            Err(Fault::Io(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(LogError::unavailable(format!("cannot read a segment of {}: {error}", partition.id)))
            }
            Err(Fault::Io(_)) => {
                Err(LogError::Damaged { first: from, next, what: "its file is missing".into() })
            }
            Err(Fault::Bad(what)) => Err(LogError::Damaged { first: from, next, what: what.into() }),
            Ok(()) => Err(lock(&partition.state).core.hole(from)),
        };
    }
    Ok(ReadBatches { batches, next: bounds.next, log_start: bounds.first })
}

fn seek(
    store: &DiskStore,
    partition: &PartitionShell,
    segment: &Segment,
    at: WallMillis,
) -> Result<Sequence, LogError> {
    let mut found = None;
    let outcome = walk(store, partition.id, segment, Start::Time(at), |frame, _| {
        if frame.append_time >= at {
            found = Some(frame.base);
            return Ok(Step::Stop);
        }
        Ok(Step::Next)
    });
    let bounds = partition.bounds();
    match (found, outcome) {
        (Some(found), _) => Ok(found.max(bounds.first)),
        (None, Ok(())) => Ok(segment.end.next.max(bounds.first)),
        (None, Err(_)) if bounds.first >= segment.end.next => Ok(bounds.first),
        (None, Err(Fault::Io(error))) => {
            Err(LogError::unavailable(format!("cannot read a segment of {}: {error}", partition.id)))
        }
        (None, Err(Fault::Bad(what))) => {
            Err(LogError::Damaged { first: segment.id.base, next: segment.end.next, what: what.into() })
        }
    }
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// At the last index entry at or below this number.
    Sequence(Sequence),
    /// At the last index entry before this time.
    Time(WallMillis),
}

/// What a walk does after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Next,
    Stop,
}

#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Bad(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Hands the frames of a segment to `visit`, one after another, from where the index says.
fn walk(
    store: &DiskStore,
    partition: PartitionId,
    segment: &Segment,
    start: Start,
    mut visit: impl FnMut(&FrameHeader, &[u8]) -> Result<Step, &'static str>,
) -> Result<(), Fault> {
    let open = store.readers.open(store, (partition, segment.id))?;
    let landing = floor(&lock(&open.index), start);
    let mut position = landing.map_or(0, |entry| entry.position);
    let mut learnt = Learnt { from: position, upto: position, entries: Vec::new() };
    let mut expected = landing.map(|entry| entry.sequence);
    let mut want = SCAN_BYTES;
    let mut chunk = Vec::new();
    while position < segment.end.bytes {
        let left = usize::try_from(segment.end.bytes - position).unwrap_or(usize::MAX);
        chunk.resize(want.min(left), 0);
        let count = open.file.read_at(position, &mut chunk)?;
        if count < chunk.len() {
            return Err(Fault::Bad("its file is shorter than it was"));
        }
        let mut taken = 0;
        while let Some(rest) = chunk.get(taken..).filter(|rest| !rest.is_empty()) {
            let Some(frame) = FrameHeader::decode(store.seed, rest) else {
                if rest.len() > 2 * FRAME_BYTES || rest.len() == left - taken {
                    return Err(Fault::Bad("a frame's header is damaged"));
                }
                break;
            };
            let total = usize::try_from(frame.frame_bytes()).unwrap_or(usize::MAX);
            if frame.partition != partition || total > left - taken {
                return Err(Fault::Bad("a frame is not of this segment"));
            }
            if expected.take().is_some_and(|expected| expected != frame.base) {
                return Err(Fault::Bad("the index leads to another frame"));
            }
            let Some(body) = rest.get(FRAME_BYTES..total) else {
                want = want.max(total);
                break;
            };
            learnt.note(&frame, position + taken as u64);
            let step = visit(&frame, body).map_err(Fault::Bad)?;
            taken += total;
            if step == Step::Stop {
                learnt.merge(&mut lock(&open.index));
                return Ok(());
            }
        }
        position += taken as u64;
    }
    learnt.merge(&mut lock(&open.index));
    Ok(())
}

/// The last entry at or before the start.
fn floor(index: &Indexed, start: Start) -> Option<IndexEntry> {
    let after = match start {
        Start::Sequence(from) => index.entries.partition_point(|entry| entry.sequence <= from),
        Start::Time(at) => index.entries.partition_point(|entry| entry.time < at),
    };
    index.entries.get(after.checked_sub(1)?).copied()
}

/// What a walk learns for the index of a segment that has none, or is growing.
#[derive(Debug)]
struct Learnt {
    from: u64,
    upto: u64,
    entries: Vec<IndexEntry>,
}

impl Learnt {
    fn note(&mut self, frame: &FrameHeader, position: u64) {
        if self.entries.last().is_none_or(|last| position >= last.position + INDEX_EVERY_BYTES) {
            self.entries.push(IndexEntry { sequence: frame.base, time: frame.append_time, position });
        }
        self.upto = position + frame.frame_bytes();
    }

    fn merge(self, index: &mut Indexed) {
        if self.from > index.upto || self.upto <= index.upto {
            return;
        }
        let last = index.entries.last().map(|entry| entry.position);
        let is_new = |entry: &IndexEntry| last.is_none_or(|last| entry.position >= last + INDEX_EVERY_BYTES);
        index.entries.extend(self.entries.into_iter().filter(is_new));
        index.upto = self.upto;
    }
}
