//! What is sent as AMQP comes back as `docs/reference/amqp.md` §10 says: arbitrary messages go through the
//! shipped code and are compared with an oracle that was written from that table and from
//! `docs/reference/event.md`, not from the code.
//!
//! | file | holds |
//! |---|---|
//! | `oracle/value.rs` | a model of AMQP with an encoder (any legal constructor) and a decoder of its own |
//! | `oracle/generate.rs`, `oracle/tape.rs` | arbitrary messages and links |
//! | `oracle/expect.rs` | the oracle: model of what is sent → model of what a reader gets, or the refusal |
//! | `oracle/faults.rs` | malformed messages made of legal ones |
//!
//! A case is two tapes of bytes, one of choices for the message, one for its encoding. When one fails, the
//! report names the shrunk tapes, which are all that is needed to run it again, and shows the message.

#[path = "oracle/expect.rs"]
mod expect;
#[path = "oracle/faults.rs"]
mod faults;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/tape.rs"]
mod tape;
#[path = "oracle/value.rs"]
mod value;

use expect::{ARGUMENT_ERROR, Accepted, DECODE_ERROR, Said};
use forebay_event::amqp::{BATCH_FORMAT, Context, Incoming, RuntimeMetrics, System, write_message};
use forebay_event::{BatchBuf, BatchRef, Origin};
use generate::Link;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tape::Tape;
use value::*;

const SINGLE: u32 = 0;
const MAX_BYTES: usize = 1 << 20;
const TOO_LARGE: &str = "amqp:link:message-size-exceeded";

/// What became of a message: the routing key and the events as readers get them, or the condition it is
/// refused with.
type Outcome = Result<(Option<String>, Vec<Vec<Section>>), &'static str>;

/// Who reads, and when.
#[derive(Debug, Clone, Copy)]
struct Reader {
    origin: Origin,
    first: i64,
    enqueued_ms: i64,
    metrics: Option<RuntimeMetrics>,
}

impl Reader {
    fn any(tape: &mut Tape<'_>) -> Self {
        let number = |tape: &mut Tape<'_>| tape.pick(&[0, 1, 127, 128, 70_000, 1 << 40, i64::MAX - 100]);
        let metrics = tape.once_in(3).then(|| RuntimeMetrics {
            last_sequence: tape.pick(&[-1, 0, 127, 128, 1 << 40, i64::MAX]),
            last_enqueued_ms: number(tape),
            retrieved_ms: number(tape),
        });
        let origin = tape.pick(&[Origin::Amqp, Origin::Http]);
        Self { origin, first: number(tape), enqueued_ms: number(tape), metrics }
    }

    const fn system(&self, index: usize) -> System {
        System { sequence: self.first + index as i64, enqueued_ms: self.enqueued_ms }
    }

    fn said(&self, index: usize) -> Said {
        let System { sequence, enqueued_ms } = self.system(index);
        let metrics = self.metrics.map(|m| (m.last_sequence, m.last_enqueued_ms, m.retrieved_ms));
        Said { sequence, enqueued_ms, metrics }
    }
}

/// Sends a message through the shipped code: parsed, stored in a batch, read back, decoded with the test's
/// own decoder.
fn actual(message: &[u8], format: u32, link: &Link, max_bytes: usize, reader: &Reader) -> Outcome {
    let context = Context {
        publisher: link.publisher.as_deref(),
        partition_count: link.partition_count,
        compacted: link.compacted,
        max_bytes,
    };
    let incoming = Incoming::parse(message, format, &context).map_err(|refusal| refusal.condition())?;
    let mut batch = BatchBuf::new();
    incoming.write(&mut batch);
    assert_eq!(batch.count(), incoming.event_count());
    let mut delivered = Vec::new();
    if !batch.is_empty() {
        batch.seal(reader.first, reader.enqueued_ms);
        let bytes = batch.into_bytes();
        assert!(bytes.len() <= incoming.stored_size_bound(), "{} bytes stored", bytes.len());
        for (index, record) in BatchRef::parse(&bytes).expect("a batch").records().enumerate() {
            let record = record.expect("a record");
            let mut out = b"already there".to_vec();
            write_message(&record, reader.origin, &reader.system(index), reader.metrics.as_ref(), &mut out)
                .expect("a record of ours is whole");
            let out = out.strip_prefix(b"already there").expect("the message is appended");
            let sections = decode_message(out).unwrap_or_else(|error| panic!("{error}: {out:02x?}"));
            delivered.push(expect::in_plain_words(sections));
        }
    }
    Ok((incoming.partition_key().map(str::to_owned), delivered))
}

