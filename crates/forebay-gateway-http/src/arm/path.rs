//! Which resource a path names (`docs/reference/http.md` §4.3).
//!
//! ```text
//! /subscriptions/{s}/providers/Microsoft.EventHub/namespaces
//! /subscriptions/{s}/resourceGroups/{rg}/providers/Microsoft.EventHub/namespaces[/{ns}[/…]]
//!     eventhubs[/{hub}[/consumergroups[/{group}]]]
//!     [eventhubs/{hub}/]authorizationRules[/{rule}[/listKeys | /regenerateKeys]]
//! ```
//!
//! Fixed words are read in any letter case, names are percent-decoded once (a hub named `team/orders` is written
//! `team%2Forders`), empty segments are skipped.

use axum::http::Method;
use forebay_auth::ResourcePath;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// RFC 3986's unreserved characters stay, and `$` of `$Default`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'$');

/// Where a resource is said to be, as the client wrote it; any subscription and resource group will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) subscription: String,
    /// Absent in the list of a whole subscription.
    pub(crate) resource_group: Option<String>,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Namespaces,
    Namespace { namespace: String },
    Hubs { namespace: String },
    Hub { namespace: String, hub: String },
    Groups { namespace: String, hub: String },
    Group { namespace: String, hub: String, group: String },
    Rules(Scope),
    Rule { scope: Scope, rule: String },
    ListKeys { scope: Scope, rule: String },
    RegenerateKeys { scope: Scope, rule: String },
}

/// Whose authorization rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) namespace: String,
    pub(crate) hub: Option<String>,
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    /// There is no such route.
    Unknown,
    /// A name in it is not text.
    NotText,
}

impl Place {
    /// Reads a path.
    pub(crate) fn parse(path: &str) -> Result<(Self, Target), PathError> {
        let segments: Vec<String> =
            path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect::<Result<_, _>>()?;
        let mut rest = Segments(&segments);
        rest.word("subscriptions")?;
        let subscription = rest.name()?;
        let resource_group = if rest.word("resourceGroups").is_ok() { Some(rest.name()?) } else { None };
        rest.word("providers")?;
        rest.word("Microsoft.EventHub")?;
        rest.word("namespaces")?;
        let target = rest.namespaces(resource_group.is_some())?;
        Ok((Self { subscription, resource_group }, target))
    }

    /// The id of a resource below it: `parts` are words and names by turns, from `namespaces` on.
    pub(crate) fn id(&self, parts: &[&str]) -> String {
        let group = self.resource_group.as_deref().unwrap_or("default");
        let mut id = format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.EventHub",
            encoded(&self.subscription),
            encoded(group)
        );
        for part in parts {
            id.push('/');
            id.push_str(&encoded(part));
        }
        id
    }
}

fn decoded(segment: &str) -> Result<String, PathError> {
    let text = percent_decode_str(segment).decode_utf8().map_err(|_| PathError::NotText)?;
    if text.chars().any(char::is_control) { Err(PathError::NotText) } else { Ok(text.into_owned()) }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// The segments that are not read yet.
struct Segments<'a>(&'a [String]);

impl Segments<'_> {
    fn word(&mut self, word: &str) -> Result<(), PathError> {
        match self.0 {
            [first, rest @ ..] if first.eq_ignore_ascii_case(word) => {
                self.0 = rest;
                Ok(())
            }
            _ => Err(PathError::Unknown),
        }
    }

    fn name(&mut self) -> Result<String, PathError> {
        let (first, rest) = self.0.split_first().ok_or(PathError::Unknown)?;
        self.0 = rest;
        Ok(first.clone())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn namespaces(mut self, in_a_group: bool) -> Result<Target, PathError> {
        if self.is_empty() {
            return Ok(Target::Namespaces);
        }
        // Only the list is there without a resource group.
        if !in_a_group {
            return Err(PathError::Unknown);
        }
        let namespace = self.name()?;
        if self.is_empty() {
            return Ok(Target::Namespace { namespace });
        }
        if self.word("authorizationRules").is_ok() {
            return self.rules(Scope { namespace, hub: None });
        }
        self.word("eventhubs")?;
        if self.is_empty() {
            return Ok(Target::Hubs { namespace });
        }
        let hub = self.name()?;
        if self.is_empty() {
            return Ok(Target::Hub { namespace, hub });
        }
        if self.word("authorizationRules").is_ok() {
            return self.rules(Scope { namespace, hub: Some(hub) });
        }
        self.word("consumergroups")?;
        if self.is_empty() {
            return Ok(Target::Groups { namespace, hub });
        }
        let group = self.name()?;
        if self.is_empty() { Ok(Target::Group { namespace, hub, group }) } else { Err(PathError::Unknown) }
    }

    fn rules(mut self, scope: Scope) -> Result<Target, PathError> {
        if self.is_empty() {
            return Ok(Target::Rules(scope));
        }
        let rule = self.name()?;
        if self.is_empty() {
            return Ok(Target::Rule { scope, rule });
        }
        let list = self.word("listKeys").is_ok();
        if !list {
            self.word("regenerateKeys")?;
        }
        match (self.is_empty(), list) {
            (false, _) => Err(PathError::Unknown),
            (true, true) => Ok(Target::ListKeys { scope, rule }),
            (true, false) => Ok(Target::RegenerateKeys { scope, rule }),
        }
    }
}

