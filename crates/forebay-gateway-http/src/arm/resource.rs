//! What the answers about all resources have in common (`docs/reference/http.md` §4.5).

use forebay_broker::rfc3339;
use serde_json::{Value, json};

use super::path::Place;

/// Where every resource is said to be: tools insist on a text.
pub(super) const LOCATION: &str = "local";

/// When a resource was made and changed, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
}

impl Times {
    pub(super) fn created(self) -> String {
        rfc3339::format(self.created_ms)
    }

    pub(super) fn updated(self) -> String {
        rfc3339::format(self.updated_ms)
    }
}

/// A resource: `parts` are the words and names of its id from `namespaces` on, the last of them its name.
pub(super) fn envelope(place: &Place, kind: &str, parts: &[&str], times: Times, properties: &Value) -> Value {
    json!({
        "id": place.id(parts),
        "name": parts.last(),
        "type": kind,
        "location": LOCATION,
        "systemData": { "createdAt": times.created(), "lastModifiedAt": times.updated() },
        "properties": properties,
    })
}
