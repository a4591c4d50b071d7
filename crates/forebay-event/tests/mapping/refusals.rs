//! What is not taken (`docs/reference/event.md` §2, "First"). Each refusal has a neighbour that is accepted.

use forebay_amqp::error::DecodeFault;
use forebay_amqp::types::sections::SectionKind;
use forebay_event::amqp::{Refusal, SectionError};

use crate::support::{
    COMPACTED, LIMIT, PLAIN, annotations, compound, data, keyed, publisher_link, section, store, store_one,
    str8, sym8, unhex,
};

fn refused(message: &[u8]) -> Refusal {
    store_one(message, &PLAIN).expect_err("the message is refused")
}

fn accepted(message: &[u8]) {
    store_one(message, &PLAIN).expect("the message is accepted");
}

/// The fault of a message that is refused with `amqp:decode-error`.
fn fault(message: &[u8]) -> DecodeFault {
    let refusal = refused(message);
    assert_eq!(refusal.condition(), "amqp:decode-error");
    match refusal {
        Refusal::Malformed(SectionError::Decode(error)) => error.fault,
        other => panic!("a decode error: {other:?}"),
    }
}

fn malformed(message: &[u8]) -> SectionError {
    let refusal = refused(message);
    assert_eq!(refusal.condition(), "amqp:decode-error");
    match refusal {
        Refusal::Malformed(error) => error,
        other => panic!("malformed: {other:?}"),
    }
}

#[test]
fn refuses_a_section_of_the_wrong_type() {
    let (list, map, binary, null) = (vec![0x45], vec![0xc1, 1, 0], vec![0xa0, 0], vec![0x40]);
    for (code, right) in [
        (0x70, &list),
        (0x71, &map),
        (0x72, &map),
        (0x73, &list),
        (0x74, &map),
        (0x75, &binary),
        (0x76, &list),
        (0x78, &map),
    ] {
        accepted(&section(code, right));
        for value in [&list, &map, &binary, &null] {
            if value != right {
                assert_eq!(
                    fault(&section(code, value)),
                    DecodeFault::WrongType(value[0]),
                    "{code:02x} {value:02x?}"
                );
            }
        }
    }
    for value in [&list, &map, &binary, &null] {
        accepted(&section(0x77, value));
    }
}

#[test]
fn refuses_an_unknown_section() {
    for code in [0x00, 0x24, 0x6f, 0x79, 0xff] {
        assert_eq!(fault(&section(code, &[0x45])), DecodeFault::UnexpectedDescriptor, "{code:02x}");
    }
    // A code whose low byte is that of a section, in another domain.
    let foreign = [&unhex("00800000468c00000075")[..], &[0xa0, 0]].concat();
    assert_eq!(fault(&foreign), DecodeFault::UnexpectedDescriptor);
    let symbol = [&[0][..], &sym8("amqp:data:list"), &[0xa0, 0]].concat();
    assert_eq!(fault(&symbol), DecodeFault::UnexpectedDescriptor);
    accepted(&[&[0][..], &sym8("amqp:data:binary"), &[0xa0, 0]].concat());
    accepted(&unhex("00800000000000000075a000"));
    store_one(&unhex("a000"), &PLAIN).expect_err("a value without descriptor is no section");
}

#[test]
fn refuses_a_section_twice_but_not_data_and_sequences() {
    let twice = |code, kind: SectionKind, value: &[u8]| {
        let once = section(code, value);
        accepted(&once);
        assert_eq!(malformed(&[once.clone(), once].concat()), SectionError::Twice(kind));
    };
    twice(0x70, SectionKind::Header, &[0x45]);
    twice(0x71, SectionKind::DeliveryAnnotations, &[0xc1, 1, 0]);
    twice(0x72, SectionKind::MessageAnnotations, &[0xc1, 1, 0]);
    twice(0x73, SectionKind::Properties, &[0x45]);
    twice(0x74, SectionKind::ApplicationProperties, &[0xc1, 1, 0]);
    twice(0x77, SectionKind::AmqpValue, &[0x40]);
    twice(0x78, SectionKind::Footer, &[0xc1, 1, 0]);
    accepted(&[data(b"a"), data(b"b")].concat());
    accepted(&[section(0x76, &[0x45]), section(0x76, &[0x45])].concat());
}

#[test]
fn refuses_two_kinds_of_body() {
    let bodies = [data(b"a"), section(0x76, &[0x45]), section(0x77, &[0x40])];
    for (i, one) in bodies.iter().enumerate() {
        for (j, other) in bodies.iter().enumerate() {
            if i != j {
                let refusal = refused(&[one.clone(), other.clone()].concat());
                assert_eq!(refusal, Refusal::TwoBodies);
                assert_eq!(refusal.condition(), "amqp:decode-error");
            }
        }
    }
}

#[test]
fn refuses_more_than_13_properties() {
    let properties = |count| section(0x73, &compound(0xd0, &vec![vec![0x40]; count]));
    accepted(&properties(13));
    assert_eq!(malformed(&properties(14)), SectionError::Fields(14));
    accepted(&section(0x70, &compound(0xd0, &vec![vec![0x40]; 14])));
}

#[test]
fn refuses_an_odd_map_wherever_it_is() {
    let odd = compound(0xd1, &[str8("k")]);
    for code in [0x71, 0x72, 0x74, 0x77, 0x78] {
        assert_eq!(fault(&section(code, &odd)), DecodeFault::OddMap, "{code:02x}");
    }
    assert_eq!(fault(&section(0x74, &compound(0xd1, &[str8("k"), odd.clone()]))), DecodeFault::OddMap);
    assert_eq!(fault(&section(0x76, &compound(0xd0, &[compound(0xd0, &[odd])]))), DecodeFault::OddMap);
}