fn expected(accepted: Result<Accepted, &'static str>, reader: &Reader) -> Outcome {
    let Accepted { events, partition_key } = accepted?;
    let delivered = events.iter().enumerate().map(|(index, event)| event.delivered(reader.said(index)));
    Ok((partition_key, delivered.collect()))
}

/// A case of a property: the model of a message, its bytes, where they arrive, what has to come of them.
#[derive(Debug)]
struct Case<M> {
    model: M,
    message: Vec<u8>,
    link: Link,
    reader: Reader,
    expected: Outcome,
}

fn single_case(choices: &[u8], encoding: &[u8]) -> Case<Vec<Section>> {
    let mut tape = Tape::new(choices);
    let (link, reader) = (generate::link(&mut tape), Reader::any(&mut tape));
    let sections = generate::message(&mut tape);
    let message = encode_message(&sections, &mut Tape::round(encoding));
    let expected = expected(expect::single(&sections, &link), &reader);
    Case { model: sections, message, link, reader, expected }
}

/// The model is the envelope's sections but the data, and the events of its data sections.
fn batch_case(choices: &[u8], encoding: &[u8]) -> Case<(Vec<Section>, Vec<Vec<Section>>)> {
    let (mut tape, mut forms) = (Tape::new(choices), Tape::round(encoding));
    let (link, reader) = (generate::link(&mut tape), Reader::any(&mut tape));
    let inner: Vec<_> = (0..tape.below(4)).map(|_| generate::message(&mut tape)).collect();
    let mut envelope = generate::message(&mut tape);
    envelope.retain(|section| ![DATA, SEQUENCE, VALUE].contains(&section.code));
    let message = batch_message(&envelope, &inner, tape.below(3), &mut forms);
    let expected = expected(expect::batch(&envelope, &inner, &link), &reader);
    Case { model: (envelope, inner), message, link, reader, expected }
}

/// The envelope with the events in data sections, which stand behind its first `before` sections.
fn batch_message(
    envelope: &[Section],
    inner: &[Vec<Section>],
    before: usize,
    forms: &mut Tape<'_>,
) -> Vec<u8> {
    let mut sections = envelope.to_vec();
    let before = before.min(sections.len());
    for event in inner.iter().rev() {
        let body = V::Binary(encode_message(event, forms));
        sections.insert(before, Section { code: DATA, body });
    }
    encode_message(&sections, forms)
}

/// The bytes of a tape, which a report shows on one line.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes(vec!{:?})", self.0)
    }
}

fn choices(length: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..length).prop_map(Bytes)
}

/// No file of failed seeds: a failing case belongs into an ordinary test below.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(8000))]

    #[test]
    fn a_single_event_comes_back_as_the_reference_says(tape in choices(400), encoding in choices(24)) {
        let case = single_case(&tape.0, &encoding.0);
        let actual = actual(&case.message, SINGLE, &case.link, MAX_BYTES, &case.reader);
        prop_assert_eq!(&actual, &case.expected, "{:?}", case);
    }
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn each_event_of_a_batch_comes_back_as_the_reference_says(tape in choices(700), encoding in choices(24)) {
        let case = batch_case(&tape.0, &encoding.0);
        let actual = actual(&case.message, BATCH_FORMAT, &case.link, MAX_BYTES, &case.reader);
        prop_assert_eq!(&actual, &case.expected, "{:?}", case);
    }

    #[test]
    fn what_is_malformed_is_refused_whatever_else_it_holds(tape in choices(300), encoding in choices(24)) {
        let mut tape = Tape::new(&tape.0);
        let (link, reader) = (generate::link(&mut tape), Reader::any(&mut tape));
        let (fault, message) = faults::malformed(generate::message(&mut tape), &mut tape);
        let refused = actual(&message, SINGLE, &link, MAX_BYTES, &reader);
        prop_assert_eq!(refused, Err(DECODE_ERROR), "{}: {:02x?}", &fault, message);

        let inside = [Section { code: DATA, body: V::Binary(message) }];
        let batch = encode_message(&inside, &mut Tape::round(&encoding.0));
        let refused = actual(&batch, BATCH_FORMAT, &link, MAX_BYTES, &reader);
        prop_assert_eq!(refused, Err(DECODE_ERROR), "in a batch, {}: {:02x?}", fault, batch);
    }

    #[test]
    fn the_test_reads_every_value_that_it_writes(tape in choices(300), encoding in choices(24)) {
        let value = generate::value(&mut Tape::new(&tape.0), 4);
        let section = Section { code: VALUE, body: value };
        let mut bytes = vec![0x00, 0x53, VALUE];
        encode(&section.body, &mut Tape::round(&encoding.0), &mut bytes);
        prop_assert_eq!(decode_message(&bytes), Ok(vec![section]));
    }
}

