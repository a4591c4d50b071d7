//! An event as a line: for people, or as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_amqp::error::DecodeError;
use forebay_amqp::types::sections::{SectionKind, Sections};
use forebay_amqp::types::{Composite, Properties, Timestamp};
use forebay_amqp::wire::{Decode, MapRef, Value, ValueRef};
use forebay_broker::rfc3339;
use forebay_client::System;
use serde_json::{Map, Value as Json, json};

/// What a line may hold of an event.
#[derive(Debug)]
struct Parts {
    sequence: i64,
    offset: String,
    enqueued_millis: i64,
    key: Option<String>,
    body: Body,
    /// Application properties.
    properties: Map<String, Json>,
    /// The fields of the properties section that are set.
    message: Map<String, Json>,
}

#[derive(Debug)]
enum Body {
    None,
    Data(Vec<u8>),
    Value(Json),
    Sequence(Vec<Json>),
}

/// One line for people: time, partition/sequence, key, body. Control characters are escaped.
pub(super) fn text(message: &[u8], partition: &str, out: &mut String) -> Result<(), DecodeError> {
    let parts = Parts::read(message)?;
    out.push_str(&rfc3339::format(parts.enqueued_millis));
    out.push_str(&format!("  {partition}/{}", parts.sequence));
    if let Some(key) = &parts.key {
        out.push_str("  key=");
        escape(key, out);
    }
    out.push_str("  ");
    match &parts.body {
        Body::None => {}
        Body::Data(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => escape(text, out),
            Err(_) => {
                out.push_str("base64:");
                out.push_str(&BASE64.encode(bytes));
            }
        },
        Body::Value(value) => out.push_str(&value.to_string()),
        Body::Sequence(values) => out.push_str(&Json::from(values.as_slice()).to_string()),
    }
    out.push('\n');
    Ok(())
}

/// One JSON object on a line.
pub(super) fn json(message: &[u8], partition: &str, out: &mut String) -> Result<(), DecodeError> {
    let parts = Parts::read(message)?;
    let mut object = Map::new();
    let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
    put("partition", json!(partition));
    put("sequence", json!(parts.sequence));
    put("offset", json!(parts.offset));
    put("enqueued_time", json!(rfc3339::format(parts.enqueued_millis)));
    put("key", json!(parts.key));
    match parts.body {
        Body::None => put("body", Json::Null),
        Body::Data(bytes) => match String::from_utf8(bytes) {
            Ok(text) => put("body", json!(text)),
            Err(error) => put("body_base64", json!(BASE64.encode(error.as_bytes()))),
        },
        Body::Value(value) => put("body_value", value),
        Body::Sequence(values) => put("body_sequence", Json::from(values)),
    };
    put("properties", Json::Object(parts.properties));
    put("message", Json::Object(parts.message));
    out.push_str(&Json::Object(object).to_string());
    out.push('\n');
    Ok(())
}

/// A line stays a line, and nothing in an event can move the cursor.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
}

impl Parts {
    fn read(message: &[u8]) -> Result<Self, DecodeError> {
        let system = System::read(message)?;
        let mut parts = Self {
            sequence: system.sequence,
            offset: system.offset.to_owned(),
            enqueued_millis: system.enqueued_millis,
            key: system.partition_key.map(str::to_owned),
            body: Body::None,
            properties: Map::new(),
            message: Map::new(),
        };
        for section in Sections::new(message) {
            let section = section?;
            match section.kind {
                SectionKind::Properties => {
                    parts.message = message_fields(&Properties::decode_list(&mut section.reader())?);
                }
                SectionKind::ApplicationProperties => {
                    for entry in MapRef::decode(&mut section.reader())?.iter() {
                        let (name, value) = entry?;
                        let name = name.as_text().map_or_else(|| format!("{name:?}"), str::to_owned);
                        parts.properties.insert(name, value_json(&value.to_value()?));
                    }
                }
                SectionKind::Data => {
                    let bytes = section.data().unwrap_or_default();
                    match &mut parts.body {
                        Body::Data(body) => body.extend_from_slice(bytes),
                        body => *body = Body::Data(bytes.to_vec()),
                    }
                }
                SectionKind::AmqpValue => parts.body = Body::Value(value_json(&section.value()?.to_value()?)),
                SectionKind::AmqpSequence => {
                    let values = match section.value()? {
                        ValueRef::List(list) => list
                            .iter()
                            .map(|item| Ok(value_json(&item?.to_value()?)))
                            .collect::<Result<Vec<_>, DecodeError>>()?,
                        _ => Vec::new(),
                    };
                    match &mut parts.body {
                        Body::Sequence(body) => body.extend(values),
                        body => *body = Body::Sequence(values),
                    }
                }
                _ => {}
            }
        }
        Ok(parts)
    }
}

