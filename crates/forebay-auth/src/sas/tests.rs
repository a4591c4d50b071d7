use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::password::verify_password;
use crate::policy::KeyView;
use crate::{CLOCK_SKEW_SECONDS, Rights};

const KEY: &str = "tk8Gd2Q0vq3mHkZ1b7yXbE5rT9uIoPaSdFgHjKlZxCv=";
const OTHER_KEY: &str = "SAS_KEY_VALUE";
const ROOT: &str = "RootManageSharedAccessKey";
const EXPIRY: UnixSeconds = UnixSeconds(1_767_225_600);
const BEFORE: UnixSeconds = UnixSeconds(EXPIRY.0 - 3_600);

/// Computed with Python's hmac and hashlib over KEY and EXPIRY, each in the encoding of the client named:
/// (client, token, host, path).
const VECTORS: [(&str, &str, &str, &str); 9] = [
    (
        "python: quote_plus, policy name encoded twice",
        "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Forders%2Fconsumergroups%2F%24default\
         &sig=vCl%2BDTffCZXZFtM56V0qCJoiSn5CS6DbYVSUAFe%2FU2o%3D&se=1767225600&skn=ops%2Bteam",
        "localhost",
        "orders/consumergroups/$default",
    ),
    (
        "javascript: encodeURIComponent, the path of the link",
        "SharedAccessSignature sr=sb%3A%2F%2Fns1.servicebus.windows.net%2Forders%2FConsumerGroups%2F%24Default\
         %2FPartitions%2F3&sig=lTHnLbHlq1kEWUmqFshKO7MAuGkTIq8Athav0I193oM%3D&se=1767225600\
         &skn=RootManageSharedAccessKey",
        "ns1.servicebus.windows.net",
        "orders/consumergroups/$default/partitions/3",
    ),
    (
        "rust: encoded, then all lower-cased",
        "SharedAccessSignature sr=amqps%3a%2f%2fns1.servicebus.windows.net%2forders\
         &sig=PTq5mAHW5Aben6c87GdBe%2FEIlA%2FYHYvBVP0hCtYxeX8%3D&se=1767225600&skn=RootManageSharedAccessKey",
        "ns1.servicebus.windows.net",
        "orders",
    ),
    (
        "go: lower-cased, emulator endpoint with port",
        "SharedAccessSignature sr=amqp%3a%2f%2flocalhost%3a5672%2forders\
         &sig=srm1QB%2FeYr5lVSy4yZ6AXfW7Tfuq4I5u2E3%2BK4JA60o%3D&se=1767225600&skn=RootManageSharedAccessKey",
        "localhost",
        "orders",
    ),
    (
        "java: URLEncoder, a space is a plus",
        "SharedAccessSignature sr=amqps%3A%2F%2Fns1.servicebus.windows.net%2Fa+hub%2FConsumerGroups%2Fg\
         &sig=Jgs0NxVb5WVDOwsOrsy0Vbz5D33OYrIHJCdJHyc2TbQ%3D&se=1767225600&skn=RootManageSharedAccessKey",
        "ns1.servicebus.windows.net",
        "a hub/consumergroups/g",
    ),
    (
        ".NET: WebUtility, slash at the end",
        "SharedAccessSignature sr=amqps%3A%2F%2Fns1.servicebus.windows.net%2Forders%2F\
         &sig=hedRS15UZXP09jkVK10VB8ZhCcsxByEAnvV1SjitWhw%3D&se=1767225600&skn=RootManageSharedAccessKey",
        "ns1.servicebus.windows.net",
        "orders",
    ),
    (
        ".NET: HttpUtility, lower-case hex everywhere, another order",
        "SharedAccessSignature skn=RootManageSharedAccessKey&se=1767225600\
         &sr=http%3a%2f%2fns1.servicebus.windows.net%2forders&sig=%2fjt1MjizSs898mP6K6fxWzfNDhdT7N%2brTfE9dh6s6j0%3d",
        "ns1.servicebus.windows.net",
        "orders",
    ),
    (
        "scripts: nothing encoded, no scheme",
        "SharedAccessSignature sr=ns1.servicebus.windows.net/orders\
         &sig=DRPeYwlFmgurHKzc1QMocazt07KYHbSmihR4D8Ew8GM=&se=1767225600&skn=RootManageSharedAccessKey",
        "ns1.servicebus.windows.net",
        "orders",
    ),
    (
        "documents: the namespace",
        "SharedAccessSignature sr=sb%3A%2F%2Fns1.servicebus.windows.net%2F\
         &sig=QKTmTOR3tmmGJdDFxmtZoLQi3vym%2FFUPzdZrmxlmehc%3D&se=1767225600&skn=RootManageSharedAccessKey",
        "ns1.servicebus.windows.net",
        "",
    ),
];

