//! Settings of the whole server that must survive a restart, such as the key that a development server made up.

use forebay_auth::Secret;
use serde::{Deserialize, Serialize};

use crate::limits::{SETTING_BYTES_MAX, SETTINGS_MAX};
use crate::names::{check_setting, folded};
use crate::state::{Durable, FoldedAt};
use crate::stored;
use crate::verdict::{Change, Code, Rejection};

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Anyone may see it.
    Text(String),
    /// It is redacted wherever it is shown.
    Secret(#[serde(with = "stored::secret")] Secret),
}

impl Setting {
    /// The value, a secret one included.
    #[must_use]
    pub fn expose(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// A setting as the fold keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredSetting {
    pub(crate) value: Setting,
    pub(crate) version: u64,
}

/// Sets a setting, or changes it. To set it once only, add the precondition that it is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutSetting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Setting,
}

impl PutSetting {
    pub(crate) fn fold(&self, state: &mut Durable, at: FoldedAt) -> Result<Vec<Change>, Rejection> {
        check_setting(&self.name)?;
        if self.value.expose().len() > SETTING_BYTES_MAX {
            let text = format!("a setting holds {SETTING_BYTES_MAX} bytes at most: shorten it");
            return Err(Rejection::new(Code::InvalidArgument, text));
        }
        let key = folded(&self.name);
        if !state.settings.contains_key(&key) && state.settings.len() >= SETTINGS_MAX {
            let text = format!(
                "this server keeps {SETTINGS_MAX} settings, the most it may have: change one that is there"
            );
            return Err(Rejection::new(Code::LimitReached, text));
        }
        state.settings.insert(key, StoredSetting { value: self.value.clone(), version: at.log });
        Ok(vec![Change::SettingChanged { setting: self.name.clone() }])
    }
}
