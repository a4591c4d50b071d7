//! Sizes that are patched: the edges between the 8-bit and the 32-bit forms.

use super::*;

#[test]
fn a_list_grows_to_list32_when_a_byte_is_not_enough() {
    // Size counts the count's byte and the items: 254 items of one byte are the most.
    for (items, wide) in [(0_u32, false), (254, false), (255, true), (256, true), (70_000, true)] {
        let mut out = vec![0xaa];
        Writer::new(&mut out).list(items, |writer| (0..items).for_each(|_| writer.null()));
        assert_eq!(out[1], if wide { 0xd0 } else { 0xc0 }, "{items}");
        let Ok(Value::List(list)) = decode(&out[1..]) else { panic!("{items}") };
        assert_eq!(list, vec![Value::Null; items as usize]);
        assert_eq!(out[0], 0xaa);
    }
}

#[test]
fn widening_keeps_what_is_nested_and_what_stands_before() {
    let long = "x".repeat(300);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.string("before");
    writer.list(2, |writer| {
        writer.map(1, |writer| {
            writer.symbol("k");
            writer.string(&long);
        });
        writer.uint(7);
    });
    writer.string("after");
    let mut reader = Reader::new(&out);
    assert_eq!(Value::decode(&mut reader), Ok(Value::from("before")));
    let map = Value::Map(vec![(Value::Symbol(Symbol::from_static("k")), Value::from(long))]);
    assert_eq!(Value::decode(&mut reader), Ok(Value::List(vec![map, Value::Uint(7)])));
    assert_eq!(Value::decode(&mut reader), Ok(Value::from("after")));
    assert!(reader.is_empty());
}

#[test]
fn text_and_binary_have_a_short_form_up_to_255_bytes() {
    for (len, code) in [(255, 0xa1), (256, 0xb1)] {
        let value = Value::from("x".repeat(len));
        assert_eq!(encode(&value)[0], code);
        assert_eq!(decode(&encode(&value)), Ok(value));
    }
}

#[test]
fn descriptors_of_the_specification_take_three_bytes() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.descriptor(0x14);
    writer.descriptor(0);
    writer.descriptor(0x468c_0000_0004);
    writer.symbolic_descriptor("x");
    assert_eq!(
        out,
        [&[0, 0x53, 0x14, 0, 0x53, 0, 0, 0x80, 0, 0, 0x46, 0x8c, 0, 0, 0, 4][..], b"\0\xa3\x01x"].concat()
    );
}

#[test]
fn arrays_of_text_are_the_forms_that_clients_read() {
    let mut out = Vec::new();
    Writer::new(&mut out).symbol_array(["MSSBCBS", "ANONYMOUS"]);
    assert_eq!(out, b"\xe0\x1a\x02\xb3\0\0\0\x07MSSBCBS\0\0\0\x09ANONYMOUS");
    let mut out = Vec::new();
    let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
    Writer::new(&mut out).string_array(ids.iter().map(String::as_str));
    assert_eq!(out[0], 0xf0);
    let Ok(Value::Array(array)) = decode(&out) else { panic!("no array") };
    assert_eq!(array, Array::of_strings(ids.iter().map(String::as_str)));
    assert_eq!(array.len(), 100);
}
