//! What a setting's value may be, and how it is read; one reader for the file, the environment and the flags.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_namespace::names;

use super::problem::{Place, shown};

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A file or a folder. Relative ones count from the file's folder, or from the working folder when they
    /// come from elsewhere.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A port, or none.
    Port,
    /// A number with a unit of time.
    Duration { min_ms: u64, max_ms: u64 },
    /// A number of bytes, with or without a unit.
    Bytes { min: u64, max: u64 },
    /// A number.
    Count { min: u64, max: u64 },
    /// IP addresses.
    Addresses,
    /// A namespace's name.
    Name,
    /// Host names.
    Hosts,
    /// Rules for the log.
    LogFilter,
}

/// A value as found, before it is judged.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Text(String),
    Integer(i128),
    Switch(bool),
    List(Vec<(Self, Place)>),
    /// Something that no setting takes, in words.
    Other(&'static str),
}

/// A value as judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Path(PathBuf),
    Text(String),
    Switch(bool),
    /// `None` is off.
    Port(Option<u16>),
    Duration(Duration),
    Number(u64),
    Addresses(Vec<IpAddr>),
    /// Each with its own place.
    Names(Vec<(String, Place)>),
}

/// Why a value is not taken.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// Nearer than the setting's own, where there is one.
    pub(crate) place: Option<Place>,
    pub(crate) found: String,
    pub(crate) fix: String,
}

impl Raw {
    /// A text of the environment or the command line, where everything is text: as much of it as the kind asks
    /// for becomes a number, a switch or a list.
    pub(crate) fn of_text(kind: Kind, text: &str, place: &Place) -> Self {
        let text = text.trim();
        match kind {
            Kind::Switch => text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Switch),
            Kind::Port | Kind::Bytes { .. } | Kind::Count { .. } => {
                text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Integer)
            }
            Kind::Addresses | Kind::Hosts => {
                let items = text.split(',').map(|item| (Self::Text(item.trim().to_owned()), place.clone()));
                Self::List(items.collect())
            }
            _ => Self::Text(text.to_owned()),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Text(text) => format!("found \"{}\"", shown(text)),
            Self::Integer(number) => format!("found {number}"),
            Self::Switch(switch) => format!("found {switch}"),
            Self::List(_) => "found a list".to_owned(),
            Self::Other(what) => format!("found {what}"),
        }
    }
}

impl Kind {
    /// Judges a value. `base` is where relative paths count from.
    pub(crate) fn read(self, raw: &Raw, base: &Path) -> Result<Value, Wrong> {
        let wrong = || Wrong { place: None, found: raw.found(), fix: self.fix() };
        let value = match (self, raw) {
            (Self::Path, Raw::Text(text)) if !text.is_empty() && !text.contains('\0') => {
                Some(Value::Path(base.join(text)))
            }
            (Self::Choice(words), Raw::Text(text)) => {
                words.contains(&text.as_str()).then(|| Value::Text(text.clone()))
            }
            (Self::Switch, Raw::Switch(switch)) => Some(Value::Switch(*switch)),
            (Self::Port, Raw::Integer(number)) => {
                u16::try_from(*number).ok().map(|port| Value::Port(Some(port)))
            }
            (Self::Port, Raw::Text(text)) if text == "off" => Some(Value::Port(None)),
            (Self::Duration { min_ms, max_ms }, Raw::Text(text)) => scaled(text, &TIME_UNITS)
                .filter(|ms| (min_ms..=max_ms).contains(ms))
                .map(|ms| Value::Duration(Duration::from_millis(ms))),
            (Self::Bytes { min, max }, Raw::Text(text)) => {
                scaled(text, &BYTE_UNITS).filter(|bytes| (min..=max).contains(bytes)).map(Value::Number)
            }
            (Self::Bytes { min, max } | Self::Count { min, max }, Raw::Integer(number)) => {
                u64::try_from(*number).ok().filter(|number| (min..=max).contains(number)).map(Value::Number)
            }
            (Self::Name, Raw::Text(text)) => {
                names::check_namespace(text).map_err(|why| Wrong {
                    place: None,
                    found: why.text,
                    fix: self.fix(),
                })?;
                Some(Value::Text(text.clone()))
            }
            (Self::LogFilter, Raw::Text(text)) if !text.is_empty() => {
                is_log_rules(text).then(|| Value::Text(text.clone()))
            }
            (Self::Addresses | Self::Hosts, Raw::Text(_)) => return self.read_list(&[(raw, None)]),
            (Self::Addresses | Self::Hosts, Raw::List(items)) if !items.is_empty() => {
                let items: Vec<_> = items.iter().map(|(item, place)| (item, Some(place))).collect();
                return self.read_list(&items);
            }
            _ => None,
        };
        value.ok_or_else(wrong)
    }