/// Policies by (hub, name); each key's generation is its length.
#[derive(Default)]
struct Policies(BTreeMap<PolicyKey, (Rights, Secret, Option<Secret>)>);

type PolicyKey = (Option<String>, String);

impl Policies {
    fn with(mut self, hub: Option<&str>, name: &str, primary: &str, secondary: Option<&str>) -> Self {
        let policy = (Rights::MANAGE, Secret::new(primary), secondary.map(Secret::new));
        self.0.insert((hub.map(str::to_owned), name.to_owned()), policy);
        self
    }
}

impl PolicySource for Policies {
    fn policy(&self, hub: Option<&str>, name: &str) -> Option<PolicyView<'_>> {
        let ((_, name), (rights, primary, secondary)) =
            self.0.get_key_value(&(hub.map(str::to_owned), name.to_owned()))?;
        let view = |secret| KeyView { secret, generation: Secret::expose(secret).len() as u64 };
        let (primary, secondary) = (view(primary), secondary.as_ref().map(view));
        Some(PolicyView { name, rights: *rights, primary, secondary })
    }
}

fn namespace() -> Policies {
    Policies::default().with(None, ROOT, KEY, None).with(None, "ops team", KEY, None)
}

fn check() -> Check<'static> {
    Check { now: BEFORE, skew_seconds: CLOCK_SKEW_SECONDS, hosts: HostRule::Ignore }
}

fn verify(token: &str, policies: &Policies) -> Result<Grant, SasError> {
    SasToken::parse(token)?.verify(policies, &check())
}

fn token(resource: &str, policy: &str, key: &str) -> String {
    create(resource, policy, &Secret::new(key), EXPIRY).expose().to_owned()
}

#[test]
fn every_clients_token_is_verified() {
    for (client, token, host, path) in VECTORS {
        assert_eq!(
            SasToken::parse(token).unwrap().audience(),
            (host.into(), ResourcePath::new(path)),
            "{client}"
        );
        let grant = verify(token, &namespace()).unwrap_or_else(|error| panic!("{client}: {error}"));
        assert_eq!(grant.scope.path.as_str(), path, "{client}");
        assert_eq!((grant.key_slot, grant.key_generation), (KeySlot::Primary, 44), "{client}");
        assert_eq!((grant.rights, grant.expires_at), (Rights::MANAGE, Some(EXPIRY)), "{client}");
    }
    assert_eq!(verify(VECTORS[0].1, &namespace()).unwrap().policy.name, "ops team");
}

#[test]
fn every_clients_token_is_refused_with_another_key() {
    let policies =
        Policies::default().with(None, ROOT, OTHER_KEY, Some(ROOT)).with(None, "ops team", "k", None);
    for (client, token, ..) in VECTORS {
        let error = verify(token, &policies).unwrap_err();
        assert!(matches!(error, SasError::KeyMismatch { .. }), "{client}: {error}");
    }
}

#[test]
fn every_clients_token_is_refused_when_one_character_changes() {
    for (client, token, ..) in VECTORS {
        for part in ["sr=", "sig=", "se="] {
            let mut bytes = token.as_bytes().to_vec();
            let at = token.find(part).unwrap() + part.len() + 4;
            bytes[at] = if bytes[at] == b'9' { b'8' } else { b'9' };
            let error = verify(std::str::from_utf8(&bytes).unwrap(), &namespace()).unwrap_err();
            assert!(
                matches!(error, SasError::KeyMismatch { .. }),
                "{client}: {part} of a changed token was answered with: {error}"
            );
        }
    }
}

