//! Hubs: what a PUT asks for, and what is answered (`docs/reference/http.md` §4.5).

use forebay_broker::{HubInfo, HubWish};
use serde_json::{Map, Value, json};

use super::body::Fields;
use super::errors::Refused;
use super::path::Place;
use super::resource::{Times, envelope};

const KIND: &str = "Microsoft.EventHub/Namespaces/EventHubs";
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Events are kept for ever: so written, so kept.
const FOR_EVER: i64 = -1;

/// Reads the body of a PUT. What is absent stays as it is, or has the usual value on a new hub; what this server does
/// not do is refused, never accepted and ignored.
pub(super) fn wish(body: &Map<String, Value>) -> Result<HubWish, Refused> {
    let properties = Fields::of(body).object("properties")?;
    refuse_what_we_do_not_do(&properties)?;
    let partitions = properties.whole("partitionCount")?;
    let partitions = partitions.map(u32::try_from).transpose();
    Ok(HubWish {
        partitions: partitions.map_err(|_| properties.wrong("partitionCount", "a whole number from 1"))?,
        retention_ms: retention(&properties)?,
        user_metadata: properties.text("userMetadata")?.map(str::to_owned),
    })
}

fn refuse_what_we_do_not_do(properties: &Fields<'_>) -> Result<(), Refused> {
    let is = |given: Option<&str>, only: &str| given.is_none_or(|given| given.eq_ignore_ascii_case(only));
    if !is(properties.text("status")?, "Active") {
        return Err(properties.unsupported("status", "leave it out or send \"Active\""));
    }
    let capture = properties.object("captureDescription")?;
    if capture.flag("enabled")? == Some(true) {
        return Err(capture.unsupported("enabled", "leave captureDescription out or send false"));
    }
    let retention = properties.object("retentionDescription")?;
    if !is(retention.text("cleanupPolicy")?, "Delete") {
        return Err(retention.unsupported("cleanupPolicy", "leave it out or send \"Delete\""));
    }
    for compaction in ["tombstoneRetentionTimeInHours", "minCompactionLagTimeInMinutes"] {
        if retention.whole(compaction)?.is_some_and(|time| time != 0) {
            return Err(retention.unsupported(compaction, "it belongs to compaction, leave it out"));
        }
    }
    let timestamps = properties.object("messageTimestampDescription")?;
    if !is(timestamps.text("timestampType")?, "LogAppend") {
        return Err(timestamps.unsupported("timestampType", "leave it out or send \"LogAppend\""));
    }
    Ok(())
}

/// Hours win over days where both are given, as on Event Hubs.
fn retention(properties: &Fields<'_>) -> Result<Option<u64>, Refused> {
    let described = properties.object("retentionDescription")?;
    // Days are read too, so that nonsense in them is not passed over.
    let days = span(properties, "messageRetentionInDays", 24 * HOUR_MS)?;
    Ok(span(&described, "retentionTimeInHours", HOUR_MS)?.or(days))
}

fn span(fields: &Fields<'_>, name: &str, unit_ms: u64) -> Result<Option<u64>, Refused> {
    match fields.whole(name)? {
        None => Ok(None),
        Some(FOR_EVER) => Ok(Some(u64::MAX)),
        Some(count) => {
            let positive = u64::try_from(count).ok().filter(|count| *count > 0);
            let span = positive.and_then(|count| count.checked_mul(unit_ms));
            span.map(Some).ok_or_else(|| fields.wrong(name, "a whole number from 1, or -1 for ever"))
        }
    }
}

/// How long events are kept, in units begun.
fn units(retention_ms: u64, unit_ms: u64) -> i64 {
    if retention_ms == u64::MAX {
        return FOR_EVER;
    }
    i64::try_from(retention_ms.div_ceil(unit_ms)).unwrap_or(i64::MAX)
}

