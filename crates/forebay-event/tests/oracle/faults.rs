//! What `event.md` §2 calls malformed, put on purpose into a legal message. Each of these is refused with
//! `amqp:decode-error`, wherever it stands: in sections that are dropped too.

use crate::generate;
use crate::tape::Tape;
use crate::value::*;

/// A malformed message made of a legal one, and what is wrong with it.
pub(crate) fn malformed(mut sections: Vec<Section>, tape: &mut Tape<'_>) -> (String, Vec<u8>) {
    let fault = match tape.below(8) {
        0 => section_twice(&mut sections, tape),
        1 => two_kinds_of_body(&mut sections, tape),
        2 => fourteen_properties(&mut sections, tape),
        3 => section_of_another_type(&mut sections, tape),
        4 => no_section(&mut sections, tape),
        5 => return bytes_behind_or_missing(&sections, tape),
        _ => bad_value(&mut sections, tape),
    };
    if tape.once_in(2) {
        generate::shuffle(&mut sections, tape);
    }
    (fault, encode_message(&sections, tape))
}

fn is_body(section: &Section) -> bool {
    [DATA, SEQUENCE, VALUE].contains(&section.code)
}

/// Puts a section in the place of those of its kind.
fn replace(sections: &mut Vec<Section>, section: Section) {
    sections.retain(|other| other.code != section.code && !(is_body(other) && is_body(&section)));
    sections.push(section);
}

fn section_twice(sections: &mut Vec<Section>, tape: &mut Tape<'_>) -> String {
    let code = tape.pick(&[
        HEADER,
        DELIVERY_ANNOTATIONS,
        MESSAGE_ANNOTATIONS,
        PROPERTIES,
        APPLICATION_PROPERTIES,
        VALUE,
        FOOTER,
    ]);
    replace(sections, generate::section(code, tape));
    sections.push(generate::section(code, tape));
    format!("section {code:02x} twice")
}

fn two_kinds_of_body(sections: &mut Vec<Section>, tape: &mut Tape<'_>) -> String {
    sections.retain(|section| !is_body(section));
    let kinds = tape.pick(&[[DATA, VALUE], [DATA, SEQUENCE], [VALUE, SEQUENCE]]);
    for code in kinds {
        sections.push(generate::section(code, tape));
    }
    format!("bodies {kinds:02x?}")
}

fn fourteen_properties(sections: &mut Vec<Section>, tape: &mut Tape<'_>) -> String {
    let mut fields = vec![V::Null; 14 + tape.below(3)];
    if tape.once_in(2) {
        fields[0] = text("id");
    }
    if tape.once_in(2) {
        fields[13] = text("one too many");
    }
    let fault = format!("{} properties", fields.len());
    replace(sections, Section { code: PROPERTIES, body: V::List(fields) });
    fault
}

fn section_of_another_type(sections: &mut Vec<Section>, tape: &mut Tape<'_>) -> String {
    let (code, wrong): (u8, fn(&V) -> bool) = tape.pick(&[
        (HEADER, |v| !matches!(v, V::List(_))),
        (DELIVERY_ANNOTATIONS, |v| !matches!(v, V::Map(_))),
        (MESSAGE_ANNOTATIONS, |v| !matches!(v, V::Map(_))),
        (PROPERTIES, |v| !matches!(v, V::List(_))),
        (APPLICATION_PROPERTIES, |v| !matches!(v, V::Map(_))),
        (DATA, |v| !matches!(v, V::Binary(_))),
        (SEQUENCE, |v| !matches!(v, V::List(_))),
        (FOOTER, |v| !matches!(v, V::Map(_))),
    ]);
    let body = Some(generate::value(tape, 2)).filter(wrong).unwrap_or(V::Null);
    let fault = format!("section {code:02x} with {body:?}");
    replace(sections, Section { code, body });
    fault
}

/// Something in the place of a section that is none.
fn no_section(sections: &mut Vec<Section>, tape: &mut Tape<'_>) -> String {
    let code = tape.pick(&[0x6f, 0x79, 0x00, 0x24]);
    let body = generate::value(tape, 2);
    let fault = format!("unknown section {code:02x} with {body:?}");
    sections.push(Section { code, body });
    fault
}

/// A message cut within a section, or with bytes behind its last one that begin no section.
fn bytes_behind_or_missing(sections: &[Section], tape: &mut Tape<'_>) -> (String, Vec<u8>) {
    let mut ends = vec![0];
    let mut message = Vec::new();
    for section in sections {
        encode_section(section, tape, &mut message);
        ends.push(message.len());
    }
    let length = usize::from(tape.byte()) * 256 + usize::from(tape.byte());
    let length = length % (message.len() + 1);
    if ends.contains(&length) {
        let behind: &[u8] = tape.pick(&[
            &[0x00],
            &[0x40],
            &[0x00, 0x53],
            &[0x53, 0x75],
            &[0x00, 0x53, 0x75],
            &[0xa0, 0x00],
            &[0x45, 0x45],
            &[0x00, 0x40, 0x40],
            // A descriptor that is neither ulong nor symbol.
            &[0x00, 0x52, 0x78, 0xc1, 0x01, 0x00],
            &[0x00, 0xa1, 0x03, b'a', b'b', b'c', 0x40],
        ]);
        message.extend(behind);
        (format!("{behind:02x?} behind it"), message)
    } else {
        message.truncate(length);
        (format!("cut at {length}"), message)
    }
}

