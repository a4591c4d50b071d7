//! Frames as .NET's decoder sees them: a numeric descriptor and a list of typed values. Nothing of the server's own
//! frame types is used here, only the codec of single values, so that a mistake there is not made twice.

use forebay_amqp::wire::{Decode, Encode, Reader, Symbol, Value, Writer};

use crate::rules::{Broken, Rule};

/// The protocol headers, in the order in which both sides send them.
pub(crate) const SASL_HEADER: &[u8; 8] = b"AMQP\x03\x01\x00\x00";
pub(crate) const AMQP_HEADER: &[u8; 8] = b"AMQP\x00\x01\x00\x00";

/// What .NET advertises, in bytes, and so the largest frame that it takes (`docs/reference/amqp.md` §1.3).
pub(crate) const MAX_FRAME_SIZE: u32 = 65_536;

/// A frame's performative, or a SASL frame's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Open = 0x10,
    Begin = 0x11,
    Attach = 0x12,
    Flow = 0x13,
    Transfer = 0x14,
    Disposition = 0x15,
    Detach = 0x16,
    End = 0x17,
    Close = 0x18,
    SaslMechanisms = 0x40,
    SaslInit = 0x41,
    SaslOutcome = 0x44,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Open,
        Self::Begin,
        Self::Attach,
        Self::Flow,
        Self::Transfer,
        Self::Disposition,
        Self::Detach,
        Self::End,
        Self::Close,
        Self::SaslMechanisms,
        Self::SaslInit,
        Self::SaslOutcome,
    ];

    pub(crate) fn is_sasl(self) -> bool {
        self as u8 >= 0x40
    }
}

/// A frame with its fields by position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) channel: u16,
    pub(crate) kind: Kind,
    pub(crate) fields: Vec<Value>,
    /// What follows the performative of a transfer.
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(channel: u16, kind: Kind, fields: Vec<Value>) -> Self {
        Self { channel, kind, fields, payload: Vec::new() }
    }

    /// A field; null where it is elided.
    pub(crate) fn field(&self, at: usize) -> &Value {
        self.fields.get(at).unwrap_or(&Value::Null)
    }

    /// A field of type uint, if it is there.
    pub(crate) fn uint(&self, at: usize) -> Option<u32> {
        match self.field(at) {
            Value::Uint(number) => Some(*number),
            _ => None,
        }
    }

    /// A field of type boolean; `false` if it is null.
    pub(crate) fn flag(&self, at: usize) -> bool {
        *self.field(at) == Value::Boolean(true)
    }

    /// All its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let frame_type = u8::from(self.kind.is_sasl());
        let mut out = vec![0, 0, 0, 0, 2, frame_type];
        out.extend_from_slice(&self.channel.to_be_bytes());
        out.extend_from_slice(&[0x00, 0x53, self.kind as u8]);
        list(&self.fields, &mut out);
        out.extend_from_slice(&self.payload);
        let size = u32::try_from(out.len()).unwrap();
        out[..4].copy_from_slice(&size.to_be_bytes());
        out
    }
}

/// A list with all its fields, never in the form without any.
fn list(fields: &[Value], out: &mut Vec<u8>) {
    Writer::new(out).list(u32::try_from(fields.len()).unwrap(), |writer| {
        for field in fields {
            field.encode(writer);
        }
    });
}

/// What stands at the start of the input.
#[derive(Debug)]
pub(crate) enum Read {
    /// More bytes are needed.
    Partial,
    /// A frame without a body, and its size.
    Heartbeat(usize),
    Frame(Frame, usize),
}

/// Reads one frame as strictly as the strictest of the clients.
pub(crate) fn read(input: &[u8]) -> Result<Read, Broken> {
    let Some(&[s0, s1, s2, s3, doff, frame_type, c0, c1]) = input.first_chunk::<8>() else {
        return Ok(Read::Partial);
    };
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if !(8..=MAX_FRAME_SIZE).contains(&size) || doff != 2 || frame_type > 1 {
        return Err(Rule::FrameHeader.broken(format!("size {size}, offset {doff}, type {frame_type}")));
    }
    let size = size as usize;
    let Some(body) = input.get(8..size) else { return Ok(Read::Partial) };
    if body.is_empty() {
        return Ok(Read::Heartbeat(size));
    }
    let channel = u16::from_be_bytes([c0, c1]);
    let (kind, mut reader) = descriptor(body)?;
    if kind.is_sasl() != (frame_type == 1) {
        return Err(Rule::FrameHeader.broken(format!("{kind:?} in a frame of type {frame_type}")));
    }
    if !matches!(reader.peek(), Some(0xc0 | 0xd0)) {
        return Err(Rule::ListForm.broken(format!("{kind:?} has the list form {:02x?}", reader.peek())));
    }
    let fields = match Value::decode(&mut reader) {
        Ok(Value::List(fields)) => fields,
        other => return Err(Rule::ListForm.broken(format!("{kind:?} cannot be read: {other:?}"))),
    };
    let payload = reader.rest().to_vec();
    if !payload.is_empty() && kind != Kind::Transfer {
        return Err(Rule::ListForm.broken(format!("{} bytes follow {kind:?}", payload.len())));
    }
    Ok(Read::Frame(Frame { channel, kind, fields, payload }, size))
}

/// Python looks at the third byte of a descriptor and at nothing else.
fn descriptor(body: &[u8]) -> Result<(Kind, Reader<'_>), Broken> {
    let unknown = || Rule::Descriptor.broken(format!("{:02x?}", &body[..body.len().min(4)]));
    let [0x00, 0x53, code, rest @ ..] = body else { return Err(unknown()) };
    let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == *code).ok_or_else(unknown)?;
    Ok((kind, Reader::new(rest)))
}

// Short hands for the values that frames are made of.

pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(crate) fn symbol(text: &str) -> Value {
    Value::Symbol(Symbol::new(text).unwrap())
}

/// A described list: source, target, error, outcome.
pub(crate) fn composite(code: u64, fields: Vec<Value>) -> Value {
    Value::described(Value::Ulong(code), Value::List(fields))
}

/// The descriptor and the fields of a described list; `None` for anything else.
pub(crate) fn parts(value: &Value) -> Option<(u64, &[Value])> {
    let Value::Described(described) = value else { return None };
    match (&described.descriptor, &described.value) {
        (Value::Ulong(code), Value::List(fields)) => Some((*code, fields)),
        _ => None,
    }
}

/// The field of a described list; null if there is none.
pub(crate) fn part(value: &Value, at: usize) -> &Value {
    parts(value).and_then(|(_, fields)| fields.get(at)).unwrap_or(&Value::Null)
}
