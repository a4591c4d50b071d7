//! What must hold for any bytes that a reader of the stored format is given. `forebay-fuzz` gives them to libFuzzer, and
//! its tests the corpora.
//!
//! Every reader is guarded by a sum that no fuzzer finds. So the first byte of an input chooses whether the rest is read
//! as it is, or gets its magic and sum put right first, as a writer with a bug would leave it.

use forebay_event::batch as layout;

use crate::control::ControlSnapshot;
use crate::format::folder::{Folder, FolderId};
use crate::format::frame::{FRAME_BYTES, FrameHeader};
use crate::format::index::{INDEX_ENTRY_BYTES, IndexEntry, decode_index};
use crate::format::journal::{FILE_HEADER_BYTES, JournalHeader, ROUND_BYTES, RoundHeader, round_up};
use crate::format::manifest::{EntryFault, ManifestEntry};
use crate::format::snapshot::{decode_snapshot, encode_snapshot};
use crate::format::{Seed, names};
use crate::limits::BLOCK_BYTES;

/// Of the folder that all inputs are in.
fn seed() -> Seed {
    Seed::of(&FolderId([7; 16]))
}

/// Writes magic and version at the start, and at `crc_at` the sum of the header with a zero in its place, and `more`.
fn seal(bytes: &mut [u8], header: usize, magic: &[u8], crc_at: usize, more: usize) {
    if bytes.len() < header + more {
        return;
    }
    bytes[..magic.len()].copy_from_slice(magic);
    bytes[crc_at..][..4].fill(0);
    let sum = seed().sum(&[&bytes[..header], &bytes[header..header + more]]);
    bytes[crc_at..][..4].copy_from_slice(&sum.to_le_bytes());
}

/// A frame and what follows: a walk as through a segment.
///
/// # Panics
/// If what is sound is not written as the same, or the walk leaves the bytes.
pub fn frame(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while at + FRAME_BYTES + 21 <= bytes.len() {
        let rest = &mut bytes[at..];
        if choice & 1 == 1 {
            right_batch(rest);
        }
        if choice & 2 == 2 {
            // Magic, version 1, kind 1; flags 0.
            rest[7] = 0;
            seal(rest, FRAME_BYTES, b"FBF1\x01\x01", 28, 21);
        }
        let Some(header) = FrameHeader::decode(seed(), rest) else { break };
        let (head, body) = rest.split_at(FRAME_BYTES);
        assert_eq!(header.encode(seed(), body), head, "it is written as the same");
        assert_eq!(header.frame_bytes(), FRAME_BYTES as u64 + u64::from(header.length));
        let Some(batch) = header.batch(body) else { break };
        assert_eq!(batch.bytes, body[..header.length as usize]);
        assert!(batch.base == header.base && batch.last >= batch.base && batch.end() > batch.last);
        assert_eq!((batch.origin, batch.append_time), (header.origin, header.append_time));
        at += FRAME_BYTES + header.length as usize;
    }
}

/// Makes the batch behind a frame's header the one that the header speaks of.
fn right_batch(frame: &mut [u8]) {
    let length = u32::from_le_bytes([frame[8], frame[9], frame[10], frame[11]]) as usize;
    let room = frame.len() - FRAME_BYTES;
    let length = if length <= room { length } else { room };
    frame[8..12].copy_from_slice(&u32::try_from(length).unwrap_or_default().to_le_bytes());
    let mut base = [0; 8];
    base.copy_from_slice(&frame[32..40]);
    // A batch's numbers are not negative.
    base[7] &= 0x7f;
    frame[32..40].copy_from_slice(&base);
    let Some(batch) = frame.get_mut(FRAME_BYTES..FRAME_BYTES + length) else { return };
    if batch.len() < layout::HEADER_BYTES {
        return;
    }
    base.reverse();
    batch[..8].copy_from_slice(&base);
    let behind = i32::try_from(batch.len() - layout::LENGTH_EXCLUDES).unwrap_or_default();
    batch[layout::LENGTH_AT..][..4].copy_from_slice(&behind.to_be_bytes());
    batch[layout::MAGIC_AT] = layout::MAGIC;
    let sum = crc32c::crc32c(&batch[layout::ATTRIBUTES_AT..]);
    batch[layout::CRC_AT..][..4].copy_from_slice(&sum.to_be_bytes());
}

