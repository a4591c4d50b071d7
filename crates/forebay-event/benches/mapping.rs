//! What the mapping costs per event of 1 KB. The budget of the whole hot path is in the order of a microsecond
//! (ARCHITECTURE.md, "The budget of the hot path"); these are CPU time of one core, without sockets and disks.
//!
//! `cargo bench -p forebay-event --bench mapping`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use forebay_event::amqp::{BATCH_FORMAT, Context, Incoming, System, write_message};
use forebay_event::{BatchBuf, BatchRef, Origin};

const BODY_BYTES: usize = 1024;
const EVENTS: u32 = 100;
const CONTEXT: Context<'_> =
    Context { publisher: None, partition_count: Some(4), compacted: false, max_bytes: 1_048_576 };

fn data(bytes: &[u8]) -> Vec<u8> {
    [&[0, 0x53, 0x75, 0xb0][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// Ten application properties, a partition key and a message-id, then the body.
fn rich(body: &[u8]) -> Vec<u8> {
    let mut properties = Vec::new();
    for i in 0..10_u8 {
        properties.extend_from_slice(&[0xa1, 10]);
        properties.extend_from_slice(b"property-");
        properties.push(b'0' + i);
        properties.extend_from_slice(&[0xa1, 5]);
        properties.extend_from_slice(b"value");
    }
    let key = [&[0, 0x53, 0x72, 0xc1, 33, 2, 0xa3, 19][..], b"x-opt-partition-key", &[0xa1, 9], b"device-42"]
        .concat();
    let id = [&[0, 0x53, 0x73, 0xc0, 11, 1, 0xa1, 8][..], b"01234567"].concat();
    let map = [&[0, 0x53, 0x74, 0xc1, properties.len() as u8 + 1, 20][..], &properties].concat();
    [key, id, map, data(body)].concat()
}

/// Runs `work`, which handles `events` events, for a while; prints the best time per event.
fn measure(name: &str, events: u32, mut work: impl FnMut()) {
    const ROUND: u32 = 200;
    // `-- batch` measures only what has that word in its name.
    let words = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    if words.into_iter().any(|word| !name.contains(&word)) {
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        for _ in 0..ROUND {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(ROUND * events));
    }
    println!("{name:<44} {:>8.1} ns/event", best * 1e9);
}

fn parse_and_write(name: &str, message: &[u8], format: u32, messages: u32) {
    let mut events = 0;
    let mut work = || {
        let mut batch = BatchBuf::with_capacity(256 * 1024);
        for _ in 0..messages {
            let incoming = Incoming::parse(black_box(message), format, &CONTEXT).expect("sound");
            incoming.write(&mut batch);
        }
        events = batch.count();
        black_box(batch.as_bytes().last());
    };
    work();
    measure(name, EVENTS, work);
    assert_eq!(events, EVENTS);
}

fn stored(message: &[u8]) -> BatchBuf {
    let mut batch = BatchBuf::new();
    for _ in 0..EVENTS {
        Incoming::parse(message, 0, &CONTEXT).expect("sound").write(&mut batch);
    }
    batch.seal(1_000_000, 1_700_000_000_000);
    batch
}

fn deliver(name: &str, message: &[u8]) {
    let batch = stored(message);
    let batch = BatchRef::parse(batch.as_bytes()).expect("sealed");
    let mut out = Vec::with_capacity(256 * 1024);
    measure(name, EVENTS, || {
        out.clear();
        for record in batch.records() {
            let record = record.expect("sound");
            let sequence = batch.base() + i64::from(record.offset_delta);
            let system = System { sequence, enqueued_ms: batch.max_timestamp_ms() };
            write_message(&record, Origin::Amqp, &system, None, &mut out).expect("sound");
        }
        black_box(out.last());
    });
}

fn main() {
    let body = vec![7; BODY_BYTES];
    let (plain, rich) = (data(&body), rich(&body));
    let batch_of = |event: &[u8]| data(event).repeat(EVENTS as usize);
    let source = batch_of(&plain);
    measure("memcpy of 100 KB, for comparison", EVENTS, || {
        let mut out = Vec::with_capacity(256 * 1024);
        out.extend_from_slice(black_box(&source));
        black_box(out.last());
    });
    parse_and_write("parse and write, one event", &plain, 0, EVENTS);
    parse_and_write("parse and write, batch of 100", &batch_of(&plain), BATCH_FORMAT, 1);
    parse_and_write("parse and write, one event with properties", &rich, 0, EVENTS);
    parse_and_write("parse and write, batch of 100 with properties", &batch_of(&rich), BATCH_FORMAT, 1);
    deliver("write_message", &plain);
    deliver("write_message with properties", &rich);
    let mut batch = stored(&plain);
    measure("sum of the payload (prepare)", EVENTS, || {
        black_box(crc32c::crc32c(black_box(batch.as_bytes())));
    });
    batch.prepare();
    measure("seal a prepared batch (per batch)", 1, || {
        batch.seal(black_box(5), black_box(1_700_000_000_000))
    });
}
