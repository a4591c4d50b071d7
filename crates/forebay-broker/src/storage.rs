//! Storage as the broker opens it: the two doors, the byte budget, and what was found.

use std::sync::Arc;
use std::time::Duration;

use forebay_log::{
    ByteBudget, Clock, ControlLog, Durability, EmbeddedLog, LogError, OpenOptions, OpenReport, PartitionLogs,
};

use crate::catalog::{CatalogError, ChangeRefused};
use crate::memory::budget_bytes;
use crate::options::{BrokerOptions, Mode};

/// How often we look whether the memory level has dropped events.
const OVERFLOW_CHECK: Duration = Duration::from_secs(5);

/// The open storage.
#[derive(Debug)]
pub(crate) struct Storage {
    engine: Arc<EmbeddedLog>,
    pub(crate) logs: Arc<dyn PartitionLogs>,
    pub(crate) control: Arc<dyn ControlLog>,
    pub(crate) budget: Arc<ByteBudget>,
    pub(crate) summary: OpenSummary,
}

/// What was found when the folder was opened.
#[derive(Debug, Clone, Default)]
pub struct OpenSummary {
    line: Option<String>,
}

impl OpenSummary {
    fn new(report: &OpenReport) -> Self {
        for damage in &report.damage {
            tracing::error!(
                "damage in {}{}: {}; what is around it can be read, what is in it answers an error",
                damage.file.display(),
                damage.partition.map_or_else(String::new, |partition| format!(" (partition {partition})")),
                damage.what
            );
        }
        for orphan in &report.orphans {
            tracing::warn!("a file that nobody claims was moved to {}", orphan.display());
        }
        let line = (!report.created && !report.clean).then(|| {
            format!(
                "{} batches ({} bytes) from the journal after an unclean stop{}",
                report.recovered_batches,
                report.recovered_bytes,
                if report.damage.is_empty() { "" } else { "; DAMAGE was found, see above" }
            )
        });
        Self { line }
    }

    /// One line for people; `None` when there is nothing to tell.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        self.line.as_deref()
    }
}

/// Storage that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder says why.
    #[error(transparent)]
    Folder(#[from] forebay_log::OpenError),
    /// The catalogue says why.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The log says why.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is to be there from the start cannot be: the text names the setting's subject and the fix.
    #[error("{0}")]
    Setup(String),
}

impl From<ChangeRefused> for OpenError {
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::Rule(why) => Self::Setup(why.text),
            ChangeRefused::Log(error) => Self::Log(error),
        }
    }
}

impl Storage {
    pub(crate) async fn open(options: &BrokerOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let budget = ByteBudget::new(options.budget_bytes.unwrap_or_else(budget_bytes));
        let base = match &options.data {
            Some(folder) => OpenOptions { durability: options.durability, ..OpenOptions::dir(folder) },
            None => OpenOptions { memory_bytes: options.memory_bytes, ..OpenOptions::memory() },
        };
        // A developer's machine sleeps and its clock jumps; that is no reason to keep everything.
        let distrust_clock = matches!(options.mode, Mode::Serve(_));
        let open = OpenOptions { budget: Arc::clone(&budget), clock, distrust_clock, ..base };
        let opened = tokio::task::spawn_blocking(move || EmbeddedLog::open(open)).await;
        let (engine, report) = opened
            .map_err(|_| LogError::Unavailable { reason: "the log panicked while opening".to_owned() })??;
        let engine = Arc::new(engine);
        Ok(Self {
            logs: Arc::clone(&engine) as Arc<dyn PartitionLogs>,
            control: Arc::clone(&engine) as Arc<dyn ControlLog>,
            engine,
            budget,
            summary: OpenSummary::new(&report),
        })
    }

    /// In memory the oldest events go when the bound is reached: nobody should find that out from what is missing.
    pub(crate) fn warn_when_memory_overflows(&self) {
        if self.engine.durability() != Durability::Memory {
            return;
        }
        let engine = Arc::downgrade(&self.engine);
        tokio::spawn(async move {
            let mut told = 0;
            loop {
                tokio::time::sleep(OVERFLOW_CHECK).await;
                let Some(engine) = engine.upgrade() else { return };
                let (evicted, (_, bound)) = (engine.memory_evicted(), engine.memory_bytes());
                if evicted > told {
                    tracing::warn!(
                        "memory is full ({bound} bytes): the oldest {} events were dropped; allow more with \
                         --memory-bytes N, or keep events on disk with --data DIR",
                        evicted - told
                    );
                    told = evicted;
                }
            }
        });
    }

    /// Does now what the log does in its time: expiry, for one.
    #[cfg(test)]
    pub(crate) async fn maintain(&self) {
        let engine = Arc::clone(&self.engine);
        tokio::task::spawn_blocking(move || engine.maintain()).await.unwrap().unwrap();
    }

    /// Commits what was taken, writes behind, records the clean stop.
    pub(crate) async fn close(&self) -> Result<(), LogError> {
        let engine = Arc::clone(&self.engine);
        tokio::task::spawn_blocking(move || engine.close()).await.unwrap_or_else(|_| {
            Err(LogError::Unavailable { reason: "the log panicked while closing".to_owned() })
        })
    }
}
