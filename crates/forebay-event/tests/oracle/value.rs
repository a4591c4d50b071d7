//! The test's own model of AMQP: values, sections, and the bytes of both. Nothing here comes from
//! `forebay-amqp`. OASIS AMQP 1.0 part 1 §1.6 (types), part 3 §3.2 (sections).

use crate::tape::Tape;

/// A value of any AMQP type. Floats and decimals are their bits, so that equal means the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum V {
    Null,
    Bool(bool),
    Ubyte(u8),
    Ushort(u16),
    Uint(u32),
    Ulong(u64),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float([u8; 4]),
    Double([u8; 8]),
    Decimal32([u8; 4]),
    Decimal64([u8; 8]),
    Decimal128([u8; 16]),
    Char(char),
    Timestamp(i64),
    Uuid([u8; 16]),
    Binary(Vec<u8>),
    String(String),
    Symbol(String),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// Descriptors of the element type from the outside in, the element type as its widest constructor, the
    /// elements.
    Array(Vec<Self>, u8, Vec<Self>),
    Described(Box<Self>, Box<Self>),
    /// Bytes put in the place of a value; only for messages that are to be refused.
    Raw(Vec<u8>),
}

pub(crate) fn text(text: &str) -> V {
    V::String(text.to_owned())
}

pub(crate) fn symbol(text: &str) -> V {
    V::Symbol(text.to_owned())
}

pub(crate) const HEADER: u8 = 0x70;
pub(crate) const DELIVERY_ANNOTATIONS: u8 = 0x71;
pub(crate) const MESSAGE_ANNOTATIONS: u8 = 0x72;
pub(crate) const PROPERTIES: u8 = 0x73;
pub(crate) const APPLICATION_PROPERTIES: u8 = 0x74;
pub(crate) const DATA: u8 = 0x75;
pub(crate) const SEQUENCE: u8 = 0x76;
pub(crate) const VALUE: u8 = 0x77;
pub(crate) const FOOTER: u8 = 0x78;

/// One section of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    pub(crate) code: u8,
    pub(crate) body: V,
}

fn symbolic_descriptor(code: u8) -> &'static str {
    match code {
        HEADER => "amqp:header:list",
        DELIVERY_ANNOTATIONS => "amqp:delivery-annotations:map",
        MESSAGE_ANNOTATIONS => "amqp:message-annotations:map",
        PROPERTIES => "amqp:properties:list",
        APPLICATION_PROPERTIES => "amqp:application-properties:map",
        DATA => "amqp:data:binary",
        SEQUENCE => "amqp:amqp-sequence:list",
        VALUE => "amqp:amqp-value:*",
        FOOTER => "amqp:footer:map",
        _ => "amqp:no-such-section:list",
    }
}

// Encoding.

pub(crate) fn encode_message(sections: &[Section], tape: &mut Tape<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for section in sections {
        encode_section(section, tape, &mut out);
    }
    out
}

/// A section with a descriptor in any of its forms: smallulong, ulong, sym8, sym32.
pub(crate) fn encode_section(section: &Section, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    let name = symbolic_descriptor(section.code);
    out.push(0x00);
    match tape.below(4) {
        0 => out.extend([0x53, section.code]),
        1 => {
            out.push(0x80);
            out.extend(u64::from(section.code).to_be_bytes());
        }
        2 => {
            out.extend([0xa3, name.len() as u8]);
            out.extend(name.as_bytes());
        }
        _ => {
            out.push(0xb3);
            out.extend((name.len() as u32).to_be_bytes());
            out.extend(name.as_bytes());
        }
    }
    encode(&section.body, tape, out);
}

/// A value with any constructor that can hold it.
pub(crate) fn encode(value: &V, tape: &mut Tape<'_>, out: &mut Vec<u8>) {
    match value {
        V::Raw(bytes) => out.extend(bytes),
        V::Described(descriptor, inner) => {
            out.push(0x00);
            encode(descriptor, tape, out);
            encode(inner, tape, out);
        }
        _ => {
            let content = Content::of(value, tape);
            let code = tape.pick(&constructors(value, &content));
            out.push(code);
            put(value, code, &content, out);
        }
    }
}

