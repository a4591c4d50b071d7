//! Arbitrary messages: AMQP → record → AMQP keeps what `docs/reference/amqp.md` §10 says.

use forebay_amqp::wire::{Decode, Reader, Value};
use forebay_event::amqp::{BATCH_FORMAT, Context, Incoming, Refusal};
use forebay_event::{BatchBuf, BatchRef, Origin};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::model::{self, Body, Canonical, Message, Pairs};
use crate::support::{COMPACTED, PLAIN, Stored, publisher_link, store_one};

/// A message as sent, and what it means.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    means: Message,
}

fn canonical(encoding: &[u8]) -> Canonical {
    model::canonical(&Value::decode(&mut Reader::new(encoding)).expect("a sound value"))
}

/// A list, map, binary, string or symbol: short or long form.
fn sized(short: u8, long: u8, count: Option<usize>, body: &[u8], wide: bool) -> Vec<u8> {
    let extra = |width| count.map_or(0, |_| width);
    let mut out = Vec::new();
    if !wide && body.len() + extra(1) < 256 && count.is_none_or(|count| count < 256) {
        out.extend([short, (body.len() + extra(1)) as u8]);
        out.extend(count.map(|count| count as u8));
    } else {
        out.push(long);
        out.extend(((body.len() + extra(4)) as u32).to_be_bytes());
        out.extend(count.map(|count| (count as u32).to_be_bytes()).into_iter().flatten());
    }
    out.extend_from_slice(body);
    out
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,2}", "\\PC{0,8}", Just("x".repeat(300))]
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    (text(), any::<bool>()).prop_map(|(text, wide)| sized(0xa1, 0xb1, None, text.as_bytes(), wide))
}

fn symbol() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof!["[a-c]{0,2}", "[ -~]{0,8}", Just("y".repeat(300))], any::<bool>())
        .prop_map(|(text, wide)| sized(0xa3, 0xb3, None, text.as_bytes(), wide))
}

fn binary() -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), 0..300), any::<bool>()).prop_map(|(bytes, wide)| sized(0xa0, 0xb0, None, &bytes, wide))
}

fn fixed(code: u8, width: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), width).prop_map(move |bytes| [&[code][..], &bytes].concat())
}

fn scalar() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(vec![0x40_u8, 0x41, 0x42, 0x43, 0x44, 0x45]).prop_map(|code| vec![code]),
        any::<bool>().prop_map(|bit| vec![0x56, u8::from(bit)]),
        select(vec![0x50_u8, 0x51, 0x52, 0x53, 0x54, 0x55]).prop_flat_map(|code| fixed(code, 1)),
        select(vec![0x60_u8, 0x61]).prop_flat_map(|code| fixed(code, 2)),
        select(vec![0x70_u8, 0x71, 0x72, 0x74]).prop_flat_map(|code| fixed(code, 4)),
        any::<char>().prop_map(|c| [&[0x73][..], &u32::from(c).to_be_bytes()].concat()),
        select(vec![0x80_u8, 0x81, 0x82, 0x83, 0x84]).prop_flat_map(|code| fixed(code, 8)),
        select(vec![0x94_u8, 0x98]).prop_flat_map(|code| fixed(code, 16)),
        string(),
        symbol(),
        binary(),
    ]
}

fn array() -> impl Strategy<Value = Vec<u8>> {
    let elements = prop_oneof![
        vec(any::<i32>(), 0..4).prop_map(|items| {
            (
                items.len(),
                [&[0x71][..], &items.iter().flat_map(|item| item.to_be_bytes()).collect::<Vec<_>>()].concat(),
            )
        }),
        vec("[a-z]{0,5}", 0..4).prop_map(|items: Vec<String>| {
            let body = items.iter().flat_map(|item| [&[item.len() as u8][..], item.as_bytes()].concat());
            (items.len(), [0xa3].into_iter().chain(body).collect())
        }),
        // Described elements.
        vec(any::<i64>(), 0..3).prop_map(|items| {
            let body = items.iter().flat_map(|item| item.to_be_bytes());
            (items.len(), [0, 0xa3, 1, b'd', 0x81].into_iter().chain(body).collect::<Vec<u8>>())
        }),
    ];
    (elements, any::<bool>()).prop_map(|((count, body), wide)| sized(0xe0, 0xf0, Some(count), &body, wide))
}

fn list_of(items: &[Vec<u8>], wide: bool) -> Vec<u8> {
    sized(0xc0, 0xd0, Some(items.len()), &items.concat(), wide)
}

