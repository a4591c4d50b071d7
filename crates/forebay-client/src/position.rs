//! Where a reader starts, as the selector filter that Event Hubs' clients send (docs/reference/amqp.md §6.2).

use forebay_amqp::types::FilterSet;
use forebay_amqp::wire::{Symbol, Value};

const SELECTOR: Symbol = Symbol::from_static("apache.org:selector-filter:string");

/// Where a reader starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// No filter at all: the server decides, and ours begins with the oldest event.
    Unfiltered,
    /// The oldest event there is.
    Earliest,
    /// Only what is stored after the link is accepted.
    Latest,
    /// At an offset that the server handed out.
    Offset {
        /// The offset, opaque.
        offset: String,
        /// Begin with that event, not after it.
        inclusive: bool,
    },
    /// At a sequence number.
    Sequence {
        /// The number.
        number: i64,
        /// Begin with that event, not after it.
        inclusive: bool,
    },
    /// With the first event stored after a time, in milliseconds since 1970 UTC.
    EnqueuedTime {
        /// Milliseconds since 1970 UTC.
        millis: i64,
        /// Events stored in that very millisecond count too.
        inclusive: bool,
    },
}

impl Position {
    /// The filter of `source.filter`.
    pub(crate) fn filter(&self) -> FilterSet {
        let mut filter = FilterSet::new();
        if let Some(selector) = self.selector() {
            filter.push(SELECTOR, Value::Symbol(SELECTOR), Value::String(selector));
        }
        filter
    }

    fn selector(&self) -> Option<String> {
        let over = |inclusive: bool| if inclusive { ">=" } else { ">" };
        Some(match self {
            Self::Unfiltered => return None,
            Self::Earliest => "amqp.annotation.x-opt-offset > '-1'".to_owned(),
            Self::Latest => "amqp.annotation.x-opt-offset > '@latest'".to_owned(),
            Self::Offset { offset, inclusive } => {
                format!("amqp.annotation.x-opt-offset {} '{offset}'", over(*inclusive))
            }
            Self::Sequence { number, inclusive } => {
                format!("amqp.annotation.x-opt-sequence-number {} '{number}'", over(*inclusive))
            }
            Self::EnqueuedTime { millis, inclusive } => {
                format!("amqp.annotation.x-opt-enqueued-time {} '{millis}'", over(*inclusive))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_the_python_client_writes_them() {
        let check = |position: Position, expected: &str| {
            assert_eq!(position.selector().as_deref(), Some(expected));
        };
        check(Position::Earliest, "amqp.annotation.x-opt-offset > '-1'");
        check(Position::Latest, "amqp.annotation.x-opt-offset > '@latest'");
        check(
            Position::Offset { offset: "17".to_owned(), inclusive: false },
            "amqp.annotation.x-opt-offset > '17'",
        );
        check(
            Position::Sequence { number: 17, inclusive: true },
            "amqp.annotation.x-opt-sequence-number >= '17'",
        );
        check(
            Position::EnqueuedTime { millis: 1_700_000_000_000, inclusive: false },
            "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
        );
        assert!(Position::Unfiltered.filter().is_empty());
    }
}
