//! Why something cannot be managed as asked.

use forebay_log::LogError;
use forebay_namespace::{Code, Rejection};

use crate::catalog::ChangeRefused;
use crate::error::similar_text;

/// Why something cannot be managed as asked. The texts name the fix and may be shown to whoever may manage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManageError {
    /// There is no such thing, or nothing that it could belong to.
    #[error("there is no '{entity}'{}", similar_text(similar.as_deref()))]
    NotFound {
        /// What was looked for: a namespace, a hub, `hub|group`, or a policy.
        entity: String,
        /// The nearest name there is.
        similar: Option<String>,
    },
    /// A name or a value is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// There are as many as there may be.
    #[error("{0}")]
    Limit(String),
    /// It can be changed, but not deleted.
    #[error("{0}")]
    Protected(String),
    /// Somebody else changes the same thing.
    #[error("{0}")]
    Conflict(String),
    /// Storage failed. The change may have been made: look, or ask for the same again.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl ManageError {
    pub(crate) fn not_found(entity: impl Into<String>) -> Self {
        Self::NotFound { entity: entity.into(), similar: None }
    }

    /// What the catalogue has against a change of `entity`.
    pub(crate) fn refused(entity: &str, why: ChangeRefused) -> Self {
        let Rejection { code, text } = match why {
            ChangeRefused::Rule(why) => why,
            ChangeRefused::Log(error) => return Self::Log(error),
        };
        match code {
            Code::NotFound => Self::not_found(entity),
            Code::InvalidName | Code::InvalidArgument | Code::PartitionOutOfRange => Self::Invalid(text),
            Code::LimitReached | Code::TooManyReaders => Self::Limit(text),
            Code::Protected => Self::Protected(text),
            Code::AlreadyExists
            | Code::PreconditionFailed
            | Code::LevelTooLow
            | Code::EpochLower
            | Code::EpochMissing
            | Code::AlreadyClaimed => Self::Conflict(text),
        }
    }

    /// Others made and deleted it each time we looked.
    pub(crate) fn raced(entity: &str) -> Self {
        Self::Conflict(format!("'{entity}' is made and deleted by others at this moment: try again"))
    }

    /// Whether somebody else's change came between our look and our own.
    pub(crate) fn is_race(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Conflict(_))
    }
}