/// A journal file's header, a round's header.
///
/// # Panics
/// If what is sound is not read as what it is written as, or a round does not advance the walk over a file.
pub fn journal(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let (mut file, mut round) = (bytes.to_vec(), bytes.to_vec());
    if choice & 1 == 1 {
        seal(&mut file, FILE_HEADER_BYTES, b"FBJ1\x01", 52, 0);
        seal(&mut round, ROUND_BYTES, b"FBR1\x01", 12, 0);
    }
    if let Some(header) = JournalHeader::decode(seed(), &file) {
        assert_eq!(JournalHeader::decode(seed(), &header.encode(seed())), Some(header));
    }
    if let Some(header) = RoundHeader::decode(seed(), &round) {
        assert_eq!(RoundHeader::decode(seed(), &header.encode(seed())), Some(header));
        assert!(header.number > header.mark);
        let padded = header.padded();
        assert!(
            padded >= BLOCK_BYTES && padded.is_multiple_of(BLOCK_BYTES) && padded >= u64::from(header.length)
        );
        assert_eq!(round_up(padded), padded);
    }
}

/// A segment's whole index.
///
/// # Panics
/// If its entries are not written as the same, or do not ascend.
pub fn index(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 == 1 {
        bytes
            .chunks_exact_mut(INDEX_ENTRY_BYTES)
            .for_each(|entry| seal(entry, INDEX_ENTRY_BYTES, &[], 24, 0));
    }
    let Some(entries) = decode_index(seed(), &bytes) else { return };
    let written: Vec<u8> = entries.iter().flat_map(|entry: &IndexEntry| entry.encode(seed())).collect();
    assert_eq!(written, bytes);
    assert!(entries.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
}

/// A manifest: entry after entry.
///
/// # Panics
/// If an entry is not read as what it is written as, takes no bytes, or holds more than it had.
pub fn manifest(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let place = at as u64;
        let rest = &mut bytes[at..];
        if choice & 1 == 1 {
            right_entry(rest, place);
        }
        let (entry, taken) = match ManifestEntry::decode(seed(), place, rest) {
            Ok(read) => read,
            Err(EntryFault::Bad) => break,
            Err(EntryFault::UnknownKind(kind)) => {
                assert!(kind < 0x80, "a later kind may be stepped over");
                break;
            }
        };
        assert!((12..=rest.len()).contains(&taken));
        if let ManifestEntry::Unknown { kind } = entry {
            assert!(kind >= 0x80);
        } else {
            let mut written = Vec::new();
            entry.encode(seed(), place, &mut written);
            assert_eq!(written.len(), taken);
            assert_eq!(ManifestEntry::decode(seed(), place, &written), Ok((entry, taken)));
            assert_eq!(ManifestEntry::decode(seed(), place + 1, &written), Err(EntryFault::Bad), "elsewhere");
        }
        at += taken;
    }
}

/// Bounds an entry's length by what is there, and rights its sum.
fn right_entry(entry: &mut [u8], place: u64) {
    if entry.len() < 12 {
        return;
    }
    let length = (usize::from(entry[0]) | usize::from(entry[1]) << 8).min(entry.len() - 12);
    entry[..4].copy_from_slice(&u32::try_from(length).unwrap_or_default().to_le_bytes());
    let sum = seed().sum(&[&place.to_le_bytes(), &entry[..8], &entry[12..12 + length]]);
    entry[8..12].copy_from_slice(&sum.to_le_bytes());
}

/// The small files: `FORMAT`, control snapshots, and the names of all.
///
/// # Panics
/// If what is read is not what it is written as, or a name is read that no file of ours has.
pub fn folder(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let right = choice & 1 == 1;
    let mut format = text.clone().into_owned();
    if right {
        let body = text.rsplit_once("sum ").map_or(&*text, |(body, _)| body);
        format = format!("{body}sum {:08x}\n", crc32c::crc32c(body.as_bytes()));
    }
    if let Ok(folder) = Folder::decode(format.as_bytes()) {
        assert_eq!(Folder::decode(folder.encode().as_bytes()), Ok(folder));
    }

    let mut file = bytes.to_vec();
    if right && file.len() >= 32 {
        let length = (file.len() - 32) as u64;
        file[16..24].copy_from_slice(&length.to_le_bytes());
        let more = file.len() - 32;
        seal(&mut file, 32, b"FBS1\x01", 24, more);
    }
    if let Some(snapshot) = decode_snapshot(seed(), &file) {
        let written = encode_snapshot(seed(), &snapshot);
        assert_eq!(written.len(), file.len());
        let again: Option<ControlSnapshot> = decode_snapshot(seed(), &written);
        assert_eq!(again, Some(snapshot));
    }

    let same = |written: Option<String>| assert!(written.is_none_or(|written| written == text));
    same(names::parse_manifest(&text).map(names::manifest));
    same(names::parse_journal(&text).map(names::journal));
    same(names::parse_log(&text).map(names::log));
    same(names::parse_partition(&text).map(names::partition));
    same(names::parse_snapshot(&text).map(names::snapshot));
    same(names::parse_segment(&text).map(|(base, generation, file)| names::segment(base, generation, file)));
}
