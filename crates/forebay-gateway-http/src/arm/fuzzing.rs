//! What must hold for any path and any body. `forebay-fuzz` gives them to libFuzzer, and its tests the corpora.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Uri};
use forebay_auth::ResourcePath;
use serde_json::{Map, Value};

use super::errors::Refused;
use super::page::Page;
use super::path::{Place, Scope, Target};
use super::{body, groups, host, hubs, rules};
use crate::config::BODY_BYTES_MAX;

/// The names and fixed words of a target, from `namespaces` on.
fn parts(target: &Target) -> Vec<&str> {
    fn of_scope(scope: &Scope) -> Vec<&str> {
        let mut parts = vec!["namespaces", &scope.namespace];
        parts.extend(scope.hub.iter().flat_map(|hub| ["eventhubs", hub]));
        parts.push("authorizationRules");
        parts
    }
    match target {
        Target::Namespaces => vec!["namespaces"],
        Target::Namespace { namespace } => vec!["namespaces", namespace],
        Target::Hubs { namespace } => vec!["namespaces", namespace, "eventhubs"],
        Target::Hub { namespace, hub } => vec!["namespaces", namespace, "eventhubs", hub],
        Target::Groups { namespace, hub } => {
            vec!["namespaces", namespace, "eventhubs", hub, "consumergroups"]
        }
        Target::Group { namespace, hub, group } => {
            vec!["namespaces", namespace, "eventhubs", hub, "consumergroups", group]
        }
        Target::Rules(scope) => of_scope(scope),
        Target::Rule { scope, rule } => [of_scope(scope), vec![rule]].concat(),
        Target::ListKeys { scope, rule } => [of_scope(scope), vec![rule, "listKeys"]].concat(),
        Target::RegenerateKeys { scope, rule } => [of_scope(scope), vec![rule, "regenerateKeys"]].concat(),
    }
}

/// A path and a query. What a path names has an id, which is a path that names the same; and what a grant for it must
/// cover is the hub that will be changed, or the whole namespace.
///
/// # Panics
/// If that does not hold.
pub fn path(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(uri) = text.parse::<Uri>() {
        let _answer = Page::parse(&uri);
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(bytes) {
            headers.insert("host", value);
        }
        let _authority = host::authority(&headers, &uri);
    }
    let Ok((place, target)) = Place::parse(text) else { return };
    let again = Place::parse(&place.id(&parts(&target)));
    // A list over a whole subscription has no id.
    if place.resource_group.is_some() {
        assert_eq!(again, Ok((place, target.clone())), "an id names the same");
    }
    let hub = match &target {
        Target::Hub { hub, .. } | Target::Groups { hub, .. } | Target::Group { hub, .. } => Some(hub),
        Target::Rules(scope)
        | Target::Rule { scope, .. }
        | Target::ListKeys { scope, .. }
        | Target::RegenerateKeys { scope, .. } => scope.hub.as_ref(),
        Target::Namespaces | Target::Namespace { .. } | Target::Hubs { .. } => None,
    };
    let resource = target.resource();
    match hub {
        None => assert_eq!(resource, ResourcePath::namespace()),
        Some(hub) => {
            let segments: Vec<&str> = hub.split('/').filter(|segment| !segment.is_empty()).collect();
            assert_eq!(resource.as_str(), segments.join("/").to_ascii_lowercase());
        }
    }
}

/// A body, as JSON or as something else. It is read or refused with a text of a line or two, and a key in it is in no text.
///
/// # Panics
/// If that does not hold.
pub fn body(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without IO needs nothing");
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    let read = RUNTIME.with(|runtime| runtime.block_on(body::read(&headers, Body::from(bytes.to_vec()))));
    let object = match read {
        Ok(object) => object,
        Err(refused) => {
            assert!(bytes.len() <= BODY_BYTES_MAX || refused == Refused::TooLarge);
            return is_short(&refused);
        }
    };
    let refusals = [
        hubs::wish(&object).err(),
        groups::user_metadata(&object).err(),
        rules::rights(&object).err(),
        key_is_not_told(&object),
    ];
    refusals.iter().flatten().for_each(is_short);
}

/// The refusal of a new key. Unless the key's kind is what is wrong, the key is in no text.
fn key_is_not_told(object: &Map<String, Value>) -> Option<Refused> {
    let refused = match rules::replacement(object) {
        Ok((_, key)) => {
            let shown = format!("{key:?}");
            let told = key.is_some_and(|key| key.expose().len() > 12 && shown.contains(key.expose()));
            assert!(!told, "a key is shown");
            return None;
        }
        Err(refused) => refused,
    };
    let key = object.get("key").map(Value::to_string).filter(|key| key.len() > 12);
    let kind = object.iter().find(|(name, _)| name.eq_ignore_ascii_case("keyType"));
    let kind = kind.map_or_else(String::new, |(_, kind)| kind.to_string());
    if let Some(key) = key.filter(|key| !kind.contains(key.as_str())) {
        assert!(!format!("{refused:?}").contains(&key), "a key is told");
    }
    Some(refused)
}

fn is_short(refused: &Refused) {
    if let Refused::Invalid(text) = refused {
        assert!(text.chars().count() <= 600, "{text}");
    }
}
