//! The ready file: appears whole, once everything serves; tells scripts where to connect.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::{Protocol, Serving};

/// What the ready file says. Keys are stable; listeners that do not serve have no key.
#[derive(Debug, Serialize)]
pub(crate) struct Ready<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    amqp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amqps: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    https: Option<String>,
    connection_string: &'a str,
    /// The data folder, or null.
    data: Option<&'a Path>,
    /// `disk`, `os` or `memory`.
    durability: String,
    version: &'static str,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(
        serving: &Serving<'_>,
        connection_string: &'a str,
        data: Option<&'a Path>,
        durability: String,
    ) -> Self {
        let first = |protocol| serving.addresses(protocol).first().map(ToString::to_string);
        Self {
            amqp: first(Protocol::Amqp),
            amqps: first(Protocol::Amqps),
            http: first(Protocol::Http),
            https: first(Protocol::Https),
            connection_string,
            data,
            durability,
            version: super::VERSION,
        }
    }
}

/// Takes away what an earlier run left, so that nobody connects to where nobody is.
pub(crate) fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("the old ready file {} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// It appears whole, and holds a key: only its owner may read it.
pub(crate) fn write(path: &Path, ready: &Ready<'_>) -> anyhow::Result<()> {
    let explain = || format!("the ready file {} cannot be written", path.display());
    let mut text = serde_json::to_string(ready).with_context(explain)?;
    text.push('\n');
    super::private::replace(path, &text).with_context(explain)
}
