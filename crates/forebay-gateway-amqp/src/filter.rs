//! The selector filter of a receiver's source: where it begins to read (`docs/reference/amqp.md` §6.2).
//!
//! The whole language that any SDK produces is one comparison:
//! `amqp.annotation.x-opt-offset > '-1'`, quoted or not, with or without spaces.

use forebay_broker::StartPosition;

/// The key under which clients put the filter, and one of the three descriptors that they use.
pub(crate) const SELECTOR: &str = "apache.org:selector-filter:string";
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
}

/// Reads one comparison.
pub(crate) fn parse(expression: &str) -> Result<StartPosition, FilterError> {
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
    use super::*;

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
