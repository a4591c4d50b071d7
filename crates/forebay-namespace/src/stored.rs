//! How the types of `forebay-auth` are written in entries and snapshots.

use std::fmt::Display;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Rights as a list of names, `["Listen","Send"]`. Persisted, keep stable.
pub(crate) mod rights {
    use forebay_auth::Rights;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(rights: &Rights, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rights.names())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rights, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().try_fold(Rights::NONE, |sum, name| {
            let right = Rights::from_name(name).ok_or_else(|| unknown::<D>("right", name))?;
            Ok(sum | right)
        })
    }
}

/// A secret as plain text: whoever stores these bytes keeps them from other eyes.
pub(crate) mod secret {
    use forebay_auth::Secret;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// As [`secret`], or null.
pub(crate) mod optional_secret {
    use forebay_auth::Secret;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}

/// A text that is there or left out. It is never null: code of level 1 does not know these members, and an entry
/// that it could not read must not become one that we apply.
pub(crate) mod given {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
        text.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        String::deserialize(deserializer).map(Some)
    }
}

/// Which of a policy's keys, by name. Persisted, keep stable.
pub(crate) mod key_slot {
    use forebay_auth::KeySlot;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(slot: &KeySlot, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(slot.name())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeySlot, D::Error> {
        let name = String::deserialize(deserializer)?;
        KeySlot::ALL
            .into_iter()
            .find(|slot| slot.name() == name)
            .ok_or_else(|| unknown::<D>("key slot", &name))
    }
}

fn unknown<'de, D: Deserializer<'de>>(what: &str, name: impl Display) -> D::Error {
    D::Error::custom(format!("unknown {what} '{name}'"))
}
