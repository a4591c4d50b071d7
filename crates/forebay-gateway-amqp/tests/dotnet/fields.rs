//! Each performative's fields: name, type, and whether the server must give it a value.
//!
//! The counts are those that Event Hubs itself sends (`docs/reference/amqp.md` §8.1): fewer break Python, more break Go.
//! .NET reads each field as the one type that the specification gives it. Beyond what the specification makes
//! mandatory, a value is needed where some client computes with it (§0.3, §8.1).

use forebay_amqp::wire::Value;

use crate::rules::{Broken, Rule};
use crate::wire::{Frame, Kind, parts};

#[derive(Debug, Clone, Copy)]
enum Type {
    Boolean,
    Ubyte,
    Ushort,
    Uint,
    Ulong,
    Text,
    Symbol,
    Binary,
    Map,
    /// A symbol or an array of symbols.
    Symbols,
    /// Always an array, also of one: some clients take no lone symbol.
    SymbolArray,
    Error,
    Source,
    Target,
    State,
}

use Type::{
    Binary, Boolean, Error, Map, Source, State, Symbol, SymbolArray, Symbols, Target, Text, Ubyte, Uint,
    Ulong, Ushort,
};

struct Field {
    name: &'static str,
    kind: Type,
    needed: bool,
}

const fn needed(name: &'static str, kind: Type) -> Field {
    Field { name, kind, needed: true }
}

const fn optional(name: &'static str, kind: Type) -> Field {
    Field { name, kind, needed: false }
}

const OPEN: &[Field] = &[
    needed("container-id", Text),
    optional("hostname", Text),
    needed("max-frame-size", Uint),
    needed("channel-max", Ushort),
    optional("idle-time-out", Uint),
    optional("outgoing-locales", Symbols),
    optional("incoming-locales", Symbols),
    optional("offered-capabilities", Symbols),
    optional("desired-capabilities", Symbols),
    optional("properties", Map),
];

const BEGIN: &[Field] = &[
    needed("remote-channel", Ushort),
    needed("next-outgoing-id", Uint),
    needed("incoming-window", Uint),
    needed("outgoing-window", Uint),
    needed("handle-max", Uint),
    optional("offered-capabilities", Symbols),
    optional("desired-capabilities", Symbols),
    optional("properties", Map),
];

const ATTACH: &[Field] = &[
    needed("name", Text),
    needed("handle", Uint),
    needed("role", Boolean),
    optional("snd-settle-mode", Ubyte),
    optional("rcv-settle-mode", Ubyte),
    optional("source", Source),
    optional("target", Target),
    optional("unsettled", Map),
    optional("incomplete-unsettled", Boolean),
    optional("initial-delivery-count", Uint),
    optional("max-message-size", Ulong),
    optional("offered-capabilities", Symbols),
    optional("desired-capabilities", Symbols),
    optional("properties", Map),
];

const FLOW: &[Field] = &[
    needed("next-incoming-id", Uint),
    needed("incoming-window", Uint),
    needed("next-outgoing-id", Uint),
    needed("outgoing-window", Uint),
    optional("handle", Uint),
    optional("delivery-count", Uint),
    optional("link-credit", Uint),
    optional("available", Uint),
    optional("drain", Boolean),
    optional("echo", Boolean),
    optional("properties", Map),
];

const TRANSFER: &[Field] = &[
    needed("handle", Uint),
    optional("delivery-id", Uint),
    optional("delivery-tag", Binary),
    optional("message-format", Uint),
    optional("settled", Boolean),
    optional("more", Boolean),
    optional("rcv-settle-mode", Ubyte),
    optional("state", State),
    optional("resume", Boolean),
    optional("aborted", Boolean),
    optional("batchable", Boolean),
];

const DISPOSITION: &[Field] = &[
    needed("role", Boolean),
    needed("first", Uint),
    optional("last", Uint),
    optional("settled", Boolean),
    optional("state", State),
    optional("batchable", Boolean),
];

const DETACH: &[Field] = &[needed("handle", Uint), optional("closed", Boolean), optional("error", Error)];
const END: &[Field] = &[optional("error", Error)];
const SASL_MECHANISMS: &[Field] = &[needed("sasl-server-mechanisms", SymbolArray)];
const SASL_INIT: &[Field] =
    &[needed("mechanism", Symbol), optional("initial-response", Binary), optional("hostname", Text)];
const SASL_OUTCOME: &[Field] = &[needed("code", Ubyte), optional("additional-data", Binary)];

const SOURCE: &[Field] = &[
    optional("address", Text),
    optional("durable", Uint),
    optional("expiry-policy", Symbol),
    optional("timeout", Uint),
    optional("dynamic", Boolean),
    optional("dynamic-node-properties", Map),
    optional("distribution-mode", Symbol),
    optional("filter", Map),
    optional("default-outcome", State),
    optional("outcomes", Symbols),
    optional("capabilities", Symbols),
];

