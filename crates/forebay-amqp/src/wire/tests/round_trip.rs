//! Any value at all: what is encoded decodes to itself, cut anywhere it is refused, and arbitrary bytes harm
//! nobody.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn symbol() -> impl Strategy<Value = Symbol> {
    "[ -~]{0,12}".prop_map(|text| Symbol::new(&text).unwrap())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<u8>().prop_map(Value::Ubyte),
        any::<u16>().prop_map(Value::Ushort),
        prop_oneof![any::<u32>(), 0..300_u32].prop_map(Value::Uint),
        prop_oneof![any::<u64>(), 0..300_u64].prop_map(Value::Ulong),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        prop_oneof![any::<i32>(), -200..200_i32].prop_map(Value::Int),
        prop_oneof![any::<i64>(), -200..200_i64].prop_map(Value::Long),
        any::<i32>().prop_map(|value| Value::Float(value as f32)),
        any::<i64>().prop_map(|value| Value::Double(value as f64)),
        any::<[u8; 4]>().prop_map(Value::Decimal32),
        any::<[u8; 8]>().prop_map(Value::Decimal64),
        any::<[u8; 16]>().prop_map(Value::Decimal128),
        any::<char>().prop_map(Value::Char),
        any::<i64>().prop_map(Value::Timestamp),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        vec(any::<u8>(), 0..300).prop_map(Value::Binary),
        any::<String>().prop_map(Value::String),
        symbol().prop_map(Value::Symbol),
        vec(symbol(), 0..8)
            .prop_map(|items| { Value::Array(Array::of_symbols(items.iter().map(Symbol::as_str))) }),
        vec(any::<i64>().prop_map(Value::Long), 0..40)
            .prop_map(|items| Value::Array(Array::from_values(&items).unwrap())),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            vec((inner.clone(), inner.clone()), 0..6).prop_map(Value::Map),
            (inner.clone(), inner.clone())
                .prop_map(|(descriptor, value)| Value::described(descriptor, value)),
            vec(vec(inner, 0..4).prop_map(Value::List), 0..4)
                .prop_map(|lists| Value::Array(Array::from_values(&lists).unwrap())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(value in value()) {
        let bytes = encode(&value);
        prop_assert_eq!(decode(&bytes), Ok(value));
        let mut reader = Reader::new(&bytes);
        skip_value(&mut reader).unwrap();
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn what_is_cut_is_refused(value in value(), at in any::<proptest::sample::Index>()) {
        let bytes = encode(&value);
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(decode(cut).is_err());
        prop_assert!(validate_value(&mut Reader::new(cut)).is_err());
        prop_assert!(skip_value(&mut Reader::new(cut)).is_err());
    }

    #[test]
    fn a_damaged_byte_is_an_error_or_another_value(
        value in value(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = encode(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(other) = decode(&bytes) {
            // Whatever it is now, it is a value: it is written and read again.
            let again = encode(&other);
            prop_assert_eq!(encode(&decode(&again).unwrap()), again);
        }
    }

    #[test]
    fn arbitrary_bytes_are_an_error_or_a_value(bytes in vec(any::<u8>(), 0..64)) {
        let validated = validate_value(&mut Reader::new(&bytes));
        prop_assert_eq!(Value::decode(&mut Reader::new(&bytes)).is_ok(), validated.is_ok());
        // Skipping looks at less, so it takes more.
        prop_assert!(skip_value(&mut Reader::new(&bytes)).is_ok() || validated.is_err());
    }
}
