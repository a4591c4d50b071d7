//! How we write composites (`docs/reference/amqp.md` §0.2, §8.1): the strictest reader takes fields by
//! position, without looking at their count.

use super::*;
use crate::wire::{ListRef, ValueRef};

/// Descriptor `00 53 xx`, a list8 or list32, and exactly so many fields, null or not.
fn check(value: &impl Encode, code: u8, fields: u32) {
    let bytes = encode(value);
    assert_eq!(bytes[..3], [0x00, 0x53, code]);
    assert!(matches!(bytes[3], 0xc0 | 0xd0), "{bytes:02x?}");
    let list = ListRef::decode(&mut Reader::new(&bytes[3..])).unwrap();
    assert_eq!((list.len(), list.iter().count()), (fields, fields as usize), "{bytes:02x?}");
}

#[test]
fn every_performative_is_written_with_all_its_fields() {
    check(&Open::new("c".into()), 0x10, 10);
    check(&full::open(), 0x10, 10);
    check(&Begin::new(TransferId::new(0), 0, 0), 0x11, 8);
    check(&full::begin(), 0x11, 8);
    check(&Attach::new("l".into(), Handle(0), Role::Sender), 0x12, 14);
    check(&full::attach(), 0x12, 14);
    check(&Flow::new(TransferId::new(0), 0, 0), 0x13, 11);
    check(&full::flow(), 0x13, 11);
    check(&Transfer::new(Handle(0)), 0x14, 11);
    check(&full::transfer(), 0x14, 11);
    check(&full::disposition(), 0x15, 6);
    check(&Detach { handle: Handle(0), closed: true, error: None }, 0x16, 3);
    check(&End { error: None }, 0x17, 1);
    check(&Close { error: None }, 0x18, 1);
}

#[test]
fn everything_in_a_performative_is_written_with_all_its_fields() {
    check(&Error::from(condition::STOLEN), 0x1d, 3);
    check(&Source::default(), 0x28, 11);
    check(&Target::default(), 0x29, 7);
    check(&DeliveryState::Rejected(None), 0x25, 1);
    check(&DeliveryState::Received(Received { section_number: 0, section_offset: 0 }), 0x23, 2);
    check(&Header::default(), 0x70, 5);
    check(&Properties::new(), 0x73, 13);
    check(&SaslMechanisms { sasl_server_mechanisms: symbols(&["A"]) }, 0x40, 1);
    check(&SaslOutcome { code: SaslCode::OK, additional_data: None }, 0x44, 2);
}

#[test]
fn outcomes_without_fields_are_four_bytes() {
    assert_eq!(encode(&DeliveryState::Accepted), [0x00, 0x53, 0x24, 0x45]);
    assert_eq!(encode(&DeliveryState::Released), [0x00, 0x53, 0x26, 0x45]);
}

#[test]
fn one_mechanism_is_an_array_too() {
    let bytes = encode(&SaslMechanisms { sasl_server_mechanisms: symbols(&["ANONYMOUS"]) });
    assert_eq!(bytes, b"\0\x53\x40\xc0\x12\x01\xe0\x0f\x01\xb3\0\0\0\x09ANONYMOUS");
}

#[test]
fn the_open_that_event_hubs_sends() {
    // amqp.md §1.3: container, hostname null, 65536, 4999, 240000, five nulls.
    let open = Open {
        max_frame_size: 65_536,
        channel_max: 4_999,
        idle_time_out: Some(Milliseconds(240_000)),
        ..Open::new("c_G1".into())
    };
    let expected = b"\0\x53\x10\xc0\x1a\x0a\xa1\x04c_G1\x40\x70\0\x01\0\0\x60\x13\x87\x70\0\x03\xa9\x80\x40\x40\x40\x40\x40";
    assert_eq!(encode(&open), expected);
}

#[test]
fn filters_are_echoed_as_they_came() {
    // .NET's descriptor, Python's symbol (amqp.md §6.2).
    for descriptor in
        [Value::Ulong(0x1_3700_000a), Value::Symbol(Symbol::from_static("apache.org:selector-filter:string"))]
    {
        let name = Symbol::from_static("apache.org:selector-filter:string");
        let mut filter = FilterSet::new();
        filter.push(name, descriptor.clone(), Value::from("amqp.annotation.x-opt-offset > @latest"));
        let bytes = encode(&filter);
        let read: FilterSet = decode(&bytes).unwrap();
        assert_eq!(encode(&read), bytes);
        assert_eq!(read.get("apache.org:selector-filter:string").unwrap().descriptor, descriptor);
        assert_eq!(read.iter().count(), 1);
        assert!(matches!(ValueRef::read(&mut Reader::new(&bytes)), Ok(ValueRef::Map(_))));
    }
}
