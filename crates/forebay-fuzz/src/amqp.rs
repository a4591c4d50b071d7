//! AMQP's codec: values, frames and what is in them, SASL.

use forebay_amqp::frame::{
    Frame, FrameType, Performative, SaslPerformative, deframe, write_performative, write_sasl,
};
use forebay_amqp::sasl::{PlainCredentials, plain_credentials};
use forebay_amqp::types::{Channel, Composite};
use forebay_amqp::wire::{
    Decode as _, Encode as _, Reader, Value, ValueRef, Writer, skip_value, validate_value,
};

use crate::memory::within;

/// A list of nulls takes 40 bytes of memory for each byte that it had on the wire, twice that while it grows.
const VALUE_FACTOR: usize = 160;
const SPARE: usize = 8192;

fn written(fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    fill(&mut Writer::new(&mut out));
    out
}

/// What is proved to be well-formed can be read, stepped over and written; and what is written reads as the same.
pub(crate) fn value(bytes: &[u8]) {
    let mut checked = Reader::new(bytes);
    let verdict = validate_value(&mut checked);
    let mut reader = Reader::new(bytes);
    let value = within(bytes.len(), VALUE_FACTOR, SPARE, || Value::decode(&mut reader));
    let _ = within(bytes.len(), VALUE_FACTOR, SPARE, || {
        ValueRef::read(&mut Reader::new(bytes)).and_then(|value| value.to_value())
    });
    let Ok(()) = verdict else {
        assert!(value.is_err(), "read though it is malformed: {value:?}");
        return;
    };
    let value = value.expect("a well-formed value is read");
    let mut skipped = Reader::new(bytes);
    skip_value(&mut skipped).expect("a well-formed value is stepped over");
    assert_eq!(skipped.remaining(), checked.remaining(), "both end at the same byte");
    assert_eq!(reader.remaining(), checked.remaining(), "reading ends there too");

    let first = written(|writer| value.encode(writer));
    let mut reader = Reader::new(&first);
    validate_value(&mut reader.clone()).expect("what we write is well-formed");
    let again = Value::decode(&mut reader).expect("what we write is read");
    reader.finish().expect("it is read to its end");
    // Not the values: a NaN is not itself.
    assert_eq!(written(|writer| again.encode(writer)), first, "it reads as the same");
    assert_eq!(format!("{again:?}"), format!("{value:?}"));
}

/// The first byte chooses a frame type and a largest frame.
pub(crate) fn frame(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let expected = if choice & 1 == 0 { FrameType::Amqp } else { FrameType::Sasl };
    let max = 512 << (choice >> 1 & 7);
    match deframe(bytes, expected, max) {
        Ok(Some((frame, size))) => {
            assert!((8..=max as usize).contains(&size) && size <= bytes.len());
            assert!(frame.body.len() <= size - 8);
            for cut in (0..8).chain([size - 1]) {
                assert!(matches!(deframe(&bytes[..cut], expected, max), Ok(None)), "cut at {cut}");
            }
            match expected {
                FrameType::Amqp => amqp_body(&frame),
                FrameType::Sasl => sasl_body(frame.body),
            }
        }
        Ok(None) => assert!(bytes.len() < max as usize, "no more than a frame is ever waited for"),
        Err(_) => {}
    }
}

fn amqp_body(frame: &Frame<'_>) {
    let read = within(frame.body.len(), VALUE_FACTOR, SPARE, || frame.performative());
    let Ok((performative, payload)) = read else { return };
    let first = rewritten(frame.channel, &performative);
    let (again, size) = deframe(&first, FrameType::Amqp, u32::MAX).expect("our own frame").expect("whole");
    assert_eq!((size, again.channel), (first.len(), frame.channel));
    let (again, nothing) = again.performative().expect("what we write is read");
    assert!(nothing.is_empty());
    assert_eq!(rewritten(frame.channel, &again), first);
    assert_eq!(format!("{again:?}"), format!("{performative:?}"), "it reads as the same");
    assert!(frame.body.ends_with(payload));
}

fn rewritten(channel: Channel, performative: &Performative<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let done = match performative {
        Performative::Open(body) => write_performative(&mut out, channel, &**body, u32::MAX),
        Performative::Begin(body) => write_performative(&mut out, channel, &**body, u32::MAX),
        Performative::Attach(body) => write_performative(&mut out, channel, &**body, u32::MAX),
        Performative::Flow(body) => write_performative(&mut out, channel, body, u32::MAX),
        Performative::Transfer(body) => write_performative(&mut out, channel, body, u32::MAX),
        Performative::Disposition(body) => write_performative(&mut out, channel, body, u32::MAX),
        Performative::Detach(body) => write_performative(&mut out, channel, body, u32::MAX),
        Performative::End(body) => write_performative(&mut out, channel, body, u32::MAX),
        Performative::Close(body) => write_performative(&mut out, channel, body, u32::MAX),
    };
    done.expect("a frame has less than 4 GiB");
    out
}

/// A SASL frame's body, and the same bytes as the initial response of PLAIN.
pub(crate) fn sasl(bytes: &[u8]) {
    sasl_body(bytes);
    if let Some(plain) = plain_credentials(bytes) {
        let behind = [b"\0", plain.user.as_bytes(), b"\0", plain.password.as_bytes()].concat();
        assert!(bytes.ends_with(&behind) && !plain.user.is_empty());
        let again = plain_credentials(&behind).expect("without an authorisation identity too");
        assert_eq!((again.user, again.password), (plain.user, plain.password));
        let other = PlainCredentials { password: "another", ..plain };
        assert_eq!(format!("{plain:?}"), format!("{other:?}"), "a password is not shown");
    }
}

fn sasl_body(body: &[u8]) {
    let read = within(body.len(), VALUE_FACTOR, SPARE, || SaslPerformative::read(body));
    let Ok(performative) = read else { return };
    if let SaslPerformative::Mechanisms(offer) = &performative
        && offer.sasl_server_mechanisms.is_empty()
    {
        // None at all is read, so that a client can say so; a server of ours never writes it.
        return;
    }
    let first = written(|writer| encode_sasl(&performative, writer));
    let again = SaslPerformative::read(&first).expect("what we write is read");
    assert_eq!(format!("{again:?}"), format!("{performative:?}"), "it reads as the same");
    let mut out = Vec::new();
    if let SaslPerformative::Init(init) = &performative {
        // A SASL frame has at most 512 bytes; a longer one is refused whole.
        assert_eq!(write_sasl(&mut out, init).is_ok(), first.len() + 8 <= 512);
        assert_eq!(out.is_empty(), first.len() + 8 > 512);
    }
}

fn encode_sasl(performative: &SaslPerformative<'_>, writer: &mut Writer<'_>) {
    match performative {
        SaslPerformative::Mechanisms(body) => body.encode_described(writer),
        SaslPerformative::Init(body) => body.encode_described(writer),
        SaslPerformative::Challenge(body) => body.encode_described(writer),
        SaslPerformative::Response(body) => body.encode_described(writer),
        SaslPerformative::Outcome(body) => body.encode_described(writer),
    }
}
