use super::*;
use crate::CLOCK_SKEW_SECONDS;
use crate::Secret;
use crate::policy::{KeyView, PolicyView};

const NOW: UnixSeconds = UnixSeconds(1_000_000);

fn grant(path: &str, rights: Rights, expires_at: u64) -> Grant {
    Grant {
        policy: PolicyRef { hub: None, name: format!("p{expires_at}") },
        key_slot: KeySlot::Primary,
        key_generation: 7,
        scope: ResourceScope { path: ResourcePath::new(path), only_hub: None },
        rights,
        expires_at: Some(UnixSeconds(expires_at)),
        skew_seconds: CLOCK_SKEW_SECONDS,
    }
}

fn set(grants: &[(&str, Rights, u64)]) -> TokenSet {
    let mut tokens = TokenSet::default();
    for (index, (path, rights, expires_at)) in grants.iter().enumerate() {
        let audience = ResourcePath::new(&format!("audience{index}"));
        tokens.put(audience, grant(path, *rights, *expires_at), NOW).unwrap();
    }
    tokens
}

#[test]
fn a_link_is_allowed_if_any_live_grant_covers_it_with_the_right() {
    let late = 2_000_000;
    let early = 1_000;
    let send = Rights::SEND;
    let listen = Rights::LISTEN;
    type Given<'a> = &'a [(&'a str, Rights, u64)];
    let cases: [(Given<'_>, &str, Rights, Option<&str>); 12] = [
        (&[], "hub", send, None),
        (&[("hub", send, late)], "hub", send, Some("p2000000")),
        (&[("hub", send, late)], "hub/partitions/0", send, Some("p2000000")),
        (&[("hub", send, late)], "hub", listen, None),
        (&[("hub", send, late)], "hub2", send, None),
        (&[("", Rights::MANAGE, late)], "hub/consumergroups/g/partitions/0", listen, Some("p2000000")),
        (&[("hub", send, late), ("hub", listen, late)], "hub", listen, Some("p2000000")),
        (&[("hub", send, late), ("hub", listen, late)], "hub", Rights::MANAGE, None),
        (&[("hub", send, early)], "hub", send, None),
        (&[("hub", send, early), ("hub", send, late)], "hub", send, Some("p2000000")),
        (&[("hub", send, 1_500_000), ("hub", send, late)], "hub", send, Some("p2000000")),
        (&[("hub", send, late), ("hub", send, 1_500_000)], "hub", send, Some("p2000000")),
    ];
    for (grants, resource, right, policy) in cases {
        let tokens = set(grants);
        let found = tokens.authorise(&ResourcePath::new(resource), right, NOW);
        assert_eq!(
            found.ok().map(|grant| grant.policy.name.as_str()),
            policy,
            "{grants:?} {resource} {right}"
        );
    }
}

#[test]
fn a_refusal_names_what_is_missing() {
    let hub = ResourcePath::new("hub");
    let why = |tokens: &TokenSet, right| tokens.authorise(&hub, right, NOW).unwrap_err().why;
    assert_eq!(why(&set(&[]), Rights::SEND), Why::NoToken);
    assert_eq!(why(&set(&[("other", Rights::SEND, 2_000_000)]), Rights::SEND), Why::NotCovered);
    assert_eq!(
        why(&set(&[("hub", Rights::SEND, 2_000_000)]), Rights::LISTEN).to_string(),
        "policy 'p2000000' gives only: Send"
    );
    let expired = set(&[("hub", Rights::SEND, 900_000), ("hub", Rights::LISTEN, 2_000_000)]);
    assert_eq!(
        expired.authorise(&hub, Rights::SEND, NOW).unwrap_err().to_string(),
        "'Send' on 'hub' is denied: the token of policy 'p900000' expired at 900000, it is now 1000000 \
         (Unix seconds)"
    );
    assert_eq!(
        expired.authorise(&hub, Rights::MANAGE, NOW).unwrap_err().wire_text("ns.example"),
        "Unauthorized access. 'Manage' claim(s) are required to perform this operation. Resource: \
         'sb://ns.example/hub'."
    );
}

#[test]
fn runtime_information_needs_any_right() {
    let node = ResourcePath::new("hub/$management");
    for rights in [Rights::SEND, Rights::LISTEN, Rights::MANAGE] {
        assert!(set(&[("hub", rights, 2_000_000)]).authorise_any(&node, NOW).is_ok());
        assert!(set(&[("hub", rights, 1)]).authorise_any(&node, NOW).is_err());
    }
    assert!(set(&[("hub", Rights::NONE, 2_000_000)]).authorise_any(&node, NOW).is_err());
    assert!(set(&[("hub/$management", Rights::SEND, 2_000_000)]).authorise_any(&node, NOW).is_ok());
}

#[test]
fn a_grant_lives_for_the_clock_skew_longer_than_its_token() {
    let grant = grant("hub", Rights::SEND, NOW.0);
    assert!(!grant.is_expired(NOW));
    assert!(!grant.is_expired(NOW.plus(CLOCK_SKEW_SECONDS - 1)));
    assert!(grant.is_expired(NOW.plus(CLOCK_SKEW_SECONDS)));
    assert!(!Grant { expires_at: None, ..grant }.is_expired(UnixSeconds(u64::MAX)));
}

#[test]
fn a_later_token_for_the_same_audience_replaces_the_former() {
    let mut tokens = TokenSet::default();
    let audience = ResourcePath::new("hub");
    tokens.put(audience.clone(), grant("hub", Rights::SEND, 1_100_000), NOW).unwrap();
    tokens.put(audience.clone(), grant("hub", Rights::LISTEN, 1_200_000), NOW).unwrap();
    assert_eq!(tokens.grants().count(), 1);
    assert!(tokens.authorise(&audience, Rights::SEND, NOW).is_err());
    assert_eq!(tokens.next_deadline(), Some(UnixSeconds(1_200_060)));
}

#[test]
fn a_full_set_drops_expired_grants_before_it_refuses() {
    let mut tokens = TokenSet::default();
    for index in 0..TokenSet::GRANTS_MAX {
        let expires_at = if index == 0 { 1 } else { 2_000_000 };
        let audience = ResourcePath::new(&format!("hub/partitions/{index}"));
        tokens.put(audience, grant("hub", Rights::SEND, expires_at), NOW).unwrap();
    }
    let fresh = || grant("hub", Rights::SEND, 2_000_000);
    assert_eq!(tokens.put(ResourcePath::new("a"), fresh(), NOW), Ok(()));
    assert_eq!(tokens.put(ResourcePath::new("b"), fresh(), NOW), Err(TooManyTokens));
    assert_eq!(tokens.put(ResourcePath::new("a"), fresh(), NOW), Ok(()), "a renewal always fits");
}

#[derive(Clone)]
struct OnePolicy(Option<(Rights, u64, Secret)>);

impl PolicySource for OnePolicy {
    fn policy(&self, _hub: Option<&str>, _name: &str) -> Option<PolicyView<'_>> {
        self.0.as_ref().map(|(rights, generation, secret)| PolicyView {
            name: "p",
            rights: *rights,
            primary: KeyView { secret, generation: *generation },
            secondary: None,
        })
    }
}

#[test]
fn a_grant_falls_with_its_policy_its_key_or_its_rights() {
    let grant = grant("hub", Rights::SEND, 2_000_000);
    let policy = |rights, generation| OnePolicy(Some((rights, generation, Secret::new("k"))));
    assert_eq!(grant.still_holds(&policy(Rights::SEND, 7)), Ok(()));
    assert_eq!(grant.still_holds(&policy(Rights::MANAGE, 7)), Ok(()));
    let text = |source: OnePolicy| grant.still_holds(&source).unwrap_err().to_string();
    assert_eq!(text(OnePolicy(None)), "policy 'p2000000' was deleted");
    assert_eq!(text(policy(Rights::SEND, 8)), "the primary key of policy 'p2000000' was replaced");
    assert_eq!(text(policy(Rights::LISTEN, 7)), "policy 'p2000000' now gives only these rights: Listen");
    let secondary = Grant { key_slot: KeySlot::Secondary, ..grant.clone() };
    assert!(secondary.still_holds(&policy(Rights::SEND, 7)).is_err());
}
