//! What things may be called, each rule with the text that says how to keep it.
//!
//! Names are unique ignoring letter case and kept as first written. They are ASCII, so that "ignoring case"
//! means the same everywhere.

use forebay_auth::Secret;
use forebay_auth::resource::RESERVED_SEGMENTS;

use crate::verdict::{Code, Rejection};

/// Characters of a hub's name at most (docs/reference/amqp.md §8.6).
pub const HUB_NAME_CHARS_MAX: usize = 256;
/// Characters of a consumer group's name at most (docs/reference/amqp.md §8.6).
pub const GROUP_NAME_CHARS_MAX: usize = 50;
/// Characters of a policy's name, or of a key, at most, as connection strings carry them (docs/reference/amqp.md §3.4).
/// The service's tools stop at 60 for names (docs/reference/http.md §2.4), so that theirs all fit.
pub const POLICY_CHARS_MAX: usize = 256;
/// Characters of a namespace's name at most: it may have to be a label of a host name. The service wants six at least
/// (docs/reference/http.md §4.6); ours need not be unique in the world.
pub const NAMESPACE_NAME_CHARS_MAX: usize = 50;
/// Characters of a host name at most, as in DNS.
pub const HOST_CHARS_MAX: usize = 253;
/// Characters of a setting's name at most.
pub const SETTING_NAME_CHARS_MAX: usize = 100;

/// Under which key a name is filed.
#[must_use]
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Hubs: letters, digits, `.`, `-`, `_` and `/`, a letter or digit at either end; the service's rule with the emulator's
/// slashes (docs/reference/http.md §4.6 and §8.1). No part between slashes may be `.`, `..` or, behind the first, a word
/// that addresses are read by (docs/reference/amqp.md §5.1).
///
/// # Errors
///
/// [`Code::InvalidName`].
pub fn check_hub(name: &str) -> Result<(), Rejection> {
    check("hub", name, HUB_NAME_CHARS_MAX, "._-/")?;
    for (index, segment) in name.split('/').enumerate() {
        if matches!(segment, "" | "." | "..") {
            return invalid("hub", name, "has an empty or dotted part between slashes: write 'team/orders'");
        }
        if index > 0 && RESERVED_SEGMENTS.iter().any(|word| word.eq_ignore_ascii_case(segment)) {
            let text =
                format!("holds the word '{segment}' behind a slash, by which addresses are read: rename it");
            return invalid("hub", name, &text);
        }
    }
    Ok(())
}

/// Consumer groups: letters, digits, `.`, `-`, `_`, a letter or digit at either end.
///
/// # Errors
///
/// [`Code::InvalidName`].
pub fn check_group(name: &str) -> Result<(), Rejection> {
    check("consumer group", name, GROUP_NAME_CHARS_MAX, "._-")
}

/// Policies: as groups, but longer.
///
/// # Errors
///
/// [`Code::InvalidName`].
pub fn check_policy(name: &str) -> Result<(), Rejection> {
    check("policy", name, POLICY_CHARS_MAX, "._-")
}

/// Namespaces: letters, digits and `-`.
///
/// # Errors
///
/// [`Code::InvalidName`].
pub fn check_namespace(name: &str) -> Result<(), Rejection> {
    check("namespace", name, NAMESPACE_NAME_CHARS_MAX, "-")
}

/// Settings of the server: lower-case words with `.`, `-` and `_`.
///
/// # Errors
///
/// [`Code::InvalidName`].
pub fn check_setting(name: &str) -> Result<(), Rejection> {
    check("setting", name, SETTING_NAME_CHARS_MAX, "._-")
}

/// Host names: exact, or `*.suffix`; no port, no scheme. IPv6 addresses stand without brackets.
///
/// # Errors
///
/// [`Code::InvalidName`].
pub fn check_host(name: &str) -> Result<(), Rejection> {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let labels = rest.split('.').all(|label| !label.is_empty());
    let address = name.parse::<std::net::Ipv6Addr>().is_ok();
    if name.len() > HOST_CHARS_MAX || !(address || (labels && rest.chars().all(sound))) {
        return invalid("host", name, "must be a host name without scheme and port, or '*.' and a suffix");
    }
    Ok(())
}

/// Keys: printable ASCII without what would break a connection string. Nothing of the key is in the error.
///
/// # Errors
///
/// [`Code::InvalidArgument`].
pub fn check_key(key: &Secret) -> Result<(), Rejection> {
    let text = key.expose();
    let sound = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
    if text.is_empty() || text.len() > POLICY_CHARS_MAX || !sound {
        let text = "a key must have 1 to 256 printable ASCII characters without spaces and ';': 32 random bytes as \
                    base64 are usual";
        return Err(Rejection::new(Code::InvalidArgument, text));
    }
    Ok(())
}

