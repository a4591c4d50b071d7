//! What clients say about who they are and what they want: addresses, connection strings, tokens.

use forebay_auth::connection_string::Credential;
use forebay_auth::{
    Address, ConnectionString, HostRule, KeyView, PolicySource, PolicyView, ResourcePath, Rights, SasToken,
    Secret, UnixSeconds, sas,
};

use crate::memory::within;

const FACTOR: usize = 64;
const SPARE: usize = 8192;

/// What an address names is written and read as the same, and a grant for it covers that and nothing above it.
pub(crate) fn address(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let parsed = match within(bytes.len(), FACTOR, SPARE, || Address::parse(text)) {
        Ok(address) => address,
        Err(error) => {
            assert!(error.address.chars().count() <= 200);
            return;
        }
    };
    let resource = parsed.resource();
    assert!(ResourcePath::namespace().covers(&resource) && resource.covers(&resource));
    if let Some(hub) = parsed.hub() {
        let hub = hub.to_ascii_lowercase();
        assert!(
            resource.as_str() == hub || resource.as_str().starts_with(&format!("{hub}/")),
            "{resource} of {hub}"
        );
        // A grant is judged by the hub that its path names.
        if !hub.starts_with('$') {
            assert_eq!(resource.hub(), Some(hub.as_str()), "{parsed:?}");
        }
    }
    // A name that holds an escape is not written as one.
    if !parsed.to_string().contains('%') && !parsed.to_string().contains("://") {
        assert_eq!(Address::parse(&parsed.to_string()).as_ref(), Ok(&parsed), "it reads as the same");
    }
}

/// What is read is written and read as the same; shown, it has no secret, nor has an error.
pub(crate) fn connection_string(bytes: &[u8]) {
    const MARK: &str = "c2VjcmV0c2VjcmV0";
    let Ok(text) = str::from_utf8(bytes) else { return };
    if text.contains(MARK) {
        return;
    }
    // A control character stands for a key, so that each is known by its mark.
    let marked = text.replace('\u{1}', &format!("SharedAccessKey={MARK}"));
    let hides = |shown: &str| assert!(!shown.contains(MARK), "{shown}");
    match within(marked.len(), FACTOR, SPARE, || marked.parse::<ConnectionString>()) {
        Err(error) => {
            hides(&error.to_string());
            hides(&format!("{error:?}"));
        }
        Ok(parsed) => {
            let again: ConnectionString = parsed.expose().parse().expect("what we write is read");
            assert_eq!(again, parsed, "it reads as the same");
            let shown: ConnectionString =
                parsed.to_string().parse().expect("a redacted one has all its parts");
            let secret = match &shown.credential {
                Credential::Key { key, .. } => key,
                Credential::Token(token) => token,
            };
            assert_eq!(secret.expose(), Secret::REDACTED);
            let with_secret = ConnectionString { credential: parsed.credential.clone(), ..shown };
            assert_eq!(with_secret, parsed, "and nothing else is hidden");
        }
    }
}

/// One policy of the namespace.
struct Policies {
    key: Secret,
}

impl PolicySource for Policies {
    fn policy(&self, hub: Option<&str>, name: &str) -> Option<PolicyView<'_>> {
        let known = hub.is_none() && name.eq_ignore_ascii_case("Root");
        known.then_some(PolicyView {
            name: "Root",
            rights: Rights::MANAGE,
            primary: KeyView { secret: &self.key, generation: 1 },
            secondary: None,
        })
    }
}

/// No bytes are a token of ours, unless they were signed with the key; what was is good for what it says, until then.
pub(crate) fn token(bytes: &[u8]) {
    let policies = Policies { key: Secret::new("a key that nobody has") };
    let now = UnixSeconds(1_000_000);
    let check = sas::Check { now, skew_seconds: 0, hosts: HostRule::Ignore };
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(token) = within(bytes.len(), FACTOR, SPARE, || SasToken::parse(text)) {
        let (host, path) = token.audience();
        assert!(host.len() <= bytes.len() * 3 && path.as_str().len() <= bytes.len() * 3);
        let refused = token.verify(&policies, &check).expect_err("nobody signed it");
        assert!(!refused.wire_text().is_empty());
        assert!(format!("{token:?}").contains(Secret::REDACTED));
    }
    let made = sas::create(text, "Root", &policies.key, UnixSeconds(1_000_001));
    // A token has a largest size.
    if let Ok(token) = SasToken::parse(made.expose()) {
        let grant = token.verify(&policies, &check).expect("signed by us and not expired");
        assert_eq!(grant.policy.name, "Root");
        assert_eq!(grant.scope.path, token.audience().1);
        let late = sas::Check { now: UnixSeconds(1_000_002), ..check };
        assert!(token.verify(&policies, &late).is_err(), "it ends");
        let other = Policies { key: Secret::new("another key") };
        assert!(token.verify(&other, &check).is_err(), "another key did not sign it");
    }
}