/// A hub as it is answered.
pub(super) fn model(place: &Place, namespace: &str, hub: &HubInfo) -> Value {
    let times = Times { created_ms: hub.created_ms, updated_ms: hub.updated_ms };
    let partition_ids: Vec<String> = (0..hub.partitions).map(|id| id.to_string()).collect();
    let mut properties = json!({
        "partitionIds": partition_ids,
        "partitionCount": hub.partitions,
        "messageRetentionInDays": units(hub.retention_ms, 24 * HOUR_MS),
        "retentionDescription": {
            "cleanupPolicy": "Delete",
            "retentionTimeInHours": units(hub.retention_ms, HOUR_MS),
        },
        "messageTimestampDescription": { "timestampType": "LogAppend" },
        "status": "Active",
        "createdAt": times.created(),
        "updatedAt": times.updated(),
    });
    if let Some(noted) = &hub.user_metadata {
        properties["userMetadata"] = json!(noted);
    }
    envelope(place, KIND, &["namespaces", namespace, "eventhubs", &hub.name], times, &properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish_of(properties: Value) -> Result<HubWish, Refused> {
        wish(json!({ "properties": properties }).as_object().unwrap())
    }

    #[test]
    fn what_a_put_asks_for_is_read_and_the_rest_stays() {
        let check = |properties: Value, partitions, retention_ms, user_metadata: Option<&str>| {
            let user_metadata = user_metadata.map(str::to_owned);
            let expected = HubWish { partitions, retention_ms, user_metadata };
            assert_eq!(wish_of(properties.clone()), Ok(expected), "{properties}");
        };
        check(json!({}), None, None, None);
        check(json!(null), None, None, None);
        check(json!({"partitionCount": 8}), Some(8), None, None);
        check(json!({"messageRetentionInDays": 2}), None, Some(48 * HOUR_MS), None);
        check(json!({"retentionDescription": {"retentionTimeInHours": 5}}), None, Some(5 * HOUR_MS), None);
        let both = json!({"messageRetentionInDays": 7, "retentionDescription": {"retentionTimeInHours": 30}});
        check(both, None, Some(30 * HOUR_MS), None);
        let for_ever =
            json!({"retentionDescription": {"cleanupPolicy": "delete", "retentionTimeInHours": -1}});
        check(for_ever, None, Some(u64::MAX), None);
        check(json!({"userMetadata": "a note"}), None, None, Some("a note"));
        // What clients send back from a GET, and fields of other API versions.
        let read_back = json!({
            "partitionCount": 2, "partitionIds": ["0", "1"], "status": "Active", "createdAt": "2026-01-01T00:00:00Z",
            "captureDescription": {"enabled": false, "encoding": "Avro"}, "identifier": "x", "brandNew": {"a": [1]},
            "messageTimestampDescription": {"timestampType": "LogAppend"},
            "retentionDescription": {"cleanupPolicy": "Delete", "tombstoneRetentionTimeInHours": 0},
        });
        check(read_back, Some(2), None, None);
    }

    #[test]
    fn what_this_server_does_not_do_is_refused_with_the_fix() {
        for (properties, words) in [
            (json!({"captureDescription": {"enabled": true}}), ["captureDescription.enabled", "false"]),
            (json!({"retentionDescription": {"cleanupPolicy": "Compact"}}), ["cleanupPolicy", "Delete"]),
            (
                json!({"retentionDescription": {"cleanupPolicy": "DeleteOrCompact"}}),
                ["cleanupPolicy", "Delete"],
            ),
            (
                json!({"retentionDescription": {"tombstoneRetentionTimeInHours": 1}}),
                ["tombstone", "compaction"],
            ),
            (json!({"retentionDescription": {"minCompactionLagTimeInMinutes": 1}}), ["Lag", "compaction"]),
            (json!({"status": "SendDisabled"}), ["properties.status", "Active"]),
            (
                json!({"messageTimestampDescription": {"timestampType": "Create"}}),
                ["timestampType", "LogAppend"],
            ),
        ] {
            let Err(Refused::Invalid(text)) = wish_of(properties.clone()) else { panic!("{properties}") };
            assert!(text.contains("not supported") && words.iter().all(|word| text.contains(word)), "{text}");
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused_by_name() {
        for (properties, name) in [
            (json!({"partitionCount": -1}), "'properties.partitionCount'"),
            (json!({"partitionCount": 5_000_000_000_u64}), "'properties.partitionCount'"),
            (json!({"messageRetentionInDays": 0}), "'properties.messageRetentionInDays'"),
            (json!({"messageRetentionInDays": -2}), "'properties.messageRetentionInDays'"),
            (
                json!({"messageRetentionInDays": "x", "retentionDescription": {"retentionTimeInHours": 1}}),
                "'properties.messageRetentionInDays'",
            ),
            (
                json!({"retentionDescription": {"retentionTimeInHours": i64::MAX}}),
                "'properties.retentionDescription.retentionTimeInHours'",
            ),
            (json!([]), "'properties'"),
        ] {
            let Err(Refused::Invalid(text)) = wish_of(properties.clone()) else { panic!("{properties}") };
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn a_hub_is_answered_in_the_documented_shape() {
        let (place, _) =
            Place::parse("/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces")
                .unwrap();
        let hub = HubInfo {
            name: "team/orders".into(),
            partitions: 2,
            retention_ms: 25 * HOUR_MS,
            user_metadata: Some("note".into()),
            created_ms: 0,
            updated_ms: 1_000,
        };
        let expected = json!({
            "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/ns/eventhubs/team%2Forders",
            "name": "team/orders",
            "type": "Microsoft.EventHub/Namespaces/EventHubs",
            "location": "local",
            "systemData": {"createdAt": "1970-01-01T00:00:00.000Z", "lastModifiedAt": "1970-01-01T00:00:01.000Z"},
            "properties": {
                "partitionIds": ["0", "1"],
                "partitionCount": 2,
                "messageRetentionInDays": 2,
                "retentionDescription": {"cleanupPolicy": "Delete", "retentionTimeInHours": 25},
                "messageTimestampDescription": {"timestampType": "LogAppend"},
                "status": "Active",
                "createdAt": "1970-01-01T00:00:00.000Z",
                "updatedAt": "1970-01-01T00:00:01.000Z",
                "userMetadata": "note",
            },
        });
        assert_eq!(model(&place, "ns", &hub), expected);
        let for_ever = model(&place, "ns", &HubInfo { retention_ms: u64::MAX, user_metadata: None, ..hub });
        assert_eq!(for_ever["properties"]["messageRetentionInDays"], -1);
        assert_eq!(for_ever["properties"]["retentionDescription"]["retentionTimeInHours"], -1);
        assert_eq!(for_ever["properties"].get("userMetadata"), None);
        // What is answered can be sent back, and asks for what is there.
        let again = wish(for_ever.as_object().unwrap()).unwrap();
        assert_eq!(again, HubWish { partitions: Some(2), retention_ms: Some(u64::MAX), user_metadata: None });
    }
}
