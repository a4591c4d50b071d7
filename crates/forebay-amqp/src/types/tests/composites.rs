//! Every composite: round trip, cut at every length, and every legal way to write it down.

use super::*;

/// Reads `bytes` as the composite that they were written from, wherever they may be cut.
fn survives<'a, T: Decode<'a> + Encode + PartialEq + core::fmt::Debug>(value: &T, bytes: &'a [u8]) {
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(value));
    for len in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..len]).is_err(), "{len} bytes of {value:?}");
    }
}

macro_rules! survives {
    ($($value:expr),* $(,)?) => {$({
        let value = $value;
        let bytes = encode(&value);
        survives(&value, &bytes);
    })*};
}

#[test]
fn every_composite_comes_back_and_is_refused_when_cut() {
    survives![
        full::open(),
        full::begin(),
        full::attach(),
        full::flow(),
        full::transfer(),
        full::disposition(),
        full::source(),
        full::target(),
        Detach { handle: Handle(0), closed: true, error: Some(an_error()) },
        End { error: Some(an_error()) },
        Close { error: Some(an_error()) },
        an_error(),
        Header {
            durable: true,
            priority: 9,
            ttl: Some(Milliseconds(1)),
            first_acquirer: true,
            delivery_count: 2
        },
        SaslMechanisms { sasl_server_mechanisms: symbols(&["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"]) },
        SaslInit {
            mechanism: Symbol::from_static("PLAIN"),
            initial_response: Some(b"\0u\0p"),
            hostname: Some("h"),
        },
        SaslChallenge { challenge: b"c" },
        SaslResponse { response: b"" },
        SaslOutcome { code: SaslCode::AUTH, additional_data: Some(b"x") },
    ];
}

#[test]
fn every_composite_comes_back_with_no_more_than_it_needs() {
    survives![
        Open::new("c".into()),
        Begin::new(TransferId::new(0), 0, 0),
        Attach::new("l".into(), Handle(0), Role::Sender),
        Attach::new("l".into(), Handle(0), Role::Receiver),
        Flow::new(TransferId::new(0), 0, 0),
        Transfer::new(Handle(0)),
        Source::default(),
        Target::default(),
        Detach { handle: Handle(0), closed: false, error: None },
        End { error: None },
        Close { error: None },
        Error::from(condition::STOLEN),
        Header::default(),
        Properties::new(),
        SaslOutcome { code: SaslCode::OK, additional_data: None },
    ];
}

#[test]
fn every_delivery_state_comes_back() {
    survives![
        DeliveryState::Accepted,
        DeliveryState::Released,
        DeliveryState::Rejected(None),
        DeliveryState::rejected(an_error()),
        DeliveryState::Received(Received { section_number: 0, section_offset: u64::MAX }),
        DeliveryState::Modified(Modified {
            delivery_failed: true,
            undeliverable_here: true,
            message_annotations: properties(),
        }),
    ];
    // §4.5.8: of a transaction, which we do not know but keep.
    let transactional =
        encode(&Value::described(Value::Ulong(0x34), Value::List(vec![Value::Binary(vec![1])])));
    let state: DeliveryState = decode(&transactional).unwrap();
    assert!(matches!(state, DeliveryState::Other(_)) && !state.is_outcome());
    assert_eq!(encode(&state), transactional);
}

