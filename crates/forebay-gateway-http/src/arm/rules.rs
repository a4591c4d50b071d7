//! Authorization rules, which are the shared access policies, and their keys (`docs/reference/http.md` §2.4, §4.5).

use forebay_auth::{ConnectionString, KeySlot, Rights, Secret};
use forebay_broker::{PolicyInfo, PolicyKeys};
use serde_json::{Map, Value, json};

use super::body::Fields;
use super::errors::Refused;
use super::path::Place;
use super::resource::{Times, envelope};
use crate::config::AmqpEndpoint;

const KIND: &str = "Microsoft.EventHub/Namespaces/AuthorizationRules";
const HUB_KIND: &str = "Microsoft.EventHub/Namespaces/EventHubs/AuthorizationRules";

/// Reads the body of a PUT. As on Event Hubs, Manage is given together with what it implies.
pub(super) fn rights(body: &Map<String, Value>) -> Result<Rights, Refused> {
    const MUST: &str = "some of [\"Listen\", \"Manage\", \"Send\"]";
    let properties = Fields::of(body).object("properties")?;
    let wrong = |must| properties.wrong("rights", must);
    let names = properties.texts("rights")?.filter(|names| !names.is_empty()).ok_or_else(|| wrong(MUST))?;
    let given: Option<Vec<Rights>> = names.iter().map(|name| Rights::from_name(name)).collect();
    let given = given.ok_or_else(|| wrong(MUST))?;
    let rights = given.iter().fold(Rights::NONE, |sum, right| sum | *right);
    let complete = [Rights::SEND, Rights::LISTEN].iter().all(|implied| given.contains(implied));
    if rights == Rights::MANAGE && !complete {
        return Err(wrong("[\"Listen\", \"Manage\", \"Send\"] where it holds Manage"));
    }
    Ok(rights)
}

/// Reads the body of `regenerateKeys`: which key, and a key of the user's own.
pub(super) fn replacement(body: &Map<String, Value>) -> Result<(KeySlot, Option<Secret>), Refused> {
    let fields = Fields::of(body);
    let slot = match fields.text("keyType")? {
        Some(kind) if kind.eq_ignore_ascii_case("PrimaryKey") => KeySlot::Primary,
        Some(kind) if kind.eq_ignore_ascii_case("SecondaryKey") => KeySlot::Secondary,
        _ => return Err(fields.wrong("keyType", "\"PrimaryKey\" or \"SecondaryKey\"")),
    };
    let key = fields.secret("key")?;
    Ok((slot, key))
}

/// A rule as it is answered.
pub(super) fn model(place: &Place, namespace: &str, hub: Option<&str>, policy: &PolicyInfo) -> Value {
    let times = Times { created_ms: policy.created_ms, updated_ms: policy.updated_ms };
    let rights: Vec<&str> = policy.rights.names().collect();
    let properties = json!({ "rights": rights });
    match hub {
        None => {
            let parts = ["namespaces", namespace, "authorizationRules", &policy.name];
            envelope(place, KIND, &parts, times, &properties)
        }
        Some(hub) => {
            let parts = ["namespaces", namespace, "eventhubs", hub, "authorizationRules", &policy.name];
            envelope(place, HUB_KIND, &parts, times, &properties)
        }
    }
}

