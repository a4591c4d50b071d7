use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forebay_log::{
    Capabilities, Health, LogError, LogId, LogPolicy, PartitionId, PartitionLog, PartitionLogs,
};
use forebay_namespace::HubId;
use forebay_namespace::hub::{CreateHub, DeleteHub, UpdateHub};

use crate::testing::{Folder, WHO, in_memory, on, publish, read_all};
use crate::{Broker, HubWish, ManageError, Namespace, Put};

fn partitions(count: u32) -> HubWish {
    HubWish { partitions: Some(count), ..HubWish::default() }
}

/// The ids of the hubs' logs whose files are there.
fn log_folders(folder: &Folder) -> Vec<u64> {
    let logs = std::fs::read_dir(folder.path().join("logs")).unwrap();
    let ids = logs.map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().unwrap());
    let mut ids: Vec<u64> = ids.filter(|id| LogId(*id) != LogId::CONTROL).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn links_that_exist_already_use_new_partitions_and_keep_what_is_in_the_old() {
    for folder in [None, Some(Folder::new())] {
        let (broker, ns) = on(folder.as_ref()).await;
        broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
        let link = broker.hub(&ns, "h", WHO).await.unwrap();
        publish(&broker, &link, link.partition(0).unwrap(), 1).await.unwrap();
        let old = Arc::clone(link.partition(0).unwrap());
        assert!(link.partition(1).is_none());
        broker.put_hub(&ns, "h", partitions(5), WHO).await.unwrap();
        assert_eq!(link.partition_count(), 5);
        let turns: Vec<u32> = (0..10).map(|_| link.next_partition().index()).collect();
        assert!((0..5).all(|index| turns.contains(&index)), "every partition has its turn: {turns:?}");
        let keys = (0..100).map(|key| link.partition_for_key(&key.to_string()).index());
        assert!(keys.max() > Some(0), "keys reach the new ones");
        publish(&broker, &link, link.partition(4).unwrap(), 2).await.unwrap();
        publish(&broker, &link, &old, 3).await.unwrap();
        assert_eq!(read_all(link.partition(4).unwrap()).await, [(0, 2)]);
        assert_eq!(read_all(&old).await, [(0, 1), (1, 3)]);
        assert!(Arc::ptr_eq(&link, &broker.hub(&ns, "H", WHO).await.unwrap()));
        broker.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_growth_that_a_crash_cut_off_is_made_good_at_the_next_open() {
    let folder = Folder::new();
    let (broker, ns) = on(Some(&folder)).await;
    broker.put_hub(&ns, "h", partitions(2), WHO).await.unwrap();
    broker.put_hub(&ns, "short", partitions(2), WHO).await.unwrap();
    // The entries without what follows them: the fold is stopped, as if the process had died in between.
    broker.stop_folding().await;
    let grown = UpdateHub { partitions: Some(7), ..UpdateHub::new("default", "h") };
    let gone = DeleteHub { namespace: "default".into(), name: "short".into() };
    broker.append_unfolded(grown).await;
    broker.append_unfolded(gone).await;
    assert_eq!(broker.hub(&ns, "h", WHO).await.unwrap().partition_count(), 2);
    let folder = folder.as_after_a_kill();
    let (broker, ns) = on(Some(&folder)).await;
    let hub = broker.hub(&ns, "h", WHO).await.unwrap();
    assert_eq!(hub.partition_count(), 7);
    publish(&broker, &hub, hub.partition(6).unwrap(), 1).await.unwrap();
    assert_eq!(broker.storage.logs.logs().unwrap(), [LogId::CONTROL, hub.id]);
    broker.close().await.unwrap();
}

#[tokio::test]
async fn a_growth_that_its_log_has_not_followed_is_made_good_at_the_next_use() {
    let (broker, ns) = in_memory().await;
    let Put { value, .. } = broker.put_hub(&ns, "h", partitions(2), WHO).await.unwrap();
    assert_eq!(value.partitions, 2);
    let grown = UpdateHub { partitions: Some(4), ..UpdateHub::new("default", "h") };
    // The change alone, as another node would make it.
    broker.catalog.change(broker.wall().0, grown).await.unwrap();
    assert_eq!(broker.hub(&ns, "h", WHO).await.unwrap().partition_count(), 4);
}

#[tokio::test]
async fn a_deleted_hub_takes_nothing_more_from_links_that_exist() {
    for folder in [None, Some(Folder::new())] {
        let (broker, ns) = on(folder.as_ref()).await;
        broker.put_hub(&ns, "h", partitions(2), WHO).await.unwrap();
        let link = broker.hub(&ns, "h", WHO).await.unwrap();
        let (used, unused) = (link.partition(0).unwrap(), link.partition(1).unwrap());
        publish(&broker, &link, used, 1).await.unwrap();
        broker.storage.maintain().await;
        if let Some(folder) = &folder {
            assert_eq!(log_folders(folder), [link.id.0], "events are in its files");
        }
        assert_eq!(broker.delete_hub(&ns, "H", WHO).await, Ok(true));
        assert!(link.is_gone());
        for partition in [used, unused] {
            assert_eq!(publish(&broker, &link, partition, 2).await, Err(LogError::NotFound));
        }
        let mut cursor = crate::Cursor::new(Arc::clone(used), forebay_log::Sequence::ZERO);
        assert_eq!(cursor.peek().err(), Some(LogError::NotFound));
        assert_eq!(broker.hub_info(&ns, "h"), Err(ManageError::not_found("h")));
        assert_eq!(broker.delete_hub(&ns, "h", WHO).await, Ok(false));
        assert_eq!(broker.storage.logs.logs().unwrap(), [LogId::CONTROL]);
        if let Some(folder) = &folder {
            assert!(log_folders(folder).is_empty());
        }
        broker.close().await.unwrap();
    }
}

#[tokio::test]
async fn publishers_who_race_a_deletion_are_all_answered() {
    let (broker, ns) = in_memory().await;
    let broker = Arc::new(broker);
    for round in 0..20 {
        let name = format!("h{round}");
        broker.put_hub(&ns, &name, partitions(1), WHO).await.unwrap();
        let link = broker.hub(&ns, &name, WHO).await.unwrap();
        let publishers: Vec<_> = (0..4)
            .map(|body| {
                let (broker, link) = (Arc::clone(&broker), Arc::clone(&link));
                tokio::spawn(async move {
                    let mut accepted = 0;
                    while publish(&broker, &link, link.partition(0).unwrap(), body).await.is_ok() {
                        accepted += 1;
                    }
                    accepted
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(broker.delete_hub(&ns, &name, WHO).await, Ok(true));
        let last = publish(&broker, &link, link.partition(0).unwrap(), 9).await;
        assert_eq!(last, Err(LogError::NotFound), "nothing is accepted once the deletion was answered");
        for publisher in publishers {
            publisher.await.unwrap();
        }
    }
}

#[derive(Default)]
struct Told(std::sync::Mutex<Vec<(u64, crate::Lost)>>);

impl crate::ReaderListener for Told {
    fn lost(&self, reader: u64, lost: crate::Lost) {
        self.0.lock().unwrap().push((reader, lost));
    }
}

#[tokio::test]
async fn readers_of_a_deleted_hub_are_told_by_its_name_and_have_no_place_on_the_next_of_that_name() {
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "orders", partitions(1), WHO).await.unwrap();
    let old = broker.hub(&ns, "orders", WHO).await.unwrap();
    let told = Arc::new(Told::default());
    let claim = async |hub: &crate::Hub, epoch| {
        let partition = Arc::clone(hub.partition(0).unwrap());
        let wish = crate::ReaderWish { hub, group: "$Default", partition: &partition, epoch, name: None };
        let listener: Arc<dyn crate::ReaderListener> = Arc::clone(&told) as _;
        broker.claim_reader(wish, listener, 7).await
    };
    let place = claim(&old, Some(100)).await.unwrap();
    broker.delete_hub(&ns, "orders", WHO).await.unwrap();
    let text = "The messaging entity 'orders|$Default' could not be found: it was deleted.";
    assert_eq!(*told.0.lock().unwrap(), [(7, crate::Lost::Gone(text.to_owned()))]);
    assert_eq!(place.lost(), Some(&crate::Lost::Gone(text.to_owned())));

    broker.put_hub(&ns, "orders", partitions(1), WHO).await.unwrap();
    assert!(claim(&old, Some(101)).await.is_err(), "the old hub has no places");
    assert!(broker.group(&ns, &old, "late", WHO).await.is_err());
    let new = broker.hub(&ns, "orders", WHO).await.unwrap();
    claim(&new, Some(1)).await.unwrap();
    assert_eq!(broker.group_infos(&ns, "orders").unwrap().len(), 1, "nothing was made by way of the old one");
}

async fn old_and_new(broker: &Broker, ns: &Namespace) {
    let hub = broker.hub(ns, "h", WHO).await.unwrap();
    let partition = hub.partition(0).unwrap();
    assert_eq!(partition.log().bounds().next, forebay_log::Sequence::ZERO);
    assert!(read_all(partition).await.is_empty(), "none of the old events");
    assert_eq!(broker.group_infos(ns, "h").unwrap().len(), 1, "none of the old groups");
    assert!(broker.policy_infos(ns, Some("h")).unwrap().is_empty(), "none of the old policies");
    let appended = publish(broker, &hub, partition, 9).await.unwrap();
    assert_eq!(appended.base.0, 0, "numbers begin again");
    assert_eq!(read_all(partition).await, [(0, 9)]);
}

#[tokio::test]
async fn a_hub_made_again_under_its_name_has_nothing_of_the_old_one_also_after_stop_and_kill() {
    for kill in [false, true] {
        let folder = Folder::new();
        let (broker, ns) = on(Some(&folder)).await;
        broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
        broker.put_group(&ns, "h", "g", None, WHO).await.unwrap();
        broker.put_policy(&ns, Some("h"), "p", crate::Rights::SEND, WHO).await.unwrap();
        let old = broker.hub(&ns, "h", WHO).await.unwrap();
        for body in 0..5 {
            publish(&broker, &old, old.partition(0).unwrap(), body).await.unwrap();
        }
        assert_eq!(broker.delete_hub(&ns, "h", WHO).await, Ok(true));
        broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
        let new = broker.hub(&ns, "h", WHO).await.unwrap();
        assert_ne!(new.id, old.id);
        assert_eq!(publish(&broker, &old, old.partition(0).unwrap(), 7).await, Err(LogError::NotFound));
        drop((old, new));
        let killed = folder.as_after_a_kill();
        broker.close().await.unwrap();
        let folder = if kill { killed } else { folder };
        let (broker, ns) = on(Some(&folder)).await;
        old_and_new(&broker, &ns).await;
        broker.close().await.unwrap();
        assert_eq!(log_folders(&folder), [2], "the new hub's");
    }
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
    broker.delete_hub(&ns, "h", WHO).await.unwrap();
    broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
    old_and_new(&broker, &ns).await;
}

#[tokio::test]
async fn a_deleted_hub_stays_deleted_after_a_kill() {
    let folder = Folder::new();
    let (broker, ns) = on(Some(&folder)).await;
    broker.put_hub(&ns, "h", partitions(3), WHO).await.unwrap();
    let hub = broker.hub(&ns, "h", WHO).await.unwrap();
    publish(&broker, &hub, hub.partition(2).unwrap(), 1).await.unwrap();
    drop(hub);
    broker.storage.maintain().await;
    assert_eq!(broker.delete_hub(&ns, "h", WHO).await, Ok(true));
    let folder = folder.as_after_a_kill();
    let (broker, ns) = on(Some(&folder)).await;
    assert!(broker.hub_infos(&ns).is_empty());
    assert_eq!(broker.storage.logs.logs().unwrap(), [LogId::CONTROL]);
    broker.close().await.unwrap();
    assert!(log_folders(&folder).is_empty());
}

#[tokio::test]
async fn a_shorter_retention_reaches_what_is_there_without_a_restart() {
    let (broker, ns, clock) = crate::testing::with_clock().await;
    broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
    let hub = broker.hub(&ns, "h", WHO).await.unwrap();
    let partition = hub.partition(0).unwrap();
    publish(&broker, &hub, partition, 1).await.unwrap();
    let passes = async || {
        for _ in 0..4 {
            clock.advance(forebay_log::Millis::from_secs(600));
            broker.storage.maintain().await;
        }
        partition.log().bounds().first.0
    };
    assert_eq!(passes().await, 0, "a day is not over");
    let wish = HubWish { retention_ms: Some(600_000), ..HubWish::default() };
    broker.put_hub(&ns, "h", wish, WHO).await.unwrap();
    assert_eq!(passes().await, 1);
    publish(&broker, &hub, partition, 2).await.unwrap();
    let for_ever = HubWish { retention_ms: Some(u64::MAX), ..HubWish::default() };
    broker.put_hub(&ns, "h", for_ever, WHO).await.unwrap();
    assert_eq!(passes().await, 1);
    assert_eq!(read_all(partition).await, [(1, 2)]);
}

/// Logs on a disk that may be full: then none is made or grown.
#[derive(Debug)]
struct MayBeFull {
    logs: Arc<dyn PartitionLogs>,
    is_full: AtomicBool,
}

impl PartitionLogs for MayBeFull {
    fn create(&self, log: LogId, partitions: u32, policy: LogPolicy) -> Result<(), LogError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(LogError::Unavailable { reason: "no room".to_owned() });
        }
        self.logs.create(log, partitions, policy)
    }

    fn grow(&self, log: LogId, partitions: u32) -> Result<(), LogError> {
        self.logs.grow(log, partitions)
    }

    fn delete(&self, log: LogId) -> Result<(), LogError> {
        self.logs.delete(log)
    }

    fn logs(&self) -> Result<Vec<LogId>, LogError> {
        self.logs.logs()
    }

    fn set_policy(&self, log: LogId, policy: LogPolicy) -> Result<(), LogError> {
        self.logs.set_policy(log, policy)
    }

    fn partition(&self, partition: PartitionId) -> Result<Arc<dyn PartitionLog>, LogError> {
        // The broker that this borrows its logs from grows them whatever we say.
        if self.is_full.load(Ordering::Relaxed) && (partition.log != LogId(1) || partition.index >= 2) {
            return Err(LogError::NotFound);
        }
        self.logs.partition(partition)
    }

    fn capabilities(&self) -> Capabilities {
        self.logs.capabilities()
    }

    fn health(&self) -> Health {
        self.logs.health()
    }
}

#[tokio::test]
async fn a_growth_that_finds_no_room_keeps_nobody_from_the_partitions_that_there_are() {
    let (broker, ns) = in_memory().await;
    let id = HubId(1);
    broker.put_hub(&ns, "h", partitions(2), WHO).await.unwrap();
    let logs =
        Arc::new(MayBeFull { logs: Arc::clone(&broker.storage.logs), is_full: AtomicBool::new(false) });
    let door: Arc<dyn PartitionLogs> = Arc::clone(&logs) as Arc<dyn PartitionLogs>;
    let hubs = super::Hubs::new(Arc::clone(&broker.catalog), door, Arc::clone(broker.budget()));
    let count =
        async |partitions| hubs.open(id, partitions).await.map(|hub| hub.map(|hub| hub.partition_count()));
    let no_room = LogError::Unavailable { reason: "no room".to_owned() };
    logs.is_full.store(true, Ordering::Relaxed);
    // An entry without its log, as a crash leaves it.
    broker.catalog.change(broker.wall().0, CreateHub::with_defaults("default", "new")).await.unwrap();
    let new = hubs.open(HubId(2), 4).await.map(|hub| hub.map(|hub| hub.partition_count()));
    assert_eq!(new, Err(no_room), "there is nothing that could be used");
    let grown = UpdateHub { partitions: Some(4), ..UpdateHub::new("default", "h") };
    broker.catalog.change(broker.wall().0, grown).await.unwrap();
    assert_eq!(count(4).await, Ok(Some(2)), "what there is can be used meanwhile, also right after a start");
    assert_eq!(count(4).await, Ok(Some(2)));
    logs.is_full.store(false, Ordering::Relaxed);
    assert_eq!(count(4).await, Ok(Some(4)));
}
