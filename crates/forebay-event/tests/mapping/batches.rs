//! Batch messages (`docs/reference/event.md` §4).

use forebay_event::Origin;
use forebay_event::amqp::{BATCH_FORMAT, Context, Incoming, Refusal};
use forebay_event::batch::Producer;
use forebay_event::partition_key::partition_for;

use crate::model;
use crate::support::{
    COMPACTED, PLAIN, Stored, annotations, compound, data, keyed, publisher_link, section, store_batch,
    store_one, str8, sym8, unhex,
};

const PARTITION_LINK: Context<'_> = Context { partition_count: None, ..PLAIN };

fn batch(envelope: &[u8], events: &[Vec<u8>]) -> Vec<u8> {
    let mut message = envelope.to_vec();
    events.iter().for_each(|event| message.extend(data(event)));
    message
}

fn parse<'a>(message: &'a [u8], context: &Context<'a>) -> Incoming<'a> {
    Incoming::parse(message, BATCH_FORMAT, context).expect("accepted")
}

fn key_header(record: &Stored) -> Option<Vec<u8>> {
    let (_, value) = record.headers.iter().find(|(name, _)| name == b"x-opt-partition-key")?;
    value.clone()
}

#[test]
fn each_data_section_is_read_as_a_single_event() {
    let events = vec![
        data(b"one"),
        vec![],
        unhex("005374c10702a3016ba10176005375a00170"),
        section(0x77, &str8("v")),
        // A batch inside of a batch is an event whose body is bytes.
        batch(&[], &[data(b"inner")]),
        unhex("0053704500537345005375a0016a"),
    ];
    let records = store_batch(&batch(&[], &events), &PLAIN).expect("accepted");
    let singles: Result<Vec<_>, _> = events.iter().map(|event| store_one(event, &PLAIN)).collect();
    assert_eq!(Ok(records), singles);
}

#[test]
fn of_the_envelope_only_the_partition_key_counts() {
    let envelope = [
        unhex("005370c0020141"),
        annotations(&[sym8("x-opt-partition-key"), str8("k"), sym8("other"), vec![0x41]]),
        unhex("005373c00401a1016d"),
        unhex("005374c10702a1016ba10176"),
    ];
    let records = store_batch(&batch(&envelope.concat(), &[data(b"a")]), &PLAIN).expect("accepted");
    assert_eq!(records, [store_one(&[keyed("k"), data(b"a")].concat(), &PLAIN).expect("accepted")]);
}

#[test]
fn an_event_without_a_key_gets_the_envelopes_at_the_end() {
    let own = |items: &[Vec<u8>]| [annotations(items), data(b"a")].concat();
    let name = || sym8("x-opt-partition-key");
    let events =
        [data(b"a"), own(&[sym8("z"), vec![0x41]]), own(&[name(), vec![0x40], sym8("z"), vec![0x41]])];
    let records = store_batch(&batch(&keyed("k"), &events), &PLAIN).expect("accepted");
    let with_key = store_one(&own(&[name(), str8("k")]), &PLAIN).expect("accepted");
    let with_both = store_one(&own(&[sym8("z"), vec![0x41], name(), str8("k")]), &PLAIN).expect("accepted");
    assert_eq!(records, [with_key, with_both.clone(), with_both]);
}

#[test]
fn an_inherited_key_joins_odd_annotations_in_their_section() {
    let odd = [annotations(&[vec![0x53, 5], vec![0x41]]), data(b"a")].concat();
    let records = store_batch(&batch(&keyed("k"), &[odd]), &PLAIN).expect("accepted");
    let delivered = model::delivered(&records[0].deliver(Origin::Amqp).expect("sound"));
    let names: Vec<_> = delivered.annotations.into_iter().map(|(name, _)| name).skip(3).collect();
    assert_eq!(names, [model::symbol("x-opt-partition-key"), vec![0x53, 5]]);
}