    fn read_list(self, items: &[(&Raw, Option<&Place>)]) -> Result<Value, Wrong> {
        let mut addresses = Vec::new();
        let mut names = Vec::new();
        for (raw, place) in items {
            let wrong = |found: String| Wrong { place: place.cloned(), found, fix: self.fix() };
            let Raw::Text(text) = raw else { return Err(wrong(raw.found())) };
            if matches!(self, Self::Addresses) {
                let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
                addresses.push(bare.parse().map_err(|_| wrong(raw.found()))?);
            } else {
                names::check_host(text).map_err(|why| wrong(why.text))?;
                names.push((text.to_ascii_lowercase(), place.cloned().unwrap_or(Place::Default)));
            }
        }
        Ok(if matches!(self, Self::Addresses) { Value::Addresses(addresses) } else { Value::Names(names) })
    }

    /// What it takes, for docs/configuration.md.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Path => "path".to_owned(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
            }
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Port => "port, or `\"off\"`".to_owned(),
            Self::Duration { min_ms, max_ms } => format!("duration, {} to {}", time(min_ms), time(max_ms)),
            Self::Bytes { min, .. } => format!("bytes, at least {}", bytes(min)),
            Self::Count { min, max } => format!("{min} to {max}"),
            Self::Addresses => "IP address, or a list".to_owned(),
            Self::Name => "name".to_owned(),
            Self::Hosts => "host name, or a list".to_owned(),
            Self::LogFilter => "log rules".to_owned(),
        }
    }

    fn fix(self) -> String {
        match self {
            Self::Path => "give a path in quotes".to_owned(),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("give one of {}", words.join(", "))
            }
            Self::Switch => "give true or false, without quotes".to_owned(),
            Self::Port => "give a number from 0 to 65535 (0 picks a free one), or \"off\"".to_owned(),
            Self::Duration { min_ms, max_ms } => format!(
                "give a number with a unit (ms, s, m, h, d), such as \"30s\" or \"7d\", from {} to {}",
                time(min_ms),
                time(max_ms)
            ),
            Self::Bytes { min, max } => format!(
                "give a number of bytes, or one with a unit (KiB, MiB, GiB), such as \"512MiB\", from {} to {}",
                bytes(min),
                bytes(max)
            ),
            Self::Count { min, max } => format!("give a number from {min} to {max}"),
            Self::Addresses => {
                "give IP addresses such as \"127.0.0.1\" or [\"0.0.0.0\", \"::\"]; ports have settings of their own"
                    .to_owned()
            }
            Self::Name => "give a name such as \"orders-1\"".to_owned(),
            Self::Hosts => {
                "give host names such as [\"orders.example.org\", \"*.orders.example.org\"]".to_owned()
            }
            Self::LogFilter => LOG_RULES_FIX.to_owned(),
        }
    }
}

/// What to write instead of something that is no log rules.
pub(crate) const LOG_RULES_FIX: &str =
    "give error, warn, info, debug or trace, or rules such as \"info,forebay_log=debug\"";

/// Whether rules for the log say what they mean: a word alone is a level. The filter itself takes any word for a part of
/// the program whose lines are wanted, and then shows no others.
pub(crate) fn is_log_rules(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let is_level = |rule: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(rule));
    let says = |rule: &str| rule.contains('=') || is_level(rule);
    text.split(',').all(|rule| says(rule.trim())) && tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

/// A number of bytes as people write it: `1048576`, `16MiB`.
pub(crate) fn bytes_of(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| scaled(text, &BYTE_UNITS))
}

const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const BYTE_UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Digits and a unit, nothing else.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// In the largest unit that leaves no rest.
fn in_units(number: u64, units: &[(&str, u64)], between: &str) -> String {
    let fits = |factor: u64| number != 0 && number.is_multiple_of(factor);
    let (unit, factor) = units.iter().rev().find(|(_, factor)| fits(*factor)).unwrap_or(&units[0]);
    format!("{}{between}{unit}", number / factor)
}

