use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use azure_core::Result;
use azure_core::http::Etag;
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::CheckpointStore;
use azure_messaging_eventhubs::models::{Checkpoint, Ownership};
use serde_json::{Value, json};

/// A checkpoint store in a folder: the claims of a partition are files with ascending numbers, of which the last one
/// holds, and its checkpoint is one file. Names:
///
/// ```text
/// HOST_HUB_GROUP_PARTITION.claim.NUMBER    HOST_HUB_GROUP_PARTITION.checkpoint
/// ```
pub struct FolderStore {
    folder: PathBuf,
    /// What was claimed through this store.
    mine: Mutex<Vec<Ownership>>,
}

impl FolderStore {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), mine: Mutex::new(Vec::new()) }
    }

    /// Gives back what it holds, for the next one to take at once.
    pub fn release(&self) -> io::Result<()> {
        let mine = std::mem::take(&mut *self.mine.lock().expect("the claims"));
        for one in mine {
            self.claim(&Ownership { owner_id: None, ..one })?;
        }
        Ok(())
    }

    /// Makes the file of the next number. Of two who want the same one, the system lets one make it.
    fn claim(&self, wanted: &Ownership) -> io::Result<Option<Ownership>> {
        let partition = &wanted.partition_id;
        let name = self.name(
            &wanted.fully_qualified_namespace,
            &wanted.event_hub_name,
            &wanted.consumer_group,
            partition,
        );
        let held: u64 = wanted.etag.as_ref().and_then(|tag| tag.to_string().parse().ok()).unwrap_or(0);
        let now = OffsetDateTime::now_utc();
        let claim = json!({ "partition": partition, "owner": wanted.owner_id, "since": now.unix_timestamp_nanos() as i64 });
        let path = self.claim_path(&name, held + 1);
        match self.write(&claim, |aside| fs::hard_link(aside, &path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            result => result?,
        }
        // Somebody who had looked long ago may have made a number that was passed: the last one holds.
        if self.last_claim(&name)? != held + 1 {
            remove(&path)?;
            return Ok(None);
        }
        remove(&self.claim_path(&name, held))?;
        let etag = Some(Etag::from((held + 1).to_string()));
        Ok(Some(Ownership { etag, last_modified_time: Some(now), ..wanted.clone() }))
    }

    fn name(&self, namespace: &str, hub: &str, group: &str, partition: &str) -> String {
        let escape = |part: &str| part.replace('%', "%25").replace('_', "%5F").replace('/', "%2F");
        [namespace, hub, group, partition].map(escape).join("_")
    }

    fn claim_path(&self, name: &str, number: u64) -> PathBuf {
        self.folder.join(format!("{name}.claim.{number}"))
    }

    fn last_claim(&self, name: &str) -> io::Result<u64> {
        let claims = self.list(&format!("{name}.claim."))?;
        Ok(claims.iter().map(|(path, _)| number(path)).max().unwrap_or(0))
    }

    /// Makes a file appear whole.
    fn write(&self, value: &Value, appear: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        fs::create_dir_all(&self.folder)?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let aside = self.folder.join(format!("new-{}-{number}", std::process::id()));
        fs::write(&aside, value.to_string())?;
        let result = appear(&aside);
        remove(&aside)?;
        result
    }

    /// The files whose names begin so, less those that went meanwhile.
    fn list(&self, prefix: &str) -> io::Result<Vec<(PathBuf, Value)>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if !path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix)) {
                continue;
            }
            match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                text => found.push((path, serde_json::from_slice(&text?)?)),
            }
        }
        Ok(found)
    }
}

/// The number of a claim is the end of its name.
fn number(path: &Path) -> u64 {
    path.extension().and_then(OsStr::to_str).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[async_trait::async_trait]
impl CheckpointStore for FolderStore {
    async fn claim_ownership(&self, wanted: &[Ownership]) -> Result<Vec<Ownership>> {
        let mut won = Vec::new();
        for one in wanted {
            won.extend(self.claim(one)?);
        }
        let mut mine = self.mine.lock().expect("the claims");
        mine.retain(|old| !wanted.iter().any(|one| one.partition_id == old.partition_id));
        mine.extend(won.iter().cloned());
        Ok(won)
    }

    async fn list_ownerships(&self, namespace: &str, hub: &str, group: &str) -> Result<Vec<Ownership>> {
        let mut claims = self.list(&self.name(namespace, hub, group, ""))?;
        claims.retain(|(path, _)| path.to_string_lossy().contains(".claim."));
        // While a claim passes from one number to the next, both files are there.
        claims.sort_by_key(|(path, claim)| (text(&claim["partition"]), std::cmp::Reverse(number(path))));
        claims.dedup_by_key(|(_, claim)| text(&claim["partition"]));
        let ownership = |(path, claim): &(PathBuf, Value)| Ownership {
            fully_qualified_namespace: namespace.to_owned(),
            event_hub_name: hub.to_owned(),
            consumer_group: group.to_owned(),
            partition_id: text(&claim["partition"]).unwrap_or_default(),
            owner_id: text(&claim["owner"]),
            etag: Some(Etag::from(number(path).to_string())),
            last_modified_time: claim["since"]
                .as_i64()
                .and_then(|since| OffsetDateTime::from_unix_timestamp_nanos(since.into()).ok()),
        };
        Ok(claims.iter().map(ownership).collect())
    }

    async fn list_checkpoints(&self, namespace: &str, hub: &str, group: &str) -> Result<Vec<Checkpoint>> {
        let mut checkpoints = self.list(&self.name(namespace, hub, group, ""))?;
        checkpoints.retain(|(path, _)| path.extension() == Some(OsStr::new("checkpoint")));
        let checkpoint = |(_, stored): &(PathBuf, Value)| Checkpoint {
            fully_qualified_namespace: namespace.to_owned(),
            event_hub_name: hub.to_owned(),
            consumer_group: group.to_owned(),
            partition_id: text(&stored["partition"]).unwrap_or_default(),
            offset: text(&stored["offset"]),
            sequence_number: stored["sequence_number"].as_i64(),
        };
        Ok(checkpoints.iter().map(checkpoint).collect())
    }

    async fn update_checkpoint(&self, one: Checkpoint) -> Result<()> {
        let name = self.name(
            &one.fully_qualified_namespace,
            &one.event_hub_name,
            &one.consumer_group,
            &one.partition_id,
        );
        let path = self.folder.join(format!("{name}.checkpoint"));
        let stored = json!({ "partition": one.partition_id, "offset": one.offset, "sequence_number": one.sequence_number });
        Ok(self.write(&stored, |aside| fs::rename(aside, &path))?)
    }
}
