//! Small builders of messages and records.

use forebay_event::amqp::{
    BATCH_FORMAT, Context, Damage, Incoming, Refusal, RuntimeMetrics, System, write_message,
};
use forebay_event::{BatchBuf, BatchRef, Origin, RecordRef};

pub(crate) const LIMIT: usize = 1_048_576;

/// A hub of four partitions, nothing special.
pub(crate) const PLAIN: Context<'_> =
    Context { publisher: None, partition_count: Some(4), compacted: false, max_bytes: LIMIT };
pub(crate) const COMPACTED: Context<'_> = Context { compacted: true, ..PLAIN };
pub(crate) const SYSTEM: System = System { sequence: 12_345, enqueued_ms: 1_700_000_000_123 };

pub(crate) fn publisher_link(name: &str) -> Context<'_> {
    Context { publisher: Some(name), ..PLAIN }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
}

/// A record, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Stored {
    pub(crate) fn of(record: &RecordRef<'_>) -> Self {
        Self {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .map(|header| header.expect("a sound header"))
                .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }

    /// What [`write_message`] makes of it.
    pub(crate) fn deliver(&self, origin: Origin) -> Result<Vec<u8>, Damage> {
        self.deliver_with(origin, None)
    }

    pub(crate) fn deliver_with(
        &self,
        origin: Origin,
        metrics: Option<&RuntimeMetrics>,
    ) -> Result<Vec<u8>, Damage> {
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            self.headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        let mut batch = BatchBuf::new();
        batch.push(self.key.as_deref(), self.value.as_deref(), &headers);
        batch.seal(SYSTEM.sequence, SYSTEM.enqueued_ms);
        let bytes = batch.into_bytes();
        let batch = BatchRef::parse(&bytes).expect("a sealed batch");
        let record = batch.records().next().expect("one record").expect("a sound record");
        let mut out = b"before".to_vec();
        let written = write_message(&record, origin, &SYSTEM, metrics, &mut out);
        assert_eq!(&out[..6], b"before");
        match written {
            Ok(()) => Ok(out.split_off(6)),
            Err(damage) => {
                assert_eq!(out.len(), 6, "nothing of a damaged record is written");
                Err(damage)
            }
        }
    }
}

/// Parses, writes, and reads the records back; checks what `Incoming` says of itself.
pub(crate) fn store(message: &[u8], format: u32, context: &Context<'_>) -> Result<Vec<Stored>, Refusal> {
    let incoming = Incoming::parse(message, format, context)?;
    let mut batch = BatchBuf::new();
    incoming.write(&mut batch);
    assert_eq!(batch.count(), incoming.event_count());
    assert!(batch.len() <= incoming.stored_size_bound());
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    batch.seal(0, 0);
    let bytes = batch.into_bytes();
    let batch = BatchRef::parse(&bytes).expect("a sealed batch");
    batch.verify_crc().expect("its sum is right");
    Ok(batch.records().map(|record| Stored::of(&record.expect("a sound record"))).collect())
}

pub(crate) fn store_one(message: &[u8], context: &Context<'_>) -> Result<Stored, Refusal> {
    let mut records = store(message, 0, context)?;
    assert_eq!(records.len(), 1);
    Ok(records.remove(0))
}

pub(crate) fn store_batch(message: &[u8], context: &Context<'_>) -> Result<Vec<Stored>, Refusal> {
    store(message, BATCH_FORMAT, context)
}

pub(crate) fn str8(text: &str) -> Vec<u8> {
    short(0xa1, text.as_bytes())
}

pub(crate) fn sym8(text: &str) -> Vec<u8> {
    short(0xa3, text.as_bytes())
}

fn short(code: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![code, u8::try_from(bytes.len()).expect("short")];
    out.extend_from_slice(bytes);
    out
}

/// A section whose value is `value`.
pub(crate) fn section(code: u8, value: &[u8]) -> Vec<u8> {
    [&[0, 0x53, code], value].concat()
}

pub(crate) fn data(bytes: &[u8]) -> Vec<u8> {
    let mut value = vec![0xb0];
    value.extend_from_slice(&u32::try_from(bytes.len()).expect("below 4 GiB").to_be_bytes());
    value.extend_from_slice(bytes);
    section(0x75, &value)
}

/// A list32 or map32 of these encodings.
pub(crate) fn compound(code: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let body = items.concat();
    let mut out = vec![code];
    out.extend_from_slice(&u32::try_from(body.len() + 4).expect("below 4 GiB").to_be_bytes());
    out.extend_from_slice(&u32::try_from(items.len()).expect("few").to_be_bytes());
    out.extend_from_slice(&body);
    out
}

pub(crate) fn annotations(items: &[Vec<u8>]) -> Vec<u8> {
    section(0x72, &compound(0xd1, items))
}

/// Message annotations with nothing but a partition key.
pub(crate) fn keyed(key: &str) -> Vec<u8> {
    annotations(&[sym8("x-opt-partition-key"), str8(key)])
}

pub(crate) fn meta(bytes: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    (b"fb.m".to_vec(), Some(bytes.to_vec()))
}

pub(crate) fn header(name: &str, value: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    (name.as_bytes().to_vec(), Some(value.to_vec()))
}
