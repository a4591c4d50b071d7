//! The record batch v2 as built and read in place (`docs/reference/kafka.md` §11, `docs/reference/event.md` §6).

use forebay_event::batch::{self, BatchBuf, BatchError, BatchRef, Producer};
use forebay_event::record::RecordError;
use proptest::prelude::*;

type Parts = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn push(batch: &mut BatchBuf, (key, value, headers): &Parts) {
    let headers: Vec<(&[u8], Option<&[u8]>)> = headers.iter().map(|(n, v)| (&n[..], v.as_deref())).collect();
    batch.push(key.as_deref(), value.as_deref(), &headers);
}

fn sealed(records: &[Parts]) -> Vec<u8> {
    let mut batch = BatchBuf::new();
    for record in records {
        push(&mut batch, record);
    }
    batch.seal(1000, 1_700_000_000_123);
    batch.into_bytes()
}

fn read(bytes: &[u8]) -> Result<Vec<Parts>, BatchError> {
    let mut records = Vec::new();
    for record in BatchRef::parse(bytes)?.records() {
        let record = record?;
        let headers: Result<Vec<_>, RecordError> =
            record.headers.map(|h| h.map(|(n, v)| (n.to_vec(), v.map(<[u8]>::to_vec)))).collect();
        let headers = headers.map_err(|error| BatchError::Record { index: record.offset_delta, error })?;
        records.push((record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), headers));
    }
    Ok(records)
}

fn parts() -> impl Strategy<Value = Parts> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    let header = (bytes(), proptest::option::of(bytes()));
    (proptest::option::of(bytes()), proptest::option::of(bytes()), proptest::collection::vec(header, 0..4))
}

fn sample() -> Vec<u8> {
    sealed(&[
        (None, Some(b"one".to_vec()), vec![]),
        (Some(b"k".to_vec()), None, vec![(b"h".to_vec(), None), (b"".to_vec(), Some(b"v".to_vec()))]),
        (None, Some(b"".to_vec()), vec![]),
    ])
}

#[test]
fn a_sealed_batch_has_the_bytes_that_kafka_writes() {
    // Worked out by hand from the layout; the length of the record, 15, is 0x1E in zig-zag.
    let mut batch = BatchBuf::new();
    batch.push(None, Some(b"hello"), &[(b"h", Some(b"v"))]);
    batch.seal(5, 0x0102_0304_0506_0708);
    let bytes = batch.into_bytes();
    let records = [0x1E, 0, 0, 0, 0x01, 0x0A, b'h', b'e', b'l', b'l', b'o', 2, 2, b'h', 2, b'v'];
    let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 5];
    expected.extend_from_slice(&65_u32.to_be_bytes());
    expected.extend_from_slice(&[0xFF; 4]);
    expected.push(2);
    let mut summed = vec![0, 8, 0, 0, 0, 0];
    summed.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    summed.extend_from_slice(&[0xFF; 14]);
    summed.extend_from_slice(&[0, 0, 0, 1]);
    summed.extend_from_slice(&records);
    expected.extend_from_slice(&crc32c::crc32c(&summed).to_be_bytes());
    expected.extend_from_slice(&summed);
    assert_eq!(bytes, expected);
}

#[test]
fn the_header_reads_back_as_sealed() {
    let mut batch = BatchBuf::with_capacity(100);
    batch.push(None, Some(b"a"), &[]);
    batch.push(None, Some(b"b"), &[]);
    batch.set_producer(7, 3, 40);
    batch.seal(90, -5);
    let bytes = batch.into_bytes();
    let read = BatchRef::parse(&bytes).expect("a sealed batch parses");
    assert_eq!((read.base(), read.last(), read.count()), (90, 91, 2));
    assert_eq!((read.base_timestamp_ms(), read.max_timestamp_ms()), (-5, -5));
    assert_eq!(read.producer(), Producer { id: 7, epoch: 3, base_sequence: 40 });
    assert_eq!(read.attributes(), batch::ATTRIBUTE_LOG_APPEND_TIME);
    assert!(!read.is_compressed() && !read.is_control());
    assert_eq!(read.verify_crc(), Ok(()));
}

#[test]
fn a_batch_may_be_prepared_early_and_sealed_again() {
    let mut batch = BatchBuf::new();
    batch.push(None, Some(&[1; 5000]), &[]);
    batch.prepare();
    batch.push(None, Some(&[2; 300]), &[]);
    batch.prepare();
    for (base, time) in [(0, 0), (i64::from(u32::MAX), i64::MAX), (3, 1_700_000_000_000)] {
        batch.seal(base, time);
        let read = BatchRef::parse(batch.as_bytes()).expect("a sealed batch parses");
        assert_eq!(read.verify_crc(), Ok(()));
        assert_eq!((read.base(), read.max_timestamp_ms()), (base, time));
    }
}