#[test]
fn elided_fields_are_null() {
    // JS: a transfer of six fields, a detach of two, end and close of none (amqp.md §8.1).
    let check = |bytes: &[u8], expected: Transfer<'_>| {
        assert_eq!(decode::<Transfer<'_>>(bytes), Ok(expected), "{bytes:02x?}");
    };
    let id = Transfer { delivery_id: Some(DeliveryId::new(0)), ..Transfer::new(Handle(0)) };
    check(&[0, 0x53, 0x14, 0xc0, 2, 1, 0x43], Transfer::new(Handle(0)));
    check(&[0, 0x53, 0x14, 0xc0, 3, 2, 0x43, 0x43], id.clone());
    check(
        &[0, 0x53, 0x14, 0xc0, 9, 6, 0x43, 0x43, 0xa0, 1, b'0', 0x43, 0x42, 0x42],
        Transfer {
            delivery_tag: Some(b"0"),
            message_format: Some(0),
            settled: Some(false),
            more: false,
            ..id
        },
    );
    let detach = Detach { handle: Handle(1), closed: true, error: None };
    assert_eq!(decode(&[0, 0x53, 0x16, 0xc0, 4, 2, 0x52, 1, 0x41]), Ok(detach));
    assert_eq!(decode(&[0, 0x53, 0x17, 0x45]), Ok(End { error: None }));
    assert_eq!(decode(&[0, 0x53, 0x18, 0xc0, 1, 0]), Ok(Close { error: None }));
    assert_eq!(decode(&[0, 0x53, 0x18, 0xd0, 0, 0, 0, 5, 0, 0, 0, 1, 0x40]), Ok(Close { error: None }));
}

#[test]
fn a_descriptor_is_read_in_any_form() {
    let long = [&[0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x17][..], &[0x45]].concat();
    let symbolic = [&b"\0\xa3\x0damqp:end:list"[..], &[0x45]].concat();
    let symbolic_32 = [&b"\0\xb3\0\0\0\x0damqp:end:list"[..], &[0x45]].concat();
    for bytes in [long, symbolic, symbolic_32] {
        assert_eq!(decode(&bytes), Ok(End { error: None }), "{bytes:02x?}");
    }
    let other = decode::<End>(&[0, 0x53, 0x18, 0x45]).unwrap_err();
    assert_eq!(other.fault, DecodeFault::UnexpectedDescriptor);
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let bytes = [0, 0x53, 0x17, 0xc0, 8, 3, 0x40, 0xa1, 3, b'n', b'e', b'w', 0x41];
    assert_eq!(decode(&bytes), Ok(End { error: None }));
}

#[test]
fn a_missing_mandatory_field_is_named() {
    for bytes in [&[0, 0x53, 0x10, 0x45][..], &[0, 0x53, 0x10, 0xc0, 2, 1, 0x40]] {
        let error = decode::<Open>(bytes).unwrap_err();
        assert_eq!((error.fault, error.what), (DecodeFault::MissingField, "open.container_id"));
    }
    let error = decode::<Flow>(&[0, 0x53, 0x13, 0xc0, 4, 3, 0x40, 0x43, 0x40]).unwrap_err();
    assert_eq!((error.fault, error.what), (DecodeFault::MissingField, "flow.next_outgoing_id"));
    // The innermost name stays.
    let error = decode::<Close>(&[0, 0x53, 0x18, 0xc0, 5, 1, 0, 0x53, 0x1d, 0x45]).unwrap_err();
    assert_eq!((error.fault, error.what), (DecodeFault::MissingField, "error.condition"));
}

