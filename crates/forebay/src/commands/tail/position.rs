//! What `--from` says.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use forebay_broker::rfc3339;
use forebay_client::{PartitionProperties, Position};

/// Where to start, as written; times relative to now are reckoned once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Earliest,
    Latest,
    /// From the event with this offset on.
    Offset(String),
    /// From the event with this number on.
    Sequence(i64),
    /// From the first event stored at this time, in milliseconds since 1970 UTC, or later.
    Time(i64),
    /// From this long ago.
    Ago(Duration),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("earliest") => Ok(Self::Earliest),
            None if text.eq_ignore_ascii_case("latest") => Ok(Self::Latest),
            Some(("offset", offset)) if !offset.is_empty() => Ok(Self::Offset(offset.to_owned())),
            Some(("sequence", number)) => {
                let number = number.parse().map_err(|_| format!("'{number}' is not a sequence number"))?;
                Ok(Self::Sequence(number))
            }
            Some(("time", time)) => {
                let millis = time.parse().ok().or_else(|| rfc3339::parse(time));
                millis.map(Self::Time).ok_or_else(|| {
                    format!(
                        "'{time}' is neither milliseconds since 1970 nor a time like 2026-11-21T10:30:00Z"
                    )
                })
            }
            _ => ago(text).map(Self::Ago).ok_or_else(|| {
                "write earliest, latest, offset:N, sequence:N, time:2026-11-21T10:30:00Z, time:MILLISECONDS, \
                 or how long ago: 30s, 15m, 2h, 7d"
                    .to_owned()
            }),
        }
    }
}

/// `15m`, `15 m`, `15m ago`.
fn ago(text: &str) -> Option<Duration> {
    let text = text.strip_suffix("ago").unwrap_or(text).trim_end();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim_start() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

impl From {
    /// The position to attach at.
    pub(super) fn position(&self, now: SystemTime) -> Position {
        match self {
            Self::Earliest => Position::Earliest,
            Self::Latest => Position::Latest,
            Self::Offset(offset) => Position::Offset { offset: offset.clone(), inclusive: true },
            Self::Sequence(number) => Position::Sequence { number: *number, inclusive: true },
            Self::Time(millis) => Position::EnqueuedTime { millis: *millis, inclusive: true },
            Self::Ago(ago) => {
                let at = now.checked_sub(*ago).unwrap_or(SystemTime::UNIX_EPOCH);
                let millis = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
                Position::EnqueuedTime { millis: i64::try_from(millis).unwrap_or(i64::MAX), inclusive: true }
            }
        }
    }
}

/// Whether a partition holds anything at or after a position: what `--no-follow` waits for.
pub(super) fn has_events_from(position: &Position, partition: &PartitionProperties) -> bool {
    if partition.is_empty {
        return false;
    }
    match position {
        Position::Unfiltered | Position::Earliest => true,
        Position::Latest => false,
        Position::Sequence { number, .. } => *number <= partition.last_sequence,
        // Ours are numbers; of another server's offset only the server knows.
        Position::Offset { offset, .. } => {
            match (offset.parse::<i64>(), partition.last_offset.parse::<i64>()) {
                (Ok(offset), Ok(last)) => offset <= last,
                _ => true,
            }
        }
        Position::EnqueuedTime { millis, .. } => *millis <= partition.last_enqueued_millis,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let check = |text: &str, expected: From| assert_eq!(text.parse(), Ok(expected), "{text}");
        check("earliest", From::Earliest);
        check("Latest", From::Latest);
        check("offset:17", From::Offset("17".to_owned()));
        check("offset:a:b", From::Offset("a:b".to_owned()));
        check("sequence:17", From::Sequence(17));
        check("time:1700000000000", From::Time(1_700_000_000_000));
        check("time:2026-11-21T10:30:00Z", From::Time(1_795_257_000_000));
        check("time:2026-11-21T10:30:00+01:00", From::Time(1_795_253_400_000));
        check("30s", From::Ago(Duration::from_secs(30)));
        check("15m ago", From::Ago(Duration::from_secs(900)));
        check("2 h ago", From::Ago(Duration::from_secs(7_200)));
        check("7d", From::Ago(Duration::from_secs(604_800)));
    }

    #[test]
    fn anything_else_is_refused_with_the_forms_there_are() {
        for text in ["", "yesterday", "15", "m", "15w", "offset:", "99999999999999999999d", "-5m", "ago"] {
            let problem = text.parse::<From>().unwrap_err();
            assert!(problem.contains("earliest"), "{text}: {problem}");
        }
        for text in ["sequence:x", "sequence:", "time:noon", "time:"] {
            assert!(text.parse::<From>().is_err(), "{text}");
        }
    }

    #[test]
    fn ago_is_reckoned_from_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let at = |ago| From::Ago(Duration::from_secs(ago)).position(now);
        assert_eq!(at(400), Position::EnqueuedTime { millis: 600_000, inclusive: true });
        assert_eq!(at(2_000), Position::EnqueuedTime { millis: 0, inclusive: true });
    }

    #[test]
    fn without_follow_only_partitions_that_hold_something_are_read() {
        let partition = PartitionProperties {
            hub: "h".to_owned(),
            id: "0".to_owned(),
            begin_sequence: 5,
            last_sequence: 9,
            last_offset: "9".to_owned(),
            last_enqueued_millis: 1_000,
            is_empty: false,
        };
        let now = SystemTime::UNIX_EPOCH;
        let check = |text: &str, expected: bool| {
            let position = text.parse::<From>().unwrap().position(now);
            assert_eq!(has_events_from(&position, &partition), expected, "{text}");
            let empty = PartitionProperties { is_empty: true, ..partition.clone() };
            assert!(!has_events_from(&position, &empty), "{text}");
        };
        check("earliest", true);
        check("latest", false);
        check("sequence:9", true);
        check("sequence:10", false);
        check("offset:9", true);
        check("offset:10", false);
        check("offset:opaque", true);
        check("time:1000", true);
        check("time:1001", false);
    }
}
