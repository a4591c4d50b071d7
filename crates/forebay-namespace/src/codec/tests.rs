use forebay_auth::{KeySlot, Rights, Secret};

use super::*;
use crate::entry::RaiseLevel;
use crate::group::{CreateGroup, DeleteGroup, UpdateGroup};
use crate::hub::{CreateHub, DeleteHub, HubId, UpdateHub};
use crate::limits::{Limits, Tier};
use crate::namespace::{CreateNamespace, SetNamespaceHosts, SetNamespaceLimits};
use crate::policy::{CreatePolicy, DeletePolicy, ReplaceKey, SetPolicyRights};
use crate::precondition::ObjectRef;
use crate::receiver::{ClaimReceiver, ReceiverId, ReleaseReceiver, SeatRef};
use crate::setting::{PutSetting, Setting};

fn seat() -> SeatRef {
    SeatRef { hub: HubId(7), group: "$Default".into(), partition: 3 }
}

/// Every kind with the JSON that stands in logs. Persisted: rows are added, never changed.
fn kinds() -> Vec<(Command, &'static str)> {
    let namespace = || "default".to_owned();
    let receiver = ReceiverId { node: NodeId(1), link: u64::MAX };
    vec![
        (RaiseLevel { level: 2 }.into(), r#""kind":"raise_level","body":{"level":2}"#),
        (
            CreateNamespace { name: namespace(), hosts: vec!["*.example".into()] }.into(),
            r#""kind":"create_namespace","body":{"name":"default","hosts":["*.example"]}"#,
        ),
        (
            SetNamespaceHosts { name: namespace(), hosts: vec![] }.into(),
            r#""kind":"set_namespace_hosts","body":{"name":"default","hosts":[]}"#,
        ),
        (
            CreateHub::with_defaults("default", "Orders").into(),
            r#""kind":"create_hub","body":{"namespace":"default","name":"Orders","partitions":4,"retention_ms":86400000}"#,
        ),
        (
            DeleteHub { namespace: namespace(), name: "orders".into() }.into(),
            r#""kind":"delete_hub","body":{"namespace":"default","name":"orders"}"#,
        ),
        (
            CreateGroup::new("default", "orders", "g").into(),
            r#""kind":"create_group","body":{"namespace":"default","hub":"orders","name":"g"}"#,
        ),
        (
            DeleteGroup { namespace: namespace(), hub: "orders".into(), name: "g".into() }.into(),
            r#""kind":"delete_group","body":{"namespace":"default","hub":"orders","name":"g"}"#,
        ),
        (
            CreatePolicy {
                namespace: namespace(),
                hub: None,
                name: "p".into(),
                rights: Rights::SEND | Rights::LISTEN,
                primary: Secret::new("k1"),
                secondary: Some(Secret::new("k2")),
            }
            .into(),
            r#""kind":"create_policy","body":{"namespace":"default","hub":null,"name":"p","rights":["Listen","Send"],"primary":"k1","secondary":"k2"}"#,
        ),
        (
            SetPolicyRights {
                namespace: namespace(),
                hub: Some("h".into()),
                name: "p".into(),
                rights: Rights::MANAGE,
            }
            .into(),
            r#""kind":"set_policy_rights","body":{"namespace":"default","hub":"h","name":"p","rights":["Listen","Manage","Send"]}"#,
        ),
        (
            DeletePolicy { namespace: namespace(), hub: None, name: "p".into() }.into(),
            r#""kind":"delete_policy","body":{"namespace":"default","hub":null,"name":"p"}"#,
        ),
        (
            ReplaceKey {
                namespace: namespace(),
                hub: None,
                name: "p".into(),
                slot: KeySlot::Secondary,
                key: Secret::new("k3"),
            }
            .into(),
            r#""kind":"replace_key","body":{"namespace":"default","hub":null,"name":"p","slot":"secondary","key":"k3"}"#,
        ),
        (
            PutSetting { name: "dev.key".into(), value: Setting::Secret(Secret::new("k4")) }.into(),
            r#""kind":"put_setting","body":{"name":"dev.key","value":{"secret":"k4"}}"#,
        ),
        (
            PutSetting { name: "motto".into(), value: Setting::Text("t".into()) }.into(),
            r#""kind":"put_setting","body":{"name":"motto","value":{"text":"t"}}"#,
        ),
        (
            ClaimReceiver { receiver, seat: seat(), epoch: Some(-1), name: None }.into(),
            r#""kind":"claim_receiver","body":{"receiver":{"node":1,"link":18446744073709551615},"seat":{"hub":7,"group":"$Default","partition":3},"epoch":-1,"name":null}"#,
        ),
        (
            ReleaseReceiver { receiver, seat: seat() }.into(),
            r#""kind":"release_receiver","body":{"receiver":{"node":1,"link":18446744073709551615},"seat":{"hub":7,"group":"$Default","partition":3}}"#,
        ),
        // Level 2.
        (
            CreateHub { user_metadata: Some("é".into()), ..CreateHub::with_defaults("default", "Orders") }
                .into(),
            r#""kind":"create_hub","body":{"namespace":"default","name":"Orders","partitions":4,"retention_ms":86400000,"user_metadata":"é"}"#,
        ),
        (
            CreateGroup { user_metadata: Some("m".into()), ..CreateGroup::new("default", "orders", "g") }
                .into(),
            r#""kind":"create_group","body":{"namespace":"default","hub":"orders","name":"g","user_metadata":"m"}"#,
        ),
        (
            SetNamespaceLimits { name: namespace(), limits: Limits::tier(Tier::Basic) }.into(),
            r#""kind":"set_namespace_limits","body":{"name":"default","limits":{"hubs_max":10,"partitions_max":32,"groups_max":1,"retention_ms_max":86400000,"partition_growth":false}}"#,
        ),
        (
            SetNamespaceLimits { name: namespace(), limits: Limits::OPEN }.into(),
            r#""kind":"set_namespace_limits","body":{"name":"default","limits":{"hubs_max":10000,"partitions_max":2000,"groups_max":1000,"retention_ms_max":18446744073709551615,"partition_growth":true}}"#,
        ),
        (
            UpdateHub::new("default", "orders").into(),
            r#""kind":"update_hub","body":{"namespace":"default","name":"orders"}"#,
        ),
        (
            UpdateHub {
                partitions: Some(8),
                retention_ms: Some(1),
                user_metadata: Some(String::new()),
                ..UpdateHub::new("default", "orders")
            }
            .into(),
            r#""kind":"update_hub","body":{"namespace":"default","name":"orders","partitions":8,"retention_ms":1,"user_metadata":""}"#,
        ),
        (
            UpdateGroup {
                namespace: namespace(),
                hub: "orders".into(),
                name: "$Default".into(),
                user_metadata: Some("m".into()),
            }
            .into(),
            r#""kind":"update_group","body":{"namespace":"default","hub":"orders","name":"$Default","user_metadata":"m"}"#,
        ),
    ]
}

#[test]
fn every_kind_has_one_form_that_reads_back() {
    for (command, json) in kinds() {
        let entry = Entry::new(ProposalId(0x2a), NodeId(5), -7, command);
        let text = String::from_utf8(encode(&entry)).unwrap();
        assert_eq!(
            text,
            format!(r#"{{"v":1,"id":"0000000000000000000000000000002a","by":5,"at":-7,"if":[],{json}}}"#)
        );
        assert_eq!(decode(text.as_bytes()), Ok(entry));
    }
}

#[test]
fn preconditions_read_back() {
    let hub = ObjectRef::Hub { namespace: "n".into(), name: "h".into() };
    let objects = [
        ObjectRef::Namespace { name: "n".into() },
        hub.clone(),
        ObjectRef::Group { namespace: "n".into(), hub: "h".into(), name: "g".into() },
        ObjectRef::Policy { namespace: "n".into(), hub: None, name: "p".into() },
        ObjectRef::Policy { namespace: "n".into(), hub: Some("h".into()), name: "p".into() },
        ObjectRef::Setting { name: "s".into() },
    ];
    let mut entry = Entry::new(ProposalId(1), NodeId(0), 0, RaiseLevel { level: 1 })
        .only_if(Precondition::Version { object: hub, version: 12 });
    for object in objects {
        entry = entry.only_if(Precondition::Absent { object: object.clone() });
        entry = entry.only_if(Precondition::Exists { object });
    }
    let bytes = encode(&entry);
    assert_eq!(decode(&bytes), Ok(entry));
    let text = String::from_utf8(bytes).unwrap();
    let first =
        r#""if":[{"require":"version","object":{"is":"hub","namespace":"n","name":"h"},"version":12},"#;
    assert!(text.contains(first), "{text}");
}

#[test]
fn what_a_newer_version_wrote_is_kept_as_it_is() {
    let envelope = |v: u32, conditions: &str, rest: &str| {
        format!(
            r#"{{"v":{v},"id":"0000000000000000000000000000002a","by":5,"at":9,"if":[{conditions}],{rest}}}"#
        )
    };
    let group = r#""kind":"create_group","body":{"namespace":"n","hub":"h","name":"g"}"#;
    for text in [
        envelope(1, "", r#""kind":"create_moon","body":{"phase":"full","secret":"s3cr3t"}"#),
        envelope(2, "", group),
        envelope(1, "", &group.replace("\"name\"", "\"colour\":1,\"name\"")),
        envelope(1, "", &group.replace("\"hub\":\"h\",", "")),
        envelope(1, r#"{"require":"moon"}"#, group),
        envelope(1, r#"{"require":"absent","object":{"is":"setting","name":"s","in":"x"}}"#, group),
        envelope(1, "", &format!("{group},\"secret\":\"s3cr3t\"")),
        // Code of level 1 does not read this member, so that null is not the same as leaving it out.
        envelope(1, "", &group.replace("\"name\"", "\"user_metadata\":null,\"name\"")),
    ] {
        let entry = decode(text.as_bytes()).unwrap();
        assert_eq!((entry.proposal, entry.proposer, entry.time_ms), (ProposalId(0x2a), NodeId(5), 9));
        assert!(matches!(entry.command, Command::Opaque(_)), "{text}: {entry:?}");
        assert!(!format!("{entry:?}").contains("s3cr3t"));
        let original: Value = serde_json::from_str(&text).unwrap();
        let written: Value = serde_json::from_slice(&encode(&entry)).unwrap();
        assert_eq!(written, original);
    }
}

#[test]
fn bytes_that_are_no_entry_are_damage() {
    for bytes in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xff",
        br#"{"v":1,"id":"2a","by":5,"at":9,"if":[],"kind":"raise_level","body":{"level":1}}"#,
        br#"{"v":1,"id":"+000000000000000000000000000002a","by":5,"at":9,"kind":"raise_level","body":{"level":1}}"#,
        br#"{"v":1,"id":"0000000000000000000000000000002a","by":5,"at":9,"if":[],"body":{"level":1}}"#,
    ] {
        assert!(decode(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn an_entry_cut_short_anywhere_is_damage() {
    for (command, _) in kinds() {
        let bytes = encode(&Entry::new(ProposalId(1), NodeId(0), 0, command));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn no_secret_is_printed() {
    for (command, json) in kinds() {
        let printed = format!("{command:?}");
        for key in ["k1", "k2", "k3", "k4"] {
            assert!(!printed.contains(key), "{json}: {printed}");
        }
    }
}
