use forebay_log::Durability;

use super::*;
use crate::testing::{Folder, WHO, in_memory, on};
use crate::{KeySlot, Rights, Secret};

fn partitions(count: u32) -> HubWish {
    HubWish { partitions: Some(count), ..HubWish::default() }
}

fn names(infos: &[HubInfo]) -> Vec<&str> {
    infos.iter().map(|info| info.name.as_str()).collect()
}

#[tokio::test]
async fn a_hub_is_made_once_and_then_changed_and_shown_as_it_is() {
    let (broker, ns) = in_memory().await;
    assert_eq!(broker.durability(), Durability::Memory);
    let made = broker.put_hub(&ns, "Orders", HubWish::default(), WHO).await.unwrap();
    assert!(made.created);
    assert_eq!((made.value.partitions, made.value.retention_ms), (4, 24 * 3600 * 1000));
    let wish = HubWish { user_metadata: Some("mine".into()), retention_ms: Some(3_600_000), ..partitions(6) };
    let put = broker.put_hub(&ns, "orders", wish.clone(), WHO).await.unwrap();
    assert!(!put.created);
    assert_eq!(put.value.name, "Orders", "as first written");
    assert_eq!((put.value.partitions, put.value.retention_ms), (6, 3_600_000));
    assert_eq!(put.value.user_metadata.as_deref(), Some("mine"));
    assert_eq!(
        broker.put_hub(&ns, "orders", wish, WHO).await.unwrap(),
        put,
        "the same again changes nothing"
    );
    assert_eq!(broker.hub_info(&ns, "ORDERS").unwrap(), put.value);
    broker.put_hub(&ns, "a", partitions(1), WHO).await.unwrap();
    assert_eq!(names(&broker.hub_infos(&ns)), ["a", "Orders"]);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_the_nearest_name_is_named() {
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "orders", HubWish::default(), WHO).await.unwrap();
    let missing = broker.hub_info(&ns, "ordres").unwrap_err();
    assert_eq!(missing.to_string(), "there is no 'ordres'; similar: 'orders'");
    assert_eq!(broker.delete_hub(&ns, "ordres", WHO).await, Ok(false));
    assert_eq!(broker.group_info(&ns, "orders", "g").unwrap_err(), ManageError::not_found("orders|g"));
    assert_eq!(broker.delete_group(&ns, "orders", "g", WHO).await, Ok(false));
    assert!(broker.delete_group(&ns, "ordres", "g", WHO).await.is_err());
    assert_eq!(broker.delete_policy(&ns, Some("orders"), "p", WHO).await, Ok(false));
    assert_eq!(broker.find_namespace("other"), None);
    let nowhere = crate::Namespace::new("other");
    let refused = broker.put_hub(&nowhere, "orders", HubWish::default(), WHO).await.unwrap_err();
    assert_eq!(refused, ManageError::not_found("other"));
    assert!(broker.hub_infos(&nowhere).is_empty());
}

#[tokio::test]
async fn wishes_that_break_a_rule_are_refused_with_the_rule() {
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "h", partitions(4), WHO).await.unwrap();
    let refused = async |hub: &str, wish| broker.put_hub(&ns, hub, wish, WHO).await.unwrap_err();
    for (hub, wish, text) in [
        ("h", partitions(3), "only grows"),
        ("new", partitions(0), "partitions"),
        ("new", partitions(2_001), "partitions"),
        ("new", HubWish { retention_ms: Some(0), ..HubWish::default() }, "retention"),
        ("h", HubWish { user_metadata: Some("m".repeat(1_025)), ..HubWish::default() }, "1024"),
        ("a b", HubWish::default(), "hub name"),
    ] {
        match refused(hub, wish).await {
            ManageError::Invalid(said) => assert!(said.contains(text), "{hub}: {said}"),
            other => panic!("{hub}: {other:?}"),
        }
    }
    let protected = broker.delete_group(&ns, "h", "$default", WHO).await;
    assert!(matches!(protected, Err(ManageError::Protected(_))), "{protected:?}");
}

#[tokio::test]
async fn groups_are_made_changed_listed_and_deleted() {
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
    let made = broker.put_group(&ns, "h", "Readers", None, WHO).await.unwrap();
    assert!(made.created && made.value.user_metadata.is_none());
    let noted = broker.put_group(&ns, "h", "readers", Some("note".into()), WHO).await.unwrap();
    assert_eq!((noted.created, noted.value.user_metadata.as_deref()), (false, Some("note")));
    let again = broker.put_group(&ns, "h", "readers", None, WHO).await.unwrap();
    assert_eq!(again.value, noted.value, "no wish leaves what is noted");
    let listed = broker.group_infos(&ns, "h").unwrap();
    assert_eq!(listed.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["$Default", "Readers"]);
    assert_eq!(broker.delete_group(&ns, "h", "READERS", WHO).await, Ok(true));
    assert_eq!(broker.group_infos(&ns, "h").unwrap().len(), 1);
}

