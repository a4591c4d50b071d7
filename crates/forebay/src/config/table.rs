//! The table of settings. Everything that knows a setting's name knows it from here: the reader of the file, the
//! environment variables, the flags of `forebay serve`, and docs/configuration.md, which a test holds to it.

use super::kind::Kind;

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// As written in the file: `section.key`, or `key` above the first section.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    /// A value that differs from the default, as written in the file.
    pub(crate) example: &'static str,
    /// What it does, for docs/configuration.md and `--help`.
    pub(crate) meaning: &'static str,
}

/// What holds when a setting is not given.
#[derive(Debug)]
pub(crate) enum Default {
    /// This value, as written in the file; read the same way.
    Value(&'static str),
    /// No value; the words say what that means.
    None(&'static str),
    /// It must be given.
    Required,
}

/// The section that may be repeated, one for each namespace.
pub(crate) const NAMESPACE: &str = "namespace";
/// What every environment variable begins with.
pub(crate) const PREFIX: &str = "FOREBAY_";

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const MIB: u64 = 1024 * 1024;

/// Every setting, in the order of docs/configuration.md.
pub(crate) const SETTINGS: [Setting; 25] = [
    Setting {
        name: "data",
        kind: Kind::Path,
        default: Default::Required,
        example: r#""/var/lib/forebay""#,
        meaning: "Folder for events, hubs, policies and keys; made if it is not there.",
    },
    Setting {
        name: "durability",
        kind: Kind::Choice(&["disk", "os"]),
        default: Default::Value(r#""disk""#),
        example: r#""os""#,
        meaning: "When an event is acknowledged: `disk` after the flush (survives a power cut), `os` after the write \
                  (survives a killed process).",
    },
    Setting {
        name: "listen",
        kind: Kind::Addresses,
        default: Default::Value(r#"["0.0.0.0", "::"]"#),
        example: r#"["127.0.0.1"]"#,
        meaning: "Addresses to listen on. Listeners without TLS use only the loopback addresses among them (all \
                  addresses include those), unless `allow_plaintext` is true.",
    },
    Setting {
        name: "amqps_port",
        kind: Kind::Port,
        default: Default::Value("5671"),
        example: "15671",
        meaning: "AMQP over TLS. Serves when `tls.certificate` is given.",
    },
    Setting {
        name: "https_port",
        kind: Kind::Port,
        default: Default::Value("443"),
        example: "8443",
        meaning: "HTTPS. Serves when `tls.certificate` is given. Where 443 is not allowed and was not asked for, 8443 \
                  is taken, with a line that says so.",
    },
    Setting {
        name: "amqp_port",
        kind: Kind::Port,
        default: Default::Value("5672"),
        example: r#""off""#,
        meaning: "AMQP without TLS.",
    },
    Setting {
        name: "http_port",
        kind: Kind::Port,
        default: Default::Value("5300"),
        example: r#""off""#,
        meaning: "HTTP without TLS.",
    },
    Setting {
        name: "allow_plaintext",
        kind: Kind::Switch,
        default: Default::Value("false"),
        example: "true",
        meaning: "Serve without TLS beyond this machine, and take passwords (SASL PLAIN) without TLS. Only for networks \
                  that encrypt by themselves.",
    },
    Setting {
        name: "default_namespace",
        kind: Kind::Name,
        default: Default::None("a host name that no namespace lists is refused"),
        example: r#""orders""#,
        meaning: "Name of the namespace for every host name that no namespace lists.",
    },
    Setting {
        name: "create_on_first_use",
        kind: Kind::Switch,
        default: Default::Value("false"),
        example: "true",
        meaning: "Make hubs and consumer groups when they are first used, instead of refusing.",
    },
    Setting {
        name: "clock_skew",
        kind: Kind::Duration { min_ms: 0, max_ms: DAY_MS },
        default: Default::Value(r#""60s""#),
        example: r#""30s""#,
        meaning: "How far a client's clock may be behind before its token counts as expired.",
    },
    Setting {
        name: "stop_timeout",
        kind: Kind::Duration { min_ms: 0, max_ms: DAY_MS },
        default: Default::Value(r#""10s""#),
        example: r#""60s""#,
        meaning: "How long to finish what was taken before stopping anyway.",
    },
    Setting {
        name: "memory_budget",
        kind: Kind::Bytes { min: 64 * MIB, max: 1024 * 1024 * MIB },
        default: Default::None("a quarter of the memory, at most 2 GiB"),
        example: r#""512MiB""#,
        meaning: "Bound of the memory for events on their way: buffers of connections, what waits for its flush, recent \
                  events kept for readers.",
    },
    Setting {
        name: "ready_file",
        kind: Kind::Path,
        default: Default::None("none is written"),
        example: r#""/run/forebay/ready.json""#,
        meaning: "Written, whole, once every listener serves: addresses and connection string as JSON, readable by its \
                  owner alone. Removed at the stop.",
    },
    Setting {
        name: "log",
        kind: Kind::LogFilter,
        default: Default::Value(r#""info""#),
        example: r#""debug""#,
        meaning: "What is logged to standard error: `error`, `warn`, `info`, `debug`, `trace`, or rules such as \
                  `info,forebay_log=debug`.",
    },
    Setting {
        name: "tls.certificate",
        kind: Kind::Path,
        default: Default::None("no listener serves TLS"),
        example: r#""/etc/forebay/certificate.pem""#,
        meaning: "PEM file with the server's certificate and behind it those that lead to the authority.",
    },
    Setting {
        name: "tls.key",
        kind: Kind::Path,
        default: Default::None("no listener serves TLS"),
        example: r#""/etc/forebay/key.pem""#,
        meaning: "PEM file with the certificate's private key, which must not be readable by everyone.",
    },
    Setting {
        name: "namespace.name",
        kind: Kind::Name,
        default: Default::Required,
        example: r#""sales""#,
        meaning: "The namespace's name.",
    },
    Setting {
        name: "namespace.hosts",
        kind: Kind::Hosts,
        default: Default::None("reached as `default_namespace` only"),
        example: r#"["orders.example.org", "*.orders.example.org"]"#,
        meaning: "Host names by which clients reach it, exact or `*.suffix`, without port. A name belongs to one \
                  namespace.",
    },
    Setting {
        name: "namespace.tier",
        kind: Kind::Choice(&["basic", "standard", "premium", "dedicated"]),
        default: Default::None("no tier: the limits are the server's"),
        example: r#""standard""#,
        meaning: "Limits as Azure's tier of that name has them. The limits below go before it.",
    },
    Setting {
        name: "namespace.hubs_max",
        kind: Kind::Count { min: 1, max: forebay_namespace::limits::HUBS_MAX as u64 },
        default: Default::None("the tier's"),
        example: "10",
        meaning: "Hubs of the namespace at most.",
    },
    Setting {
        name: "namespace.partitions_max",
        kind: Kind::Count { min: 1, max: forebay_namespace::limits::PARTITIONS_MAX as u64 },
        default: Default::None("the tier's"),
        example: "32",
        meaning: "Partitions of a hub at most.",
    },
    Setting {
        name: "namespace.groups_max",
        kind: Kind::Count { min: 1, max: forebay_namespace::limits::GROUPS_MAX as u64 },
        default: Default::None("the tier's"),
        example: "20",
        meaning: "Consumer groups of a hub at most; `$Default` counts.",
    },
    Setting {
        name: "namespace.retention_max",
        kind: Kind::Duration { min_ms: 60 * 60 * 1_000, max_ms: 36_500 * DAY_MS },
        default: Default::None("the tier's"),
        example: r#""7d""#,
        meaning: "How long a hub may be told to keep its events.",
    },
    Setting {
        name: "namespace.partition_growth",
        kind: Kind::Switch,
        default: Default::None("the tier's; allowed without one"),
        example: "false",
        meaning: "Whether a hub's number of partitions may be raised later.",
    },
];

impl Setting {
    /// The section it stands in; empty above the first one.
    pub(crate) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// Its key within the section.
    pub(crate) fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }

    pub(crate) fn is_of_namespace(&self) -> bool {
        self.section() == NAMESPACE
    }

    /// The environment variable; `<N>` stands for the namespace's place, counted from 1.
    pub(crate) fn variable(&self) -> String {
        let name = if self.is_of_namespace() {
            format!("{NAMESPACE}_<N>_{}", self.key())
        } else {
            self.name.to_owned()
        };
        // Only what stands for a number keeps its letters as they are: it is one, and upper case already.
        format!("{PREFIX}{}", name.replace('.', "_").to_ascii_uppercase())
    }

    /// The flag of `forebay serve`, without its dashes; namespaces have none.
    pub(crate) fn flag(&self) -> Option<String> {
        (!self.is_of_namespace()).then(|| self.name.replace(['.', '_'], "-"))
    }
}

/// The setting of this full name.
pub(crate) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The settings of a section.
pub(crate) fn of_section(section: &str) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |setting| setting.section() == section)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_variables_and_flags_are_each_unique() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let variables: BTreeSet<_> = SETTINGS.iter().map(Setting::variable).collect();
        let flags: BTreeSet<_> = SETTINGS.iter().filter_map(Setting::flag).collect();
        assert_eq!((names.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
        assert_eq!(flags.len(), SETTINGS.iter().filter(|setting| !setting.is_of_namespace()).count());
    }

    #[test]
    fn variables_and_flags_follow_from_the_name() {
        let of = |name| setting(name).unwrap();
        assert_eq!(of("tls.certificate").variable(), "FOREBAY_TLS_CERTIFICATE");
        assert_eq!(of("tls.certificate").flag().as_deref(), Some("tls-certificate"));
        assert_eq!(of("amqp_port").flag().as_deref(), Some("amqp-port"));
        assert_eq!(of("namespace.hubs_max").variable(), "FOREBAY_NAMESPACE_<N>_HUBS_MAX");
        assert_eq!(of("namespace.hubs_max").flag(), None);
    }
}
