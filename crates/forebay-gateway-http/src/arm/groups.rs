//! Consumer groups (`docs/reference/http.md` §4.5).

use forebay_broker::GroupInfo;
use serde_json::{Map, Value, json};

use super::body::Fields;
use super::errors::Refused;
use super::path::Place;
use super::resource::{Times, envelope};

const KIND: &str = "Microsoft.EventHub/Namespaces/EventHubs/ConsumerGroups";

/// Reads the body of a PUT: a note, if any.
pub(super) fn user_metadata(body: &Map<String, Value>) -> Result<Option<String>, Refused> {
    Ok(Fields::of(body).object("properties")?.text("userMetadata")?.map(str::to_owned))
}

/// A consumer group as it is answered.
pub(super) fn model(place: &Place, namespace: &str, hub: &str, group: &GroupInfo) -> Value {
    let times = Times { created_ms: group.created_ms, updated_ms: group.updated_ms };
    let mut properties = json!({ "createdAt": times.created(), "updatedAt": times.updated() });
    if let Some(noted) = &group.user_metadata {
        properties["userMetadata"] = json!(noted);
    }
    let parts = ["namespaces", namespace, "eventhubs", hub, "consumergroups", &group.name];
    envelope(place, KIND, &parts, times, &properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_answered_in_the_documented_shape_and_read_back() {
        let (place, _) =
            Place::parse("/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces")
                .unwrap();
        let noted = Some("note".to_owned());
        let group =
            GroupInfo { name: "readers".into(), user_metadata: noted.clone(), created_ms: 0, updated_ms: 0 };
        let answered = model(&place, "ns", "orders", &group);
        let expected = json!({
            "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/ns/eventhubs/orders/consumergroups/readers",
            "name": "readers",
            "type": "Microsoft.EventHub/Namespaces/EventHubs/ConsumerGroups",
            "location": "local",
            "systemData": {"createdAt": "1970-01-01T00:00:00.000Z", "lastModifiedAt": "1970-01-01T00:00:00.000Z"},
            "properties": {
                "createdAt": "1970-01-01T00:00:00.000Z",
                "updatedAt": "1970-01-01T00:00:00.000Z",
                "userMetadata": "note",
            },
        });
        assert_eq!(answered, expected);
        assert_eq!(user_metadata(answered.as_object().unwrap()), Ok(noted));
        assert_eq!(user_metadata(&Map::new()), Ok(None));
    }
}
