//! The JSON of a request, read field by field, so that an error names the field and the fix.
//!
//! Names are read in any letter case, `null` is the same as absent, and fields that nobody asks for are ignored
//! (clients of six API versions send theirs).

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use forebay_auth::Secret;
use serde_json::{Map, Value};

use super::errors::Refused;
use crate::config::{BODY_BYTES_MAX, BODY_TIMEOUT};

/// Characters of a value that an error repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// Whether the body is declared as JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads a body that is a JSON object, or nothing, which is an empty object.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refused> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        return Err(Refused::TooLarge);
    }
    let bytes = tokio::time::timeout(BODY_TIMEOUT, whole(body)).await.unwrap_or(Err(Refused::Slow))?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !is_json(headers) {
        return Err(Refused::NotJson);
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refused::Invalid("The body must be a JSON object: { … }.".to_owned())),
        // The text names line and column, and repeats nothing of the body.
        Err(error) => Err(Refused::Invalid(format!("The body is not JSON: {error}."))),
    }
}

async fn whole(mut body: Body) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let cut = |_| Refused::Invalid("The body could not be read to its end: send it again.".to_owned());
        let frame = frame.map_err(cut)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// The fields of an object, and where it stands in the body.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    object: Option<&'a Map<String, Value>>,
    /// Empty, or `properties.` and the like.
    path: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of(object: &'a Map<String, Value>) -> Self {
        Self { object: Some(object), path: String::new() }
    }

    /// The error of a field.
    pub(super) fn wrong(&self, name: &str, must: &str) -> Refused {
        let given = self.get(name).map_or_else(String::new, |value| format!(", not {}", shown(value)));
        Refused::Invalid(format!("'{}{name}' must be {must}{given}.", self.path))
    }

    /// A value that asks for what this server does not do.
    pub(super) fn unsupported(&self, name: &str, fix: &str) -> Refused {
        let value = self.get(name).map_or_else(String::new, |value| format!(" {}", shown(value)));
        Refused::Invalid(format!("'{}{name}'{value} is not supported by this server: {fix}.", self.path))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        let object = self.object?;
        let exact = object.get(name);
        let any_case =
            || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        exact.or_else(any_case).filter(|value| !value.is_null())
    }

    /// An object in it; one without fields where there is none.
    pub(super) fn object(&self, name: &str) -> Result<Self, Refused> {
        let object = match self.get(name) {
            None => None,
            Some(Value::Object(object)) => Some(object),
            Some(_) => return Err(self.wrong(name, "an object: { … }")),
        };
        Ok(Self { object, path: format!("{}{name}.", self.path) })
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refused> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a text in quotes")),
        }
    }

    /// As a text, but an error does not repeat it.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, Refused> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::new(text))),
            Some(_) => Err(Refused::Invalid(format!("'{}{name}' must be a text in quotes.", self.path))),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refused> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, Refused> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_i64().map(Some).ok_or_else(|| self.wrong(name, "a whole number without quotes"))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Refused> {
        let wrong = || self.wrong(name, "a list of texts: [\"…\", \"…\"]");
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                texts.map(Some).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

    #[tokio::test]
    async fn a_body_is_an_object_or_nothing() {
        let read_it = async |pairs: &[(&'static str, &str)], body: &'static str| {
            read(&headers(pairs), Body::from(body)).await
        };
        assert_eq!(read_it(&[], "").await, Ok(Map::new()));
        assert_eq!(read_it(&[JSON], "{}").await, Ok(Map::new()));
        assert_eq!(read_it(&[("content-type", "text/plain")], "{}").await, Err(Refused::NotJson));
        assert_eq!(read_it(&[], "{}").await, Err(Refused::NotJson));
        for (body, word) in [("[]", "object"), ("{\"a\":", "line 1"), ("not json", "line 1")] {
            let Err(Refused::Invalid(text)) = read_it(&[JSON], body).await else { panic!("{body}") };
            assert!(text.contains(word), "{text}");
        }
    }

    #[tokio::test]
    async fn a_body_of_the_limit_is_read_and_one_byte_more_is_not() {
        let body = |bytes: usize| Body::from(format!("{{{}}}", " ".repeat(bytes - 2)));
        assert_eq!(read(&headers(&[JSON]), body(BODY_BYTES_MAX)).await, Ok(Map::new()));
        assert_eq!(read(&headers(&[JSON]), body(BODY_BYTES_MAX + 1)).await, Err(Refused::TooLarge));
        let declared = (BODY_BYTES_MAX + 1).to_string();
        let declared = headers(&[JSON, ("content-length", &declared)]);
        assert_eq!(read(&declared, Body::from("{}")).await, Err(Refused::TooLarge));
    }

    #[test]
    fn fields_are_found_in_any_letter_case_and_null_is_absent() {
        let body = json!({"Properties": {"PARTITIONCOUNT": 4, "status": null, "rights": ["Send"]}});
        let fields = Fields::of(body.as_object().unwrap()).object("properties").unwrap();
        assert_eq!(fields.whole("partitionCount"), Ok(Some(4)));
        assert_eq!(fields.text("status"), Ok(None));
        assert_eq!(fields.texts("rights"), Ok(Some(vec!["Send"])));
        assert_eq!(fields.object("captureDescription").unwrap().flag("enabled"), Ok(None));
    }

    #[test]
    fn errors_name_the_field_the_fix_and_what_was_given() {
        let body = json!({"properties": {
            "partitionCount": "four", "userMetadata": 1, "captureDescription": {"enabled": "yes"}, "rights": [1],
            "retentionDescription": [], "half": 1.5, "long": "x".repeat(1_000),
        }});
        let fields = Fields::of(body.as_object().unwrap()).object("properties").unwrap();
        let check = |refused: Refused, expected: &str| assert_eq!(refused, Refused::Invalid(expected.into()));
        check(
            fields.whole("partitionCount").unwrap_err(),
            "'properties.partitionCount' must be a whole number without quotes, not \"four\".",
        );
        check(
            fields.whole("half").unwrap_err(),
            "'properties.half' must be a whole number without quotes, not 1.5.",
        );
        check(
            fields.text("userMetadata").unwrap_err(),
            "'properties.userMetadata' must be a text in quotes, not 1.",
        );
        check(
            fields.object("captureDescription").unwrap().flag("enabled").unwrap_err(),
            "'properties.captureDescription.enabled' must be true or false, not \"yes\".",
        );
        check(
            fields.texts("rights").unwrap_err(),
            "'properties.rights' must be a list of texts: [\"…\", \"…\"], not [1].",
        );
        check(
            fields.object("retentionDescription").unwrap_err(),
            "'properties.retentionDescription' must be an object: { … }, not [].",
        );
        let Refused::Invalid(long) = fields.whole("long").unwrap_err() else { panic!() };
        assert!(long.ends_with("x…."), "{long}");
    }
}
