//! What a proposer may demand of the state at its entry's position.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::state::Durable;
use crate::verdict::{Code, Rejection};

/// A demand on one object. Versions are positions in the control log: an object's version is that of the last
/// entry that changed it, so that a thing deleted and made again has another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "require", rename_all = "snake_case", deny_unknown_fields)]
pub enum Precondition {
    /// There is no such object.
    Absent {
        /// The object.
        object: ObjectRef,
    },
    /// There is one.
    Exists {
        /// The object.
        object: ObjectRef,
    },
    /// There is one, and nobody has changed it since.
    Version {
        /// The object.
        object: ObjectRef,
        /// Its version as the proposer saw it.
        version: u64,
    },
}

impl Precondition {
    pub(crate) fn check(&self, state: &Durable) -> Result<(), Rejection> {
        let failed = |text| Err(Rejection::new(Code::PreconditionFailed, text));
        match self {
            Self::Absent { object } => match state.version_of(object) {
                None => Ok(()),
                Some(_) => failed(format!("{object} exists already: read it, or choose another name")),
            },
            Self::Exists { object } => match state.version_of(object) {
                Some(_) => Ok(()),
                None => failed(format!("{object} does not exist: create it first")),
            },
            Self::Version { object, version } => match state.version_of(object) {
                Some(current) if current == *version => Ok(()),
                Some(current) => failed(format!(
                    "{object} was changed meanwhile (version {version} expected, {current} found): read it again \
                     and decide anew"
                )),
                None => failed(format!("{object} was deleted meanwhile: read the list again")),
            },
        }
    }
}

/// Names an object of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum ObjectRef {
    /// A namespace.
    Namespace {
        /// Its name.
        name: String,
    },
    /// A hub.
    Hub {
        /// The namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A consumer group.
    Group {
        /// The namespace.
        namespace: String,
        /// The hub.
        hub: String,
        /// Its name.
        name: String,
    },
    /// A policy.
    Policy {
        /// The namespace.
        namespace: String,
        /// The hub, for a hub's policy.
        hub: Option<String>,
        /// Its name.
        name: String,
    },
    /// A setting of the server.
    Setting {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace { name } => write!(f, "namespace '{name}'"),
            Self::Hub { name, .. } => write!(f, "hub '{name}'"),
            Self::Group { hub, name, .. } => write!(f, "consumer group '{name}' of hub '{hub}'"),
            Self::Policy { hub: Some(hub), name, .. } => write!(f, "policy '{name}' of hub '{hub}'"),
            Self::Policy { namespace, name, .. } => write!(f, "policy '{name}' of namespace '{namespace}'"),
            Self::Setting { name } => write!(f, "setting '{name}'"),
        }
    }
}