fn message_fields(properties: &Properties<'_>) -> Map<String, Json> {
    let text = |text: &Option<&str>| text.map(|text| json!(text));
    let time = |time: &Option<Timestamp>| time.map(|time| json!(rfc3339::format(time.0)));
    let fields = [
        ("message_id", properties.message_id.as_ref().map(value_json)),
        ("user_id", properties.user_id.map(bytes_json)),
        ("to", text(&properties.to)),
        ("subject", text(&properties.subject)),
        ("reply_to", text(&properties.reply_to)),
        ("correlation_id", properties.correlation_id.as_ref().map(value_json)),
        ("content_type", properties.content_type.as_ref().map(|symbol| json!(symbol.as_str()))),
        ("content_encoding", properties.content_encoding.as_ref().map(|symbol| json!(symbol.as_str()))),
        ("absolute_expiry_time", time(&properties.absolute_expiry_time)),
        ("creation_time", time(&properties.creation_time)),
        ("group_id", text(&properties.group_id)),
        ("group_sequence", properties.group_sequence.map(|number| json!(number))),
        ("reply_to_group_id", text(&properties.reply_to_group_id)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The nearest JSON: times as RFC 3339, uuids as text, what has no counterpart as Rust shows it.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Ubyte(value) => json!(value),
        Value::Ushort(value) => json!(value),
        Value::Uint(value) => json!(value),
        Value::Ulong(value) => json!(value),
        Value::Byte(value) => json!(value),
        Value::Short(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Long(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Double(value) => json!(value),
        Value::Char(value) => json!(value),
        Value::Timestamp(millis) => json!(rfc3339::format(*millis)),
        Value::Uuid(bytes) => json!(uuid(bytes)),
        Value::Binary(bytes) => bytes_json(bytes),
        Value::String(text) => json!(text),
        Value::Symbol(text) => json!(text.as_str()),
        Value::List(items) => items.iter().map(value_json).collect(),
        Value::Map(entries) => {
            let name = |key: &Value| key.as_text().map_or_else(|| value_json(key).to_string(), str::to_owned);
            Json::Object(entries.iter().map(|(key, value)| (name(key), value_json(value))).collect())
        }
        Value::Described(described) => value_json(&described.value),
        other => json!(format!("{other:?}")),
    }
}

/// Text where it is text.
fn bytes_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": BASE64.encode(bytes) }),
    }
}

fn uuid(bytes: &[u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use forebay_amqp::types::sections::{
        write_annotations, write_application_properties, write_data, write_value,
    };
    use forebay_amqp::wire::{Encode, Symbol, Writer};

    use super::*;

    /// An event as a server sends it; `rest` writes what follows the annotations.
    fn event(key: Option<&str>, rest: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut annotations = vec![
            (Symbol::from_static("x-opt-sequence-number"), Value::Long(17)),
            (Symbol::from_static("x-opt-offset"), Value::String("17".to_owned())),
            (Symbol::from_static("x-opt-enqueued-time"), Value::Timestamp(1_795_257_000_250)),
        ];
        annotations.extend(
            key.map(|key| (Symbol::from_static("x-opt-partition-key"), Value::String(key.to_owned()))),
        );
        let mut writer = Writer::new(&mut out);
        let entries = annotations.iter().map(|(key, value)| (key, value));
        write_annotations(&mut writer, SectionKind::MessageAnnotations, entries);
        rest(&mut writer);
        out
    }

    fn text_line(message: &[u8]) -> String {
        let mut out = String::new();
        text(message, "3", &mut out).unwrap();
        out
    }

    fn json_line(message: &[u8]) -> Json {
        let mut out = String::new();
        json(message, "3", &mut out).unwrap();
        assert_eq!(out.matches('\n').count(), 1, "one object a line");
        serde_json::from_str(&out).unwrap()
    }

    #[test]
    fn a_line_for_people_has_time_place_key_and_body() {
        let message = event(Some("k"), |writer| write_data(writer, b"hello"));
        assert_eq!(text_line(&message), "2026-11-21T10:30:00.250Z  3/17  key=k  hello\n");
    }

    #[test]
    fn no_event_can_break_a_line_or_move_the_cursor() {
        let message = event(None, |writer| write_data(writer, b"a\nb\x1b[2Jc\td"));
        assert_eq!(text_line(&message), "2026-11-21T10:30:00.250Z  3/17  a\\nb\\u{1b}[2Jc\td\n");
        let message = event(None, |writer| write_data(writer, &[0xff, 0xfe]));
        assert!(text_line(&message).ends_with("  base64://4=\n"));
    }

    #[test]
    fn json_has_what_a_script_asks_for() {
        let message = event(Some("k"), |writer| {
            let mut properties = Properties::new();
            properties.content_type = Some(Symbol::from_static("text/plain"));
            properties.message_id = Some(Value::Uuid(*b"0123456789abcdef"));
            properties.encode(writer);
            let (number, flag) = (Value::Int(-5), Value::Boolean(true));
            write_application_properties(writer, [("n", &number), ("f", &flag)]);
            write_data(writer, b"hel");
            write_data(writer, b"lo");
        });
        assert_eq!(
            json_line(&message),
            json!({
                "partition": "3", "sequence": 17, "offset": "17", "enqueued_time": "2026-11-21T10:30:00.250Z",
                "key": "k", "body": "hello", "properties": { "n": -5, "f": true },
                "message": { "content_type": "text/plain", "message_id": "30313233-3435-3637-3839-616263646566" },
            })
        );
    }

    #[test]
    fn bodies_that_are_no_text_are_told_apart() {
        let binary = json_line(&event(None, |writer| write_data(writer, &[0xff])));
        assert_eq!((binary.get("body"), &binary["body_base64"]), (None, &json!("/w==")));
        let value =
            Value::Map(vec![(Value::String("a".to_owned()), Value::List(vec![Value::Long(1), Value::Null]))]);
        let value = json_line(&event(None, |writer| write_value(writer, &value)));
        assert_eq!(value["body_value"], json!({ "a": [1, null] }));
        assert_eq!(json_line(&event(None, |_| {}))["body"], Json::Null);
        assert_eq!(json_line(&event(None, |_| {}))["key"], Json::Null);
    }

    #[test]
    fn a_malformed_event_is_an_error_and_no_line() {
        let mut out = String::new();
        text(&[0, 0x53, 0x75, 0xa0, 9, 1], "0", &mut out).unwrap_err();
    }
}
