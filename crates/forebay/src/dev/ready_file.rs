//! The ready file: appears whole, once everything serves; tells scripts where to connect.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// What the ready file says. Keys are stable; listeners that do not serve have no key.
#[derive(Debug, Serialize)]
pub(crate) struct Ready<'a> {
    pub(crate) amqp: String,
    pub(crate) http: String,
    pub(crate) connection_string: &'a str,
    /// The data folder, or null.
    pub(crate) data: Option<&'a Path>,
    /// `disk`, `os` or `memory`.
    pub(crate) durability: String,
    pub(crate) version: &'static str,
}

/// Takes away what an earlier run left, so that nobody connects to where nobody is.
pub(crate) fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("--ready-file {}: cannot remove the old one", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes it beside its place and renames it, so that a reader sees all of it or nothing. It holds a key, so
/// only its owner may read it.
pub(crate) fn write(path: &Path, ready: &Ready<'_>) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let explain = || format!("--ready-file {}: cannot write it", path.display());
    let mut text = serde_json::to_string(ready).with_context(explain)?;
    text.push('\n');
    private_file(beside, &text).with_context(explain)?;
    fs::rename(beside, path).with_context(explain)
}

fn private_file(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}