fn check(what: &str, name: &str, chars_max: usize, between: &str) -> Result<(), Rejection> {
    if name.is_empty() {
        return invalid(what, name, "is empty: give one");
    }
    if name.chars().count() > chars_max {
        return invalid(what, name, &format!("is longer than {chars_max} characters: shorten it"));
    }
    if let Some(wrong) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !between.contains(*c)) {
        let allowed: Vec<String> = between.chars().map(|c| format!("'{c}'")).collect();
        let text = format!("holds {wrong:?}: use ASCII letters, digits, {}", allowed.join(", "));
        return invalid(what, name, &text);
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.ends_with(|c: char| c.is_ascii_alphanumeric())
    {
        return invalid(what, name, "must begin and end with a letter or a digit");
    }
    Ok(())
}

fn invalid(what: &str, name: &str, problem: &str) -> Result<(), Rejection> {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(Rejection::new(Code::InvalidName, format!("the {what} name '{shown}' {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Result<(), Rejection>;

    fn accepts(check: Check, names: &[&str]) {
        for name in names {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    fn refuses(check: Check, names: &[(&str, &str)]) {
        for (name, fix) in names {
            let error = check(name).unwrap_err();
            assert_eq!(error.code, Code::InvalidName, "{name}");
            assert!(error.text.contains(fix), "{name}: {error}");
        }
    }

    #[test]
    fn hub_names_follow_the_services_pattern_and_stay_addressable() {
        let longest = "h".repeat(HUB_NAME_CHARS_MAX);
        accepts(
            check_hub,
            &["a", "0", "orders", "Or.de-rs_1", "team/orders", "messages", "partitions", &longest],
        );
        refuses(
            check_hub,
            &[
                ("", "give one"),
                (&"h".repeat(HUB_NAME_CHARS_MAX + 1), "shorten it"),
                ("-orders", "begin and end"),
                ("orders.", "begin and end"),
                ("/orders", "begin and end"),
                ("or ders", "' '"),
                ("ordérs", "'é'"),
                ("$cbs", "'$'"),
                ("or\nders", "'\\n'"),
                ("a//b", "between slashes"),
                ("a/../b", "between slashes"),
                ("a/Partitions/0", "'Partitions'"),
                ("a/messages", "'messages'"),
                ("a/b/consumergroups/c", "'consumergroups'"),
            ],
        );
    }

    #[test]
    fn every_hub_name_reads_back_from_its_addresses() {
        use forebay_auth::Address;
        for hub in ["a", "team/orders", "messages", "partitions", "publishers", "0/1/2"] {
            check_hub(hub).unwrap();
            for suffix in
                ["", "/Partitions/0", "/Publishers/p", "/ConsumerGroups/g/Partitions/0", "/$management"]
            {
                let address = Address::parse(&format!("sb://h/{hub}{suffix}")).unwrap();
                assert_eq!(address.hub(), Some(hub));
                assert_eq!(address.resource().hub(), Some(hub));
            }
        }
    }

    #[test]
    fn group_policy_and_namespace_names() {
        accepts(check_group, &["g", "my-group_1.0", &"g".repeat(GROUP_NAME_CHARS_MAX)]);
        refuses(check_group, &[("$Default", "'$'"), ("a/b", "'/'"), (&"g".repeat(51), "shorten")]);
        let (of_the_tools, longest) = ("p".repeat(60), "p".repeat(POLICY_CHARS_MAX));
        accepts(
            check_policy,
            &["RootManageSharedAccessKey", "send-1", "a", "a._-b", &of_the_tools, &longest],
        );
        let too_long = format!("{longest}p");
        refuses(check_policy, &[("a b", "' '"), ("a;b", "';'"), ("", "give one"), (&too_long, "shorten")]);
        refuses(check_policy, &[("a/b", "'/'"), ("-a", "begin and end"), ("a_", "begin and end")]);
        accepts(
            check_namespace,
            &["default", "ns-1", "emulatorNs1", "a", &"n".repeat(NAMESPACE_NAME_CHARS_MAX)],
        );
        refuses(check_namespace, &[("a.b", "'.'"), ("a_b", "'_'"), ("-a", "begin and end")]);
    }

    #[test]
    fn host_names_have_neither_scheme_nor_port() {
        accepts(check_host, &["localhost", "ns.example", "*.example.org", "10.0.0.1", "::1", "my_box"]);
        for name in ["", "sb://ns", "ns:5671", "*", "*.", "a..b", "a.*.b", "ns/hub", "[::1]", "*.::1"] {
            assert!(check_host(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_refused_key_is_not_shown() {
        for key in ["", "a b", "a;b", "é", &"k".repeat(257)] {
            let error = check_key(&Secret::new(key)).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument);
            assert!(!error.text.contains("kkkk"));
        }
        assert_eq!(check_key(&Secret::new("SAS_KEY_VALUE")), Ok(()));
    }
}