#[tokio::test]
async fn a_policy_gets_two_keys_that_stay_when_its_rights_change() {
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
    for hub in [None, Some("h")] {
        let made = broker.put_policy(&ns, hub, "senders", Rights::SEND, WHO).await.unwrap();
        assert!(made.created);
        let keys = broker.policy_keys(&ns, hub, "Senders").unwrap();
        assert_eq!((keys.name.as_str(), keys.primary.expose().len()), ("senders", 44));
        assert_ne!(keys.primary, keys.secondary);
        let changed = broker.put_policy(&ns, hub, "senders", Rights::LISTEN, WHO).await.unwrap();
        assert_eq!((changed.created, changed.value.rights), (false, Rights::LISTEN));
        assert_eq!(broker.policy_keys(&ns, hub, "senders").unwrap(), keys);
        let replaced =
            broker.regenerate_key(&ns, hub, "senders", KeySlot::Secondary, None, WHO).await.unwrap();
        assert_eq!(replaced.primary, keys.primary);
        assert_ne!(replaced.secondary, keys.secondary);
        let own = Some(Secret::new("my-own-key"));
        let chosen = broker.regenerate_key(&ns, hub, "senders", KeySlot::Primary, own, WHO).await.unwrap();
        assert_eq!(chosen.primary.expose(), "my-own-key");
        let impossible = Some(Secret::new("a;b"));
        let refused = broker.regenerate_key(&ns, hub, "senders", KeySlot::Primary, impossible, WHO).await;
        assert!(matches!(refused, Err(ManageError::Invalid(_))), "{refused:?}");
        assert_eq!(broker.delete_policy(&ns, hub, "SENDERS", WHO).await, Ok(true));
        assert!(broker.policy_keys(&ns, hub, "senders").is_err());
    }
    assert_eq!(broker.policy_infos(&ns, None).unwrap().len(), 1);
    assert!(broker.policy_infos(&ns, Some("h")).unwrap().is_empty());
}

#[tokio::test]
async fn the_last_policy_with_manage_is_neither_deleted_nor_weakened() {
    let (broker, ns) = in_memory().await;
    broker.put_hub(&ns, "h", partitions(1), WHO).await.unwrap();
    let root = crate::DEFAULT_POLICY;
    // A hub's policy manages its hub alone.
    broker.put_policy(&ns, Some("h"), "hub-manager", Rights::MANAGE, WHO).await.unwrap();
    let deleted = broker.delete_policy(&ns, None, root, WHO).await;
    assert!(matches!(&deleted, Err(ManageError::Protected(text)) if text.contains("last")), "{deleted:?}");
    let weakened = broker.put_policy(&ns, None, root, Rights::SEND, WHO).await;
    assert!(matches!(weakened, Err(ManageError::Protected(_))), "{weakened:?}");
    assert_eq!(broker.policy_info(&ns, None, root).unwrap().rights, Rights::MANAGE);
    broker.put_policy(&ns, None, "second", Rights::MANAGE, WHO).await.unwrap();
    assert_eq!(broker.delete_policy(&ns, None, root, WHO).await, Ok(true));
    assert!(broker.delete_policy(&ns, None, "second", WHO).await.is_err(), "now that one is the last");
    assert_eq!(broker.delete_policy(&ns, Some("h"), "hub-manager", WHO).await, Ok(true));
}

#[tokio::test]
async fn two_who_make_the_same_hub_at_once_both_get_it_and_one_made_it() {
    let (broker, ns) = in_memory().await;
    let wish = || partitions(3);
    let (one, other) =
        tokio::join!(broker.put_hub(&ns, "h", wish(), WHO), broker.put_hub(&ns, "H", wish(), WHO));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.value, other.value);
    assert_ne!(one.created, other.created);
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_stop_and_after_a_kill() {
    let folder = Folder::new();
    for clean in [true, false] {
        let hub = if clean { "after-stop" } else { "after-kill" };
        let (broker, ns) = on(Some(&folder)).await;
        broker.put_hub(&ns, hub, partitions(2), WHO).await.unwrap();
        broker.put_hub(&ns, hub, partitions(3), WHO).await.unwrap();
        broker.put_group(&ns, hub, "g", Some("note".into()), WHO).await.unwrap();
        broker.put_policy(&ns, Some(hub), "p", Rights::SEND, WHO).await.unwrap();
        let keys = broker.policy_keys(&ns, Some(hub), "p").unwrap();
        let before = (broker.hub_infos(&ns), broker.group_infos(&ns, hub).unwrap());
        let killed = folder.as_after_a_kill();
        broker.close().await.unwrap();
        let (broker, ns) = on(Some(if clean { &folder } else { &killed })).await;
        assert_eq!((broker.hub_infos(&ns), broker.group_infos(&ns, hub).unwrap()), before);
        assert_eq!(broker.policy_keys(&ns, Some(hub), "p").unwrap(), keys);
        assert_eq!(broker.hub(&ns, hub, WHO).await.unwrap().partition_count(), 3);
        broker.close().await.unwrap();
    }
}
