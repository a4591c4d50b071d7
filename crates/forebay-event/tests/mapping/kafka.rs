//! Records that a Kafka client wrote (`docs/reference/event.md` §3).

use forebay_event::Origin;
use forebay_event::amqp::{Damage, RuntimeMetrics};

use crate::model::{self, Body, Message, Pairs};
use crate::support::{Stored, header, meta, unhex};

fn deliver(key: Option<&[u8]>, value: Option<&[u8]>, headers: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Message {
    let record = Stored { key: key.map(<[u8]>::to_vec), value: value.map(<[u8]>::to_vec), headers };
    model::delivered(&record.deliver(Origin::Kafka).expect("every record of Kafka is a message"))
}

fn service_annotations() -> Pairs {
    vec![
        (model::symbol("x-opt-sequence-number"), vec![0x81, 0, 0, 0, 0, 0, 0, 0x30, 0x39]),
        (model::symbol("x-opt-offset"), model::string("12345")),
        (model::symbol("x-opt-enqueued-time"), unhex("830000018bcfe5687b")),
    ]
}

fn binary(bytes: &[u8]) -> Vec<u8> {
    [&[0xa0, u8::try_from(bytes.len()).expect("short")], bytes].concat()
}

#[test]
fn the_value_is_one_data_section() {
    for (value, data) in [(Some(&b"abc"[..]), &b"abc"[..]), (Some(b""), b""), (None, b"")] {
        let expected = Message {
            annotations: service_annotations(),
            body: Body::Data(vec![data.to_vec()]),
            ..Message::default()
        };
        assert_eq!(deliver(None, value, vec![]), expected);
    }
}

#[test]
fn headers_are_binary_application_properties_and_the_last_of_a_name_wins_at_its_place() {
    let headers = vec![
        header("a", b"1"),
        header("b", b"2"),
        header("a", b"3"),
        (b"n".to_vec(), None),
        header("é", b""),
    ];
    let expected = vec![
        (model::string("b"), binary(b"2")),
        (model::string("a"), binary(b"3")),
        (model::string("n"), vec![0x40]),
        (model::string("é"), binary(b"")),
    ];
    assert_eq!(deliver(None, Some(b"v"), headers).application_properties, expected);
}

#[test]
fn the_last_of_a_name_wins_among_very_many() {
    let headers =
        (0..3000).map(|i| header(&format!("h{}", i % 1000), &[u8::try_from(i / 1000).expect("small")]));
    let expected: Pairs = (0..1000).map(|i| (model::string(&format!("h{i}")), binary(&[2]))).collect();
    assert_eq!(deliver(None, Some(b"v"), headers.collect()).application_properties, expected);
}

#[test]
fn headers_named_like_ours_are_ordinary() {
    let headers = vec![meta(&[1, 1, 0, 0, 0]), header("fb.s", b"x")];
    let message = deliver(None, Some(b"v"), headers);
    assert_eq!(message.body, Body::Data(vec![b"v".to_vec()]));
    let expected = [(model::string("fb.m"), binary(&[1, 1, 0, 0, 0])), (model::string("fb.s"), binary(b"x"))];
    assert_eq!(message.application_properties, expected);
}

#[test]
fn the_key_is_an_annotation() {
    for key in [&b"\xff\x00"[..], b""] {
        let mut expected = service_annotations();
        expected.push((model::symbol("x-opt-kafka-key"), binary(key)));
        assert_eq!(deliver(Some(key), Some(b"v"), vec![]).annotations, expected);
    }
}

#[test]
fn a_header_name_that_is_not_utf_8_is_damage() {
    let record = Stored { key: None, value: None, headers: vec![(vec![0xff], None)] };
    assert_eq!(record.deliver(Origin::Kafka), Err(Damage::Name));
}

#[test]
fn metrics_are_delivery_annotations_of_any_event() {
    let metrics =
        RuntimeMetrics { last_sequence: -1, last_enqueued_ms: -62_135_596_800_000, retrieved_ms: 5 };
    let expected = [
        (model::symbol("last_enqueued_sequence_number"), unhex("55ff")),
        (model::symbol("last_enqueued_offset"), model::string("-1")),
        (model::symbol("last_enqueued_time_utc"), unhex("83ffffc77cedd32800")),
        (model::symbol("runtime_info_retrieval_time_utc"), unhex("830000000000000005")),
    ];
    let plain = Stored { key: None, value: Some(b"v".to_vec()), headers: vec![] };
    let kept = Stored {
        headers: vec![meta(&[1, 4, 0, 0, 0, 1]), header("fb.s", &unhex("005370c0020141"))],
        ..plain.clone()
    };
    for (record, origin) in [(&plain, Origin::Kafka), (&plain, Origin::Amqp), (&kept, Origin::Http)] {
        let message = model::delivered(&record.deliver_with(origin, Some(&metrics)).expect("sound"));
        assert_eq!(message.delivery_annotations, expected);
    }
}