#[test]
fn a_record_that_is_not_finished_is_taken_back() {
    let mut batch = BatchBuf::new();
    batch.push(None, Some(b"kept"), &[]);
    let before = batch.as_bytes().to_vec();
    let shape = batch::RecordShape { key: None, value_len: Some(3), header_count: 0, headers_len: 0 };
    let mut record = batch.record(&shape);
    record.value(b"ab");
    drop(record);
    assert_eq!((batch.as_bytes(), batch.count()), (&before[..], 1));
}

#[test]
fn a_walk_goes_on_from_any_position() {
    let bytes = sample();
    let batch = BatchRef::parse(&bytes).expect("a sealed batch parses");
    let all: Vec<_> = batch.records().map(|r| r.expect("sound")).collect();
    let mut walk = batch.records();
    for skip in 0..=all.len() {
        let position = walk.position();
        assert_eq!(position.index() as usize, skip);
        let rest: Vec<_> = batch.records_at(position).map(|r| r.expect("sound")).collect();
        assert_eq!(rest, all[skip..]);
        walk.next();
    }
}

/// Applies `change` to a sound batch and gives what reading it says.
fn refused(change: impl FnOnce(&mut Vec<u8>)) -> BatchError {
    let mut bytes = sample();
    change(&mut bytes);
    read(&bytes).expect_err("a damaged batch is refused")
}

fn set(at: usize, field: &[u8]) -> impl FnOnce(&mut Vec<u8>) {
    move |bytes| bytes[at..at + field.len()].copy_from_slice(field)
}

#[test]
fn each_rule_of_the_layout_is_checked() {
    assert_eq!(refused(|b| b.truncate(60)), BatchError::TooShort(60));
    let actual = sample().len() - 12;
    assert_eq!(refused(set(8, &[0xFF; 4])), BatchError::Length { claimed: -1, actual });
    assert_eq!(refused(set(16, &[1])), BatchError::Magic(1));
    let count = |base, last_offset_delta, count| BatchError::Count { base, last_offset_delta, count };
    assert_eq!(refused(set(57, &[0, 0, 0, 4])), count(1000, 2, 4));
    assert_eq!(refused(set(57, &[0xFF; 4])), count(1000, 2, -1));
    assert_eq!(refused(set(23, &[0xFF; 4])), count(1000, -1, 3));
    assert_eq!(refused(set(0, &[0xFF])), count(-72_057_594_037_926_936, 2, 3));
    assert_eq!(refused(set(21, &[0, 4])), BatchError::Compressed(4));
    assert_eq!(refused(set(61, &[0x7E])), BatchError::PastEnd(0));
    assert_eq!(refused(set(57, &[0, 0, 0, 2])), BatchError::Trailing(7));
    assert_eq!(refused(set(64, &[2])), BatchError::OffsetDelta { index: 1, delta: 1 });
    assert_eq!(refused(set(64, &[6])), BatchError::OffsetDelta { index: 0, delta: 3 });
    let record = |index, error| BatchError::Record { index, error };
    assert_eq!(refused(set(64, &[1])), record(0, RecordError::Number("offset delta")));
    assert_eq!(refused(set(65, &[3])), record(0, RecordError::Number("key")));
    assert_eq!(refused(set(66, &[0x7E])), record(0, RecordError::PastEnd("value")));
    assert_eq!(refused(set(66, &[4])), record(0, RecordError::HeaderCount(-(i64::from(b'e') + 1) / 2)));
    assert_eq!(refused(set(70, &[2])), record(0, RecordError::HeaderCount(1)));
}

#[test]
fn a_flipped_bit_behind_the_crc_is_found() {
    let bytes = sample();
    for bit in 17 * 8..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(batch) = BatchRef::parse(&flipped) {
            assert!(batch.verify_crc().is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_compacted_batch_has_gaps_and_keeps_its_last_offset() {
    let mut bytes = sample();
    bytes[64] = 0;
    bytes[23..27].copy_from_slice(&9_u32.to_be_bytes());
    let batch = BatchRef::parse(&bytes).expect("gaps are allowed");
    assert_eq!((batch.last(), batch.count()), (1009, 3));
    assert_eq!(batch.records().filter(Result::is_ok).count(), 3);
}

proptest! {
    #[test]
    fn records_come_back_as_pushed(records in proptest::collection::vec(parts(), 1..200)) {
        let bytes = sealed(&records);
        let batch = BatchRef::parse(&bytes).expect("a sealed batch parses");
        prop_assert_eq!(batch.verify_crc(), Ok(()));
        prop_assert_eq!(read(&bytes), Ok(records));
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 61..300), count in 0..5_u8) {
        // A plausible header lets the walk reach the records.
        let length = (bytes.len() - 12) as u32;
        bytes[0] = 0;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        bytes[21..27].copy_from_slice(&[0, 0, 0, 0, 0, 5]);
        bytes[57..61].copy_from_slice(&[0, 0, 0, count]);
        let _ = std::hint::black_box(read(&bytes));
    }

    #[test]
    fn every_cut_and_flip_of_records_never_panics(records in proptest::collection::vec(parts(), 1..4), cut in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let mut bytes = sealed(&records);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let _ = std::hint::black_box(read(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        let _ = std::hint::black_box(read(&bytes));
    }
}
