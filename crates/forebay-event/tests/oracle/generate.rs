//! Arbitrary messages, and contexts in which they arrive.

use crate::tape::Tape;
use crate::value::*;

/// Each type, as its widest constructor; scalars first, then compounds, then described.
const TYPES: [u8; 25] = [
    0x40, 0xb1, 0x70, 0x81, 0x56, 0x50, 0x60, 0x80, 0x51, 0x61, 0x71, 0x72, 0x82, 0x74, 0x84, 0x94, 0x73,
    0x83, 0x98, 0xb0, 0xb3, 0xd0, 0xd1, 0xf0, 0x00,
];
const SCALARS: usize = 21;
const COMPOUNDS: usize = 24;

pub(crate) fn value(tape: &mut Tape<'_>, depth: usize) -> V {
    let kind = tape.pick(if depth == 0 { &TYPES[..SCALARS] } else { &TYPES[..] });
    value_of(kind, tape, depth)
}

fn values(tape: &mut Tape<'_>, depth: usize) -> Vec<V> {
    (0..tape.below(4)).map(|_| value(tape, depth)).collect()
}

fn value_of(kind: u8, tape: &mut Tape<'_>, depth: usize) -> V {
    let below = depth.saturating_sub(1);
    match kind {
        0x40 => V::Null,
        0x56 => V::Bool(tape.once_in(2)),
        0x50 => V::Ubyte(bits(tape) as u8),
        0x60 => V::Ushort(bits(tape) as u16),
        0x70 => V::Uint(bits(tape) as u32),
        0x80 => V::Ulong(bits(tape)),
        0x51 => V::Byte(bits(tape) as i8),
        0x61 => V::Short(bits(tape) as i16),
        0x71 => V::Int(bits(tape) as i32),
        0x81 => V::Long(bits(tape) as i64),
        0x72 => V::Float(tape.array()),
        0x82 => V::Double(tape.array()),
        0x74 => V::Decimal32(tape.array()),
        0x84 => V::Decimal64(tape.array()),
        0x94 => V::Decimal128(tape.array()),
        0x73 => V::Char(tape.pick(&['a', '\0', 'é', '水', '🌊', '\u{10ffff}'])),
        0x83 => V::Timestamp(bits(tape) as i64),
        0x98 => V::Uuid(tape.array()),
        0xb0 => V::Binary(bytes(tape)),
        0xb1 => V::String(unicode(tape)),
        0xb3 => V::Symbol(ascii(tape)),
        0xd0 => V::List(values(tape, below)),
        0xd1 => V::Map((0..tape.below(4)).map(|_| (value(tape, below), value(tape, below))).collect()),
        0xf0 => {
            let descriptors = (0..tape.below(4).saturating_sub(1)).map(|_| descriptor(tape)).collect();
            let kind = tape.pick(if below == 0 { &TYPES[..SCALARS] } else { &TYPES[..COMPOUNDS] });
            let items = (0..tape.below(4)).map(|_| value_of(kind, tape, below)).collect();
            V::Array(descriptors, kind, items)
        }
        _ => V::Described(Box::new(descriptor(tape)), Box::new(value(tape, below))),
    }
}

fn descriptor(tape: &mut Tape<'_>) -> V {
    match tape.below(4) {
        0 => symbol("com.microsoft:timespan"),
        1 => V::Ulong(bits(tape)),
        2 => V::Ulong(0x70 + tape.below(9) as u64),
        _ => value(tape, 0),
    }
}

/// The bits of an integer; the smallest, largest and those at the borders of the short encodings are
/// frequent.
fn bits(tape: &mut Tape<'_>) -> u64 {
    let byte = u64::from(tape.byte());
    match tape.below(6) {
        0 => byte,
        1 => !byte,
        2 => 1 << (byte % 64),
        3 => (1 << (byte % 64)) - 1,
        4 => !(1 << (byte % 64)),
        _ => u64::from_be_bytes(tape.array()),
    }
}

/// Lengths around the border between one and four bytes of size are frequent.
fn length(tape: &mut Tape<'_>) -> usize {
    match tape.below(8) {
        0..=4 => tape.below(6),
        5 => tape.below(256),
        6 => 252 + tape.below(6),
        _ => 300,
    }
}

fn bytes(tape: &mut Tape<'_>) -> Vec<u8> {
    let first = tape.byte();
    (0..length(tape)).map(|at| first.wrapping_add(at as u8)).collect()
}

fn ascii(tape: &mut Tape<'_>) -> String {
    let first = tape.byte();
    (0..length(tape)).map(|at| char::from(first.wrapping_add(at as u8) % 128)).collect()
}

/// Text of 1 to 4 bytes a character.
fn unicode(tape: &mut Tape<'_>) -> String {
    let first = tape.below(7);
    (0..length(tape)).map(|at| ['a', 'é', '\0', '水', '🌊', '"', '\u{ffff}'][(first + at) % 7]).collect()
}

/// Names that mean something to the service, to its storage, or nothing.
const NAMES: [&str; 24] = [
    "a",
    "b",
    "",
    "x-opt-partition-key",
    "x-opt-sequence-number",
    "x-opt-offset",
    "x-opt-enqueued-time",
    "x-opt-publisher",
    "x-opt-partition-key",
    "x-opt-partition-id",
    "x-opt-via-partition-key",
    "x-opt-kafka-key",
    "X-Opt-Offset",
    "x-opt-offset ",
    "fb.m",
    "fb.s",
    "message-id",
    "group-sequence",
    "last_enqueued_offset",
    "com.microsoft:producer-id",
    "com.microsoft:producer-epoch",
    "com.microsoft:producer-sequence-number",
    "iothub-connection-device-id",
    "content-type",
];