/// Both keys with connection strings that work.
pub(super) fn keys(keys: &PolicyKeys, host: &str, amqp: AmqpEndpoint, hub: Option<&str>) -> Value {
    let connection_string = |key: &Secret| {
        let mut text = ConnectionString::new(host, &keys.name, key.clone());
        if amqp.port != amqp.default_port() {
            text = text.with_port(amqp.port);
        }
        if let Some(hub) = hub {
            text = text.with_entity_path(hub);
        }
        if !amqp.tls {
            text = text.with_development_emulator();
        }
        text.expose()
    };
    json!({
        "primaryConnectionString": connection_string(&keys.primary),
        "secondaryConnectionString": connection_string(&keys.secondary),
        "primaryKey": keys.primary.expose(),
        "secondaryKey": keys.secondary.expose(),
        "keyName": keys.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights_of(given: Value) -> Result<Rights, Refused> {
        rights(json!({ "properties": { "rights": given } }).as_object().unwrap())
    }

    #[test]
    fn rights_are_read_in_any_order_and_manage_comes_with_the_others() {
        assert_eq!(rights_of(json!(["Send"])), Ok(Rights::SEND));
        assert_eq!(rights_of(json!(["send", "LISTEN"])), Ok(Rights::SEND | Rights::LISTEN));
        assert_eq!(rights_of(json!(["Manage", "Send", "Listen"])), Ok(Rights::MANAGE));
        for (given, word) in [
            (json!([]), "Listen"),
            (json!(null), "properties.rights"),
            (json!(["Read"]), "not [\"Read\"]"),
            (json!("Send"), "list of texts"),
            (json!(["Manage"]), "where it holds Manage"),
            (json!(["Manage", "Send"]), "where it holds Manage"),
        ] {
            let Err(Refused::Invalid(text)) = rights_of(given.clone()) else { panic!("{given}") };
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn a_key_is_replaced_by_slot_and_its_text_is_never_repeated() {
        let read = |body: Value| replacement(body.as_object().unwrap());
        assert_eq!(read(json!({"keyType": "PrimaryKey"})), Ok((KeySlot::Primary, None)));
        let own = Some(Secret::new("abc"));
        assert_eq!(read(json!({"keyType": "secondarykey", "key": "abc"})), Ok((KeySlot::Secondary, own)));
        let Err(Refused::Invalid(text)) = read(json!({"keyType": "Third"})) else { panic!() };
        assert!(text.contains("\"SecondaryKey\", not \"Third\""), "{text}");
        let Err(Refused::Invalid(text)) = read(json!({"keyType": "PrimaryKey", "key": 4711})) else {
            panic!()
        };
        assert!(text.contains("'key'") && !text.contains("4711"), "{text}");
    }

    #[test]
    fn a_rule_is_answered_in_the_documented_shape() {
        let (place, _) =
            Place::parse("/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces")
                .unwrap();
        let policy = PolicyInfo { name: "all".into(), rights: Rights::MANAGE, created_ms: 0, updated_ms: 0 };
        let expected = json!({
            "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/ns/authorizationRules/all",
            "name": "all",
            "type": "Microsoft.EventHub/Namespaces/AuthorizationRules",
            "location": "local",
            "systemData": {"createdAt": "1970-01-01T00:00:00.000Z", "lastModifiedAt": "1970-01-01T00:00:00.000Z"},
            "properties": {"rights": ["Listen", "Manage", "Send"]},
        });
        assert_eq!(model(&place, "ns", None, &policy), expected);
        let of_hub = model(&place, "ns", Some("orders"), &policy);
        assert_eq!(of_hub["type"], "Microsoft.EventHub/Namespaces/EventHubs/AuthorizationRules");
        assert!(of_hub["id"].as_str().unwrap().ends_with("/ns/eventhubs/orders/authorizationRules/all"));
    }

    #[test]
    fn keys_come_with_connection_strings_for_the_listener_that_there_is() {
        let both =
            PolicyKeys { name: "all".into(), primary: Secret::new("a="), secondary: Secret::new("b=") };
        let check = |port, tls, hub, expected: &str| {
            let answered = keys(&both, "localhost", AmqpEndpoint { port, tls }, hub);
            assert_eq!(answered["primaryConnectionString"], expected);
            expected.parse::<ConnectionString>().unwrap();
            let second = expected.replace("=a=", "=b=");
            assert_eq!(answered["secondaryConnectionString"], second);
        };
        let base = "SharedAccessKeyName=all;SharedAccessKey=a=";
        let emulator = "UseDevelopmentEmulator=true";
        check(5672, false, None, &format!("Endpoint=sb://localhost/;{base};{emulator}"));
        check(5673, false, None, &format!("Endpoint=sb://localhost:5673/;{base};{emulator}"));
        check(5671, true, None, &format!("Endpoint=sb://localhost/;{base}"));
        check(7000, true, Some("eh"), &format!("Endpoint=sb://localhost:7000/;{base};EntityPath=eh"));
        let answered = keys(&both, "h", AmqpEndpoint { port: 5671, tls: true }, None);
        let names: Vec<&String> = answered.as_object().unwrap().keys().collect();
        let documented =
            ["keyName", "primaryConnectionString", "primaryKey", "secondaryConnectionString", "secondaryKey"];
        assert_eq!(names, documented);
    }
}