#[test]
fn an_events_own_key_stays() {
    let other =
        (0..100).map(|i| format!("key-{i}")).find(|key| partition_for(key, 4) == partition_for("k", 4));
    let other = other.expect("one of a hundred keys shares the partition of k");
    let events = [[keyed(&other), data(b"a")].concat(), data(b"b")];
    let message = batch(&keyed("k"), &events);
    let records = store_batch(&message, &PLAIN).expect("accepted");
    let keys: Vec<_> = records.iter().filter_map(key_header).collect();
    assert_eq!(keys, [str8(&other), str8("k")]);
    assert_eq!(parse(&message, &PLAIN).partition_key(), Some("k"));
}

#[test]
fn keys_of_different_partitions_are_refused() {
    assert_ne!(partition_for("a", 4), partition_for("abc", 4));
    let with = |key| [keyed(key), data(b"x")].concat();
    for (message, index) in [
        (batch(&keyed("a"), &[with("a"), with("abc")]), 1),
        (batch(&keyed("abc"), &[with("a")]), 0),
        (batch(&[], &[data(b"x"), with("a"), data(b"x"), with("abc")]), 3),
    ] {
        let refusal = store_batch(&message, &PLAIN).expect_err("two partitions");
        assert_eq!(refusal.condition(), "com.microsoft:argument-error");
        match refusal {
            Refusal::Event { index: found, refusal } => {
                assert_eq!(found, index);
                assert!(matches!(*refusal, Refusal::PartitionKeysDiffer { .. }));
            }
            other => panic!("{other:?}"),
        }
        // In a hub with one partition, and on a partition's link, they are not.
        store_batch(&message, &Context { partition_count: Some(1), ..PLAIN }).expect("accepted");
        store_batch(&message, &PARTITION_LINK).expect("accepted");
    }
}

#[test]
fn the_first_key_routes_if_the_envelope_has_none() {
    let message = batch(&[], &[data(b"x"), [keyed("a"), data(b"x")].concat()]);
    assert_eq!(parse(&message, &PLAIN).partition_key(), Some("a"));
    for envelope in [vec![], keyed(""), annotations(&[sym8("x-opt-partition-key"), vec![0x40]])] {
        let message = batch(&envelope, &[data(b"x")]);
        assert_eq!(parse(&message, &PLAIN).partition_key(), None);
        let records = store_batch(&message, &PLAIN).expect("accepted");
        assert_eq!(key_header(&records[0]), None);
    }
}

#[test]
fn a_partition_link_keeps_keys_and_inherits_them() {
    let message = batch(&keyed("k"), &[data(b"x"), [keyed("abc"), data(b"x")].concat()]);
    let records = store_batch(&message, &PARTITION_LINK).expect("accepted");
    let keys: Vec<_> = records.iter().filter_map(key_header).collect();
    assert_eq!(keys, [str8("k"), str8("abc")]);
}

#[test]
fn an_empty_batch_stores_nothing() {
    for envelope in [vec![], keyed("k"), unhex("00537045")] {
        assert_eq!(store_batch(&envelope, &PLAIN), Ok(vec![]));
        assert_eq!(store_batch(&envelope, &COMPACTED), Ok(vec![]));
    }
}

#[test]
fn a_body_other_than_data_is_refused() {
    for message in
        [section(0x77, &[0x40]), section(0x76, &[0x45]), [data(&data(b"a")), section(0x77, &[0x40])].concat()]
    {
        let refusal = store_batch(&message, &PLAIN).expect_err("no events");
        assert_eq!((refusal.condition(), refusal), ("amqp:decode-error", Refusal::EnvelopeBody));
    }
}