const PLAIN: Reader =
    Reader { origin: Origin::Amqp, first: 7, enqueued_ms: 1_700_000_000_123, metrics: None };

const fn anywhere() -> Link {
    Link { publisher: None, partition_count: None, compacted: false }
}

fn check_single(sections: &[Section], link: &Link, outcome: Result<(), &'static str>) {
    let message = encode_message(sections, &mut Tape::new(&[]));
    let oracle = expected(expect::single(sections, link), &PLAIN);
    let actual = actual(&message, SINGLE, link, MAX_BYTES, &PLAIN);
    assert_eq!(actual, oracle, "{sections:?}");
    assert_eq!(actual.map(|_| ()), outcome, "{sections:?}");
}

fn annotated(entries: Vec<(V, V)>) -> Section {
    Section { code: MESSAGE_ANNOTATIONS, body: V::Map(entries) }
}

/// The reference says "deeper than 32", not what counts: here lists, maps, arrays and described values do, a
/// section's own list or map among them; its descriptor and the innermost scalar do not.
#[test]
fn values_are_nested_as_deep_as_32_and_no_deeper() {
    let cases = [
        (VALUE, 32, (|v| v) as fn(V) -> V),
        (HEADER, 31, |v| V::List(vec![v])),
        (MESSAGE_ANNOTATIONS, 31, |v| V::Map(vec![(symbol("deep"), v)])),
        (PROPERTIES, 31, |v| V::List(vec![v])),
        (APPLICATION_PROPERTIES, 31, |v| V::Map(vec![(text("deep"), v)])),
        (APPLICATION_PROPERTIES, 31, |v| V::Map(vec![(v, text("deep"))])),
        (SEQUENCE, 31, |v| V::List(vec![v])),
        (FOOTER, 31, |v| V::Map(vec![(symbol("deep"), v)])),
    ];
    for nest in faults::NESTS {
        for (code, deepest, wrap) in cases {
            let section = |depth| Section { code, body: wrap(faults::nested(nest, depth)) };
            check_single(&[section(deepest)], &anywhere(), Ok(()));
            let message = encode_message(&[section(deepest + 1)], &mut Tape::new(&[]));
            assert_eq!(actual(&message, SINGLE, &anywhere(), MAX_BYTES, &PLAIN), Err(DECODE_ERROR));
        }
    }
}

#[test]
fn a_value_that_is_malformed_is_refused_by_every_section() {
    for bad in faults::BAD_VALUES {
        for (code, body) in [
            (HEADER, V::List(vec![V::Raw(bad.to_vec())])),
            (DELIVERY_ANNOTATIONS, V::Map(vec![(symbol("a"), V::Raw(bad.to_vec()))])),
            (MESSAGE_ANNOTATIONS, V::Map(vec![(symbol("x-opt-offset"), V::Raw(bad.to_vec()))])),
            (PROPERTIES, V::List(vec![V::Raw(bad.to_vec())])),
            (APPLICATION_PROPERTIES, V::Map(vec![(V::Raw(bad.to_vec()), V::Null)])),
            (SEQUENCE, V::List(vec![V::Raw(bad.to_vec())])),
            (VALUE, V::Raw(bad.to_vec())),
            (FOOTER, V::Map(vec![(symbol("a"), V::Raw(bad.to_vec()))])),
        ] {
            let message = encode_message(&[Section { code, body }], &mut Tape::new(&[]));
            let refused = actual(&message, SINGLE, &anywhere(), MAX_BYTES, &PLAIN);
            assert_eq!(refused, Err(DECODE_ERROR), "{bad:02x?} in section {code:02x}");
        }
    }
}

#[test]
fn a_partition_key_is_one_string() {
    let key = |value: V| (symbol("x-opt-partition-key"), value);
    check_single(&[annotated(vec![key(text("k"))])], &anywhere(), Ok(()));
    check_single(&[annotated(vec![key(text(""))])], &anywhere(), Ok(()));
    check_single(&[annotated(vec![key(V::Null)])], &anywhere(), Ok(()));
    for wrong in [symbol("k"), V::Binary(b"k".to_vec()), V::Int(1), V::List(Vec::new())] {
        check_single(&[annotated(vec![key(wrong)])], &anywhere(), Err(ARGUMENT_ERROR));
    }
    check_single(&[annotated(vec![key(text("k")), key(text("k"))])], &anywhere(), Err(ARGUMENT_ERROR));

    // A publisher's link drops the sender's, so nothing is wrong with it there.
    let publisher = Link { publisher: Some("device-17".to_owned()), ..anywhere() };
    check_single(&[annotated(vec![key(V::Int(1)), key(text("k"))])], &publisher, Ok(()));

    // A compacted hub needs one.
    let compacted = Link { compacted: true, ..anywhere() };
    check_single(&[annotated(vec![key(text("k"))])], &compacted, Ok(()));
    check_single(&[annotated(vec![key(text(""))])], &compacted, Err(ARGUMENT_ERROR));
    check_single(&[], &compacted, Err(ARGUMENT_ERROR));
}