fn map_of(entries: &[(Vec<u8>, Vec<u8>)], wide: bool) -> Vec<u8> {
    let body: Vec<u8> = entries.iter().flat_map(|(key, value)| [&key[..], value].concat()).collect();
    sized(0xc1, 0xd1, Some(entries.len() * 2), &body, wide)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => scalar(), 1 => array()].prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..4), any::<bool>()).prop_map(|(items, wide)| list_of(&items, wide)),
            (vec((inner.clone(), inner.clone()), 0..3), any::<bool>())
                .prop_map(|(entries, wide)| map_of(&entries, wide)),
            (prop_oneof![symbol(), Just(vec![0x53, 7]), scalar()], inner).prop_map(|(descriptor, value)| [
                vec![0],
                descriptor,
                value
            ]
            .concat()),
        ]
    })
}

/// Keys: mostly of the usual kind, some odd, names that the service knows among them.
fn key(usual: impl Strategy<Value = Vec<u8>> + 'static) -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "x-opt-sequence-number",
        "x-opt-offset",
        "x-opt-enqueued-time",
        "x-opt-publisher",
        "x-opt-partition-key",
        "fb.m",
        "message-id",
    ]);
    let known = (known, any::<bool>(), any::<bool>()).prop_map(|(name, is_symbol, wide)| {
        let (short, long) = if is_symbol { (0xa3, 0xb3) } else { (0xa1, 0xb1) };
        sized(short, long, None, name.as_bytes(), wide)
    });
    prop_oneof![20 => usual, 4 => known, 1 => value()]
}

fn entries(
    usual: impl Strategy<Value = Vec<u8>> + 'static,
) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let partition_key = sized(0xa3, 0xb3, None, b"x-opt-partition-key", false);
    let partition_key =
        (Just(partition_key), prop_oneof![6 => string(), 1 => Just(vec![0x40]), 1 => scalar()]);
    let entry = prop_oneof![9 => (key(usual), value()), 1 => partition_key];
    prop_oneof![9 => vec(entry, 0..5), 1 => vec((symbol(), scalar()), 0..30)]
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => Just(vec![0x40]), 2 => string(), 2 => symbol(), 2 => binary(), 2 => fixed(0x83, 8), 2 => fixed(0x52, 1),
        1 => fixed(0x98, 16), 1 => fixed(0x80, 8), 1 => value()]
}

fn properties() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let usual = (string(), binary(), symbol(), fixed(0x83, 8), fixed(0x70, 4), vec(any::<bool>(), 13))
        .prop_map(|(string, binary, symbol, time, number, present)| {
            let mut fields = vec![string.clone(); 13];
            fields[1] = binary;
            (fields[6], fields[7]) = (symbol.clone(), symbol);
            (fields[8], fields[9]) = (time.clone(), time);
            fields[11] = number;
            for (field, present) in fields.iter_mut().zip(present) {
                if !present {
                    *field = vec![0x40];
                }
            }
            fields
        });
    prop_oneof![usual, vec(field(), 0..=13)]
}

fn body() -> impl Strategy<Value = (Vec<Vec<u8>>, Body)> {
    let data = vec((vec(any::<u8>(), 0..300), any::<bool>()), 1..4).prop_map(|sections| {
        let bytes = sections
            .iter()
            .map(|(data, wide)| section(0x75, &sized(0xa0, 0xb0, None, data, *wide)))
            .collect();
        (bytes, Body::Data(sections.into_iter().map(|(data, _)| data).collect()))
    });
    let sequence = vec((vec(value(), 0..3), any::<bool>()), 1..3).prop_map(|sections| {
        let lists: Vec<_> = sections.iter().map(|(items, wide)| list_of(items, *wide)).collect();
        let bytes = lists.iter().map(|list| section(0x76, list)).collect();
        (bytes, Body::Sequence(lists.iter().map(|list| canonical(list)).collect()))
    });
    let value = value().prop_map(|value| (vec![section(0x77, &value)], Body::Value(canonical(&value))));
    prop_oneof![4 => data, 1 => Just((vec![], Body::None)), 1 => sequence, 1 => value]
}

/// A section with its short descriptor; [`message`] makes some long.
fn section(code: u8, value: &[u8]) -> Vec<u8> {
    [&[0, 0x53, code], value].concat()
}

fn pairs(entries: &[(Vec<u8>, Vec<u8>)]) -> Pairs {
    entries.iter().map(|(key, value)| (canonical(key), canonical(value))).collect()
}

