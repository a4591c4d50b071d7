//! Every bound of the log, with its unit in its name and its reason beside it, asserted against the others.

/// What a journal round starts and ends at, and the least a disk is asked to write: a page and a sector multiple.
pub const BLOCK_BYTES: u64 = 4096;

/// A stored batch: eight times the largest event (its worst legal growth, docs/reference/event.md §4) and some room.
pub const BATCH_BYTES_MAX: u32 = 9 * 1024 * 1024;

/// A round takes no further batch once it holds this much: about what a disk writes in the time of a flush.
pub const ROUND_BYTES_SOFT: u64 = 4 * 1024 * 1024;

/// Batches in a round, so that its frame headers stay small beside its room.
pub const ROUND_FRAMES_MAX: usize = 8192;

/// The journal's first two files: what a quiet server keeps on disk and zeroes at its first start.
pub const JOURNAL_FILE_BYTES_FIRST: u64 = 16 * 1024 * 1024;

/// The journal's further files, made as load needs them.
pub const JOURNAL_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// All journal files together; half of the byte budget if that is less. What is in the journal and in no segment yet is pinned in memory.
pub const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Buffers handed to one gathered write (Linux takes 1,024).
pub const WRITE_PIECES_MAX: usize = 1000;

/// A segment is closed and the next begun at this size.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of frames between two entries of a segment's index.
pub const INDEX_EVERY_BYTES: u64 = 4096;

/// A segment is closed by age at an eighth of the retention, within these bounds.
pub const SEGMENT_AGE_MS_MIN: u64 = 5 * 60 * 1000;
/// See [`SEGMENT_AGE_MS_MIN`].
pub const SEGMENT_AGE_MS_MAX: u64 = 24 * 3600 * 1000;

/// A manifest longer than this is replaced by a snapshot of what it says.
pub const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// One manifest entry: a flipped bit in a length must not cost gigabytes.
pub const MANIFEST_ENTRY_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Committed but unwritten events go to their segments at the latest after this time.
pub const WRITE_BEHIND_MS: u64 = 30_000;

/// At the `os` level the journal is flushed this often.
pub const OS_FLUSH_MS: u64 = 1000;

/// After this time without work a round is written that carries the last mark.
pub const IDLE_MARK_MS: u64 = 100;

/// After a failed write to segments or manifest the writer tries again this much later.
pub const RETRY_MS: u64 = 1000;

/// How often expiry is looked at.
pub const RETENTION_TICK_MS: u64 = 60_000;

/// The tail cache's share of the byte budget: one part in this many.
pub const TAIL_CACHE_SHARE: u64 = 4;

/// The tail cache on a large machine: memory that is used again and again is cheap, fresh memory costs a page fault
/// each 4 KiB (0.5 CPU seconds per million events of 1 KB), and a reader that is further behind can go to the disk.
pub const TAIL_CACHE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// The memory level without `memory_bytes`.
pub const MEMORY_BYTES_DEFAULT: u64 = 512 * 1024 * 1024;

/// A memory segment is this part of the bound.
pub const MEMORY_SEGMENT_SHARE: u64 = 64;

/// Cold reads from segments are bounded to this, whatever the caller asks for, beyond the first batch.
pub const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Segments that stay open for cold reads.
pub const READ_HANDLES_MAX: usize = 64;

/// Threads for cold reads.
pub const READ_THREADS: usize = 2;

/// Partitions of one log: Event Hubs' largest tier has 2,000 a namespace; a flipped bit must not make millions.
pub const PARTITIONS_MAX: u32 = 10_000;

const _: () = assert!(
    JOURNAL_FILE_BYTES_FIRST
        >= BLOCK_BYTES * 2 + ROUND_BYTES_SOFT + BATCH_BYTES_MAX as u64 + ROUND_FRAMES_MAX as u64 * 48 + 64,
    "a journal file always holds the largest round"
);
const _: () =
    assert!(JOURNAL_FILE_BYTES_FIRST <= JOURNAL_FILE_BYTES && JOURNAL_FILE_BYTES <= JOURNAL_BYTES_MAX);
const _: () = assert!(
    JOURNAL_FILE_BYTES_FIRST.is_multiple_of(BLOCK_BYTES) && JOURNAL_FILE_BYTES.is_multiple_of(BLOCK_BYTES)
);
const _: () = assert!(SEGMENT_BYTES_MAX > BATCH_BYTES_MAX as u64);
const _: () = assert!(SEGMENT_AGE_MS_MIN < SEGMENT_AGE_MS_MAX);

/// Batches handed in and not yet in a round; beyond this an append is throttled.
pub const SUBMITTED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a throttled publisher is told to wait.
pub const THROTTLE: core::time::Duration = core::time::Duration::from_millis(20);
