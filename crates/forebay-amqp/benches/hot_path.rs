//! What the codec costs an event: nanoseconds, on the paths that every event takes.
//!
//! `cargo bench -p forebay-amqp --bench hot_path`. Each line is the best of several runs: the figure least
//! disturbed by the machine.

#![expect(clippy::print_stdout, reason = "a benchmark talks to a terminal")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use forebay_amqp::frame::{DeliveryWriter, FrameType, Performative, deframe};
use forebay_amqp::types::sections::{SectionKind, Sections, write_annotations, write_data};
use forebay_amqp::types::{Channel, DeliveryId, DeliveryState, Disposition, Handle, Role};
use forebay_amqp::wire::{Encode, Reader, Symbol, Value, Writer, validate_value};

const EVENT_BYTES: usize = 1024;
const EVENTS_PER_BATCH: u32 = 100;
const RUNS: u32 = 7;
const RUN: Duration = Duration::from_millis(150);

/// Runs `work`, which handles `events` events a call, and prints the best run.
fn measure(name: &str, events: u32, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    let mut iterations = 0_u64;
    for _ in 0..RUNS {
        let mut calls = 0_u64;
        let start = Instant::now();
        while start.elapsed() < RUN {
            for _ in 0..256 {
                work();
            }
            calls += 256;
        }
        let nanos = start.elapsed().as_nanos() as f64;
        best = best.min(nanos / (calls as f64 * f64::from(events)));
        iterations += calls;
    }
    println!("{name:<48} {best:>9.1} ns/event {iterations:>12} iterations");
}

/// A message of one event as Python sends it: annotations with a partition key, and 1 KB of data.
fn message() -> Vec<u8> {
    let (key, value) = (Symbol::from_static("x-opt-partition-key"), Value::from("device-17"));
    let mut message = Vec::new();
    let mut writer = Writer::new(&mut message);
    write_annotations(&mut writer, SectionKind::MessageAnnotations, [(&key, &value)]);
    write_data(&mut writer, &[b'x'; EVENT_BYTES]);
    message
}

fn delivery() -> DeliveryWriter<'static> {
    DeliveryWriter {
        channel: Channel(1),
        handle: Handle(3),
        delivery_id: DeliveryId::new(100_000),
        delivery_tag: &[0, 0, 0, 1],
        message_format: 0,
        settled: true,
        max_frame_size: 65_536,
    }
}

fn main() {
    let message = message();
    let mut frame = Vec::new();
    let written = delivery().write(&mut frame, NonZeroU32::MIN, |out| out.extend_from_slice(&message));
    assert_eq!(written.map(|written| written.frames), Ok(1));

    measure("decode a transfer frame with a 1 KB event", 1, || {
        let Ok(Some((frame, _))) = deframe(black_box(&frame), FrameType::Amqp, 65_536) else {
            panic!("no frame")
        };
        let Ok((Performative::Transfer(transfer), payload)) = frame.performative() else {
            panic!("no transfer")
        };
        black_box((transfer.delivery_tag, payload));
    });

    let mut batch = Vec::new();
    let mut writer = Writer::new(&mut batch);
    for _ in 0..EVENTS_PER_BATCH {
        write_data(&mut writer, &message);
    }
    measure("walk a batch of 100 events of 1 KB", EVENTS_PER_BATCH, || {
        let events = Sections::new(black_box(&batch))
            .filter(|section| black_box(section.as_ref().ok().and_then(|section| section.data())).is_some());
        assert_eq!(events.count(), EVENTS_PER_BATCH as usize);
    });
    measure("walk the batch and the sections of each event", EVENTS_PER_BATCH, || {
        let mut sections = 0;
        for event in Sections::new(black_box(&batch)) {
            let data = event.ok().and_then(|section| section.data()).unwrap_or_default();
            for section in Sections::new(data) {
                let section = section.expect("well-formed");
                validate_value(&mut Reader::new(section.body)).expect("well-formed");
                sections += 1;
            }
        }
        assert_eq!(sections, 2 * EVENTS_PER_BATCH);
    });

    let mut out = Vec::with_capacity(4096);
    measure("encode a transfer of a 1 KB event", 1, || {
        out.clear();
        let written =
            delivery().write(&mut out, NonZeroU32::MIN, |out| out.extend_from_slice(black_box(&message)));
        black_box(written.is_ok());
    });
    measure("encode the same for a peer that takes 512 bytes", 1, || {
        out.clear();
        let delivery = DeliveryWriter { max_frame_size: 512, ..delivery() };
        let written =
            delivery.write(&mut out, NonZeroU32::MAX, |out| out.extend_from_slice(black_box(&message)));
        black_box(written.is_ok());
    });

    let disposition = Disposition {
        role: Role::Receiver,
        first: DeliveryId::new(100_000),
        last: None,
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    };
    let mut encoded = Vec::new();
    disposition.encode(&mut Writer::new(&mut encoded));
    measure("decode a disposition: accepted", 1, || {
        let Ok((Performative::Disposition(disposition), _)) = Performative::read(black_box(&encoded)) else {
            panic!("no disposition")
        };
        black_box(disposition.range());
    });
}
