//! A folder that is gone when the measurement is over.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// `f_type` of a memory file system in statfs(2): a flush there costs nothing, so figures would be too good.
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

/// A fresh folder, removed with all it holds when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a folder inside `parent`, named after the program and its process.
    pub fn inside(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("forebay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}: give another folder with --dir", path.display()))?;
        Ok(Self { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder lies in memory: flushes are free there and durable figures mean nothing.
    pub fn is_memory(&self) -> bool {
        rustix::fs::statfs(&self.path).is_ok_and(|found| found.f_type == TMPFS_MAGIC)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it; what cannot be removed stays for the next cleaning of the temporary folder.
        drop(fs::remove_dir_all(&self.path));
    }
}
