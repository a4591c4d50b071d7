//! The wire layer against the specification's own words, against cut and hostile bytes, and against itself.

mod any_value;
mod encodings;
mod hostile;
mod round_trip;
mod writing;

use super::*;
use crate::error::{DecodeError, DecodeFault};

/// The whole of `bytes` as one value.
fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = Value::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Writer::new(&mut out));
    out
}

fn fault(bytes: &[u8]) -> Option<DecodeFault> {
    decode(bytes).err().map(|error| error.fault)
}