#[test]
fn the_key_is_text_and_not_base64() {
    for (sr, sig) in [
        ("sb%3A%2F%2Flocalhost%2Feh1", "PPq53sXzzAhON1gprC2fVj5OGqazDdQGTQFrpeycKbQ="),
        (
            "http%3A%2F%2Fcontoso.example%2Feh1%2Fpublishers%2Fdev-01",
            "kn+GqpJmewJit7q3DgQQQxL/lX2cxb3WzoQ7dmJwDsU=",
        ),
    ] {
        assert_eq!(STANDARD.encode(signature(OTHER_KEY, sr, "1767225600")), sig);
        let policies = Policies::default().with(None, "k", OTHER_KEY, None);
        verify(&format!("sharedaccesssignature  SR={sr}&SIG={sig}&SE=1767225600&SKN=k"), &policies).unwrap();
        let unpadded = sig.trim_end_matches('=');
        verify(&format!("SharedAccessSignature sr={sr}&sig={unpadded}&se=1767225600&skn=k"), &policies)
            .unwrap();
    }
}

#[test]
fn the_secondary_key_is_as_good_and_named() {
    let policies = Policies::default().with(None, ROOT, "new", Some(KEY));
    assert_eq!(verify(VECTORS[2].1, &policies).unwrap().key_slot, KeySlot::Secondary);
}

#[test]
fn empty_keys_sign_nothing() {
    let forged = token("sb://ns/orders", ROOT, "");
    for policies in [
        Policies::default().with(None, ROOT, KEY, None),
        Policies::default().with(None, ROOT, KEY, Some("")),
        Policies::default().with(None, ROOT, "", None),
    ] {
        assert!(matches!(verify(&forged, &policies), Err(SasError::KeyMismatch { .. })));
        assert!(verify_password(&policies, None, ROOT, &Secret::new("")).is_err());
    }
}

