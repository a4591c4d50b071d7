//! Namespaces, as far as they are read (`docs/reference/http.md` §4.5, §4.7). They are made by configuration.

use forebay_broker::{Limits, NamespaceInfo, Tier};
use serde_json::{Value, json};

use super::path::Place;
use super::resource::{Times, envelope};

const KIND: &str = "Microsoft.EventHub/Namespaces";

/// A namespace as it is answered. `endpoint`: how the client reached us.
pub(super) fn model(place: &Place, namespace: &NamespaceInfo, endpoint: &str) -> Value {
    let times = Times { created_ms: namespace.created_ms, updated_ms: namespace.created_ms };
    let properties = json!({
        "provisioningState": "Succeeded",
        "status": "Active",
        "createdAt": times.created(),
        "updatedAt": times.updated(),
        "serviceBusEndpoint": endpoint,
        "metricId": format!("{}:{}", place.subscription, namespace.name),
        "isAutoInflateEnabled": false,
        // Terraform reads it without looking whether it is there.
        "maximumThroughputUnits": 0,
        "kafkaEnabled": false,
        "zoneRedundant": false,
        "disableLocalAuth": false,
        "minimumTlsVersion": "1.2",
        "publicNetworkAccess": "Enabled",
        "privateEndpointConnections": [],
    });
    let mut answer = envelope(place, KIND, &["namespaces", &namespace.name], times, &properties);
    let sku = sku(&namespace.limits);
    answer["sku"] = json!({ "name": sku, "tier": sku, "capacity": 1 });
    answer["tags"] = json!({});
    answer
}

/// The tier whose numbers the namespace is held to; tools ask it whether hubs may grow. There is no name for
/// Dedicated, nor for limits of one's own.
fn sku(limits: &Limits) -> &'static str {
    let tier = Tier::ALL.into_iter().find(|tier| Limits::tier(*tier) == *limits);
    match tier {
        Some(tier @ (Tier::Basic | Tier::Standard)) => tier.name(),
        Some(Tier::Premium | Tier::Dedicated) => Tier::Premium.name(),
        None if limits.partition_growth => Tier::Premium.name(),
        None => Tier::Standard.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_answered_with_what_tools_read_unchecked() {
        let path = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/ns";
        let (place, _) = Place::parse(path).unwrap();
        let namespace =
            NamespaceInfo { name: "ns".into(), hosts: Vec::new(), created_ms: 0, limits: Limits::OPEN };
        let answered = model(&place, &namespace, "http://localhost:5300/");
        assert_eq!(answered["id"], path);
        assert_eq!(answered["type"], KIND);
        assert_eq!(answered["sku"], json!({"name": "Premium", "tier": "Premium", "capacity": 1}));
        assert_eq!(answered["properties"]["maximumThroughputUnits"], 0);
        assert_eq!(answered["properties"]["provisioningState"], "Succeeded");
        assert_eq!(answered["properties"]["metricId"], "s:ns");
        assert_eq!(answered["properties"]["serviceBusEndpoint"], "http://localhost:5300/");
    }

    #[test]
    fn the_tier_says_whether_hubs_may_grow() {
        for tier in Tier::ALL {
            let limits = Limits::tier(tier);
            assert_eq!(sku(&limits) == "Premium", limits.partition_growth, "{tier:?}");
        }
        assert_eq!(sku(&Limits { hubs_max: 3, ..Limits::tier(Tier::Basic) }), "Standard");
    }
}