impl Target {
    /// The namespace that it is in; `None` for the list of all.
    pub(crate) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Namespaces => None,
            Self::Namespace { namespace }
            | Self::Hubs { namespace }
            | Self::Hub { namespace, .. }
            | Self::Groups { namespace, .. }
            | Self::Group { namespace, .. } => Some(namespace),
            Self::Rules(scope)
            | Self::Rule { scope, .. }
            | Self::ListKeys { scope, .. }
            | Self::RegenerateKeys { scope, .. } => Some(&scope.namespace),
        }
    }

    /// What a grant must cover, with Manage: the hub for everything in a hub, else the whole namespace.
    pub(crate) fn resource(&self) -> ResourcePath {
        let hub = match self {
            Self::Namespaces | Self::Namespace { .. } | Self::Hubs { .. } => None,
            Self::Hub { hub, .. } | Self::Groups { hub, .. } | Self::Group { hub, .. } => Some(hub),
            Self::Rules(scope)
            | Self::Rule { scope, .. }
            | Self::ListKeys { scope, .. }
            | Self::RegenerateKeys { scope, .. } => scope.hub.as_ref(),
        };
        // Encoded, since it is decoded there: a name is decoded once.
        hub.map_or_else(ResourcePath::namespace, |hub| ResourcePath::new(&encoded(hub)))
    }

    /// The methods that it has, as the `Allow` header lists them.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Self::Namespaces
            | Self::Namespace { .. }
            | Self::Hubs { .. }
            | Self::Groups { .. }
            | Self::Rules(_) => "GET",
            Self::Hub { .. } | Self::Group { .. } | Self::Rule { .. } => "GET, PUT, DELETE",
            Self::ListKeys { .. } | Self::RegenerateKeys { .. } => "POST",
        }
    }

    /// Whether it has this method.
    pub(crate) fn has(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|known| known == method.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventHub/namespaces";

    fn target(path: &str) -> Result<Target, PathError> {
        Place::parse(path).map(|(_, target)| target)
    }

    fn scope(hub: Option<&str>) -> Scope {
        Scope { namespace: "ns".into(), hub: hub.map(str::to_owned) }
    }

    #[test]
    fn every_route_is_found() {
        let namespace = || "ns".to_owned();
        let (hub, group, rule) = ("orders".to_owned(), "g".to_owned(), "r".to_owned());
        let check = |path: &str, expected: Target, methods: &str, resource: &str| {
            let found = target(&format!("{BASE}{path}"));
            assert_eq!(found.as_ref(), Ok(&expected), "{path}");
            assert_eq!(expected.methods(), methods, "{path}");
            assert_eq!(expected.resource().as_str(), resource, "{path}");
        };
        let hub_scope = || scope(Some("orders"));
        check("", Target::Namespaces, "GET", "");
        check("/ns", Target::Namespace { namespace: namespace() }, "GET", "");
        check("/ns/eventhubs", Target::Hubs { namespace: namespace() }, "GET", "");
        check(
            "/ns/eventhubs/orders",
            Target::Hub { namespace: namespace(), hub: hub.clone() },
            "GET, PUT, DELETE",
            "orders",
        );
        check(
            "/ns/eventhubs/orders/consumergroups",
            Target::Groups { namespace: namespace(), hub: hub.clone() },
            "GET",
            "orders",
        );
        check(
            "/ns/eventhubs/orders/consumergroups/g",
            Target::Group { namespace: namespace(), hub, group },
            "GET, PUT, DELETE",
            "orders",
        );
        check("/ns/authorizationRules", Target::Rules(scope(None)), "GET", "");
        check("/ns/eventhubs/orders/authorizationRules", Target::Rules(hub_scope()), "GET", "orders");
        let ruled = |scope| Target::Rule { scope, rule: rule.clone() };
        check("/ns/authorizationRules/r", ruled(scope(None)), "GET, PUT, DELETE", "");
        check("/ns/eventhubs/orders/authorizationRules/r", ruled(hub_scope()), "GET, PUT, DELETE", "orders");
        let list = |scope| Target::ListKeys { scope, rule: rule.clone() };
        check("/ns/authorizationRules/r/listKeys", list(scope(None)), "POST", "");
        check("/ns/eventhubs/orders/authorizationRules/r/listKeys", list(hub_scope()), "POST", "orders");
        let regenerate = |scope| Target::RegenerateKeys { scope, rule: rule.clone() };
        check("/ns/authorizationRules/r/regenerateKeys", regenerate(scope(None)), "POST", "");
        check(
            "/ns/eventhubs/orders/authorizationRules/r/regenerateKeys",
            regenerate(hub_scope()),
            "POST",
            "orders",
        );
        assert_eq!(
            target("/subscriptions/s/providers/Microsoft.EventHub/namespaces"),
            Ok(Target::Namespaces)
        );
    }

    #[test]
    fn letter_case_of_words_and_extra_slashes_do_not_matter_and_names_are_decoded_once() {
        let upper =
            "//SUBSCRIPTIONS/s/RESOURCEGROUPS/rg/PROVIDERS/microsoft.eventhub/NAMESPACES/ns/EVENTHUBS/";
        assert_eq!(target(upper), Ok(Target::Hubs { namespace: "ns".into() }));
        let check = |written: &str, name: &str, resource: &str| {
            let found = target(&format!("{BASE}/ns/eventhubs/{written}")).unwrap();
            assert_eq!(found, Target::Hub { namespace: "ns".into(), hub: name.into() });
            assert_eq!(found.resource().as_str(), resource);
        };
        check("team%2FOrders", "team/Orders", "team/orders");
        check("team%2forders", "team/orders", "team/orders");
        // Not the hub `a/b`: what is decoded twice would let a right to one hub open another.
        check("a%252Fb", "a%2Fb", "a%2fb");
        check("eventhubs", "eventhubs", "eventhubs");
    }

    #[test]
    fn paths_that_name_nothing_are_unknown() {
        for path in [
            "/",
            "/healthy",
            "/subscriptions",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/rg",
            "/subscriptions/s/providers/Microsoft.EventHub/namespaces/ns",
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces",
        ] {
            assert_eq!(target(path), Err(PathError::Unknown), "{path}");
        }
        for path in [
            "/ns/queues",
            "/ns/eventhubs/h/messages",
            "/ns/eventhubs/h/consumergroups/g/x",
            "/ns/authorizationRules/r/listKeys/x",
            "/ns/authorizationRules/r/other",
        ] {
            assert_eq!(target(&format!("{BASE}{path}")), Err(PathError::Unknown), "{path}");
        }
        assert_eq!(target(&format!("{BASE}/ns/eventhubs/%ff")), Err(PathError::NotText));
        assert_eq!(target(&format!("{BASE}/ns/eventhubs/a%0ab")), Err(PathError::NotText));
    }

    #[test]
    fn an_id_is_a_path_that_names_the_resource() {
        let (place, _) = Place::parse(&format!("{BASE}/ns")).unwrap();
        let id = place.id(&["namespaces", "ns", "eventhubs", "team/orders", "consumergroups", "$Default"]);
        assert_eq!(id, format!("{BASE}/ns/eventhubs/team%2Forders/consumergroups/$Default"));
        let found = target(&id).unwrap();
        let expected =
            Target::Group { namespace: "ns".into(), hub: "team/orders".into(), group: "$Default".into() };
        assert_eq!(found, expected);
    }
}
