//! Messages, section by section.

use proptest::collection::vec;
use proptest::prelude::*;

use super::sections::*;
use super::*;

fn kinds(message: &[u8]) -> Result<Vec<SectionKind>, DecodeError> {
    Sections::new(message).map(|section| section.map(|section| section.kind)).collect()
}

/// One message with a section of each kind.
fn message() -> Vec<u8> {
    let (key, value) = (Symbol::from_static("x-opt-partition-key"), Value::from("k"));
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    Header::default().encode(&mut writer);
    write_annotations(&mut writer, SectionKind::DeliveryAnnotations, [(&key, &value)]);
    write_annotations(&mut writer, SectionKind::MessageAnnotations, [(&key, &value)]);
    Properties { message_id: Some(Value::Ulong(1)), ..Properties::new() }.encode(&mut writer);
    write_application_properties(&mut writer, [("status-code", &Value::Int(202))]);
    write_data(&mut writer, b"first");
    write_data(&mut writer, &[7; 300]);
    write_section(&mut writer, SectionKind::AmqpSequence, |writer| writer.list(1, Writer::null));
    write_value(&mut writer, &Value::Null);
    write_annotations(&mut writer, SectionKind::Footer, []);
    out
}

const IN_ORDER: [SectionKind; 10] = [
    SectionKind::Header,
    SectionKind::DeliveryAnnotations,
    SectionKind::MessageAnnotations,
    SectionKind::Properties,
    SectionKind::ApplicationProperties,
    SectionKind::Data,
    SectionKind::Data,
    SectionKind::AmqpSequence,
    SectionKind::AmqpValue,
    SectionKind::Footer,
];

#[test]
fn every_section_is_walked_in_place() {
    let message = message();
    assert_eq!(kinds(&message).unwrap(), IN_ORDER);
    let mut position = 0;
    for section in Sections::new(&message) {
        let section = section.unwrap();
        assert_eq!(section.whole, &message[position..][..section.whole.len()]);
        assert_eq!(section.body, &section.whole[3..]);
        assert_eq!(section.body_offset(), position + 3);
        assert_eq!(section.whole[..3], [0x00, 0x53, section.kind as u8]);
        position += section.whole.len();
    }
    assert_eq!(position, message.len());
    let data: Vec<_> = Sections::new(&message).filter_map(|section| section.unwrap().data()).collect();
    assert_eq!(data, [&b"first"[..], &[7; 300]]);
}

#[test]
fn sections_come_in_any_order_and_with_any_descriptor() {
    // JS: list0 header and properties (amqp.md §5.4). Python: annotations after the footer (§10).
    assert_eq!(
        kinds(&[0, 0x53, 0x70, 0x45, 0, 0x53, 0x73, 0x45]).unwrap(),
        [SectionKind::Header, SectionKind::Properties]
    );
    let footer_first =
        [&[0, 0x53, 0x78, 0xc1, 1, 0][..], &[0, 0x53, 0x71, 0xd1, 0, 0, 0, 4, 0, 0, 0, 0]].concat();
    assert_eq!(kinds(&footer_first).unwrap(), [SectionKind::Footer, SectionKind::DeliveryAnnotations]);
    let long = [0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x75, 0xa0, 1, 9];
    assert_eq!(kinds(&long).unwrap(), [SectionKind::Data]);
    let symbolic = b"\0\xa3\x10amqp:data:binary\xb0\0\0\0\x01x\0\xa3\x11amqp:amqp-value:*\x40";
    assert_eq!(kinds(symbolic).unwrap(), [SectionKind::Data, SectionKind::AmqpValue]);
    assert_eq!(kinds(&[]).unwrap(), []);
}

#[test]
fn what_is_no_section_is_refused_once() {
    let check = |message: &[u8], fault: DecodeFault, offset: u32| {
        let mut sections = Sections::new(message);
        let error = sections.find_map(Result::err).unwrap();
        assert_eq!((error.fault, error.offset), (fault, offset), "{message:02x?}");
        assert!(sections.next().is_none());
    };
    check(&[0x40], DecodeFault::WrongType(0x40), 0);
    check(&[0, 0x53, 0x79, 0x40], DecodeFault::UnexpectedDescriptor, 0);
    check(&[0, 0x53, 0x10, 0x45], DecodeFault::UnexpectedDescriptor, 0);
    check(&[0, 0xa3, 1, b'x', 0x45], DecodeFault::UnexpectedDescriptor, 1);
    check(&[0, 0x53, 0x75, 0xa1, 1, b'x'], DecodeFault::WrongType(0xa1), 3);
    check(&[0, 0x53, 0x70, 0x40], DecodeFault::WrongType(0x40), 3);
    check(&[0, 0x53, 0x72, 0x45], DecodeFault::WrongType(0x45), 3);
    check(&[0, 0x53, 0x70, 0x45, 0, 0x53, 0x75, 0xa0, 2, 1], DecodeFault::Truncated, 9);
}

#[test]
fn a_message_cut_anywhere_is_whole_sections_or_an_error() {
    let message = message();
    let ends: Vec<usize> = Sections::new(&message)
        .scan(0, |end, section| {
            *end += section.unwrap().whole.len();
            Some(*end)
        })
        .collect();
    for len in 0..message.len() {
        assert_eq!(kinds(&message[..len]).is_ok(), len == 0 || ends.contains(&len), "{len}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_sections_up_to_an_error(
        bytes in vec(prop_oneof![0x70..0x79_u8, 0x40..0x46_u8, Just(0), Just(0x53), Just(0xa0), any::<u8>()], 0..64),
    ) {
        let whole: usize = Sections::new(&bytes).flatten().map(|section| section.whole.len()).sum();
        prop_assert!(whole <= bytes.len());
        prop_assert_eq!(whole == bytes.len(), kinds(&bytes).is_ok());
    }
}
