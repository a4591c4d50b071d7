//! The selector filter of a receiver's source: where it begins to read (`docs/reference/amqp.md` §6.2).
//!
//! The whole language that any SDK produces is one comparison:
//! `amqp.annotation.x-opt-offset > '-1'`, quoted or not, with or without spaces.

use forebay_amqp::types::FilterSet;
use forebay_amqp::wire::{Described, Value};
use forebay_broker::StartPosition;

/// The key under which the SDKs put the filter, and the first of the descriptors that they use.
const SELECTOR: &str = "apache.org:selector-filter:string";
/// The others: that of JavaScript, Go, Rust and Qpid JMS, and that of .NET.
const SELECTOR_CODES: [u64; 2] = [0x0000_468C_0000_0004, 0x0000_0013_7000_000A];
const PREFIX: &str = "amqp.annotation.";

/// Why an expression could not be read. It goes to the client as `com.microsoft:argument-error`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("the filter '{0}' is not of the form \"amqp.annotation.x-opt-offset > '-1'\"")]
    Form(String),
    #[error("the filter names '{0}'; it can be x-opt-offset, x-opt-sequence-number or x-opt-enqueued-time")]
    Field(String),
    #[error("the filter's value '{value}' is not {expected}")]
    Value { value: String, expected: &'static str },
    #[error("the filter '{0}' must be a string")]
    NotText(String),
    #[error("the source has more than one filter; give the one that says where to begin")]
    Several,
    #[error(
        "the filter '{0}' is not supported: only a selector of the form \"amqp.annotation.x-opt-offset > '-1'\" is"
    )]
    Unsupported(String),
}

/// Where a reader begins. Without a filter at the earliest event, so that a client that knows nothing of filters misses
/// nothing. A filter is known by its descriptor, the key is only its name (AMQP 1.0 §3.5.8); one that is not known is
/// refused, since whoever asks for fewer events must not be given all.
pub(crate) fn start_position(filters: &FilterSet) -> Result<StartPosition, FilterError> {
    let mut start = None;
    for (name, value) in filters.0.0.iter().filter(|(_, value)| *value != Value::Null) {
        let name = name.as_str();
        let selector = match value {
            Value::Described(filter) if name == SELECTOR || is_selector(filter) => &filter.value,
            _ => return Err(FilterError::Unsupported(shown(name))),
        };
        let expression = selector.as_text().ok_or_else(|| FilterError::NotText(shown(name)))?;
        if start.replace(parse(expression)?).is_some() {
            return Err(FilterError::Several);
        }
    }
    Ok(start.unwrap_or(StartPosition::Earliest))
}

fn is_selector(filter: &Described) -> bool {
    match &filter.descriptor {
        Value::Symbol(name) => name.as_str() == SELECTOR,
        Value::Ulong(code) => SELECTOR_CODES.contains(code),
        _ => false,
    }
}

/// Reads one comparison.
fn parse(expression: &str) -> Result<StartPosition, FilterError> {
    let form = || FilterError::Form(shown(expression));
    let rest = expression.trim().strip_prefix(PREFIX).ok_or_else(form)?;
    let operator = rest.find('>').ok_or_else(form)?;
    let (name, rest) = rest.split_at(operator);
    let rest = rest.strip_prefix('>').ok_or_else(form)?;
    let (inclusive, rest) = match rest.strip_prefix('=') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let literal = unquote(rest.trim()).ok_or_else(form)?;
    if literal.is_empty() {
        return Err(form());
    }
    match name.trim_end() {
        "x-opt-offset" => match literal {
            "@latest" => Ok(StartPosition::Latest),
            "-1" => Ok(StartPosition::Earliest),
            _ => sequence(
                literal,
                inclusive,
                "an offset that this server gave (a decimal number), '-1' or '@latest'",
            ),
        },
        "x-opt-sequence-number" if literal == "-1" => Ok(StartPosition::Earliest),
        "x-opt-sequence-number" if literal == "@latest" => Ok(StartPosition::Latest),
        "x-opt-sequence-number" => sequence(literal, inclusive, "a sequence number"),
        "x-opt-enqueued-time" | "x-opt-enqueuedtimeutc" => {
            let ms = literal.parse().map_err(|_| FilterError::Value {
                value: shown(literal),
                expected: "a time in milliseconds since 1970",
            })?;
            Ok(StartPosition::EnqueuedTime { ms, inclusive })
        }
        other => Err(FilterError::Field(shown(other))),
    }
}

fn sequence(literal: &str, inclusive: bool, expected: &'static str) -> Result<StartPosition, FilterError> {
    match literal.parse::<i64>() {
        Ok(number) if number >= 0 => Ok(StartPosition::Sequence { number: number.unsigned_abs(), inclusive }),
        _ => Err(FilterError::Value { value: shown(literal), expected }),
    }
}

/// A literal between single quotes, or bare; a lone quote is neither.
fn unquote(literal: &str) -> Option<&str> {
    match literal.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\''),
        None => (!literal.ends_with('\'')).then_some(literal),
    }
}

