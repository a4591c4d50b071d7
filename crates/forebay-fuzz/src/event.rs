//! The stored form of events: record batches, and AMQP messages in and out.

use forebay_amqp::types::sections::Sections;
use forebay_event::amqp::{
    BATCH_FORMAT, Context, Incoming, RuntimeMetrics, System, stored_bytes_max, write_message,
};
use forebay_event::{BatchBuf, BatchRef, Headers, Origin, RecordRef, batch as layout};

use crate::memory::{peak_of, within};
use crate::tape::Tape;

/// A message's stored form takes ten times its bytes at most, and its buffer twice that while it grows.
const MESSAGE_FACTOR: usize = 64;
const SPARE: usize = 256 << 10;

const SYSTEM: System = System { sequence: 12_345, enqueued_ms: 1_700_000_000_123 };

type OwnedHeaders = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A record, owned.
#[derive(Debug, PartialEq)]
struct Stored {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
}

/// A record whose headers are sound; they are checked as they are read.
fn stored(record: &RecordRef<'_>) -> Option<Stored> {
    let all = |headers: Headers<'_>| -> Option<OwnedHeaders> {
        headers
            .map(|header| header.ok().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))))
            .collect()
    };
    Some(Stored {
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: all(record.headers)?,
    })
}

fn push(batch: &mut BatchBuf, record: &Stored) {
    let headers: Vec<(&[u8], Option<&[u8]>)> =
        record.headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
    batch.push(record.key.as_deref(), record.value.as_deref(), &headers);
}

/// The first byte says what is put right before reading: nothing; length and magic; or the sum too.
pub(crate) fn batch(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 == 1 && bytes.len() >= layout::HEADER_BYTES {
        let length = i32::try_from(bytes.len() - layout::LENGTH_EXCLUDES).expect("short");
        bytes[layout::LENGTH_AT..][..4].copy_from_slice(&length.to_be_bytes());
        bytes[layout::MAGIC_AT] = layout::MAGIC;
    }
    if choice & 2 == 2 && bytes.len() >= layout::HEADER_BYTES {
        let sum = crc32c::crc32c(&bytes[layout::ATTRIBUTES_AT..]);
        bytes[layout::CRC_AT..][..4].copy_from_slice(&sum.to_be_bytes());
    }
    let Ok(batch) = BatchRef::parse(&bytes) else { return };
    assert!(batch.base() >= 0 && batch.last() >= batch.base());
    assert_eq!(batch.verify_crc().is_ok(), {
        let sum = crc32c::crc32c(&bytes[layout::ATTRIBUTES_AT..]);
        bytes[layout::CRC_AT..][..4] == sum.to_be_bytes()
    });
    let ((), held) = peak_of(|| batch.records().for_each(drop));
    assert_eq!(held, 0, "reading a batch allocates nothing");

    let mut kept = Vec::new();
    let mut walk = batch.records();
    let mut deltas = None;
    loop {
        let position = walk.position();
        let Some(record) = walk.next() else { break };
        let again = batch.records_at(position).next();
        assert_eq!(again.as_ref(), Some(&record), "a walk goes on from where it was");
        let Ok(record) = record else {
            assert!(walk.next().is_none(), "the first error ends the walk");
            return;
        };
        assert!(deltas < Some(record.offset_delta), "offsets rise");
        deltas = Some(record.offset_delta);
        deliver(&record);
        kept.push(stored(&record));
    }
    assert_eq!(kept.len(), batch.count() as usize, "as many records as were announced");
    if let (Some(kept), false) = (kept.into_iter().collect::<Option<Vec<_>>>(), batch.count() == 0) {
        rebuilt(&kept, batch.base());
    }
}

/// What is written again is read as the same.
fn rebuilt(records: &[Stored], base: i64) {
    let mut batch = BatchBuf::new();
    records.iter().for_each(|record| push(&mut batch, record));
    batch.seal(base, SYSTEM.enqueued_ms);
    let bytes = batch.into_bytes();
    let batch = BatchRef::parse(&bytes).expect("a sealed batch");
    batch.verify_crc().expect("its sum is right");
    for (record, expected) in batch.records().zip(records) {
        assert_eq!(stored(&record.expect("a sound record")).as_ref(), Some(expected));
    }
}

