//! A checkpoint store in memory, as a user of the SDK would write one: a partition is claimed by whoever knows the tag of
//! its last claim. The SDK's own fails the whole processor where another was quicker.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use azure_core::Result;
use azure_core::http::Etag;
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::CheckpointStore;
use azure_messaging_eventhubs::models::{Checkpoint, Ownership};

#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    tags: u64,
    claims: BTreeMap<Key, Ownership>,
    checkpoints: BTreeMap<Key, Checkpoint>,
}

/// Namespace, hub, group and partition.
type Key = [String; 4];

/// The rows of one group.
fn of_group<T: Clone>(table: &BTreeMap<Key, T>, group: [&str; 3]) -> Vec<T> {
    table.iter().filter(|(key, _)| key[..3] == group).map(|(_, row)| row.clone()).collect()
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().expect("the tables")
    }

    /// How many partitions each owner holds, smallest share first.
    pub fn shares(&self) -> Vec<usize> {
        let mut shares = BTreeMap::<String, usize>::new();
        for owner in self.tables().claims.values().filter_map(|claim| claim.owner_id.clone()) {
            *shares.entry(owner).or_default() += 1;
        }
        let mut shares: Vec<usize> = shares.into_values().collect();
        shares.sort_unstable();
        shares
    }

    /// Who holds each partition.
    pub fn owners(&self) -> BTreeMap<String, Option<String>> {
        self.tables().claims.iter().map(|(key, claim)| (key[3].clone(), claim.owner_id.clone())).collect()
    }
}

#[async_trait::async_trait]
impl CheckpointStore for MemoryStore {
    async fn claim_ownership(&self, wanted: &[Ownership]) -> Result<Vec<Ownership>> {
        let mut tables = self.tables();
        let mut claimed = Vec::new();
        for one in wanted {
            let key =
                [&one.fully_qualified_namespace, &one.event_hub_name, &one.consumer_group, &one.partition_id];
            let key = key.map(Clone::clone);
            if tables.claims.get(&key).is_some_and(|held| held.etag != one.etag) {
                continue;
            }
            tables.tags += 1;
            let etag = Some(Etag::from(tables.tags.to_string()));
            let one = Ownership { etag, last_modified_time: Some(OffsetDateTime::now_utc()), ..one.clone() };
            tables.claims.insert(key, one.clone());
            claimed.push(one);
        }
        Ok(claimed)
    }

    async fn list_ownerships(&self, namespace: &str, hub: &str, group: &str) -> Result<Vec<Ownership>> {
        Ok(of_group(&self.tables().claims, [namespace, hub, group]))
    }

    async fn list_checkpoints(&self, namespace: &str, hub: &str, group: &str) -> Result<Vec<Checkpoint>> {
        Ok(of_group(&self.tables().checkpoints, [namespace, hub, group]))
    }

    async fn update_checkpoint(&self, one: Checkpoint) -> Result<()> {
        let key =
            [&one.fully_qualified_namespace, &one.event_hub_name, &one.consumer_group, &one.partition_id];
        let key = key.map(Clone::clone);
        self.tables().checkpoints.insert(key, one);
        Ok(())
    }
}
