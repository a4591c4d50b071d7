//! Frames, batches, records and control entries as lines: for people, or as JSON.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use forebay_event::{BatchRef, Origin, RecordRef};
use forebay_log::inspect::{Item, JournalFileView, RoundView, StoredFrame};
use forebay_log::{PartitionId, Sequence, rfc3339};
use forebay_namespace::{Command, Setting, codec};
use serde_json::{Map, Value, json};

use super::super::folder::Names;

/// What stands for a secret.
const REDACTED: &str = "***";
/// So much of a value is shown to a person.
const PREVIEW_CHARS: usize = 120;

/// How things are shown.
pub(super) struct Render<'a> {
    pub(super) names: &'a Names,
    pub(super) as_json: bool,
    /// Records before this number are left out.
    pub(super) from: Sequence,
}

impl Render<'_> {
    /// Shows no more than `left` events, and takes what it showed from it.
    pub(super) fn item(&self, item: &Item<'_>, left: &mut u64) -> String {
        match item {
            Item::File(view) => self.file(view),
            Item::Round(view) => self.round(view),
            Item::Frame(frame) => self.frame(frame, left),
            Item::Damage { file, at, what } => match self.as_json {
                true => line(
                    &json!({"kind": "damage", "file": file.display().to_string(), "byte": at, "what": what}),
                ),
                false => format!("damage in {}, byte {at}: {what}\n", file.display()),
            },
            other => format!("{other:?}\n"),
        }
    }

    /// A partition and the range of its numbers that is in segments.
    pub(super) fn partition(&self, id: PartitionId, (first, next): (Sequence, Sequence)) -> String {
        if self.as_json {
            return line(&json!({
                "kind": "partition",
                "hub": self.names.hub(id.log),
                "partition": id.index,
                "log": id.log.to_string(),
                "first_sequence": first.0,
                "next_sequence_in_segments": next.0,
            }));
        }
        let held = match next.0.checked_sub(1).filter(|_| next > first) {
            Some(last) => format!("{first} to {last} in segments"),
            None => "nothing in segments".to_owned(),
        };
        format!("{}  {held}  (log {})\n", self.names.of(id), id.log)
    }

    fn file(&self, view: &JournalFileView<'_>) -> String {
        let file = view.file.display();
        if self.as_json {
            return line(&json!({
                "kind": "journal_file",
                "file": file.to_string(),
                "generation": view.generation,
                "bytes": view.bytes,
                "first_round": view.first_round,
                "needed": !view.is_spent,
            }));
        }
        let first = view
            .first_round
            .map_or("no rounds of its own yet".into(), |first| format!("from round {first} on"));
        let spent = if view.is_spent { ", all in segments" } else { "" };
        format!("{file}: {} bytes, {first}{spent}\n", view.bytes)
    }

    fn round(&self, view: &RoundView<'_>) -> String {
        let wall = rfc3339::format(view.wall.0);
        if self.as_json {
            return line(&json!({
                "kind": "round",
                "file": view.file.display().to_string(),
                "byte": view.at,
                "number": view.number,
                "mark": view.mark,
                "durable": view.is_marked,
                "frames": view.frames,
                "bytes": view.bytes,
                "time": wall,
            }));
        }
        let marked = if view.is_marked { "" } else { ", above the mark" };
        format!(
            "  round {} at byte {}: {} frames, {} bytes, mark {}, {wall}{marked}\n",
            view.number, view.at, view.frames, view.bytes, view.mark
        )
    }

    fn frame(&self, frame: &StoredFrame<'_>, left: &mut u64) -> String {
        let batch = BatchRef::parse(frame.batch).ok();
        let mut out = match self.as_json {
            true => line(&self.frame_json(frame, batch.as_ref())),
            false => self.frame_text(frame, batch.as_ref()),
        };
        // What a sum does not vouch for is not shown as if it were an event.
        if let Some(batch) = batch.filter(|_| frame.fault.is_none()) {
            if batch.is_compressed() {
                return out;
            }
            for record in batch.records().map_while(Result::ok) {
                let sequence = frame.base.plus(u64::from(record.offset_delta));
                if sequence >= self.from && *left > 0 {
                    *left -= 1;
                    self.record(frame, &batch, sequence, &record, &mut out);
                }
            }
        }
        out
    }

    fn frame_json(&self, frame: &StoredFrame<'_>, batch: Option<&BatchRef<'_>>) -> Value {
        json!({
            "kind": "frame",
            "hub": self.names.hub(frame.partition.log),
            "log": frame.partition.log.to_string(),
            "partition": frame.partition.index,
            "first_sequence": frame.base.0,
            "last_sequence": batch.and_then(|batch| u64::try_from(batch.last()).ok()),
            "file": frame.file.display().to_string(),
            "byte": frame.at,
            "round": frame.round,
            "origin": origin(frame.origin),
            "append_time": rfc3339::format(frame.append_time.0),
            "batch_bytes": frame.batch.len(),
            "records": batch.map(BatchRef::count),
            "attributes": batch.map(BatchRef::attributes),
            "producer": batch.map(BatchRef::producer).filter(|producer| producer.id >= 0).map(|producer| json!({
                "id": producer.id, "epoch": producer.epoch, "base_sequence": producer.base_sequence,
            })),
            "damage": frame.fault,
        })
    }

    fn frame_text(&self, frame: &StoredFrame<'_>, batch: Option<&BatchRef<'_>>) -> String {
        let round = frame.round.map(|round| format!(", round {round}")).unwrap_or_default();
        let mut out = format!(
            "{} from {}: {}, {} bytes by {}, at byte {} of {}{round}\n",
            self.names.of(frame.partition),
            frame.base,
            rfc3339::format(frame.append_time.0),
            frame.batch.len(),
            origin(frame.origin),
            frame.at,
            frame.file.display(),
        );
        let mut push = |text: String| out.push_str(&text);
        if let Some(batch) = batch {
            push(format!(
                "  batch {} to {}: {} records, attributes {:#06x}",
                batch.base(),
                batch.last(),
                batch.count(),
                batch.attributes()
            ));
            let producer = batch.producer();
            if producer.id >= 0 {
                push(format!(
                    ", producer {} epoch {} from {}",
                    producer.id, producer.epoch, producer.base_sequence
                ));
            }
            push("\n".into());
        }
        if let Some(fault) = &frame.fault {
            push(format!("  damaged: {fault}\n"));
        }
        out
    }

    fn record(
        &self,
        frame: &StoredFrame<'_>,
        batch: &BatchRef<'_>,
        sequence: Sequence,
        record: &RecordRef<'_>,
        out: &mut String,
    ) {
        if frame.partition == PartitionId::CONTROL {
            let entry = control_entry(record.value.unwrap_or_default());
            out.push_str(&match self.as_json {
                true => line(&json!({"kind": "control_entry", "sequence": sequence.0, "entry": entry})),
                false => format!("    {sequence}: {entry}\n"),
            });
            return;
        }
        let headers: Vec<_> = record.headers.map_while(Result::ok).collect();
        if self.as_json {
            let timestamp = batch.base_timestamp_ms().saturating_add(record.timestamp_delta_ms);
            let mut object = Map::new();
            object.insert("kind".into(), json!("record"));
            object.insert("sequence".into(), json!(sequence.0));
            object.insert("timestamp".into(), json!(rfc3339::format(timestamp)));
            put_bytes(&mut object, "key", record.key);
            put_bytes(&mut object, "value", record.value);
            let headers = headers.iter().map(|(name, value)| {
                let mut header = Map::new();
                put_bytes(&mut header, "name", Some(name));
                put_bytes(&mut header, "value", *value);
                Value::Object(header)
            });
            object.insert("headers".into(), headers.collect());
            out.push_str(&line(&Value::Object(object)));
            return;
        }
        let mut text = format!("    {sequence}:");
        if let Some(key) = record.key {
            text.push_str(&format!(" key {}", preview(key)));
        }
        match record.value {
            Some(value) => text.push_str(&format!(" value ({} bytes) {}", value.len(), preview(value))),
            None => text.push_str(" no value"),
        }
        for (name, value) in headers {
            text.push_str(&format!("\n      {} = {}", preview(name), value.map_or("null".into(), preview)));
        }
        out.push_str(&text);
        out.push('\n');
    }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Amqp => "amqp",
        Origin::Http => "http",
        Origin::Kafka => "kafka",
        Origin::Control => "control",
        Origin::Internal => "internal",
    }
}

