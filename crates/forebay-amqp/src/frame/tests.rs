//! Frames: hostile headers, performatives, and deliveries cut into transfers.

use core::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::error::{ApiMisuse, DecodeFault};
use crate::types::sasl::{SaslCode, SaslInit, SaslOutcome};
use crate::types::{
    Attach, Begin, Channel, Close, DeliveryId, Detach, Disposition, End, Error, Flow, Handle, Open, Role,
    Transfer, TransferId, condition,
};
use crate::violation::Violation;
use crate::wire::Symbol;

const MAX: u32 = 65_536;

/// All frames in `bytes`, which holds nothing else.
fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, size) = deframe(bytes, FrameType::Amqp, u32::MAX).unwrap().unwrap();
        frames.push(frame);
        bytes = &bytes[size..];
    }
    frames
}

#[test]
fn a_header_that_cannot_be_is_refused() {
    let check = |input: &[u8], expected: Violation| {
        assert_eq!(deframe(input, FrameType::Amqp, 512), Err(expected), "{input:02x?}");
    };
    // The frame of size 4 that panicked another acceptor; header only, so as soon as its size is there.
    check(&[0, 0, 0, 4, 2, 0, 0, 0], Violation::FrameTooSmall(4));
    check(&[0, 0, 0, 4], Violation::FrameTooSmall(4));
    check(&[0, 0, 0, 0], Violation::FrameTooSmall(0));
    check(&[0, 0, 0, 7, 2, 0, 0], Violation::FrameTooSmall(7));
    check(&[0, 0, 2, 1], Violation::FrameTooLarge { size: 513, max: 512 });
    check(&[0xff; 4], Violation::FrameTooLarge { size: u32::MAX, max: 512 });
    check(&[0, 0, 0, 8, 0, 0, 0, 0], Violation::DataOffsetTooSmall(0));
    check(&[0, 0, 0, 8, 1, 0, 0, 0], Violation::DataOffsetTooSmall(1));
    check(&[0, 0, 0, 8, 3, 0, 0, 0], Violation::DataOffsetPastEnd { doff: 3, size: 8 });
    check(&[0, 0, 1, 0, 0xff, 0, 0, 0], Violation::DataOffsetPastEnd { doff: 255, size: 256 });
    check(&[0, 0, 0, 8, 2, 1, 0, 0], Violation::UnexpectedFrameType(1));
    check(&[0, 0, 0, 8, 2, 7, 0, 0], Violation::UnexpectedFrameType(7));
    check(b"GET / HTTP/1.1\r\n", Violation::FrameTooLarge { size: u32::from_be_bytes(*b"GET "), max: 512 });
}

#[test]
fn a_frame_is_given_when_its_last_byte_is_there() {
    let mut bytes = Vec::new();
    write_performative(&mut bytes, Channel(0x1234), &End { error: None }, MAX).unwrap();
    let size = bytes.len();
    write_heartbeat(&mut bytes);
    for len in 0..size {
        assert_eq!(deframe(&bytes[..len], FrameType::Amqp, MAX), Ok(None), "{len}");
    }
    let (frame, taken) = deframe(&bytes, FrameType::Amqp, MAX).unwrap().unwrap();
    assert_eq!((frame.channel, taken), (Channel(0x1234), size));
    assert_eq!(bytes[size..], [0, 0, 0, 8, 2, 0, 0, 0]);
    assert!(deframe(&bytes[size..], FrameType::Amqp, MAX).unwrap().unwrap().0.is_heartbeat());
}

#[test]
fn a_frame_of_the_maximum_is_taken_and_one_byte_more_is_not() {
    let frame = |size: u32| {
        let mut frame = FrameHeader::bytes(size, FrameType::Amqp, Channel(0)).to_vec();
        frame.resize(size as usize, 0);
        frame
    };
    assert!(deframe(&frame(512), FrameType::Amqp, 512).unwrap().is_some());
    let refused = Violation::FrameTooLarge { size: 513, max: 512 };
    assert_eq!(deframe(&frame(513), FrameType::Amqp, 512), Err(refused));
}

