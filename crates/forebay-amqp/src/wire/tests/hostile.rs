//! Bytes that lie about their sizes and counts. None of these may panic, loop or allocate by the number
//! claimed.

use super::*;
use crate::limits::{DEPTH_MAX, ZERO_WIDTH_ITEMS_MAX};

/// Bytes, and what `Value::decode` says to them.
const CRASHERS: &[(&str, &[u8], DecodeFault)] = &[
    (
        "array of 4 billion nulls",
        &[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40],
        DecodeFault::CountExceedsBytes,
    ),
    (
        "array of 4 billion list0",
        &[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x45],
        DecodeFault::CountExceedsBytes,
    ),
    (
        "array of 4 billion ubytes",
        &[0xf0, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x50, 1],
        DecodeFault::CountExceedsBytes,
    ),
    (
        "array of 4 billion described nulls",
        &[0xf0, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0x53, 1, 0x40],
        DecodeFault::CountExceedsBytes,
    ),
    ("array of nulls with bytes", &[0xe0, 4, 2, 0x40, 0, 0], DecodeFault::TrailingBytes),
    ("array of an unknown constructor", &[0xe0, 2, 0, 0x99], DecodeFault::UnknownConstructor(0x99)),
    ("array without constructor", &[0xe0, 1, 1], DecodeFault::Truncated),
    ("array whose last element is cut", &[0xe0, 5, 1, 0xa1, 4, b'a', b'b'], DecodeFault::Truncated),
    ("array of booleans of 2", &[0xe0, 3, 1, 0x56, 2], DecodeFault::OutOfRange),
    ("list of 4 billion", &[0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff], DecodeFault::CountExceedsBytes),
    ("list of 2 in 1 byte", &[0xc0, 2, 2, 0x40], DecodeFault::CountExceedsBytes),
    ("list with a byte too many", &[0xc0, 3, 1, 0x40, 0x40], DecodeFault::TrailingBytes),
    ("list without count", &[0xc0, 0], DecodeFault::Truncated),
    ("list32 with half a count", &[0xd0, 0, 0, 0, 2, 0, 0], DecodeFault::Truncated),
    ("list past the end", &[0xc0, 0xff, 1, 0x40], DecodeFault::Truncated),
    ("list32 past the end", &[0xd0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0x40], DecodeFault::Truncated),
    ("item past its list", &[0xc0, 3, 1, 0xa0, 2, 7, 7], DecodeFault::Truncated),
    ("map with an odd count", &[0xc1, 4, 3, 0x40, 0x40, 0x40], DecodeFault::OddMap),
    ("map32 with an odd count", &[0xd1, 0, 0, 0, 5, 0, 0, 0, 1, 0x40], DecodeFault::OddMap),
    ("map of 4 billion", &[0xd1, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe], DecodeFault::CountExceedsBytes),
    ("binary past the end", &[0xb0, 0xff, 0xff, 0xff, 0xff, 0], DecodeFault::Truncated),
    ("description of nothing", &[0x00], DecodeFault::Truncated),
    ("descriptor without value", &[0x00, 0x53, 0x10], DecodeFault::Truncated),
    ("unknown constructor", &[0x57, 0], DecodeFault::UnknownConstructor(0x57)),
    ("unknown constructor in a list", &[0xc0, 2, 1, 0x01], DecodeFault::UnknownConstructor(0x01)),
    ("string of broken UTF-8", &[0xa1, 2, 0xc3, 0x28], DecodeFault::InvalidUtf8),
    ("symbol outside of ASCII", &[0xa3, 2, 0xc3, 0xa9], DecodeFault::NotAscii),
    ("boolean of 2", &[0x56, 2], DecodeFault::OutOfRange),
    ("char in the surrogates", &[0x73, 0, 0, 0xd8, 0], DecodeFault::InvalidChar),
    ("no bytes", &[], DecodeFault::Truncated),
];

#[test]
fn every_old_crasher_is_refused_with_its_reason() {
    for (name, bytes, expected) in CRASHERS {
        assert_eq!(fault(bytes), Some(*expected), "{name}");
        assert!(validate_value(&mut Reader::new(bytes)).is_err(), "{name}");
    }
}

/// Walks all that can be reached of `bytes` through the borrowed views; bounded by the bytes, whatever they
/// claim.
fn walk(bytes: &[u8]) -> usize {
    fn visit(value: &ValueRef<'_>, levels: usize) -> usize {
        let Some(levels) = levels.checked_sub(1) else { return 0 };
        let children: usize = match value {
            ValueRef::List(list) => list.iter().flatten().map(|item| visit(&item, levels)).sum(),
            ValueRef::Map(map) => {
                map.iter().flatten().map(|(key, value)| visit(&key, levels) + visit(&value, levels)).sum()
            }
            ValueRef::Array(array) => array.iter().flatten().map(|item| visit(&item, levels)).sum(),
            ValueRef::Described(described) => {
                let parts = [described.descriptor(), described.value()];
                parts.iter().flatten().map(|part| visit(part, levels)).sum()
            }
            _ => 0,
        };
        children + 1
    }
    ValueRef::read(&mut Reader::new(bytes)).map_or(0, |value| visit(&value, DEPTH_MAX))
}

#[test]
fn walking_a_crasher_lazily_ends_as_well() {
    for (name, bytes, _) in CRASHERS {
        assert!(walk(bytes) <= bytes.len(), "{name}");
    }
}