#[test]
fn a_list_that_lies_is_refused() {
    let check = |bytes: &[u8], expected: DecodeFault| {
        assert_eq!(decode::<Transfer<'_>>(bytes).unwrap_err().fault, expected, "{bytes:02x?}");
    };
    check(&[0, 0x53, 0x14, 0xc0, 3, 1, 0x43, 0x43], DecodeFault::TrailingBytes);
    check(&[0, 0x53, 0x14, 0xc0, 2, 9, 0x43], DecodeFault::CountExceedsBytes);
    check(&[0, 0x53, 0x14, 0xd0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x43], DecodeFault::CountExceedsBytes);
    check(&[0, 0x53, 0x14, 0xc1, 3, 2, 0x43, 0x43], DecodeFault::WrongType(0xc1));
    check(&[0, 0x53, 0x14, 0x40], DecodeFault::WrongType(0x40));
    // A field that ends past its list.
    check(&[0, 0x53, 0x14, 0xc0, 3, 1, 0x70, 0, 0, 0, 0], DecodeFault::Truncated);
}

#[test]
fn a_field_of_several_symbols_takes_one_or_an_array() {
    let check = |bytes: &[u8], expected: Result<Symbols, DecodeFault>| {
        assert_eq!(decode::<Symbols>(bytes).map_err(|error| error.fault), expected, "{bytes:02x?}");
    };
    check(b"\xa3\x01a", Ok(symbols(&["a"])));
    check(b"\xb3\0\0\0\x01a", Ok(symbols(&["a"])));
    check(b"\xe0\x06\x02\xa3\x01a\x01b", Ok(symbols(&["a", "b"])));
    check(b"\xf0\0\0\0\x0f\0\0\0\x02\xb3\0\0\0\x01a\0\0\0\x01b", Ok(symbols(&["a", "b"])));
    check(b"\xe0\x01\0", Ok(Symbols::new()));
    check(b"\xc0\x04\x01\xa3\x01a", Ok(symbols(&["a"])));
    check(&[0x43], Err(DecodeFault::WrongType(0x43)));
    check(&[0xe0, 2, 2, 0x40], Err(DecodeFault::WrongType(0xe0)));
}

#[test]
fn fields_keep_their_order_and_take_strings_for_keys() {
    let bytes = b"\xd1\0\0\0\x0c\0\0\0\x04\xa1\x01s\x43\xa3\x01t\x41";
    let fields: Fields = decode(bytes).unwrap();
    let expected = [("s", Value::Uint(0)), ("t", Value::Boolean(true))];
    assert_eq!(fields, expected.map(|(key, value)| (Symbol::from_static(key), value)).into_iter().collect());
    assert_eq!(decode::<Fields>(b"\xc1\x03\x02\x43\x43").unwrap_err().fault, DecodeFault::WrongType(0xc1));
    assert!(decode::<Fields>(b"\xc1\x05\x02\xa3\x01s\x01").is_err());
    assert!(decode::<Fields>(b"\xc1\x04\x02\xa3\x02s").is_err());
}

#[test]
fn a_coordinator_is_told_apart_from_a_node() {
    let bytes = [&b"\0\x53\x30\xc0\x17\x01\xa3\x14"[..], b"amqp:local-transacti"].concat();
    let target: Target = decode(&bytes).unwrap();
    assert!(target.coordinator && target.address.is_none());
    assert_eq!(decode(&encode(&target)), Ok(target));
    assert!(decode::<Target>(&encode(&Source::default())).is_err());
}

#[test]
fn properties_borrow_their_texts_and_keep_the_type_of_their_ids() {
    let uuid = Value::Uuid([9; 16]);
    let properties = Properties {
        message_id: Some(uuid.clone()),
        user_id: Some(b"u"),
        to: Some("$cbs"),
        reply_to: Some("cbs"),
        correlation_id: Some(Value::Ulong(0)),
        content_type: Some(Symbol::from_static("text/plain")),
        creation_time: Some(Timestamp(-1)),
        group_sequence: Some(7),
        ..Properties::new()
    };
    let bytes = encode(&properties);
    let read: Properties<'_> = decode(&bytes).unwrap();
    assert_eq!(read, properties);
    assert_eq!(read.message_id, Some(uuid));
}

#[test]
fn unknown_codes_survive_to_the_log() {
    assert_eq!(decode::<SenderSettleMode>(&[0x50, 9]), Ok(SenderSettleMode(9)));
    assert!(!SenderSettleMode(9).is_known() && SenderSettleMode::MIXED.is_known());
    assert_eq!(
        format!("{:?} {:?}", SenderSettleMode(9), SaslCode::SYS_TEMP),
        "SenderSettleMode(0x9) SYS_TEMP"
    );
}

#[test]
fn a_disposition_speaks_of_a_range() {
    let one = Disposition { last: None, ..full::disposition() };
    assert_eq!(one.range(), Some(DeliveryRange::one(DeliveryId::new(u32::MAX))));
    assert_eq!(full::disposition().range().unwrap().count(), 5);
    let backwards =
        Disposition { first: DeliveryId::new(3), last: Some(DeliveryId::new(2)), ..full::disposition() };
    assert_eq!(backwards.range(), None);
}