#[test]
fn an_extended_header_is_passed_over() {
    let bytes = [&[0, 0, 0, 20, 4, 0, 0, 1][..], &[0xee; 8], &[0, 0x53, 0x17, 0x45]].concat();
    let (frame, taken) = deframe(&bytes, FrameType::Amqp, MAX).unwrap().unwrap();
    assert_eq!(taken, 20);
    let (performative, payload) = frame.performative().unwrap();
    assert_eq!(performative, Performative::End(End { error: None }));
    assert!(payload.is_empty());
    // A heartbeat may have one as well.
    let bytes = [&[0, 0, 0, 12, 3, 0, 0, 1][..], &[0xee; 4]].concat();
    assert!(deframe(&bytes, FrameType::Amqp, MAX).unwrap().unwrap().0.is_heartbeat());
}

#[test]
fn every_performative_comes_back_through_a_frame() {
    fn check<'a>(performative: &impl crate::types::Composite<'a>, expected: &Performative<'_>) {
        let mut bytes = Vec::new();
        write_performative(&mut bytes, Channel(3), performative, MAX).unwrap();
        let frames = frames(&bytes);
        let [frame] = frames[..] else { panic!("{} frames", frames.len()) };
        assert_eq!(frame.channel, Channel(3));
        let (read, payload) = frame.performative().unwrap();
        assert_eq!((&read, payload), (expected, &[][..]));
        assert_eq!(read.name(), expected.name());
    }
    let open = Open::new("c".into());
    check(&open, &Performative::Open(Box::new(open.clone())));
    let begin = Begin::new(TransferId::new(0), 1, 2);
    check(&begin, &Performative::Begin(Box::new(begin.clone())));
    let attach = Attach::new("l".into(), Handle(0), Role::Sender);
    check(&attach, &Performative::Attach(Box::new(attach.clone())));
    let flow = Flow::new(TransferId::new(0), 1, 2);
    check(&flow, &Performative::Flow(flow.clone()));
    let transfer = Transfer::new(Handle(0));
    check(&transfer, &Performative::Transfer(transfer.clone()));
    let first = DeliveryId::new(0);
    let disposition =
        Disposition { role: Role::Receiver, first, last: None, settled: true, state: None, batchable: false };
    check(&disposition, &Performative::Disposition(disposition.clone()));
    let detach = Detach { handle: Handle(0), closed: true, error: Some(Error::from(condition::STOLEN)) };
    check(&detach, &Performative::Detach(detach.clone()));
    check(&End { error: None }, &Performative::End(End { error: None }));
    check(&Close { error: None }, &Performative::Close(Close { error: None }));
}

#[test]
fn a_body_that_is_no_performative_is_refused() {
    let check = |body: &[u8], expected: Violation| {
        assert_eq!(Performative::read(body), Err(expected), "{body:02x?}");
    };
    check(&[0, 0x53, 0x1d, 0x45], Violation::UnknownPerformative);
    check(&[0, 0x53, 0x41, 0x45], Violation::UnknownPerformative);
    check(b"\0\xa3\x01x\x45", Violation::UnknownPerformative);
    check(&[0, 0x53, 0x17, 0x45, 0x00], Violation::PayloadNotAllowed);
    let malformed = |body: &[u8]| match Performative::read(body) {
        Err(Violation::Malformed(error)) => (error.fault, error.what),
        other => panic!("{other:?}"),
    };
    assert_eq!(malformed(&[0x45]), (DecodeFault::WrongType(0x45), "performative"));
    assert_eq!(malformed(&[]), (DecodeFault::Truncated, "performative"));
    assert_eq!(malformed(&[0, 0x53, 0x14, 0x45]), (DecodeFault::MissingField, "transfer.handle"));
    assert_eq!(malformed(&[0, 0x53, 0x14, 0x40]), (DecodeFault::WrongType(0x40), "transfer"));
}

