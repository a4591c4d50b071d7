//! Each encoding of §1.6, read; and the shortest of each type, written.

use super::*;

fn symbol(text: &str) -> Value {
    Value::Symbol(Symbol::new(text).unwrap())
}

/// Every constructor at least once: bytes, value, and whether these bytes are what we write for it.
fn vectors() -> Vec<(Vec<u8>, Value, bool)> {
    let fixed: &[(&[u8], Value, bool)] = &[
        (&[0x40], Value::Null, true),
        (&[0x41], Value::Boolean(true), true),
        (&[0x42], Value::Boolean(false), true),
        (&[0x56, 0x01], Value::Boolean(true), false),
        (&[0x56, 0x00], Value::Boolean(false), false),
        (&[0x50, 0xff], Value::Ubyte(255), true),
        (&[0x60, 0x12, 0x34], Value::Ushort(0x1234), true),
        (&[0x43], Value::Uint(0), true),
        (&[0x52, 0x00], Value::Uint(0), false),
        (&[0x52, 0xff], Value::Uint(255), true),
        (&[0x70, 0x00, 0x00, 0x01, 0x00], Value::Uint(256), true),
        (&[0x70, 0x80, 0x01, 0x37, 0x00], Value::Uint(0x8001_3700), true),
        (&[0x44], Value::Ulong(0), true),
        (&[0x53, 0x0f], Value::Ulong(15), true),
        (&[0x80, 0, 0, 0, 0, 0, 0, 0, 0x0f], Value::Ulong(15), false),
        (&[0x80, 0, 0, 0x46, 0x8c, 0, 0, 0, 0x04], Value::Ulong(0x468c_0000_0004), true),
        (&[0x51, 0x80], Value::Byte(-128), true),
        (&[0x61, 0xff, 0xfe], Value::Short(-2), true),
        (&[0x54, 0x80], Value::Int(-128), true),
        (&[0x54, 0x7f], Value::Int(127), true),
        (&[0x71, 0x00, 0x00, 0x00, 0x80], Value::Int(128), true),
        (&[0x71, 0xff, 0xff, 0xff, 0xff], Value::Int(-1), false),
        (&[0x71, 0x00, 0x00, 0x00, 0xca], Value::Int(202), true),
        (&[0x55, 0xff], Value::Long(-1), true),
        (&[0x81, 0x80, 0, 0, 0, 0, 0, 0, 0], Value::Long(i64::MIN), true),
        (&[0x72, 0x3f, 0xc0, 0, 0], Value::Float(1.5), true),
        (&[0x82, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0], Value::Double(-1.5), true),
        (&[0x74, 1, 2, 3, 4], Value::Decimal32([1, 2, 3, 4]), true),
        (&[0x84, 1, 2, 3, 4, 5, 6, 7, 8], Value::Decimal64([1, 2, 3, 4, 5, 6, 7, 8]), true),
        (&[0x73, 0x00, 0x01, 0xf3, 0xb9], Value::Char('🎹'), true),
        (&[0x83, 0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0], Value::Timestamp(0x018b_cfe5_6800), true),
        (&[0xa0, 0x02, 0xde, 0xad], Value::Binary(vec![0xde, 0xad]), true),
        (&[0xa0, 0x00], Value::Binary(vec![]), true),
        (&[0xb0, 0, 0, 0, 2, 0xde, 0xad], Value::Binary(vec![0xde, 0xad]), false),
        (b"\xa1\x1eHello Glorious Messaging World", Value::from("Hello Glorious Messaging World"), true),
        (b"\xa1\x02\xc3\xa9", Value::from("é"), true),
        (b"\xb1\x00\x00\x00\x03abc", Value::from("abc"), false),
        (b"\xa3\x03abc", symbol("abc"), true),
        (b"\xb3\x00\x00\x00\x03abc", symbol("abc"), false),
        (&[0x45], Value::List(vec![]), false),
        (&[0xc0, 0x01, 0x00], Value::List(vec![]), true),
        (&[0xd0, 0, 0, 0, 4, 0, 0, 0, 0], Value::List(vec![]), false),
        (&[0xc0, 0x03, 0x02, 0x40, 0x41], Value::List(vec![Value::Null, Value::Boolean(true)]), true),
        (&[0xc1, 0x01, 0x00], Value::Map(vec![]), true),
        (b"\xc1\x05\x02\xa3\x01k\x43", Value::Map(vec![(symbol("k"), Value::Uint(0))]), true),
        (b"\xd1\0\0\0\x08\0\0\0\x02\xa3\x01k\x43", Value::Map(vec![(symbol("k"), Value::Uint(0))]), false),
    ];
    let mut vectors: Vec<_> =
        fixed.iter().map(|(bytes, value, written)| (bytes.to_vec(), value.clone(), *written)).collect();
    let wide = |code: u8| [&[code][..], &[7; 16]].concat();
    vectors.push((wide(0x94), Value::Decimal128([7; 16]), true));
    vectors.push((wide(0x98), Value::Uuid([7; 16]), true));
    // §1.2's own example of a described value.
    let url = Value::described(symbol("URL"), Value::from("http://example.org/hello-world"));
    vectors.push((b"\x00\xa3\x03URL\xa1\x1ehttp://example.org/hello-world".to_vec(), url, true));
    let ints = Array::from_values(&[Value::Int(1), Value::Int(-1)]).unwrap();
    vectors.push((
        vec![0xe0, 0x0a, 0x02, 0x71, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff],
        Value::Array(ints),
        true,
    ));
    let symbols = Value::Array(Array::of_symbols(["a", "bc"]));
    vectors.push((b"\xe0\x0d\x02\xb3\0\0\0\x01a\0\0\0\x02bc".to_vec(), symbols.clone(), true));
    vectors.push((b"\xf0\0\0\0\x10\0\0\0\x02\xb3\0\0\0\x01a\0\0\0\x02bc".to_vec(), symbols, false));
    vectors
}