/// An entry as JSON, its secrets redacted. Of what this program cannot read only the kind is shown: anything in it may
/// be a secret.
fn control_entry(body: &[u8]) -> Value {
    let Ok(entry) = codec::decode(body) else {
        return json!({"damage": "no entry of the control log", "bytes": body.len()});
    };
    let secrets: Vec<&str> = match &entry.command {
        Command::Opaque(opaque) => return json!({"kind": opaque.kind, "unknown": true, "bytes": body.len()}),
        Command::CreatePolicy(create) => {
            let secondary = create.secondary.as_ref().map(|secret| secret.expose());
            std::iter::once(create.primary.expose()).chain(secondary).collect()
        }
        Command::ReplaceKey(replace) => vec![replace.key.expose()],
        Command::PutSetting(put) => match &put.value {
            Setting::Secret(secret) => vec![secret.expose()],
            Setting::Text(_) => Vec::new(),
        },
        // Named one by one, so that whoever adds a command decides here.
        Command::RaiseLevel(_)
        | Command::CreateNamespace(_)
        | Command::SetNamespaceHosts(_)
        | Command::SetNamespaceLimits(_)
        | Command::CreateHub(_)
        | Command::UpdateHub(_)
        | Command::DeleteHub(_)
        | Command::CreateGroup(_)
        | Command::UpdateGroup(_)
        | Command::DeleteGroup(_)
        | Command::SetPolicyRights(_)
        | Command::DeletePolicy(_)
        | Command::ClaimReceiver(_)
        | Command::ReleaseReceiver(_) => Vec::new(),
    };
    let mut value = serde_json::from_slice(&codec::encode(&entry)).unwrap_or(Value::Null);
    redact(&mut value, &secrets);
    value
}

fn redact(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) if secrets.contains(&text.as_str()) => *text = REDACTED.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(|value| redact(value, secrets)),
        Value::Object(members) => members.values_mut().for_each(|value| redact(value, secrets)),
        _ => {}
    }
}

/// Bytes as text where they are text, else as base64 under another name.
fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => object.insert(name.to_owned(), Value::Null),
        Some(Ok(text)) => object.insert(name.to_owned(), json!(text)),
        Some(Err(_)) => {
            object.insert(format!("{name}_base64"), json!(BASE64.encode(bytes.unwrap_or_default())))
        }
    };
}

/// A line stays a line, and nothing in an event can move the cursor.
fn preview(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let shown = bytes.get(..PREVIEW_CHARS / 2).unwrap_or(bytes);
        let more = if shown.len() < bytes.len() { "…" } else { "" };
        return format!("base64:{}{more}", BASE64.encode(shown));
    };
    let mut out = String::from("\"");
    for c in text.chars().take(PREVIEW_CHARS) {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    let more = if text.chars().nth(PREVIEW_CHARS).is_some() { "…" } else { "" };
    // Writing to a string cannot fail.
    let _written = write!(out, "\"{more}");
    out
}