fn nested(open: &[u8], levels: usize) -> Vec<u8> {
    // From the inside: each level is a list32 of one.
    let mut bytes = vec![0x40];
    for _ in 0..levels {
        let size = u32::try_from(bytes.len() + 4 + open.len()).unwrap().to_be_bytes();
        bytes = [&[0xd0][..], &size, &[0, 0, 0, 1], open, &bytes].concat();
    }
    bytes
}

#[test]
fn nesting_is_bounded_at_32_levels() {
    assert!(decode(&nested(&[], DEPTH_MAX)).is_ok());
    assert_eq!(fault(&nested(&[], DEPTH_MAX + 1)), Some(DecodeFault::TooDeep));
    assert_eq!(fault(&nested(&[], 10_000)), Some(DecodeFault::TooDeep));
    // An empty list is a level too, however it is written.
    for empty in [&[0x45][..], &[0xc0, 1, 0]] {
        let chain = |levels: usize| [&[0x00, 0x44].repeat(levels)[..], empty].concat();
        assert!(decode(&chain(DEPTH_MAX - 1)).is_ok());
        assert_eq!(fault(&chain(DEPTH_MAX)), Some(DecodeFault::TooDeep));
        let checked = validate_value(&mut Reader::new(&chain(DEPTH_MAX)));
        assert_eq!(checked.unwrap_err().fault, DecodeFault::TooDeep, "checking and reading agree");
    }
    // And so is a description.
    assert!(decode(&nested(&[0x00, 0x44], DEPTH_MAX / 2)).is_ok());
    assert_eq!(fault(&nested(&[0x00, 0x44], DEPTH_MAX / 2 + 1)), Some(DecodeFault::TooDeep));
}

#[test]
fn a_chain_of_descriptions_is_bounded() {
    let of_values = |levels: usize| [&[0x00, 0x44].repeat(levels)[..], &[0x40]].concat();
    let of_descriptors = |levels: usize| [vec![0x00; levels], vec![0x44; levels + 1]].concat();
    for chain in [of_values(DEPTH_MAX), of_descriptors(DEPTH_MAX)] {
        assert!(decode(&chain).is_ok());
        assert_eq!(skip_value(&mut Reader::new(&chain)), Ok(()));
    }
    for chain in [of_values(DEPTH_MAX + 1), of_descriptors(DEPTH_MAX + 1), vec![0x00; 1 << 20]] {
        assert_eq!(fault(&chain), Some(DecodeFault::TooDeep));
        assert_eq!(skip_value(&mut Reader::new(&chain)).unwrap_err().fault, DecodeFault::TooDeep);
        assert!(ValueRef::read(&mut Reader::new(&chain)).is_err());
    }
    // The same in the constructor of an array.
    let array = |chain: &[u8]| {
        let size = u32::try_from(chain.len() + 4).unwrap().to_be_bytes();
        [&[0xf0][..], &size, &[0, 0, 0, 0], chain].concat()
    };
    assert!(decode(&array(&of_values(DEPTH_MAX - 1))).is_ok());
    assert!(fault(&array(&vec![0x00; 1 << 20])).is_some());
    assert!(ValueRef::read(&mut Reader::new(&array(&vec![0x00; 1 << 20]))).is_err());
}

#[test]
fn an_array_whose_description_describes_nothing_is_refused() {
    // No elements, a descriptor, and no constructor behind it; then another value.
    let cut = [0xf0, 0, 0, 0, 8, 0, 0, 0, 0, 0x00, 0xc1, 1, 0, 0x40];
    assert!(decode(&cut).is_err());
    assert!(validate_value(&mut Reader::new(&cut)).is_err(), "checking and reading agree");
    let whole = [0xf0, 0, 0, 0, 9, 0, 0, 0, 0, 0x00, 0xc1, 1, 0, 0x40];
    assert_eq!((decode(&whole).is_ok(), validate_value(&mut Reader::new(&whole))), (true, Ok(())));
}

#[test]
fn descriptions_side_by_side_are_counted_by_their_depth() {
    // 63 descriptions, none deeper than six: descriptors that are themselves described.
    let bushy = (0..6).fold(vec![0x40], |inner, _| [&[0x00], &inner[..], &inner].concat());
    assert!(decode(&bushy).is_ok());
    assert_eq!(skip_value(&mut Reader::new(&bushy)), Ok(()), "what is well-formed can be stepped over");
    let value = ValueRef::read(&mut Reader::new(&bushy)).and_then(|value| value.to_value());
    assert!(value.is_ok(), "and read: {value:?}");
}

#[test]
fn nested_arrays_without_end_are_refused() {
    // Each array's one element is an array.
    let mut body = vec![0x40];
    for _ in 0..DEPTH_MAX * 2 {
        let size = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        body = [&[0xf0][..], &size, &[0, 0, 0, 1], &body].concat();
    }
    let size = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    let array = [&[0xf0][..], &size, &[0, 0, 0, 1], &body].concat();
    assert_eq!(fault(&array), Some(DecodeFault::TooDeep));
}

#[test]
fn zero_width_elements_are_bounded_by_a_number_of_ours() {
    let array = |count: u32| [&[0xf0, 0, 0, 0, 5][..], &count.to_be_bytes(), &[0x41]].concat();
    let Ok(Value::Array(most)) = decode(&array(ZERO_WIDTH_ITEMS_MAX)) else { panic!("refused") };
    assert_eq!(most.iter().count(), 64);
    assert_eq!(fault(&array(ZERO_WIDTH_ITEMS_MAX + 1)), Some(DecodeFault::CountExceedsBytes));
}