#[test]
fn one_bad_event_refuses_the_message_and_is_named() {
    let message = batch(&[], &[data(b"a"), data(b"b"), unhex("005374c10201a0")]);
    let refusal = store_batch(&message, &PLAIN).expect_err("the third event is malformed");
    assert_eq!(refusal.condition(), "amqp:decode-error");
    assert!(refusal.to_string().starts_with("event 2 of the batch: the message is not well-formed AMQP"));
    for envelope in
        [unhex("00537040"), unhex("005374c10201a0"), section(0x73, &compound(0xd0, &vec![vec![0x40]; 14]))]
    {
        let refusal =
            store_batch(&batch(&envelope, &[data(b"a")]), &PLAIN).expect_err("a malformed envelope");
        assert_eq!(refusal.condition(), "amqp:decode-error");
    }
    let typed = annotations(&[sym8("x-opt-partition-key"), vec![0x41]]);
    assert_eq!(store_batch(&batch(&typed, &[data(b"a")]), &PLAIN), Err(Refusal::PartitionKeyType));
}

#[test]
fn a_publisher_link_names_each_event() {
    let typed = annotations(&[sym8("x-opt-partition-key"), vec![0x41]]);
    let events =
        [[keyed("abc"), data(b"x")].concat(), annotations(&[sym8("x-opt-publisher"), str8("forged")])];
    let message = batch(&typed, &events);
    let context = publisher_link("pump");
    assert_eq!(parse(&message, &context).partition_key(), Some("pump"));
    for record in store_batch(&message, &context).expect("accepted") {
        let delivered = model::delivered(&record.deliver(Origin::Amqp).expect("sound"));
        let expected = [
            (model::symbol("x-opt-publisher"), model::string("pump")),
            (model::symbol("x-opt-partition-key"), model::string("pump")),
        ];
        assert_eq!(delivered.annotations[3..], expected);
    }
    assert_eq!(parse(&[], &context).partition_key(), Some("pump"));
}

#[test]
fn a_compacted_hub_takes_keys_from_the_envelope() {
    let records = store_batch(&batch(&keyed("k"), &[data(b""), vec![]]), &COMPACTED).expect("accepted");
    assert!(records.iter().all(|record| record.key.as_deref() == Some(b"k") && record.value.is_none()));
    let refusal = store_batch(&batch(&[], &[[keyed("k"), data(b"")].concat(), data(b"")]), &COMPACTED);
    assert_eq!(refusal, Err(Refusal::Event { index: 1, refusal: Box::new(Refusal::KeyMissing) }));
}

#[test]
fn idempotent_producers_number_the_first_event() {
    let fields = |sequence: &str| {
        let items = [
            sym8("com.microsoft:producer-id"),
            unhex("8100000000000001f4"),
            sym8("com.microsoft:producer-epoch"),
            unhex("610003"),
            sym8("com.microsoft:producer-sequence-number"),
            unhex(sequence),
        ];
        annotations(&items)
    };
    let expected = Producer { id: 500, epoch: 3, base_sequence: 7 };
    let message = batch(&fields("5409"), &[fields("5407"), fields("5408")]);
    assert_eq!(parse(&message, &PLAIN).producer(), Some(expected));
    let single = fields("5407");
    let single = Incoming::parse(&single, 0, &PLAIN).expect("accepted");
    assert_eq!(single.producer(), Some(expected));
    for no_int in ["5507", "54ff", "40"] {
        let message = batch(&[], &[fields(no_int), fields("5407")]);
        assert_eq!(parse(&message, &PLAIN).producer(), None, "{no_int}");
    }
    let records = store_batch(&message, &PLAIN).expect("accepted");
    assert_eq!(records[0].headers.len(), 4, "the fields are kept like any other annotation");
}

#[test]
fn a_property_with_many_descriptions_side_by_side_comes_back() {
    // 63 descriptions, none deeper than six: descriptors that are themselves described.
    let bushy = (0..6).fold(vec![0x40], |inner, _| [&[0x00], &inner[..], &inner].concat());
    let properties = section(0x74, &compound(0xd1, &[str8("a"), bushy, str8("b"), vec![0x54, 7]]));
    let message = [properties, data(b"body")].concat();
    let record = store_one(&message, &PLAIN).expect("stored");
    assert_eq!(record.headers.len(), 3, "fb.m and both properties: {record:?}");
    let delivered = record.deliver(Origin::Amqp).expect("delivered");
    assert_eq!(store_one(&delivered, &PLAIN), Ok(record));
}