#[test]
fn sasl_frames_are_frames_of_their_own_type() {
    let init = SaslInit {
        mechanism: Symbol::from_static("ANONYMOUS"),
        initial_response: Some(b"anonymous"),
        hostname: None,
    };
    let mut bytes = Vec::new();
    write_sasl(&mut bytes, &init).unwrap();
    assert_eq!(deframe(&bytes, FrameType::Amqp, MAX), Err(Violation::UnexpectedFrameType(1)));
    let (frame, _) = deframe(&bytes, FrameType::Sasl, 512).unwrap().unwrap();
    assert_eq!(frame.sasl(), Ok(SaslPerformative::Init(init)));
    let outcome = SaslOutcome { code: SaslCode::OK, additional_data: None };
    // PY needs the list with both its fields.
    let body = [0, 0x53, 0x44, 0xc0, 4, 2, 0x50, 0, 0x40];
    assert_eq!(SaslPerformative::read(&body), Ok(SaslPerformative::Outcome(outcome)));
    let after = [&body[..], &[0x40]].concat();
    assert_eq!(SaslPerformative::read(&after), Err(Violation::UnknownSaslPerformative));
    assert_eq!(SaslPerformative::read(&[0, 0x53, 0x10, 0x45]), Err(Violation::UnknownSaslPerformative));
    let long =
        SaslInit { mechanism: Symbol::from_static("X"), initial_response: Some(&[0; 500]), hostname: None };
    let misuse = ApiMisuse::FrameExceedsPeerMaximum { size: 529, max: 512 };
    assert_eq!(write_sasl(&mut bytes.clone(), &long), Err(misuse));
}

#[test]
fn a_frame_too_large_for_the_peer_leaves_the_buffer_as_it_was() {
    let mut bytes = vec![1, 2, 3];
    let open = Open::new("x".repeat(600));
    let result = write_performative(&mut bytes, Channel(0), &open, 512);
    assert!(matches!(result, Err(ApiMisuse::FrameExceedsPeerMaximum { max: 512, .. })), "{result:?}");
    assert_eq!(bytes, [1, 2, 3]);
}

fn delivery(max_frame_size: u32) -> DeliveryWriter<'static> {
    DeliveryWriter {
        channel: Channel(2),
        handle: Handle(5),
        delivery_id: DeliveryId::new(77),
        delivery_tag: &[0, 0, 0, 77],
        message_format: 0,
        settled: true,
        max_frame_size,
    }
}

const ALL: NonZeroU32 = NonZeroU32::MAX;

/// Checks that `bytes` are the frames of one delivery, in order, and puts the payload together.
fn assemble(bytes: &[u8], delivery: &DeliveryWriter<'_>) -> Vec<u8> {
    let frames = frames(bytes);
    let mut payload = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        assert_eq!(frame.channel, delivery.channel);
        assert!(frame.body.len() + 8 <= delivery.max_frame_size as usize);
        let (Performative::Transfer(transfer), part) = frame.performative().unwrap() else {
            panic!("{frame:?}")
        };
        let first = index == 0;
        let expected = Transfer {
            delivery_id: first.then_some(delivery.delivery_id),
            delivery_tag: first.then_some(delivery.delivery_tag),
            message_format: first.then_some(delivery.message_format),
            settled: Some(delivery.settled),
            more: index + 1 < frames.len(),
            ..Transfer::new(delivery.handle)
        };
        assert_eq!(transfer, expected, "frame {index}");
        // All but the last are full.
        if transfer.more {
            assert_eq!(frame.body.len() + 8, delivery.max_frame_size as usize, "frame {index}");
        }
        payload.extend_from_slice(part);
    }
    payload
}

#[test]
fn a_delivery_that_fits_is_one_frame() {
    let delivery = delivery(MAX);
    let mut out = b"before".to_vec();
    let written = delivery.write(&mut out, NonZeroU32::MIN, |out| out.extend_from_slice(b"message")).unwrap();
    assert_eq!(written, Written { frames: 1, rest: vec![] });
    assert!(out.starts_with(b"before"));
    // All eleven fields, in the form the strictest client reads.
    let head = b"\0\x53\x14\xc0\x13\x0b\x52\x05\x52\x4d\xa0\x04\0\0\0\x4d\x43\x41\x42\x40\x40\x42\x42\x42";
    assert_eq!(out[14..], [&head[..], b"message"].concat());
    assert_eq!(assemble(&out[6..], &delivery), b"message");
}

#[test]
fn a_delivery_fits_up_to_the_last_byte() {
    let delivery = delivery(512);
    // Frame header 8, head 24 in the first frame; handle takes 2 bytes, settled and the like one each.
    for (payload, frames) in [(0, 1), (1, 1), (480, 1), (481, 2), (480 + 486, 2), (480 + 486 + 1, 3)] {
        let mut out = Vec::new();
        let written = delivery.write(&mut out, ALL, |out| out.resize(out.len() + payload, 7)).unwrap();
        assert_eq!((written.frames, written.rest.len()), (frames, 0), "{payload}");
        assert_eq!(assemble(&out, &delivery), vec![7; payload]);
    }
}