fn fields(items: &[Vec<u8>]) -> Vec<Canonical> {
    let mut fields: Vec<_> = items.iter().map(|item| canonical(item)).collect();
    while fields.last().is_some_and(|field| field == &[0x40]) {
        fields.pop();
    }
    fields
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Any message that is well-formed.
pub(crate) fn message() -> impl Strategy<Value = Sent> {
    use proptest::option::of;
    let lists = (of(vec(scalar(), 0..6)), of(properties()));
    let maps = (of(entries(symbol())), of(entries(symbol())), of(entries(string())), of(entries(symbol())));
    (lists, maps, body(), vec(any::<bool>(), 16), vec(any::<Index>(), 16)).prop_map(
        |(
            (header, properties),
            (delivery, annotations, application, footer),
            (body, body_means),
            wide,
            shuffle,
        )| {
            let mut means = Message { body: body_means, ..Message::default() };
            let mut sections = body;
            let map = |code, entries: &Option<Entries>, wide| {
                entries.as_ref().map(|entries| section(code, &map_of(entries, wide)))
            };
            sections.extend(header.as_ref().map(|items| section(0x70, &list_of(items, wide[0]))));
            sections.extend(map(0x71, &delivery, wide[1]));
            sections.extend(map(0x72, &annotations, wide[2]));
            sections.extend(properties.as_ref().map(|items| section(0x73, &list_of(items, wide[3]))));
            sections.extend(map(0x74, &application, wide[4]));
            sections.extend(map(0x78, &footer, wide[5]));
            means.header = fields(&header.unwrap_or_default());
            means.annotations = pairs(&annotations.unwrap_or_default());
            means.properties = fields(&properties.unwrap_or_default());
            means.application_properties = pairs(&application.unwrap_or_default());
            means.footer = pairs(&footer.unwrap_or_default());
            // Any order, but for sections of one kind among themselves.
            let bodies = sections.iter().filter(|section| matches!(section[2], 0x75..=0x77)).count();
            if bodies <= 1 {
                for (i, index) in shuffle.iter().take(sections.len()).enumerate() {
                    let other = index.index(sections.len());
                    sections.swap(i, other);
                }
            }
            let mut bytes = Vec::new();
            for (section, long) in sections.iter().zip(wide.iter().skip(6).chain([&false; 32])) {
                if *long {
                    bytes.extend([0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
                    bytes.extend_from_slice(&section[2..]);
                } else {
                    bytes.extend_from_slice(section);
                }
            }
            Sent { bytes, means }
        },
    )
}

fn name(key: &[u8]) -> Option<String> {
    match Value::decode(&mut Reader::new(key)).expect("a sound key") {
        Value::String(text) => Some(text),
        Value::Symbol(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

/// What `docs/reference/event.md` §2 and §3 say is delivered, or why it is refused.
fn expected(sent: &Message, context: &Context<'_>) -> Result<Message, Refusal> {
    let mut message = sent.clone();
    message.annotations.retain(|(key, _)| {
        !name(key).is_some_and(|name| {
            ["x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", "x-opt-publisher"]
                .contains(&&name[..])
                || name == "x-opt-partition-key" && context.publisher.is_some()
        })
    });
    let is_key = |key: &[u8]| name(key).is_some_and(|name| name == "x-opt-partition-key");
    let keys: Vec<_> = message.annotations.iter().filter(|(key, _)| is_key(key)).collect();
    // The first that is wrong is told: each key in turn, a second one whatever it is.
    let typed = |value: &[u8]| value == [0x40] || matches!(value[0], 0xa1 | 0xb1);
    if let Some((_, first)) = keys.first() {
        if !typed(first) {
            return Err(Refusal::PartitionKeyType);
        }
        if keys.len() > 1 {
            return Err(Refusal::PartitionKeyTwice);
        }
    }
    if let Some(publisher) = context.publisher {
        for name in ["x-opt-publisher", "x-opt-partition-key"] {
            message.annotations.push((model::symbol(name), model::string(publisher)));
        }
    }
    let said = |value: &[u8]| matches!(value[0], 0xa1 | 0xb1) && value != [0xa1, 0];
    if context.compacted && !message.annotations.iter().any(|(key, value)| is_key(key) && said(value)) {
        return Err(Refusal::KeyMissing);
    }
    // The service's own come first.
    let (mut front, rest): (Vec<_>, Vec<_>) = message.annotations.into_iter().partition(|(key, value)| {
        (is_key(key) || name(key).is_some_and(|name| name == "x-opt-publisher")) && said(value)
    });
    let mut annotations = vec![
        (model::symbol("x-opt-sequence-number"), vec![0x81, 0, 0, 0, 0, 0, 0, 0x30, 0x39]),
        (model::symbol("x-opt-offset"), model::string("12345")),
        (model::symbol("x-opt-enqueued-time"), [&[0x83][..], &1_700_000_000_123_i64.to_be_bytes()].concat()),
    ];
    annotations.append(&mut front);
    annotations.extend(rest);
    message.annotations = annotations;
    Ok(message)
}

fn check(sent: &Sent, context: &Context<'_>) {
    let record = store_one(&sent.bytes, context);
    let expected = expected(&sent.means, context);
    match (record, expected) {
        (Ok(record), Ok(expected)) => {
            let bytes = record.deliver(Origin::Amqp).expect("what was stored is sound");
            assert_eq!(model::delivered(&bytes), expected);
            // What was delivered, sent again, is stored alike.
            assert_eq!(store_one(&bytes, context).map(|again| again.value), Ok(record.value));
        }
        (record, expected) => assert_eq!(record.err(), expected.err()),
    }
}

/// Everything that may be done with bytes that came from anywhere.
fn exercise(bytes: &[u8]) {
    for format in [0, BATCH_FORMAT] {
        for context in [PLAIN, COMPACTED, publisher_link("p")] {
            let Ok(incoming) = Incoming::parse(bytes, format, &context) else { continue };
            let mut batch = BatchBuf::new();
            incoming.write(&mut batch);
            if batch.is_empty() {
                continue;
            }
            batch.seal(0, 0);
            let bytes = batch.into_bytes();
            for record in BatchRef::parse(&bytes).expect("a sealed batch").records() {
                Stored::of(&record.expect("a sound record"))
                    .deliver(Origin::Amqp)
                    .expect("whatever is accepted can be delivered");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_what_is_delivered(sent in message()) {
        check(&sent, &PLAIN);
        check(&sent, &COMPACTED);
        check(&sent, &publisher_link("pump"));
    }

    #[test]
    fn messages_cut_short_or_flipped_never_panic(sent in message(), cut in any::<Index>(), bit in any::<Index>()) {
        let mut bytes = sent.bytes;
        prop_assume!(!bytes.is_empty());
        exercise(&bytes[..cut.index(bytes.len())]);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        exercise(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn batches_of_damaged_events_never_panic(sent in vec(message(), 1..4), bit in any::<Index>()) {
        let mut bytes: Vec<u8> = sent.iter().flat_map(|sent| crate::support::data(&sent.bytes)).collect();
        exercise(&bytes);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        exercise(&bytes);
    }

    #[test]
    fn damaged_records_give_a_message_or_damage(
        sent in message(), bit in any::<Index>(), place in any::<Index>(), origin in select(vec![Origin::Amqp, Origin::Kafka]),
    ) {
        let Ok(record) = store_one(&sent.bytes, &PLAIN) else { return Ok(()) };
        let mut damaged = record;
        let mut parts: Vec<&mut Vec<u8>> = damaged
            .headers
            .iter_mut()
            .flat_map(|(name, value)| [Some(name), value.as_mut()])
            .flatten()
            .chain(damaged.value.as_mut())
            .filter(|part| !part.is_empty())
            .collect();
        prop_assume!(!parts.is_empty());
        let part = place.index(parts.len());
        let bit = bit.index(parts[part].len() * 8);
        parts[part][bit / 8] ^= 1 << (bit % 8);
        // Whatever comes out is well-formed: the model reads it whole.
        if let Ok(bytes) = damaged.deliver(origin) {
            model::delivered(&bytes);
        }
    }
}

#[test]
fn every_section_cut_at_every_length_is_refused_or_read_whole() {
    for vector in include_str!("../vectors/event-vectors.json").split("\"amqp\": \"").skip(1) {
        let bytes = crate::support::unhex(vector.split('"').next().unwrap_or_default());
        for cut in 0..bytes.len() {
            exercise(&bytes[..cut]);
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            exercise(&flipped);
        }
    }
}

#[test]
fn only_no_body_and_one_empty_data_section_are_tombstones() {
    let empty = crate::support::data(b"");
    for (body, is_tombstone) in [
        (vec![], true),
        (empty.clone(), true),
        (empty.repeat(2), false),
        (crate::support::data(b"a"), false),
        (section(0x77, &[0x40]), false),
        (section(0x76, &[0x45]), false),
    ] {
        let message = [crate::support::keyed("k"), body].concat();
        let record = store_one(&message, &COMPACTED).expect("there is a key");
        assert_eq!((record.key.as_deref(), record.value.is_none()), (Some(&b"k"[..]), is_tombstone));
        let again = record.deliver(Origin::Amqp).expect("sound");
        assert_eq!(store_one(&again, &COMPACTED), Ok(record), "comes back as it was");
    }
}
