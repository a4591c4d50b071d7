//! Failures of storage: one vocabulary for every engine, and what each means for the caller.

use core::time::Duration;

use crate::types::Sequence;

/// Why a storage call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The request itself is wrong; trying it again fails again.
    #[error("refused: {reason}")]
    Rejected {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Someone newer has taken over.
    #[error("fenced by a newer owner")]
    Fenced,
    /// No such log or partition.
    #[error("no such log or partition")]
    NotFound,
    /// A read outside of `first..=next`.
    #[error("outside of the events kept: the first is {first}, the next will be {next}")]
    OutOfRange {
        /// The oldest event kept.
        first: Sequence,
        /// The number of the next event.
        next: Sequence,
    },
    /// Too much at once; nothing was done.
    #[error("busy; try again in {} ms", retry_after.as_millis())]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// Definitely not done; may work later.
    #[error("storage is unavailable: {reason}")]
    Unavailable {
        /// What failed, on what.
        reason: String,
    },
    /// May have been done, may not have been.
    #[error("the outcome is unknown: {reason}")]
    Indeterminate {
        /// What failed, on what.
        reason: String,
    },
    /// Stored bytes are damaged: a definite error for `first..next`, never wrong data.
    #[error("damaged: events {first} to {next} (exclusive) cannot be read: {what}")]
    Damaged {
        /// The first event that cannot be read.
        first: Sequence,
        /// The first after it that may be readable.
        next: Sequence,
        /// What was found.
        what: String,
    },
}

/// What a failed call has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Everything.
    Done,
    /// Nothing.
    NotDone,
    /// Perhaps everything, perhaps nothing: never guess.
    Unknown,
}

impl LogError {
    /// What the failed call has done.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Indeterminate { .. } => Effect::Unknown,
            Self::Rejected { .. }
            | Self::Fenced
            | Self::NotFound
            | Self::OutOfRange { .. }
            | Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Damaged { .. } => Effect::NotDone,
        }
    }

    /// Whether the same call may work later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. } | Self::Indeterminate { .. })
    }

    pub(crate) fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected { reason: reason.into() }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_indeterminate_failure_leaves_the_effect_open() {
        let all = [
            (LogError::rejected("x"), Effect::NotDone, false),
            (LogError::Fenced, Effect::NotDone, false),
            (LogError::NotFound, Effect::NotDone, false),
            (LogError::OutOfRange { first: Sequence(1), next: Sequence(2) }, Effect::NotDone, false),
            (LogError::Throttled { retry_after: Duration::from_secs(1) }, Effect::NotDone, true),
            (LogError::unavailable("x"), Effect::NotDone, true),
            (LogError::Indeterminate { reason: "x".into() }, Effect::Unknown, true),
            (
                LogError::Damaged { first: Sequence(1), next: Sequence(2), what: "x".into() },
                Effect::NotDone,
                false,
            ),
        ];
        for (error, effect, retryable) in all {
            assert_eq!(error.effect(), effect, "{error}");
            assert_eq!(error.is_retryable(), retryable, "{error}");
        }
    }
}