/// Whatever a record holds: it becomes a whole message, or nothing is written.
fn deliver(record: &RecordRef<'_>) {
    let bytes: usize = record.key.map_or(0, <[u8]>::len)
        + record.value.map_or(0, <[u8]>::len)
        + record
            .headers
            .flatten()
            .map(|(name, value)| 4 + name.len() + value.map_or(0, <[u8]>::len))
            .sum::<usize>();
    let metrics = RuntimeMetrics { last_sequence: 9, last_enqueued_ms: 8, retrieved_ms: 7 };
    for (origin, metrics) in [
        (Origin::Amqp, None),
        (Origin::Http, Some(&metrics)),
        (Origin::Kafka, Some(&metrics)),
        (Origin::Control, None),
        (Origin::Internal, None),
    ] {
        let mut out = b"before".to_vec();
        let written =
            within(bytes, 64, 16 << 10, || write_message(record, origin, &SYSTEM, metrics, &mut out));
        assert!(out.starts_with(b"before"));
        let message = &out[6..];
        match written {
            Ok(()) => {
                assert!(message.len() <= 8 * bytes + 1024, "{} bytes of {bytes}", message.len());
                for section in Sections::new(message) {
                    let section = section.expect("a well-formed section");
                    forebay_amqp::wire::validate_value(&mut section.reader()).expect("a well-formed value");
                }
            }
            Err(_) => assert!(message.is_empty(), "half a message is written"),
        }
    }
}

fn records(message: &[u8], format: u32, context: &Context<'_>) -> Option<Vec<Stored>> {
    let incoming = Incoming::parse(message, format, context).ok()?;
    assert!(incoming.stored_size_bound() <= stored_bytes_max(context.max_bytes));
    let mut batch = BatchBuf::new();
    incoming.write(&mut batch);
    assert_eq!(batch.count(), incoming.event_count());
    assert!(batch.len() <= incoming.stored_size_bound(), "no more than was announced");
    if batch.is_empty() {
        return Some(Vec::new());
    }
    batch.seal(0, 0);
    let bytes = batch.into_bytes();
    let batch = BatchRef::parse(&bytes).expect("a sealed batch");
    batch.verify_crc().expect("its sum is right");
    let kept = batch.records().map(|record| stored(&record.expect("a sound record")).expect("sound headers"));
    Some(kept.collect())
}

/// The first two bytes choose the hub and the link. What is stored is delivered, and what is delivered is stored as the
/// same when it is sent again.
pub(crate) fn message(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let (choice, spare) = (tape.byte(), tape.byte());
    let message = tape.0;
    let context = Context {
        publisher: (choice & 1 == 1).then_some("device-42"),
        partition_count: (choice & 2 == 2).then_some(4),
        compacted: choice & 4 == 4,
        max_bytes: message.len() + usize::from(spare % 4),
    };
    let format = match choice >> 3 & 3 {
        0 | 1 => 0,
        2 => BATCH_FORMAT,
        _ => u32::from(spare),
    };
    let first = within(message.len(), MESSAGE_FACTOR, SPARE, || records(message, format, &context));
    let roomy = Context { max_bytes: 1 << 20, ..context };
    for record in first.into_iter().flatten() {
        let again = sent_again(&record, &roomy);
        // A partition key goes out before what the sender put before it; all else keeps its place.
        assert_eq!((&again.key, &again.value), (&record.key, &record.value));
        assert_eq!(names(&again), names(&record), "nothing comes or goes");
        assert_eq!(sent_again(&again, &roomy), again, "it is stored as the same");
    }
}

fn names(record: &Stored) -> Vec<(&[u8], usize)> {
    let mut names: Vec<_> =
        record.headers.iter().map(|(name, value)| (&name[..], value.as_ref().map_or(0, Vec::len))).collect();
    names.sort_unstable();
    names
}

/// What becomes of a record that is delivered and sent again.
fn sent_again(record: &Stored, context: &Context<'_>) -> Stored {
    let mut batch = BatchBuf::new();
    push(&mut batch, record);
    batch.seal(SYSTEM.sequence, SYSTEM.enqueued_ms);
    let bytes = batch.into_bytes();
    let batch = BatchRef::parse(&bytes).expect("a sealed batch");
    let read = batch.records().next().expect("one record").expect("a sound record");
    let mut delivered = Vec::new();
    write_message(&read, Origin::Amqp, &SYSTEM, None, &mut delivered).expect("what we stored is delivered");
    let mut again = records(&delivered, 0, context).expect("what we deliver may be sent");
    assert_eq!(again.len(), 1);
    again.remove(0)
}
