//! Why the broker refuses: one small type for each thing that can be asked of it.

use forebay_log::LogError;

use crate::catalog::ChangeRefused;

/// A host name that means no namespace here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no namespace has the host name '{host}'; known: {known}")]
pub struct NamespaceRefused {
    /// What the client asked for.
    pub host: String,
    /// What there is, for the log.
    pub known: String,
}

impl NamespaceRefused {
    /// What the client is told: not what else there is.
    #[must_use]
    pub fn wire_text(&self) -> String {
        format!("The messaging entity 'sb://{}/' could not be found.", self.host)
    }
}

/// A hub or a consumer group that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    /// There is none of this name, and none is made.
    #[error("there is no '{entity}'{}", similar_text(similar.as_deref()))]
    NotFound {
        /// The hub asked for, or `hub|group`.
        entity: String,
        /// The nearest name there is.
        similar: Option<String>,
    },
    /// The name is not allowed.
    #[error("'{name}': {why}")]
    Name {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// It may not be made.
    #[error("{0}")]
    Refused(String),
    /// Storage failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<ChangeRefused> for EntityError {
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::Rule(why) => Self::Refused(why.text),
            ChangeRefused::Log(error) => Self::Log(error),
        }
    }
}

/// A reader that does not get its place. The texts are the service's (`docs/reference/amqp.md` §6.6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReaderRefused {
    /// A reader with an epoch is in the way.
    #[error("{0}")]
    Epoch(String),
    /// As many readers as there may be.
    #[error("{0}")]
    TooMany(String),
    /// Another rule.
    #[error("{0}")]
    Other(String),
    /// Storage failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(crate) fn similar_text(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!("; similar: '{name}'"))
}
