//! Borrowed views: lists, maps, arrays and described values, iterated.

use super::*;

fn read(bytes: &[u8]) -> ValueRef<'_> {
    ValueRef::read(&mut Reader::new(bytes)).unwrap()
}

fn owned<'a>(items: impl Iterator<Item = Result<ValueRef<'a>, DecodeError>>) -> Vec<Value> {
    items.map(|item| item.unwrap().to_value().unwrap()).collect()
}

#[test]
fn an_array_of_described_values_shares_one_constructor() {
    // Two strings, each described by the ulong 7.
    let bytes = b"\xe0\x0a\x02\x00\x53\x07\xa1\x01a\x02bc";
    let ValueRef::Array(array) = read(bytes) else { panic!("no array") };
    assert_eq!((array.len(), array.element_code()), (2, 0xa1));
    let expected = ["a", "bc"].map(|text| Value::described(Value::Ulong(7), Value::from(text)));
    assert_eq!(owned(array.iter()), expected);
    // It comes back byte for byte.
    assert_eq!(encode(&decode(bytes).unwrap()), bytes);
}

#[test]
fn an_array_may_be_described_twice() {
    let bytes = &[0xe0, 0x09, 0x02, 0x00, 0x53, 0x07, 0x00, 0x53, 0x08, 0x50, 0x01][..];
    assert_eq!(fault(bytes), Some(DecodeFault::CountExceedsBytes));
    let bytes = &[0xe0, 0x0a, 0x02, 0x00, 0x53, 0x07, 0x00, 0x53, 0x08, 0x50, 0x01, 0x02];
    let ValueRef::Array(array) = read(bytes) else { panic!("no array") };
    let twice =
        |value: u8| Value::described(Value::Ulong(7), Value::described(Value::Ulong(8), Value::Ubyte(value)));
    assert_eq!(owned(array.iter()), [twice(1), twice(2)]);
}

#[test]
fn arrays_nest_and_may_be_empty() {
    let inner = [Array::of_strings(["a"]), Array::of_strings([])].map(Value::Array);
    let outer = Array::from_values(&inner).unwrap();
    assert_eq!(owned(outer.iter()), inner);
    assert_eq!(decode(&encode(&Value::Array(outer.clone()))), Ok(Value::Array(outer)));
    for empty in [&[0xe0, 0x01, 0x00][..], &[0xe0, 0x02, 0x00, 0x40], &[0xf0, 0, 0, 0, 4, 0, 0, 0, 0]] {
        let Ok(Value::Array(array)) = decode(empty) else { panic!("{empty:02x?}") };
        assert!(array.is_empty() && array.iter().next().is_none(), "{empty:02x?}");
    }
}

#[test]
fn an_array_of_values_is_made_only_of_one_type() {
    assert_eq!(Array::from_values(&[Value::Int(1), Value::Long(1)]), None);
    assert_eq!(Array::from_values(&[Value::described(Value::Null, Value::Null)]), None);
    let lists = [Value::List(vec![Value::Int(1)]), Value::List(vec![])];
    assert_eq!(owned(Array::from_values(&lists).unwrap().iter()), lists);
    let maps = [Value::Map(vec![(Value::from("k"), Value::Null)])];
    assert_eq!(owned(Array::from_values(&maps).unwrap().iter()), maps);
}

#[test]
fn a_map_is_searched_by_string_or_symbol() {
    let bytes = b"\xc1\x09\x04\xa3\x01s\x43\xa1\x01t\x41";
    let ValueRef::Map(map) = read(bytes) else { panic!("no map") };
    assert_eq!(map.len(), 2);
    assert_eq!(map.get("s").unwrap().unwrap().as_i64(), Some(0));
    assert!(matches!(map.get("t"), Ok(Some(ValueRef::Boolean(true)))));
    assert!(matches!(map.get("u"), Ok(None)));
    let raw: Result<Vec<_>, _> = map.raw().collect();
    assert_eq!(raw.unwrap(), [&b"\xa3\x01s"[..], b"\x43", b"\xa1\x01t", b"\x41"]);
}

#[test]
fn iteration_ends_with_its_first_error() {
    // The second item has no such constructor; a third would be there.
    let bytes = &[0xc0, 0x04, 0x03, 0x40, 0x01, 0x40];
    let ValueRef::List(list) = read(bytes) else { panic!("no list") };
    let mut items = list.iter();
    assert!(matches!(items.next(), Some(Ok(ValueRef::Null))));
    let error = items.next().unwrap().unwrap_err();
    assert_eq!((error.fault, error.offset), (DecodeFault::UnknownConstructor(0x01), 4));
    assert!(items.next().is_none());
    // A key that is no text in a value that is no value.
    let bytes = &[0xc1, 0x03, 0x02, 0x56, 0x02];
    let ValueRef::Map(map) = read(bytes) else { panic!("no map") };
    let mut entries = map.iter();
    assert!(entries.next().unwrap().is_err());
    assert!(entries.next().is_none());
}

#[test]
fn an_error_says_what_and_where() {
    let error = u32::decode(&mut Reader::new(&[0xa1, 0x00])).unwrap_err().named("open.max_frame_size");
    let text = "cannot read open.max_frame_size: a value with constructor 0xa1 (str8-utf8) is not allowed here (byte 0)";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.named("open").what, "open.max_frame_size");
}

#[test]
fn a_value_takes_no_more_than_four_words() {
    assert_eq!(size_of::<Value>(), 32);
    assert!(size_of::<DecodeError>() <= 24);
}