/// What the client wrote, short enough for an error text.
fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use forebay_amqp::wire::Symbol;

    use super::*;

    const EXPRESSION: &str = "amqp.annotation.x-opt-sequence-number > '5'";

    fn set(filters: impl IntoIterator<Item = (&'static str, Value, Value)>) -> FilterSet {
        let mut set = FilterSet::new();
        for (name, descriptor, value) in filters {
            set.push(Symbol::from_static(name), descriptor, value);
        }
        set
    }

    fn by_name() -> Value {
        Value::Symbol(Symbol::from_static(SELECTOR))
    }

    #[test]
    fn a_selector_is_known_by_its_descriptor_under_any_name() {
        let [by_code, by_code_of_dotnet] = SELECTOR_CODES.map(Value::Ulong);
        for name in [SELECTOR, "jms-selector", "s"] {
            for descriptor in [by_name(), by_code.clone(), by_code_of_dotnet.clone()] {
                let filters = set([(name, descriptor, Value::from(EXPRESSION))]);
                assert_eq!(start_position(&filters), Ok(at(5, false)), "{name}");
            }
        }
        // Under the SDKs' own name any descriptor will do.
        let filters = set([(SELECTOR, Value::Ulong(1), Value::from(EXPRESSION))]);
        assert_eq!(start_position(&filters), Ok(at(5, false)));
    }

    #[test]
    fn without_a_filter_reading_begins_at_the_earliest_event() {
        assert_eq!(start_position(&FilterSet::new()), Ok(StartPosition::Earliest));
        let mut null = FilterSet::new();
        null.0.push(Symbol::from_static("none"), Value::Null);
        assert_eq!(start_position(&null), Ok(StartPosition::Earliest));
    }

    #[test]
    fn what_cannot_be_filtered_by_is_refused_and_never_ignored() {
        let colour = set([("jms-selector", Value::Ulong(SELECTOR_CODES[0]), Value::from("colour = 'red'"))]);
        assert!(matches!(start_position(&colour), Err(FilterError::Form(_))));
        let number = set([(SELECTOR, by_name(), Value::Int(5))]);
        assert_eq!(start_position(&number), Err(FilterError::NotText(SELECTOR.to_owned())));
        let unknown = set([("no-local", Value::Ulong(0x0000_468C_0000_0003), Value::List(Vec::new()))]);
        assert_eq!(start_position(&unknown), Err(FilterError::Unsupported("no-local".to_owned())));
        let mut bare = FilterSet::new();
        bare.0.push(Symbol::from_static("bare"), Value::from(EXPRESSION));
        assert_eq!(start_position(&bare), Err(FilterError::Unsupported("bare".to_owned())));
        let two = ["one", "two"].map(|name| (name, by_name(), Value::from(EXPRESSION)));
        assert_eq!(start_position(&set(two)), Err(FilterError::Several));
    }

    fn at(number: u64, inclusive: bool) -> StartPosition {
        StartPosition::Sequence { number, inclusive }
    }

    #[test]
    fn reads_what_each_sdk_writes() {
        let cases = [
            ("amqp.annotation.x-opt-offset > '-1'", StartPosition::Earliest),
            ("amqp.annotation.x-opt-offset > '@latest'", StartPosition::Latest),
            ("amqp.annotation.x-opt-offset >= '@latest'", StartPosition::Latest),
            ("amqp.annotation.x-opt-offset >'-1'", StartPosition::Earliest),
            ("amqp.annotation.x-opt-offset > -1", StartPosition::Earliest),
            ("amqp.annotation.x-opt-offset > @latest", StartPosition::Latest),
            ("amqp.annotation.x-opt-offset >= '-1'", StartPosition::Earliest),
            ("amqp.annotation.x-opt-offset > '12'", at(12, false)),
            ("amqp.annotation.x-opt-offset>=12", at(12, true)),
            ("amqp.annotation.x-opt-sequence-number > '0'", at(0, false)),
            ("amqp.annotation.x-opt-sequence-number >= '7'", at(7, true)),
            ("amqp.annotation.x-opt-sequence-number > '-1'", StartPosition::Earliest),
            (
                "amqp.annotation.x-opt-enqueued-time > '1700000000123'",
                StartPosition::EnqueuedTime { ms: 1_700_000_000_123, inclusive: false },
            ),
            (
                "amqp.annotation.x-opt-enqueued-time > '9223372036854775807'",
                StartPosition::EnqueuedTime { ms: i64::MAX, inclusive: false },
            ),
            (
                "amqp.annotation.x-opt-enqueuedtimeutc >= '5'",
                StartPosition::EnqueuedTime { ms: 5, inclusive: true },
            ),
        ];
        for (expression, expected) in cases {
            assert_eq!(parse(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn refuses_what_is_no_comparison_and_says_what_would_be() {
        for expression in [
            "",
            "x-opt-offset > 1",
            "amqp.annotation.x-opt-offset < '1'",
            "amqp.annotation.x-opt-offset > '1",
        ] {
            let error = parse(expression).unwrap_err();
            assert!(matches!(error, FilterError::Form(_)), "{expression}: {error}");
        }
        assert!(matches!(parse("amqp.annotation.colour > '1'"), Err(FilterError::Field(_))));
        for literal in ["abc", "-2", "1.5", "99999999999999999999"] {
            let error = parse(&format!("amqp.annotation.x-opt-offset > '{literal}'")).unwrap_err();
            assert!(matches!(error, FilterError::Value { .. }), "{literal}: {error}");
        }
        assert!(matches!(
            parse("amqp.annotation.x-opt-enqueued-time > 'noon'"),
            Err(FilterError::Value { .. })
        ));
    }
}