fn name(tape: &mut Tape<'_>) -> String {
    if tape.once_in(4) { ascii(tape) } else { tape.pick(&NAMES).to_owned() }
}

fn annotations(tape: &mut Tape<'_>) -> V {
    let entry = |tape: &mut Tape<'_>| {
        let key = match tape.below(12) {
            0..=8 => V::Symbol(name(tape)),
            9 => V::String(name(tape)),
            10 => V::Ulong(bits(tape)),
            _ => value(tape, 2),
        };
        let partition_key = [symbol("x-opt-partition-key"), text("x-opt-partition-key")].contains(&key);
        let value = if partition_key { partition_key_value(tape) } else { value(tape, 3) };
        (key, value)
    };
    let mut entries: Vec<_> = (0..tape.below(6)).map(|_| entry(tape)).collect();
    if tape.once_in(4) {
        entries.push((symbol("x-opt-partition-key"), partition_key_value(tape)));
    }
    V::Map(entries)
}

/// Mostly a key, sometimes none, seldom of a type that a key may not have.
fn partition_key_value(tape: &mut Tape<'_>) -> V {
    match tape.below(16) {
        0..=9 => text(tape.pick(&["k", "key", "k2", "device-17", "ключ"])),
        10 | 11 => V::String(unicode(tape)),
        12 => text(""),
        13 => V::Null,
        14 => symbol("k"),
        _ => value(tape, 1),
    }
}

fn application_properties(tape: &mut Tape<'_>) -> V {
    let entry = |tape: &mut Tape<'_>| {
        let key = match tape.below(12) {
            0..=7 => V::String(name(tape)),
            8 => V::String(unicode(tape)),
            9 => V::Symbol(name(tape)),
            _ => value(tape, 2),
        };
        (key, value(tape, 3))
    };
    V::Map((0..tape.below(6)).map(|_| entry(tape)).collect())
}

/// Fields in their order, each of its own type or null, seldom of another; with or without a tail of nulls.
fn fields(tape: &mut Tape<'_>, types: &[&[u8]]) -> V {
    let count = tape.below(types.len() + 1);
    let all_null = tape.once_in(12);
    let odd_types = tape.once_in(3);
    let mut list = Vec::new();
    for types in &types[..count] {
        list.push(match tape.below(12) {
            0..=3 => V::Null,
            _ if all_null => V::Null,
            11 if odd_types => value(tape, 2),
            _ => {
                let kind = tape.pick(types);
                value_of(kind, tape, 0)
            }
        });
    }
    V::List(list)
}

const HEADER_TYPES: [&[u8]; 5] = [&[0x56], &[0x50], &[0x70], &[0x56], &[0x70]];

/// message-id, user-id, to, subject, reply-to, correlation-id, content-type, content-encoding,
/// absolute-expiry-time, creation-time, group-id, group-sequence, reply-to-group-id.
const PROPERTY_TYPES: [&[u8]; 13] = [
    &[0xb1, 0x80, 0x98, 0xb0],
    &[0xb0],
    &[0xb1],
    &[0xb1],
    &[0xb1],
    &[0xb1, 0x80, 0x98, 0xb0],
    &[0xb3],
    &[0xb3],
    &[0x83],
    &[0x83],
    &[0xb1],
    &[0x70],
    &[0xb1],
];

/// A body of a section of that kind.
pub(crate) fn section(code: u8, tape: &mut Tape<'_>) -> Section {
    let body = match code {
        HEADER => fields(tape, &HEADER_TYPES),
        DELIVERY_ANNOTATIONS | MESSAGE_ANNOTATIONS | FOOTER => annotations(tape),
        PROPERTIES => fields(tape, &PROPERTY_TYPES),
        APPLICATION_PROPERTIES => application_properties(tape),
        DATA => V::Binary(bytes(tape)),
        SEQUENCE => V::List(values(tape, 3)),
        _ => value(tape, 4),
    };
    Section { code, body }
}

/// A legal message, though perhaps with a partition key that is refused.
pub(crate) fn message(tape: &mut Tape<'_>) -> Vec<Section> {
    let (body, most) = tape.pick(&[(DATA, 1), (VALUE, 1), (SEQUENCE, 3), (DATA, 3), (DATA, 0)]);
    let others =
        [HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, FOOTER];
    let mut sections = Vec::new();
    for code in others {
        if tape.once_in(2) {
            sections.push(section(code, tape));
        }
    }
    let bodies = if most > 1 { 1 + tape.below(most) } else { most };
    for _ in 0..bodies {
        sections.push(section(body, tape));
    }
    if tape.once_in(2) {
        shuffle(&mut sections, tape);
    }
    sections
}

pub(crate) fn shuffle<T>(items: &mut [T], tape: &mut Tape<'_>) {
    for last in (1..items.len()).rev() {
        items.swap(last, last - tape.below(last + 1));
    }
}

/// Where a message arrives.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) publisher: Option<String>,
    pub(crate) partition_count: Option<u32>,
    pub(crate) compacted: bool,
}

pub(crate) fn link(tape: &mut Tape<'_>) -> Link {
    let publisher = tape.once_in(4).then(|| format!("p{}", unicode(tape)));
    let partition_count = tape.once_in(2).then(|| tape.pick(&[1, 2, 4, 32]));
    Link { publisher, partition_count, compacted: tape.once_in(8) }
}