const TARGET: &[Field] = &[
    optional("address", Text),
    optional("durable", Uint),
    optional("expiry-policy", Symbol),
    optional("timeout", Uint),
    optional("dynamic", Boolean),
    optional("dynamic-node-properties", Map),
    optional("capabilities", Symbols),
];

const ERROR: &[Field] = &[needed("condition", Symbol), optional("description", Text), optional("info", Map)];

/// Descriptors of what stands inside of performatives.
pub(crate) const RECEIVED: u64 = 0x23;
pub(crate) const ACCEPTED: u64 = 0x24;
pub(crate) const REJECTED: u64 = 0x25;
pub(crate) const RELEASED: u64 = 0x26;
pub(crate) const MODIFIED: u64 = 0x27;
pub(crate) const SOURCE_CODE: u64 = 0x28;
pub(crate) const TARGET_CODE: u64 = 0x29;
pub(crate) const ERROR_CODE: u64 = 0x1d;

/// Checks count, presence and type of every field, inside as well.
pub(crate) fn check(frame: &Frame) -> Result<(), Broken> {
    let table = match frame.kind {
        Kind::Open => OPEN,
        Kind::Begin => BEGIN,
        Kind::Attach => ATTACH,
        Kind::Flow => FLOW,
        Kind::Transfer => TRANSFER,
        Kind::Disposition => DISPOSITION,
        Kind::Detach => DETACH,
        Kind::End | Kind::Close => END,
        Kind::SaslMechanisms => SASL_MECHANISMS,
        Kind::SaslInit => SASL_INIT,
        Kind::SaslOutcome => SASL_OUTCOME,
    };
    check_list(&format!("{:?}", frame.kind), &frame.fields, table)
}

fn check_list(what: &str, fields: &[Value], table: &[Field]) -> Result<(), Broken> {
    if fields.len() != table.len() {
        let why = format!("{what} has {} fields, not {}", fields.len(), table.len());
        return Err(Rule::FieldCount.broken(why));
    }
    for (value, field) in fields.iter().zip(table) {
        let name = format!("{what}.{}", field.name);
        if *value == Value::Null {
            if field.needed {
                return Err(Rule::FieldMissing.broken(name));
            }
            continue;
        }
        check_type(&name, value, field.kind)?;
    }
    Ok(())
}

fn check_type(name: &str, value: &Value, kind: Type) -> Result<(), Broken> {
    let fits = match kind {
        Boolean => matches!(value, Value::Boolean(_)),
        Ubyte => matches!(value, Value::Ubyte(_)),
        Ushort => matches!(value, Value::Ushort(_)),
        Uint => matches!(value, Value::Uint(_)),
        Ulong => matches!(value, Value::Ulong(_)),
        Text => matches!(value, Value::String(_)),
        Symbol => matches!(value, Value::Symbol(_)),
        Binary => matches!(value, Value::Binary(_)),
        Map => matches!(value, Value::Map(_)),
        SymbolArray => is_symbol_array(value),
        Symbols => matches!(value, Value::Symbol(_)) || is_symbol_array(value),
        Error => return check_inside(name, value, ERROR_CODE, ERROR),
        Source => return check_inside(name, value, SOURCE_CODE, SOURCE),
        Target => return check_inside(name, value, TARGET_CODE, TARGET),
        State => return check_state(name, value),
    };
    if fits { Ok(()) } else { Err(Rule::FieldType.broken(format!("{name} is {value:?}"))) }
}

fn is_symbol_array(value: &Value) -> bool {
    let Value::Array(array) = value else { return false };
    array.iter().all(|item| matches!(item, Ok(forebay_amqp::wire::ValueRef::Symbol(_))))
}

fn check_inside(name: &str, value: &Value, wanted: u64, table: &[Field]) -> Result<(), Broken> {
    match parts(value) {
        Some((code, fields)) if code == wanted => check_list(name, fields, table),
        _ => Err(Rule::FieldType.broken(format!("{name} is {value:?}"))),
    }
}

/// Outcomes without fields may be empty lists; a rejection has its error, with three fields (§5.5).
fn check_state(name: &str, value: &Value) -> Result<(), Broken> {
    match parts(value) {
        Some((ACCEPTED | RELEASED, [])) | Some((MODIFIED, [_, _, _])) | Some((RECEIVED, [_, _])) => Ok(()),
        Some((REJECTED, [error])) => check_inside(&format!("{name}.rejected"), error, ERROR_CODE, ERROR),
        _ => Err(Rule::FieldType.broken(format!("{name} is {value:?}"))),
    }
}
