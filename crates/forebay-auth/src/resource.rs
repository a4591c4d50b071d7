//! What grants are about: normalised paths inside one namespace (docs/reference/amqp.md §3.4).
//!
//! `sb://NS.example:5671/Orders/ConsumerGroups/g/` and `/orders/consumergroups/g` are the same resource,
//! `orders/consumergroups/g`. A path covers another when it is a prefix of it by whole segments:
//! `orders` covers `orders/partitions/0` and not `orders2`; the empty path is the namespace and covers all.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The words that follow a hub's name in an address, in lower case. No hub name may hold one of them after
/// its first segment, or addresses could not be read from the right.
pub const RESERVED_SEGMENTS: [&str; 5] =
    ["consumergroups", "partitions", "publishers", "revokedpublishers", "messages"];

/// The node of runtime information, as a segment.
pub(crate) const MANAGEMENT: &str = "$management";

/// A path inside a namespace: lower case, decoded, no host, no slash at either end, none doubled.
/// The empty path is the namespace itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourcePath(String);

impl ResourcePath {
    /// The namespace itself.
    #[must_use]
    pub fn namespace() -> Self {
        Self::default()
    }

    /// Normalises a path that has no host in front: `/Hub/Partitions/0/` becomes `hub/partitions/0`.
    /// Percent escapes that are not UTF-8 are kept as they stand.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self::of_decoded(&percent_decode_str(path).decode_utf8().unwrap_or(path.into()))
    }

    /// As [`Self::new`] for a path whose escapes are decoded: what looks like one is part of a name.
    pub(crate) fn of_decoded(decoded: &str) -> Self {
        let mut normal = String::with_capacity(decoded.len());
        for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
            if !normal.is_empty() {
                normal.push('/');
            }
            normal.push_str(segment);
        }
        normal.make_ascii_lowercase();
        Self(normal)
    }

    /// Splits an audience (a decoded `sr`, the `name` of put-token) into host and path.
    ///
    /// Scheme, port, query, letter case and slashes at the ends do not matter. Without a scheme the first
    /// segment is the host, as in `ns.example/hub`.
    #[must_use]
    pub fn from_audience(uri: &str) -> (String, Self) {
        let rest = uri.trim().split_once("://").map_or(uri.trim(), |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        (host_of(authority).to_ascii_lowercase(), Self::new(path))
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For messages: the path in quotes, or `the namespace`.
    #[must_use]
    pub fn quoted(&self) -> String {
        if self.0.is_empty() { "the namespace".to_owned() } else { format!("'{}'", self.0) }
    }

    /// Whether this is a prefix of `other` by whole segments.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match other.0.strip_prefix(&self.0) {
            Some(rest) => self.0.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }

    /// The hub that the path names, read from the right because hub names may hold slashes; `None` for the
    /// namespace and for nodes that belong to no hub (`$management`, `$cbs`).
    #[must_use]
    pub fn hub(&self) -> Option<&str> {
        let segments: Vec<&str> = self.0.split('/').collect();
        let hub_segments = match segments.as_slice() {
            // First, as an address is read.
            [hub @ .., MANAGEMENT] => hub,
            [hub @ .., "consumergroups", _, "partitions", _] if !hub.is_empty() => hub,
            [hub @ .., "consumergroups" | "partitions" | "publishers", _] if !hub.is_empty() => hub,
            all => all,
        };
        let bytes = hub_segments.iter().map(|segment| segment.len() + 1).sum::<usize>().saturating_sub(1);
        let hub = &self.0[..bytes];
        (!hub.is_empty() && !hub.starts_with('$')).then_some(hub)
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a grant is good for: everything under a path, and for a hub's policy nothing but that hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceScope {
    /// What was signed.
    pub path: ResourcePath,
    /// The hub (normalised) whose policy signed; `None` for a policy of the namespace. With the path `a`
    /// alone, hub `a`'s policy would reach into the hub named `a/b`.
    pub only_hub: Option<String>,
}

impl ResourceScope {
    /// Whether `resource` lies inside.
    #[must_use]
    pub fn covers(&self, resource: &ResourcePath) -> bool {
        self.path.covers(resource) && self.only_hub.as_deref().is_none_or(|hub| resource.hub() == Some(hub))
    }
}

impl fmt::Display for ResourceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.quoted().fmt(f)
    }
}

/// What the host inside a token's `sr` must be.
#[derive(Clone, Copy, Debug)]
pub enum HostRule<'a> {
    /// Anything: in development clients sign `localhost`, addresses and container names.
    Ignore,
    /// One of the namespace's host names, exact or `*.suffix`.
    Require(&'a [String]),
}

impl HostRule<'_> {
    /// Whether a token for this host (without port) is meant for us.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::Ignore => true,
            Self::Require(names) => names.iter().any(|pattern| host_matches(pattern, host)),
        }
    }
}