#[test]
fn refuses_text_that_is_not_utf_8_or_not_ascii() {
    let bad = unhex("a102c328");
    for value in
        [bad.clone(), compound(0xd0, std::slice::from_ref(&bad)), [unhex("00a30164"), bad.clone()].concat()]
    {
        let properties = compound(0xd1, &[str8("k"), value.clone()]);
        assert_eq!(fault(&section(0x74, &properties)), DecodeFault::InvalidUtf8);
        assert_eq!(fault(&section(0x77, &value)), DecodeFault::InvalidUtf8);
    }
    assert_eq!(fault(&section(0x74, &compound(0xd1, &[bad.clone(), vec![0x40]]))), DecodeFault::InvalidUtf8);
    assert_eq!(fault(&section(0x73, &compound(0xd0, &[bad]))), DecodeFault::InvalidUtf8);
    let symbol = unhex("a302c3a9");
    assert_eq!(fault(&annotations(&[symbol, vec![0x40]])), DecodeFault::NotAscii);
    accepted(&section(0x77, &unhex("a102c3a9")));
}

#[test]
fn refuses_trailing_bytes_and_lying_counts() {
    accepted(&unhex("005377c0020140"));
    assert_eq!(fault(&unhex("005377c003014040")), DecodeFault::TrailingBytes);
    assert_eq!(fault(&unhex("005377c0020240")), DecodeFault::CountExceedsBytes);
    store_one(&unhex("005375a00040"), &PLAIN).expect_err("a byte behind the last section");
    assert_eq!(fault(&unhex("005375a005")), DecodeFault::Truncated);
}

#[test]
fn refuses_nesting_deeper_than_32() {
    let nested = |levels| (0..levels).fold(vec![0x40], |inner, _| compound(0xd0, &[inner]));
    accepted(&section(0x77, &nested(32)));
    assert_eq!(fault(&section(0x77, &nested(33))), DecodeFault::TooDeep);
}

#[test]
fn what_is_dropped_is_checked_too() {
    assert_eq!(
        fault(&section(0x71, &compound(0xd1, &[sym8("k"), unhex("a101ff")]))),
        DecodeFault::InvalidUtf8
    );
}

#[test]
fn the_partition_key_is_one_string() {
    let key = |items: &[Vec<u8>]| annotations(items);
    let name = || sym8("x-opt-partition-key");
    for value in [vec![0x40], str8(""), str8("k"), [&[0xb1, 0, 0, 0, 1][..], b"k"].concat()] {
        accepted(&key(&[name(), value]));
    }
    for value in
        [sym8("k"), unhex("a0016b"), unhex("5501"), unhex("45"), [vec![0, 0x53, 1], str8("k")].concat()]
    {
        let refusal = refused(&key(&[name(), value.clone()]));
        assert_eq!(refusal, Refusal::PartitionKeyType, "{value:02x?}");
        assert_eq!(refusal.condition(), "com.microsoft:argument-error");
    }
    for (one, other) in [(str8("a"), str8("a")), (vec![0x40], str8("a")), (str8("a"), vec![0x40])] {
        assert_eq!(refused(&key(&[name(), one.clone(), name(), other.clone()])), Refusal::PartitionKeyTwice);
        let as_string = str8("x-opt-partition-key");
        assert_eq!(refused(&key(&[name(), one, as_string, other])), Refusal::PartitionKeyTwice);
    }
}

#[test]
fn a_publisher_link_does_not_look_at_the_keys_of_its_events() {
    let wrong =
        annotations(&[sym8("x-opt-partition-key"), vec![0x41], sym8("x-opt-partition-key"), vec![0x41]]);
    let record = store_one(&wrong, &publisher_link("p")).expect("dropped before it is looked at");
    let names: Vec<_> = record.headers.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, [&b"fb.m"[..], b"x-opt-publisher", b"x-opt-partition-key"]);
}

#[test]
fn a_compacted_hub_needs_keys() {
    for message in [data(b"a"), annotations(&[sym8("x-opt-partition-key"), str8("")])] {
        let refusal = store_one(&message, &COMPACTED).expect_err("there is no key");
        assert_eq!((refusal.condition(), &refusal), ("com.microsoft:argument-error", &Refusal::KeyMissing));
    }
    store_one(&keyed("k"), &COMPACTED).expect("there is a key");
}

#[test]
fn the_limit_counts_bytes_as_sent_and_is_itself_accepted() {
    let at_limit = data(&vec![7; LIMIT - 8]);
    assert_eq!(at_limit.len(), LIMIT);
    accepted(&at_limit);
    let refusal = refused(&data(&vec![7; LIMIT - 7]));
    assert_eq!(refusal, Refusal::TooLarge { bytes: LIMIT + 1, max: LIMIT });
    assert_eq!(refusal.condition(), "amqp:link:message-size-exceeded");
}

#[test]
fn refuses_a_message_format_that_is_not_known() {
    for format in [1, 0x8001_3701, u32::MAX] {
        let refusal = store(&data(b"a"), format, &PLAIN).expect_err("not known");
        assert_eq!((refusal.condition(), refusal), ("com.microsoft:argument-error", Refusal::Format(format)));
    }
}

#[test]
fn an_empty_message_is_an_event_without_body() {
    let record = store_one(&[], &PLAIN).expect("accepted");
    assert_eq!((record.value, record.headers.len()), (None, 1));
}