#[test]
fn the_rest_of_a_delivery_waits_for_the_window() {
    let delivery = delivery(512);
    let payload: Vec<u8> = (0..5_000_u32).map(|byte| byte as u8).collect();
    let mut out = Vec::new();
    let two = NonZeroU32::new(2).unwrap();
    let written = delivery.write(&mut out, two, |out| out.extend_from_slice(&payload)).unwrap();
    assert_eq!((written.frames, written.rest.len()), (2, 5_000 - 480 - 486));
    let mut rest = &written.rest[..];
    let mut total = written.frames;
    while !rest.is_empty() {
        let written = delivery.write_rest(&mut out, rest, two);
        assert!(written.frames <= 2 && written.bytes > 0);
        total += written.frames;
        rest = &rest[written.bytes..];
    }
    assert_eq!(assemble(&out, &delivery), payload);
    assert_eq!(total as usize, frames(&out).len());
}

#[test]
fn a_tag_longer_than_32_bytes_is_our_callers_fault() {
    let mut out = Vec::new();
    let write = |tag: &[u8], out: &mut Vec<u8>| {
        DeliveryWriter { delivery_tag: tag, ..delivery(MAX) }.write(out, ALL, |_| {})
    };
    assert!(write(&[0; 32], &mut out).is_ok());
    let before = out.clone();
    assert_eq!(write(&[0; 33], &mut out), Err(ApiMisuse::DeliveryTagTooLong(33)));
    assert_eq!(out, before);
}

proptest! {
    #[test]
    fn any_delivery_in_frames_of_any_size_comes_back(
        len in 0..20_000_usize,
        max_frame_size in 512..5_000_u32,
        windows in proptest::collection::vec(1..9_u32, 1..200),
        handle in any::<u32>(),
        id in any::<u32>(),
        tag in proptest::collection::vec(any::<u8>(), 1..32),
        settled: bool,
    ) {
        let payload: Vec<u8> = (0..len).map(|byte| (byte % 251) as u8).collect();
        let delivery = DeliveryWriter {
            handle: Handle(handle),
            delivery_id: DeliveryId::new(id),
            delivery_tag: &tag,
            settled,
            message_format: 0x8001_3700,
            ..delivery(max_frame_size)
        };
        let mut windows = windows.into_iter().chain([u32::MAX]).map(|window| NonZeroU32::new(window).unwrap());
        let mut out = b"xyz".to_vec();
        let window = windows.next().unwrap();
        let written = delivery.write(&mut out, window, |out| out.extend_from_slice(&payload)).unwrap();
        prop_assert!(written.frames <= window.get());
        let mut rest = &written.rest[..];
        while !rest.is_empty() {
            let window = windows.next().unwrap();
            let written = delivery.write_rest(&mut out, rest, window);
            prop_assert!(written.frames <= window.get());
            rest = &rest[written.bytes..];
        }
        prop_assert_eq!(&out[..3], b"xyz");
        prop_assert_eq!(assemble(&out[3..], &delivery), payload);
    }

    #[test]
    fn arbitrary_bytes_are_no_frame_or_a_whole_one(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        size in 0..80_u32,
    ) {
        let mut bytes = bytes;
        for (byte, size) in bytes.iter_mut().zip(size.to_be_bytes()) {
            *byte = size;
        }
        if let Ok(Some((frame, taken))) = deframe(&bytes, FrameType::Amqp, 64) {
            prop_assert!(taken <= 64 && taken <= bytes.len() && frame.body.len() + 8 <= taken);
            drop(frame.performative());
        }
    }

    #[test]
    fn an_arbitrary_list_is_no_performative_or_a_whole_one(
        code in 0x10..0x19_u8,
        count: u8,
        fields in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let size = u8::try_from(fields.len() + 1).unwrap();
        let body = [&[0, 0x53, code, 0xc0, size, count][..], &fields].concat();
        drop(Performative::read(&body));
    }
}