fn time(ms: u64) -> String {
    if ms == 0 { "0s".to_owned() } else { in_units(ms, &TIME_UNITS, "") }
}

fn bytes(number: u64) -> String {
    in_units(number, &BYTE_UNITS, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY_TIME: Kind = Kind::Duration { min_ms: 0, max_ms: u64::MAX };

    fn text(kind: Kind, text: &str) -> Option<Value> {
        kind.read(&Raw::of_text(kind, text, &Place::Default), Path::new("/base")).ok()
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let duration = |found| match text(ANY_TIME, found) {
            Some(Value::Duration(duration)) => Some(duration.as_millis()),
            _ => None,
        };
        assert_eq!(duration("7d"), Some(7 * 86_400_000));
        assert_eq!(duration("24h"), Some(86_400_000));
        assert_eq!(duration("90 m"), Some(5_400_000));
        assert_eq!(duration("0s"), Some(0));
        assert_eq!(duration("250ms"), Some(250));
        for wrong in ["", "7", "d", "-1s", "1.5h", "7D", "7 days", "99999999999999999999d", "1h30m"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bounds_hold_at_both_ends() {
        let kind = Kind::Duration { min_ms: 1_000, max_ms: 60_000 };
        assert!(text(kind, "1s").is_some() && text(kind, "60s").is_some());
        assert!(text(kind, "999ms").is_none() && text(kind, "61s").is_none());
        let kind = Kind::Count { min: 1, max: 32 };
        assert!(text(kind, "1").is_some() && text(kind, "32").is_some());
        assert!(text(kind, "0").is_none() && text(kind, "33").is_none() && text(kind, "-1").is_none());
        let kind = Kind::Bytes { min: 1 << 20, max: 1 << 30 };
        assert_eq!(text(kind, "1MiB"), Some(Value::Number(1 << 20)));
        assert_eq!(text(kind, "1048576"), Some(Value::Number(1 << 20)));
        assert!(
            text(kind, "1023KiB").is_none() && text(kind, "2GiB").is_none() && text(kind, "1MB").is_none()
        );
    }

    #[test]
    fn a_word_alone_in_log_rules_is_a_level() {
        for rules in ["info", "WARN", "info,forebay_log=debug", "forebay_log=debug, info", "off"] {
            assert!(is_log_rules(rules), "{rules}");
        }
        for rules in ["verbose", "forebay_log", "info,verbose", "info,", "", "forebay_log=verbose", "info,="]
        {
            assert!(!is_log_rules(rules), "{rules}");
        }
    }

    #[test]
    fn bytes_may_have_a_unit() {
        assert_eq!(
            (bytes_of("1024"), bytes_of("1GiB"), bytes_of("16 MiB")),
            (Some(1024), Some(1 << 30), Some(1 << 24))
        );
        assert_eq!((bytes_of("1GB"), bytes_of("-1"), bytes_of("")), (None, None, None));
    }

    #[test]
    fn a_port_is_sixteen_bits_or_off() {
        assert_eq!(text(Kind::Port, "65535"), Some(Value::Port(Some(65535))));
        assert_eq!(text(Kind::Port, "off"), Some(Value::Port(None)));
        for wrong in ["65536", "-1", "amqp", "OFF", ""] {
            assert_eq!(text(Kind::Port, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas_where_everything_is_text() {
        let addresses = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(text(Kind::Addresses, "127.0.0.1, [::1]"), Some(Value::Addresses(addresses)));
        assert_eq!(text(Kind::Addresses, "127.0.0.1,"), None);
        assert_eq!(text(Kind::Addresses, "127.0.0.1:5672"), None);
        assert!(text(Kind::Hosts, "a.example,*.b.example").is_some());
        assert!(text(Kind::Hosts, "sb://a.example").is_none());
    }

    #[test]
    fn relative_paths_count_from_the_base() {
        assert_eq!(text(Kind::Path, "data"), Some(Value::Path("/base/data".into())));
        assert_eq!(text(Kind::Path, "/data"), Some(Value::Path("/data".into())));
        assert_eq!(text(Kind::Path, ""), None);
    }

    #[test]
    fn numbers_are_told_in_the_largest_unit() {
        assert_eq!((time(0), time(90_000), time(7 * 86_400_000)), ("0s".into(), "90s".into(), "7d".into()));
        assert_eq!((bytes(1 << 26), bytes(1_000)), ("64 MiB".into(), "1000 B".into()));
    }
}