/// What stands behind size and count: the bytes of a binary, string or symbol, the encoded elements of a
/// compound.
struct Content {
    bytes: Vec<u8>,
    count: usize,
}

impl Content {
    fn of(value: &V, tape: &mut Tape<'_>) -> Self {
        let mut bytes = Vec::new();
        let mut count = 0;
        match value {
            V::Binary(binary) => bytes.extend(binary),
            V::String(text) | V::Symbol(text) => bytes.extend(text.as_bytes()),
            V::List(items) => {
                count = items.len();
                items.iter().for_each(|item| encode(item, tape, &mut bytes));
            }
            V::Map(entries) => {
                count = 2 * entries.len();
                for (key, value) in entries {
                    encode(key, tape, &mut bytes);
                    encode(value, tape, &mut bytes);
                }
            }
            V::Array(descriptors, kind, items) => {
                count = items.len();
                for descriptor in descriptors {
                    bytes.push(0x00);
                    encode(descriptor, tape, &mut bytes);
                }
                // One constructor for all elements: one that can hold each of them.
                let contents: Vec<Self> = items.iter().map(|item| Self::of(item, tape)).collect();
                let mut legal = vec![*kind];
                if let (Some(item), Some(content)) = (items.first(), contents.first()) {
                    legal = constructors(item, content);
                }
                for (item, content) in items.iter().zip(&contents) {
                    let these = constructors(item, content);
                    legal.retain(|code| these.contains(code));
                }
                let code = tape.pick(&legal);
                bytes.push(code);
                for (item, content) in items.iter().zip(&contents) {
                    put(item, code, content, &mut bytes);
                }
            }
            _ => {}
        }
        Self { bytes, count }
    }
}

/// The constructors that can hold a value, the shortest first.
fn constructors(value: &V, content: &Content) -> Vec<u8> {
    let small = content.bytes.len() <= 255;
    // The size of a compound counts the byte of its count.
    let small_compound = content.bytes.len() <= 254 && content.count <= 255;
    let wide_or = |small: bool, narrow: u8, wide: u8| if small { vec![narrow, wide] } else { vec![wide] };
    match value {
        V::Null => vec![0x40],
        V::Bool(true) => vec![0x41, 0x56],
        V::Bool(false) => vec![0x42, 0x56],
        V::Ubyte(_) => vec![0x50],
        V::Ushort(_) => vec![0x60],
        V::Uint(0) => vec![0x43, 0x52, 0x70],
        V::Uint(n) => wide_or(*n <= 255, 0x52, 0x70),
        V::Ulong(0) => vec![0x44, 0x53, 0x80],
        V::Ulong(n) => wide_or(*n <= 255, 0x53, 0x80),
        V::Byte(_) => vec![0x51],
        V::Short(_) => vec![0x61],
        V::Int(n) => wide_or((-128..=127).contains(n), 0x54, 0x71),
        V::Long(n) => wide_or((-128..=127).contains(n), 0x55, 0x81),
        V::Float(_) => vec![0x72],
        V::Double(_) => vec![0x82],
        V::Decimal32(_) => vec![0x74],
        V::Decimal64(_) => vec![0x84],
        V::Decimal128(_) => vec![0x94],
        V::Char(_) => vec![0x73],
        V::Timestamp(_) => vec![0x83],
        V::Uuid(_) => vec![0x98],
        V::Binary(_) => wide_or(small, 0xa0, 0xb0),
        V::String(_) => wide_or(small, 0xa1, 0xb1),
        V::Symbol(_) => wide_or(small, 0xa3, 0xb3),
        V::List(items) if items.is_empty() => vec![0x45, 0xc0, 0xd0],
        V::List(_) => wide_or(small_compound, 0xc0, 0xd0),
        V::Map(_) => wide_or(small_compound, 0xc1, 0xd1),
        V::Array(..) => wide_or(small_compound, 0xe0, 0xf0),
        V::Described(..) | V::Raw(_) => panic!("the generator makes no array of these: {value:?}"),
    }
}

