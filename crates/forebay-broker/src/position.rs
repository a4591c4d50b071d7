//! Where a reader begins, and what each way of saying so means (`docs/reference/amqp.md` §6.2).

use forebay_log::{Bounds, Durability, LogError, PartitionLog, Sequence, WallMillis};

/// Where a reader wants to begin. Offsets are sequence numbers here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPosition {
    /// At the oldest event kept.
    Earliest,
    /// After the last event, at the instant when the reader is accepted.
    Latest,
    /// After event `number`, or with it.
    Sequence {
        /// A sequence number.
        number: u64,
        /// Begin with that event rather than after it.
        inclusive: bool,
    },
    /// With the first event enqueued after `ms`, or not before it.
    EnqueuedTime {
        /// Milliseconds since 1970.
        ms: i64,
        /// Events of exactly that time count.
        inclusive: bool,
    },
}

/// Why a reader cannot begin where it wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The position lies beyond the end: what the client remembers is not in this log.
    #[error(
        "The supplied sequence number '{supplied}' is invalid. The last sequence number in the system is '{}'",
        last.map_or(-1, |last| i64::try_from(last.0).unwrap_or(i64::MAX))
    )]
    BeyondEnd {
        /// What the reader asked for.
        supplied: u64,
        /// The last event, if there is any.
        last: Option<Sequence>,
    },
    /// The log could not say.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// What was decided about a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The first event to read, or the number of the next one to come.
    pub from: Sequence,
    /// The position lay beyond the end and the reader begins at the oldest event instead: with less than `disk`
    /// durability, events it has seen can be gone, and their numbers with them.
    pub restarted: bool,
}

/// Turns a position into the sequence number to read from. `disk` refuses what lies beyond the end, as Azure does;
/// the other levels start over, since a reader may well remember what an accident took.
///
/// # Errors
/// [`StartError::BeyondEnd`], or the log's own error while it looks up a time.
pub(crate) async fn resolve(
    position: StartPosition,
    log: &dyn PartitionLog,
    durability: Durability,
) -> Result<Start, StartError> {
    let bounds = log.bounds();
    let at = |from: Sequence| Start { from: from.max(bounds.first), restarted: false };
    Ok(match position {
        StartPosition::Earliest => at(bounds.first),
        StartPosition::Latest => at(bounds.next),
        StartPosition::Sequence { number, inclusive } => match by_number(number, inclusive, &bounds) {
            Some(from) => at(from),
            None if durability == Durability::Disk => {
                let last = bounds.next.0.checked_sub(1).map(Sequence);
                return Err(StartError::BeyondEnd { supplied: number, last });
            }
            None => Start { from: bounds.first, restarted: true },
        },
        StartPosition::EnqueuedTime { ms, inclusive } => {
            // Nothing is later than the last representable millisecond.
            let Some(ms) = ms.checked_add(i64::from(!inclusive)) else { return Ok(at(bounds.next)) };
            at(log.seek_time(WallMillis(ms)).await?)
        }
    })
}

/// `>` n is beyond the end if n is not below the next number; `>=` n if it is above it, so `>= next` waits.
fn by_number(number: u64, inclusive: bool, bounds: &Bounds) -> Option<Sequence> {
    let from = if inclusive { number } else { number.checked_add(1)? };
    (from <= bounds.next.0).then_some(Sequence(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(first: u64, next: u64) -> Bounds {
        Bounds { first: Sequence(first), next: Sequence(next), ..Bounds::default() }
    }

    #[test]
    fn the_end_is_exact_for_both_operators() {
        let cases = [
            // number, inclusive, next, expected
            (4, false, 5, Some(5)),
            (5, false, 5, None),
            (5, true, 5, Some(5)),
            (6, true, 5, None),
            (0, true, 0, Some(0)),
            (0, false, 0, None),
            (u64::MAX, false, 5, None),
        ];
        for (number, inclusive, next, expected) in cases {
            assert_eq!(
                by_number(number, inclusive, &bounds(0, next)),
                expected.map(Sequence),
                "{number} {inclusive} {next}"
            );
        }
    }
}