#[test]
fn a_batch_with_another_body_than_data_is_refused() {
    for body in [
        Section { code: VALUE, body: V::Binary(Vec::new()) },
        Section { code: VALUE, body: V::Null },
        Section { code: SEQUENCE, body: V::List(Vec::new()) },
    ] {
        let message = encode_message(&[body], &mut Tape::new(&[]));
        assert_eq!(actual(&message, BATCH_FORMAT, &anywhere(), MAX_BYTES, &PLAIN), Err(DECODE_ERROR));
    }
}

#[test]
fn a_message_is_accepted_up_to_the_limit_and_at_it() {
    let event = vec![Section { code: DATA, body: V::Binary(vec![7; 1000]) }];
    let single = encode_message(&event, &mut Tape::new(&[]));
    let batch = batch_message(&[], &[event.clone(), event], 0, &mut Tape::new(&[]));
    for (message, format) in [(single, SINGLE), (batch, BATCH_FORMAT)] {
        let size = message.len();
        for (max, outcome) in [(size + 1, Ok(())), (size, Ok(())), (size - 1, Err(TOO_LARGE))] {
            let actual = actual(&message, format, &anywhere(), max, &PLAIN);
            assert_eq!(actual.map(|_| ()), outcome, "{size} bytes, limit {max}");
        }
    }
}

/// A property that never meets what it is about proves nothing.
#[test]
fn the_generators_reach_what_the_properties_are_about() {
    let mut runner = TestRunner::deterministic();
    let mut draw = |length| {
        let tree = choices(length).new_tree(&mut runner);
        tree.expect("a strategy that rejects nothing").current()
    };
    let (mut accepted, mut refused, mut shuffled, mut forged, mut moved) = (0, 0, 0, 0, 0);
    let mut seen = [0; 9];
    for _ in 0..1000 {
        let Case { model: sections, link, expected, .. } = single_case(&draw(400).0, &[]);
        match &expected {
            Ok((key, _)) => {
                accepted += 1;
                moved += usize::from(key.is_some() && link.publisher.is_none());
            }
            Err(_) => refused += 1,
        }
        sections.iter().for_each(|section| seen[usize::from(section.code - HEADER)] += 1);
        shuffled += usize::from(!sections.is_sorted_by_key(|section| section.code));
        forged += usize::from(format!("{sections:?}").contains("Symbol(\"x-opt-sequence-number\")"));
    }
    assert!(accepted > 700 && refused > 50, "{accepted} accepted, {refused} refused");
    assert!(
        moved > 50 && shuffled > 200 && forged > 50,
        "{moved} keys, {shuffled} shuffled, {forged} forged"
    );
    assert!(seen.iter().all(|times| *times > 100), "sections 70 to 78: {seen:?}");

    let (mut empty, mut many, mut apart, mut inherited) = (0, 0, 0, 0);
    for _ in 0..1000 {
        let Case { model: (_, inner), link, expected, .. } = batch_case(&draw(700).0, &[]);
        let alone = |event| expect::single(event, &link);
        let keys = inner.iter().map(|event| alone(event).map(|one| one.partition_key));
        let keys: Result<Vec<_>, _> = keys.collect();
        match (&expected, keys) {
            (Ok((_, events)), _) if events.is_empty() => empty += 1,
            (Ok((Some(_), events)), Ok(keys)) if keys.contains(&None) => inherited += events.len(),
            (Ok((_, events)), _) => many += usize::from(events.len() > 1),
            (Err(_), Ok(_)) => apart += 1,
            (Err(_), Err(_)) => {}
        }
    }
    assert!(empty > 50 && many > 100, "{empty} empty, {many} of many events");
    assert!(
        apart > 20 && inherited > 50,
        "{apart} with keys of two partitions, {inherited} with a key of the envelope"
    );
}

/// `amqp.md` §9.1 written twice; the batch property compares partitions only where keys conflict.
#[test]
fn the_oracle_routes_keys_as_the_service_does() {
    for length in 0..40 {
        for count in [1, 2, 3, 4, 31, 32, 1024] {
            let key: String = ('!'..).take(length).collect();
            let partition = forebay_event::partition_key::partition_for(&key, count);
            assert_eq!(expect::partition_of(&key, count), partition, "'{key}' of {count}");
        }
    }
}