/// What follows the constructor.
fn put(value: &V, code: u8, content: &Content, out: &mut Vec<u8>) {
    match value {
        V::Bool(flag) if code == 0x56 => out.push(u8::from(*flag)),
        V::Ubyte(n) => out.push(*n),
        V::Byte(n) => out.extend(n.to_be_bytes()),
        V::Ushort(n) => out.extend(n.to_be_bytes()),
        V::Short(n) => out.extend(n.to_be_bytes()),
        V::Uint(n) => integer(code, &n.to_be_bytes(), out),
        V::Ulong(n) => integer(code, &n.to_be_bytes(), out),
        V::Int(n) => integer(code, &n.to_be_bytes(), out),
        V::Long(n) => integer(code, &n.to_be_bytes(), out),
        V::Float(bits) | V::Decimal32(bits) => out.extend(bits),
        V::Double(bits) | V::Decimal64(bits) => out.extend(bits),
        V::Decimal128(bits) | V::Uuid(bits) => out.extend(bits),
        V::Char(char) => out.extend(u32::from(*char).to_be_bytes()),
        V::Timestamp(n) => out.extend(n.to_be_bytes()),
        _ => match code >> 4 {
            0xa => out.push(content.bytes.len() as u8),
            0xb => out.extend((content.bytes.len() as u32).to_be_bytes()),
            0xc | 0xe => out.extend([content.bytes.len() as u8 + 1, content.count as u8]),
            0xd | 0xf => {
                out.extend((content.bytes.len() as u32 + 4).to_be_bytes());
                out.extend((content.count as u32).to_be_bytes());
            }
            _ => {}
        },
    }
    out.extend(&content.bytes);
}

/// No byte (`4x`), the last byte (`5x`), or all bytes of an integer.
fn integer(code: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let kept = match code >> 4 {
        4 => 0,
        5 => 1,
        _ => bytes.len(),
    };
    out.extend(&bytes[bytes.len() - kept..]);
}

// Decoding.

/// The sections of a message that the service wrote, whose descriptors must be `00 53 xx` (`amqp.md` §8.1).
pub(crate) fn decode_message(mut bytes: &[u8]) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    while !bytes.is_empty() {
        let descriptor: [u8; 3] = take(&mut bytes)?;
        let [0x00, 0x53, code @ HEADER..=FOOTER] = descriptor else {
            return Err(format!("no section begins with {descriptor:02x?}"));
        };
        sections.push(Section { code, body: decode(&mut bytes)? });
    }
    Ok(sections)
}

fn take_slice<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], String> {
    let (head, tail) = bytes.split_at_checked(len).ok_or("the bytes end early")?;
    *bytes = tail;
    Ok(head)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], String> {
    Ok(take_slice(bytes, N)?.try_into().expect("a slice of N bytes"))
}

fn decode(bytes: &mut &[u8]) -> Result<V, String> {
    let [code] = take(bytes)?;
    if code == 0x00 {
        return Ok(V::Described(Box::new(decode(bytes)?), Box::new(decode(bytes)?)));
    }
    decode_body(code, bytes)
}