#[test]
fn every_encoding_is_read_as_its_value() {
    for (bytes, value, _) in vectors() {
        assert_eq!(decode(&bytes), Ok(value), "{bytes:02x?}");
    }
}

#[test]
fn every_value_is_written_in_its_shortest_form() {
    for (bytes, value, written) in vectors() {
        assert_eq!(encode(&value) == bytes, written, "{value:?} is written {:02x?}", encode(&value));
    }
}

#[test]
fn every_constructor_has_a_vector() {
    let vectors = vectors();
    for &code in format::ALL {
        assert!(vectors.iter().any(|(bytes, ..)| bytes[0] == code), "0x{code:02x} {}", format::name(code));
    }
}

#[test]
fn every_encoding_cut_anywhere_is_an_error() {
    for (bytes, ..) in vectors() {
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            assert_eq!(fault(cut), Some(DecodeFault::Truncated), "{cut:02x?} of {bytes:02x?}");
            assert!(skip_value(&mut Reader::new(cut)).is_err(), "{cut:02x?}");
            assert!(ValueRef::read(&mut Reader::new(cut)).is_err(), "{cut:02x?}");
        }
    }
}

#[test]
fn skipping_and_validating_step_over_exactly_one_value() {
    for (mut bytes, ..) in vectors() {
        bytes.extend_from_slice(&[0xee; 3]);
        for step in [skip_value, validate_value] {
            let mut reader = Reader::new(&bytes);
            step(&mut reader).unwrap();
            assert_eq!(reader.rest(), [0xee; 3], "{bytes:02x?}");
        }
    }
}

fn read<'a, T: Decode<'a>>(bytes: &'a [u8]) -> Result<T, DecodeFault> {
    T::decode(&mut Reader::new(bytes)).map_err(|error| error.fault)
}

#[test]
fn a_typed_read_takes_every_form_that_holds_its_value() {
    let sevens: &[&[u8]] = &[
        &[0x52, 7],
        &[0x70, 0, 0, 0, 7],
        &[0x53, 7],
        &[0x80, 0, 0, 0, 0, 0, 0, 0, 7],
        &[0x50, 7],
        &[0x60, 0, 7],
    ];
    for form in sevens {
        assert_eq!(read(form), Ok(7_u8), "{form:02x?}");
        assert_eq!(read(form), Ok(7_u16), "{form:02x?}");
        assert_eq!(read(form), Ok(7_u32), "{form:02x?}");
        assert_eq!(read(form), Ok(7_u64), "{form:02x?}");
        assert_eq!(read::<i64>(form), Err(DecodeFault::WrongType(form[0])), "{form:02x?}");
    }
    let minus: &[&[u8]] =
        &[&[0x54, 0xfe], &[0x71, 0xff, 0xff, 0xff, 0xfe], &[0x55, 0xfe], &[0x51, 0xfe], &[0x61, 0xff, 0xfe]];
    for form in minus {
        assert_eq!(read(form), Ok(-2_i32), "{form:02x?}");
        assert_eq!(read(form), Ok(-2_i64), "{form:02x?}");
        assert_eq!(read::<u32>(form), Err(DecodeFault::WrongType(form[0])), "{form:02x?}");
    }
    for form in [&[0x41][..], &[0x56, 1]] {
        assert_eq!(read(form), Ok(true), "{form:02x?}");
    }
    for form in [&b"\xa1\x01x"[..], b"\xa3\x01x", b"\xb1\0\0\0\x01x", b"\xb3\0\0\0\x01x"] {
        assert_eq!(read(form), Ok("x"), "{form:02x?}");
        assert_eq!(read(form), Ok(Symbol::from_static("x")), "{form:02x?}");
        assert_eq!(read::<&[u8]>(form), Err(DecodeFault::WrongType(form[0])), "{form:02x?}");
    }
    for form in [&[0xa0, 1, 9][..], &[0xb0, 0, 0, 0, 1, 9]] {
        assert_eq!(read(form), Ok(&[9_u8][..]), "{form:02x?}");
    }
    assert_eq!(read(&[0x40]), Ok(None::<u32>));
    assert_eq!(read(&[0x43]), Ok(Some(0_u32)));
}

#[test]
fn a_typed_read_refuses_what_its_type_cannot_hold() {
    assert_eq!(read::<u8>(&[0x70, 0, 0, 1, 0]), Err(DecodeFault::OutOfRange));
    assert_eq!(read::<u16>(&[0x70, 0, 1, 0, 0]), Err(DecodeFault::OutOfRange));
    assert_eq!(read::<u32>(&[0x80, 0, 0, 0, 1, 0, 0, 0, 0]), Err(DecodeFault::OutOfRange));
    assert_eq!(read::<i32>(&[0x81, 0, 0, 0, 0, 0x80, 0, 0, 0]), Err(DecodeFault::OutOfRange));
    assert_eq!(read::<bool>(&[0x56, 2]), Err(DecodeFault::OutOfRange));
    assert_eq!(read::<bool>(&[0x43]), Err(DecodeFault::WrongType(0x43)));
    assert_eq!(read::<u32>(&[0x40]), Err(DecodeFault::WrongType(0x40)));
    assert_eq!(read::<&str>(b"\xa1\x01\xff"), Err(DecodeFault::InvalidUtf8));
    assert_eq!(read::<Symbol>("\u{e9}".as_bytes()), Err(DecodeFault::WrongType(0xc3)));
    assert_eq!(read::<Symbol>(b"\xa1\x02\xc3\xa9"), Err(DecodeFault::NotAscii));
}
