//! x
use crate::wire::Symbol;
/// x
pub const DECODE_ERROR: Symbol = Symbol::from_static("amqp:decode-error");
/// x
pub const FRAMING_ERROR: Symbol = Symbol::from_static("amqp:connection:framing-error");