/// Whether `host` is the name `pattern`, or lies below it where the pattern is `*.suffix`. Letter case does
/// not matter, and one final dot on either side is ignored.
#[must_use]
pub fn host_matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    let host = host.strip_suffix('.').unwrap_or(host);
    match pattern.strip_prefix('*') {
        Some(suffix) => {
            suffix.starts_with('.')
                && host.len() > suffix.len()
                && host.is_char_boundary(host.len() - suffix.len())
                && host[host.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// The host of `host:port`, `[::1]:port` or a bare IPv6 address, without brackets.
#[must_use]
pub fn host_of(authority: &str) -> &str {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(bracketed) = authority.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    match authority.split_once(':') {
        Some((host, rest)) if !rest.contains(':') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_audience_is_one_resource() {
        for (uri, host, path) in [
            ("sb://localhost/orders", "localhost", "orders"),
            ("sb://localhost:5672/orders/", "localhost", "orders"),
            ("amqps://NS1.servicebus.windows.net/Orders", "ns1.servicebus.windows.net", "orders"),
            ("http://ns/hub?timeout=60", "ns", "hub"),
            ("ns/hub", "ns", "hub"),
            ("ns", "ns", ""),
            ("sb://ns/", "ns", ""),
            ("sb:///hub", "", "hub"),
            ("sb://[::1]:5672//hub//partitions/0", "::1", "hub/partitions/0"),
            ("amqp://127.0.0.1:5672/a%20hub/%24management", "127.0.0.1", "a hub/$management"),
        ] {
            assert_eq!(ResourcePath::from_audience(uri), (host.into(), ResourcePath::new(path)), "{uri}");
        }
    }

    #[test]
    fn coverage_goes_by_whole_segments() {
        for (scope, resource, covered) in [
            ("", "hub", true),
            ("", "", true),
            ("hub", "hub", true),
            ("hub", "hub/consumergroups/g/partitions/0", true),
            ("hub", "hub/publishers/p", true),
            ("hub", "hub/$management", true),
            ("hub", "hub2", false),
            ("hub", "hu", false),
            ("hub", "", false),
            ("hub/consumergroups/g", "hub/consumergroups/g/partitions/3", true),
            ("hub/consumergroups/g", "hub/consumergroups/g2/partitions/3", false),
            ("hub/publishers/p", "hub/publishers/p", true),
            ("hub/publishers/p", "hub", false),
            ("hub/publishers/p", "hub/publishers/pp", false),
            ("hub/partitions/1", "hub/partitions/1", true),
            ("hub/partitions/1", "hub/partitions/11", false),
            ("hub/$management", "hub/$management", true),
            ("hub/$management", "hub/partitions/0", false),
        ] {
            assert_eq!(
                ResourcePath::new(scope).covers(&ResourcePath::new(resource)),
                covered,
                "{scope} {resource}"
            );
        }
    }

    #[test]
    fn the_hub_is_read_from_the_right() {
        for (path, hub) in [
            ("", None),
            ("$management", None),
            ("$cbs", None),
            ("hub", Some("hub")),
            ("team/hub", Some("team/hub")),
            ("team/hub/$management", Some("team/hub")),
            ("team/hub/partitions/0", Some("team/hub")),
            ("hub/publishers/p", Some("hub")),
            ("hub/consumergroups/$default", Some("hub")),
            ("hub/consumergroups/$default/partitions/0", Some("hub")),
            ("partitions/partitions/0", Some("partitions")),
            ("messages", Some("messages")),
        ] {
            assert_eq!(ResourcePath::new(path).hub(), hub, "{path}");
        }
    }

    #[test]
    fn a_hub_policy_stays_inside_its_hub() {
        let scope = ResourceScope { path: ResourcePath::new("a"), only_hub: Some("a".into()) };
        assert!(scope.covers(&ResourcePath::new("a")));
        assert!(scope.covers(&ResourcePath::new("a/partitions/0")));
        assert!(!scope.covers(&ResourcePath::new("a/b")));
        assert!(!scope.covers(&ResourcePath::new("a/b/partitions/0")));
        let namespace_scope = ResourceScope { only_hub: None, ..scope };
        assert!(namespace_scope.covers(&ResourcePath::new("a/b")));
    }

    #[test]
    fn host_patterns_match_names_below_a_suffix() {
        for (pattern, host, matched) in [
            ("ns.example", "NS.Example", true),
            ("ns.example", "ns.example.", true),
            ("ns.example", "x.ns.example", false),
            ("*.example", "ns.example", true),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("*.example", "nsexample", false),
            ("*", "anything", false),
            ("*.example", "é.example", true),
            ("*.xample", "éxample", false),
        ] {
            assert_eq!(host_matches(pattern, host), matched, "{pattern} {host}");
        }
    }
}