/// A value that is malformed, somewhere within a section.
fn bad_value(sections: &mut Vec<Section>, tape: &mut Tape<'_>) -> String {
    let mut bad = match tape.below(2) {
        0 => V::Raw(tape.pick(BAD_VALUES).to_vec()),
        _ => nested(tape.pick(&NESTS), 33),
    };
    let fault = format!("{bad:02x?}");
    // Nested values are checked too.
    for _ in 0..tape.below(3) {
        bad = match tape.below(5) {
            0 => V::List(vec![V::Null, bad]),
            1 => V::Map(vec![(bad, V::Null)]),
            2 => V::Map(vec![(V::Null, bad)]),
            3 => V::Described(Box::new(symbol("d")), Box::new(bad)),
            _ => V::Array(Vec::new(), 0xd0, vec![V::List(vec![bad])]),
        };
    }
    let code = tape.pick(&[
        HEADER,
        DELIVERY_ANNOTATIONS,
        MESSAGE_ANNOTATIONS,
        PROPERTIES,
        APPLICATION_PROPERTIES,
        SEQUENCE,
        VALUE,
        FOOTER,
    ]);
    let body = match (code, generate::section(code, tape).body) {
        (VALUE, _) => bad,
        (_, V::List(mut items)) => {
            items.truncate(12);
            items.insert(0, bad);
            V::List(items)
        }
        (_, V::Map(mut entries)) => {
            entries.insert(0, if tape.once_in(3) { (bad, V::Null) } else { (symbol("bad"), bad) });
            V::Map(entries)
        }
        (_, body) => panic!("section {code:02x} is neither list nor map: {body:?}"),
    };
    replace(sections, Section { code, body });
    format!("{fault} within section {code:02x}")
}

/// Encodings that stand for no value.
pub(crate) const BAD_VALUES: &[&[u8]] = &[
    // Strings that are not UTF-8: a lone continuation byte, a cut character, a surrogate, one of an array.
    &[0xa1, 0x01, 0x80],
    &[0xa1, 0x02, 0xc3, 0x28],
    &[0xb1, 0x00, 0x00, 0x00, 0x03, 0xed, 0xa0, 0x80],
    &[0xe0, 0x06, 0x02, 0xa1, 0x00, 0x02, 0xc3, 0x28],
    // Symbols that are not ASCII.
    &[0xa3, 0x01, 0x80],
    &[0xa3, 0x02, 0xc3, 0xa9],
    // A map of one element, of three.
    &[0xc1, 0x02, 0x01, 0x40],
    &[0xd1, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x03, 0x40, 0x40, 0x40],
    // A boolean that is neither; characters that are none.
    &[0x56, 0x02],
    &[0x73, 0x00, 0x00, 0xd8, 0x00],
    &[0x73, 0x00, 0x11, 0x00, 0x00],
    // Constructors that do not exist.
    &[0x01],
    &[0x3f],
    &[0x46],
    &[0x57, 0x00],
    &[0xc2, 0x01, 0x00],
    // Lists, a map and an array with more bytes than elements, and with more elements than bytes.
    &[0xc0, 0x03, 0x01, 0x40, 0x40],
    &[0xc0, 0x02, 0x02, 0x40],
    &[0xc1, 0x04, 0x02, 0x40, 0x40, 0x40],
    &[0xe0, 0x04, 0x01, 0x50, 0x07, 0x07],
    &[0xe0, 0x03, 0x02, 0x50, 0x07],
];

/// The ways to nest a value in a value.
pub(crate) const NESTS: [fn(V) -> V; 5] = [
    |inner| V::List(vec![inner]),
    |inner| V::Map(vec![(text("k"), inner)]),
    |inner| V::Map(vec![(inner, V::Null)]),
    |inner| V::Described(Box::new(V::Ulong(1)), Box::new(inner)),
    |inner| match inner {
        V::Array(..) => V::Array(Vec::new(), 0xf0, vec![inner]),
        scalar => V::Array(Vec::new(), 0x40, vec![scalar]),
    },
];

/// A null inside of so many values.
pub(crate) fn nested(nest: fn(V) -> V, depth: usize) -> V {
    (0..depth).fold(V::Null, |inner, _| nest(inner))
}