fn decode_body(code: u8, bytes: &mut &[u8]) -> Result<V, String> {
    Ok(match code {
        0x40 => V::Null,
        0x41 => V::Bool(true),
        0x42 => V::Bool(false),
        0x56 => match take(bytes)? {
            [0] => V::Bool(false),
            [1] => V::Bool(true),
            [other] => return Err(format!("a boolean of {other}")),
        },
        0x43 => V::Uint(0),
        0x52 => V::Uint(u8::from_be_bytes(take(bytes)?).into()),
        0x70 => V::Uint(u32::from_be_bytes(take(bytes)?)),
        0x44 => V::Ulong(0),
        0x53 => V::Ulong(u8::from_be_bytes(take(bytes)?).into()),
        0x80 => V::Ulong(u64::from_be_bytes(take(bytes)?)),
        0x50 => V::Ubyte(u8::from_be_bytes(take(bytes)?)),
        0x60 => V::Ushort(u16::from_be_bytes(take(bytes)?)),
        0x51 => V::Byte(i8::from_be_bytes(take(bytes)?)),
        0x61 => V::Short(i16::from_be_bytes(take(bytes)?)),
        0x54 => V::Int(i8::from_be_bytes(take(bytes)?).into()),
        0x71 => V::Int(i32::from_be_bytes(take(bytes)?)),
        0x55 => V::Long(i8::from_be_bytes(take(bytes)?).into()),
        0x81 => V::Long(i64::from_be_bytes(take(bytes)?)),
        0x72 => V::Float(take(bytes)?),
        0x82 => V::Double(take(bytes)?),
        0x74 => V::Decimal32(take(bytes)?),
        0x84 => V::Decimal64(take(bytes)?),
        0x94 => V::Decimal128(take(bytes)?),
        0x73 => V::Char(char::from_u32(u32::from_be_bytes(take(bytes)?)).ok_or("not a character")?),
        0x83 => V::Timestamp(i64::from_be_bytes(take(bytes)?)),
        0x98 => V::Uuid(take(bytes)?),
        0xa0 | 0xb0 => V::Binary(sized(code, bytes)?.to_vec()),
        0xa1 | 0xb1 => V::String(utf8(sized(code, bytes)?)?),
        0xa3 | 0xb3 => V::Symbol(utf8(sized(code, bytes)?)?),
        0x45 => V::List(Vec::new()),
        0xc0 | 0xd0 => V::List(elements(sized(code, bytes)?, code, decode)?),
        0xc1 | 0xd1 => {
            let flat = elements(sized(code, bytes)?, code, decode)?;
            let (pairs, odd) = flat.as_chunks::<2>();
            if !odd.is_empty() {
                return Err(format!("an odd map: {flat:?}"));
            }
            V::Map(pairs.iter().map(|[key, value]| (key.clone(), value.clone())).collect())
        }
        0xe0 | 0xf0 => {
            let mut whole = sized(code, bytes)?;
            let count = count_of(code, &mut whole)?;
            let mut descriptors = Vec::new();
            let [mut element] = take(&mut whole)?;
            while element == 0x00 {
                descriptors.push(decode(&mut whole)?);
                [element] = take(&mut whole)?;
            }
            let items = (0..count).map(|_| decode_body(element, &mut whole)).collect::<Result<_, _>>()?;
            if !whole.is_empty() {
                return Err("bytes behind the last element of an array".to_owned());
            }
            V::Array(descriptors, widest(element), items)
        }
        _ => return Err(format!("no type has the constructor {code:02x}")),
    })
}

/// The bytes that a size of one byte (constructors `ax`, `cx`, `ex`) or four bytes counts.
fn sized<'a>(code: u8, bytes: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let size = count_of(code, bytes)?;
    take_slice(bytes, size)
}

fn count_of(code: u8, bytes: &mut &[u8]) -> Result<usize, String> {
    Ok(match code >> 4 {
        0xa | 0xc | 0xe => u8::from_be_bytes(take(bytes)?).into(),
        _ => u32::from_be_bytes(take(bytes)?) as usize,
    })
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

fn elements(
    mut whole: &[u8],
    code: u8,
    each: impl Fn(&mut &[u8]) -> Result<V, String>,
) -> Result<Vec<V>, String> {
    let count = count_of(code, &mut whole)?;
    let items = (0..count).map(|_| each(&mut whole)).collect::<Result<_, _>>()?;
    if whole.is_empty() { Ok(items) } else { Err("bytes behind the last element".to_owned()) }
}

/// The constructor that can hold every value of a type.
fn widest(code: u8) -> u8 {
    match code {
        0x41 | 0x42 => 0x56,
        0x43 | 0x52 => 0x70,
        0x44 | 0x53 => 0x80,
        0x54 => 0x71,
        0x55 => 0x81,
        0x45 => 0xd0,
        0xa0..=0xef => code | 0x10,
        _ => code,
    }
}