#[test]
fn a_hub_policy_is_found_before_the_namespaces_and_stays_in_its_hub() {
    let policies =
        Policies::default().with(Some("orders"), "send", KEY, None).with(None, "send", OTHER_KEY, None);
    let from_hub = verify(&token("sb://ns/Orders/Partitions/1", "send", KEY), &policies).unwrap();
    assert_eq!(from_hub.policy, PolicyRef { hub: Some("orders".into()), name: "send".into() });
    assert_eq!(from_hub.scope.only_hub.as_deref(), Some("orders"));
    let from_namespace = verify(&token("sb://ns/orders", "send", OTHER_KEY), &policies).unwrap();
    assert_eq!(from_namespace.policy.hub, None);
    for resource in ["sb://ns/", "sb://ns/returns", "sb://ns/orders2"] {
        let error = verify(&token(resource, "send", KEY), &policies).unwrap_err();
        assert!(
            matches!(error, SasError::KeyMismatch { policy: PolicyRef { hub: None, .. }, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_token_ends_with_its_expiry_and_the_skew() {
    let parsed = SasToken::parse(VECTORS[2].1).unwrap();
    let at = |now: u64| parsed.verify(&namespace(), &Check { now: UnixSeconds(now), ..check() });
    assert!(at(EXPIRY.0 + CLOCK_SKEW_SECONDS - 1).is_ok());
    let error = at(EXPIRY.0 + CLOCK_SKEW_SECONDS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token of policy 'RootManageSharedAccessKey' expired at 1767225600, it is now 1767225660 (Unix \
         seconds): compare the clocks"
    );
    assert_eq!(error.wire_text(), "ExpiredToken: The token is expired.");
    let no_skew = Check { now: EXPIRY, skew_seconds: 0, ..check() };
    assert!(parsed.verify(&namespace(), &no_skew).is_err());
}

#[test]
fn the_host_counts_only_where_it_is_required() {
    let names = ["ns1.servicebus.windows.net".to_owned(), "*.hubs.example".to_owned()];
    let strict = Check { hosts: HostRule::Require(&names), ..check() };
    for (host, allowed) in [
        ("NS1.servicebus.windows.net", true),
        ("ns1.servicebus.windows.net:5671", true),
        ("a.hubs.example", true),
        ("ns2.servicebus.windows.net", false),
        ("localhost", false),
        ("", false),
    ] {
        let text = token(&format!("amqps://{host}/orders"), ROOT, KEY);
        let parsed = SasToken::parse(&text).unwrap();
        assert!(parsed.verify(&namespace(), &check()).is_ok(), "{host}");
        let verdict = parsed.verify(&namespace(), &strict);
        assert_eq!(verdict.is_ok(), allowed, "{host}");
        assert!(allowed || matches!(verdict, Err(SasError::WrongAudience { .. })), "{host}");
    }
}

#[test]
fn an_unknown_policy_and_a_wrong_key_look_the_same_from_outside() {
    let wrong = verify(&token("sb://ns/orders", ROOT, "wrong"), &namespace()).unwrap_err();
    let unknown = verify(&token("sb://ns/orders", "nobody\n", KEY), &namespace()).unwrap_err();
    assert_eq!(wrong.wire_text(), unknown.wire_text());
    assert_eq!(
        unknown.to_string(),
        "there is no policy \"nobody\\n\" for 'orders': compare the name in the connection string with the one that the server prints"
    );
}

#[test]
fn malformed_tokens_are_told_apart() {
    for (token, fragment) in [
        ("", "not 'Shared"),
        ("SharedAccessSignature", "not 'Shared"),
        ("Bearer sr=a&sig=b&se=1&skn=k", "does not begin"),
        ("SharedAccessSignature sig=b&se=1&skn=k", "'sr'"),
        ("SharedAccessSignature sr=a&se=1&skn=k", "'sig'"),
        ("SharedAccessSignature sr=a&sig=b&skn=k", "'se'"),
        ("SharedAccessSignature sr=a&sig=b&se=1", "'skn'"),
        ("SharedAccessSignature sr=a&sig=b&se=1.5&skn=k", "count of seconds"),
        ("SharedAccessSignature sr=a&sig=b&se=-1&skn=k", "count of seconds"),
        ("SharedAccessSignature sr=a&sig=b&se=+1&skn=k", "count of seconds"),
        ("SharedAccessSignature sr=a&sig=b&se=99999999999999999999&skn=k", "count of seconds"),
        ("SharedAccessSignature sr=a&sr=a&sig=b&se=1&skn=k", "twice"),
        (&format!("SharedAccessSignature sr={}", "a".repeat(TOKEN_BYTES_MAX)), "longer"),
    ] {
        let error = SasToken::parse(token).unwrap_err().to_string();
        assert!(error.contains(fragment), "{token}: {error}");
    }
}

#[test]
fn a_password_is_either_key_and_reaches_its_level() {
    let policies = Policies::default().with(None, ROOT, KEY, Some(OTHER_KEY)).with(
        Some("orders"),
        "send",
        "hubkey",
        None,
    );
    let grant = verify_password(&policies, None, ROOT, &Secret::new(OTHER_KEY)).unwrap();
    assert_eq!((grant.key_slot, grant.expires_at), (KeySlot::Secondary, None));
    assert!(grant.scope.covers(&ResourcePath::new("any/hub")));
    let grant = verify_password(&policies, Some("orders"), "send", &Secret::new("hubkey")).unwrap();
    assert!(grant.scope.covers(&ResourcePath::new("orders/partitions/0")));
    assert!(!grant.scope.covers(&ResourcePath::new("returns")));
    for (hub, name, key) in [(None, ROOT, "wrong"), (None, "send", "hubkey"), (Some("orders"), ROOT, KEY)] {
        let error = verify_password(&policies, hub, name, &Secret::new(key)).unwrap_err();
        assert_eq!(error.wire_text(), "InvalidSignature: The token has an invalid signature.");
    }
}

#[test]
fn a_tokens_signature_is_not_printed() {
    let printed = format!("{:?}", SasToken::parse(VECTORS[7].1).unwrap());
    assert!(printed.contains("sig: \"***\"") && !printed.contains("DRPeY"), "{printed}");
}

proptest! {
    #[test]
    fn what_we_make_we_accept(resource in "sb://[a-z.]{1,20}(/[ -~]{0,40})?", policy in "[ -~]{1,40}", key in "\\PC{1,60}") {
        let policies = Policies::default().with(None, &policy, &key, None);
        let made = token(&resource, &policy, &key);
        prop_assert!(verify(&made, &policies).is_ok(), "{}", made);
        let another = Policies::default().with(None, &policy, &format!("{key}x"), None);
        prop_assert!(verify(&made, &another).is_err());
    }

    #[test]
    fn no_input_panics(token in "\\PC{0,80}", parts in "(sr|sig|se|skn|=|&|%[0-9a-f]{0,2}|[a-z0-9/+:]){0,30}") {
        let _ = verify(&token, &namespace());
        let _ = verify(&format!("SharedAccessSignature {parts}"), &namespace());
        let _ = crate::Address::parse(&token);
        let _ = ResourcePath::from_audience(&token).1.hub();
    }
}
