use forebay_auth::{Grant, SasError, UnixSeconds, sas};
use forebay_namespace::policy::DeletePolicy;

use crate::testing::{Folder, WHO, declared, dev, in_memory, on, open, options, serve};
use crate::{
    Broker, DEFAULT_POLICY, Declared, DeclaredHub, DeclaredNamespace, DevKey, HubWish, KeySlot, Limits,
    ManageError, Mode, Namespace, NamespaceCredential, Rights, Secret, Tier, WELL_KNOWN_KEY,
};

fn keys(broker: &Broker, namespace: &str) -> crate::PolicyKeys {
    let namespace = broker.find_namespace(namespace).unwrap();
    broker.policy_keys(&namespace, None, DEFAULT_POLICY).unwrap()
}

fn token(broker: &Broker, namespace: &Namespace, host: &str, key: &Secret) -> Result<Grant, SasError> {
    let now = UnixSeconds::from_millis(broker.wall().0);
    let token = sas::create(&format!("sb://{host}/orders"), DEFAULT_POLICY, key, now.plus(600));
    broker.verify_token(namespace, token.expose(), now).map(|(_, grant)| grant)
}

async fn close(broker: Broker) {
    broker.close().await.unwrap();
}

// Dev mode.

#[tokio::test]
async fn a_fresh_dev_folder_has_the_default_namespace_with_the_well_known_key() {
    let (broker, ns) = in_memory().await;
    assert!(broker.management_without_key());
    let [NamespaceCredential { namespace, policy, key, is_well_known, .. }] = &broker.credentials()[..]
    else {
        panic!("one namespace")
    };
    assert_eq!(
        (namespace.as_str(), policy.as_str(), key.expose()),
        ("default", DEFAULT_POLICY, WELL_KNOWN_KEY)
    );
    assert!(is_well_known);
    let keys = broker.policy_keys(&ns, None, DEFAULT_POLICY).unwrap();
    assert_ne!(keys.secondary.expose(), WELL_KNOWN_KEY);
    assert_eq!(keys.secondary.expose().len(), 44);
}

#[tokio::test]
async fn a_dev_folder_with_a_key_of_its_own_keeps_it_until_the_well_known_one_is_asked_for() {
    let folder = Folder::new();
    let start = async |key| {
        let broker = open(Some(&folder), dev(key)).await;
        let key = broker.credentials()[0].key.clone();
        close(broker).await;
        key.expose().to_owned()
    };
    assert_eq!(start(DevKey::WellKnown).await, WELL_KNOWN_KEY);
    let generated = start(DevKey::Generated).await;
    assert_ne!(generated, WELL_KNOWN_KEY);
    assert_eq!(start(DevKey::WellKnown).await, generated);
    assert_eq!(start(DevKey::WellKnownAsked).await, WELL_KNOWN_KEY);
    assert_eq!(start(DevKey::Generated).await, generated, "the same as before");
}

#[tokio::test]
async fn a_key_that_was_regenerated_in_dev_mode_outlives_a_restart() {
    let folder = Folder::new();
    let (broker, ns) = on(Some(&folder)).await;
    let new = broker.regenerate_key(&ns, None, DEFAULT_POLICY, KeySlot::Primary, None, WHO).await.unwrap();
    close(broker).await;
    let (broker, _) = on(Some(&folder)).await;
    assert_eq!(keys(&broker, "default"), new);
    close(broker).await;
}

#[tokio::test]
async fn a_namespace_made_on_first_use_has_the_key_that_let_its_maker_in() {
    let broker = open(None, dev(DevKey::Generated)).await;
    let team = broker.namespace(Some("team.localhost")).unwrap();
    assert_eq!(broker.find_namespace("team"), None, "looking makes nothing");
    let key = keys(&broker, "default").primary;
    assert!(token(&broker, &team, "anything", &key).is_ok());
    broker.hub(&team, "orders", WHO).await.unwrap();
    assert!(token(&broker, &broker.find_namespace("TEAM").unwrap(), "anything", &key).is_ok());
    assert_eq!(broker.namespace_infos().len(), 2);
}

fn declaration() -> Declared {
    let hub = |name: &str, partitions, groups: &[&str]| DeclaredHub {
        name: name.to_owned(),
        partitions,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    Declared {
        namespaces: vec![
            DeclaredNamespace {
                name: "emulatorNs1".into(),
                hubs: vec![hub("eh1", Some(2), &["cg1", "$default"]), hub("eh2", None, &[])],
            },
            DeclaredNamespace { name: "second".into(), hubs: vec![hub("eh1", Some(1), &[])] },
        ],
    }
}

#[tokio::test]
async fn what_an_emulator_configuration_declares_is_there_and_its_first_namespace_is_the_default_one() {
    let broker = open(None, declared(declaration())).await;
    let default = broker.find_namespace("default").unwrap();
    assert_eq!(broker.find_namespace("EMULATORNS1").as_ref(), Some(&default));
    assert_eq!(broker.namespace(Some("emulatorNs1.localhost")).unwrap(), default);
    assert_eq!(broker.namespace(Some("emulatorns1.servicebus.windows.net")).unwrap(), default);
    let hubs = broker.hub_infos(&default);
    assert_eq!(
        hubs.iter().map(|hub| (&*hub.name, hub.partitions)).collect::<Vec<_>>(),
        [("eh1", 2), ("eh2", 4)]
    );
    assert_eq!(broker.group_infos(&default, "eh1").unwrap().len(), 2, "$Default and cg1");
    let second = broker.namespace(Some("second.localhost")).unwrap();
    assert_eq!(broker.hub_infos(&second).len(), 1);
    let names: Vec<String> = broker.namespace_infos().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["default", "second"]);
}

#[tokio::test]
async fn declaring_again_grows_hubs_and_never_takes_away() {
    let folder = Folder::new();
    let broker = open(Some(&folder), declared(declaration())).await;
    close(broker).await;
    let mut other = declaration();
    other.namespaces[0].hubs[0].partitions = Some(5);
    other.namespaces[0].hubs[1].partitions = Some(1);
    other.namespaces[0].hubs[0].groups.clear();
    let broker = open(Some(&folder), declared(other)).await;
    let default = broker.find_namespace("default").unwrap();
    let hubs = broker.hub_infos(&default);
    assert_eq!(hubs.iter().map(|hub| hub.partitions).collect::<Vec<_>>(), [5, 4]);
    assert_eq!(broker.group_infos(&default, "eh1").unwrap().len(), 2);
    close(broker).await;
}

#[tokio::test]
async fn a_declared_hub_that_cannot_be_is_an_error_that_names_it() {
    let mut wrong = declaration();
    wrong.namespaces[1].hubs[0].name = "no spaces".into();
    let error = Broker::open(options(None, declared(wrong))).await.unwrap_err().to_string();
    assert!(error.contains("'second'") && error.contains("'no spaces'"), "{error}");
}

// Serve mode.

#[tokio::test]
async fn serve_mode_knows_the_configured_names_only() {
    let mode =
        serve(&[("orders", &["orders.example", "*.orders.example"]), ("stock", &["stock.example"])], None);
    let broker = open(None, mode).await;
    assert!(!broker.management_without_key());
    for (host, name) in
        [("orders.example", "orders"), ("EU.Orders.Example:5671", "orders"), ("stock.example", "stock")]
    {
        assert_eq!(broker.namespace(Some(host)).unwrap().name(), name, "{host}");
    }
    for host in [None, Some("localhost"), Some("127.0.0.1"), Some("orders.localhost"), Some("default")] {
        let refused = broker.namespace(host).unwrap_err();
        assert!(refused.to_string().contains("orders.example, *.orders.example, stock.example"), "{refused}");
    }
    assert_eq!(broker.find_namespace("default"), None);
    assert_eq!(broker.find_namespace("Orders").unwrap().name(), "orders");
}

#[tokio::test]
async fn serve_mode_takes_tokens_for_the_namespaces_own_names_only() {
    let mode = serve(&[("a", &["a.example"]), ("b", &["b.example"])], None);
    let broker = open(None, mode).await;
    let (a, b) = (broker.find_namespace("a").unwrap(), broker.find_namespace("b").unwrap());
    let (key_a, key_b) = (keys(&broker, "a").primary, keys(&broker, "b").primary);
    assert_ne!(key_a, key_b);
    assert!(token(&broker, &a, "a.example:5671", &key_a).is_ok());
    for host in ["b.example", "localhost", "xa.example"] {
        assert!(token(&broker, &a, host, &key_a).is_err(), "{host}");
    }
    assert!(token(&broker, &b, "b.example", &key_a).is_err(), "another namespace's key");
    assert!(token(&broker, &a, "a.example", &Secret::new(WELL_KNOWN_KEY)).is_err());
}

#[tokio::test]
async fn a_default_namespace_takes_every_other_name_and_tokens_for_them() {
    let broker = open(None, serve(&[("a", &["a.example"]), ("b", &["b.example"])], Some("A"))).await;
    assert_eq!(broker.namespace(Some("b.example")).unwrap().name(), "b");
    let a = broker.namespace(Some("10.0.0.7")).unwrap();
    assert_eq!(a.name(), "a");
    let key = keys(&broker, "a").primary;
    assert!(token(&broker, &a, "10.0.0.7", &key).is_ok());
}

#[tokio::test]
async fn serve_mode_makes_keys_once_and_shows_them_for_each_namespace() {
    let folder = Folder::new();
    let mode = || serve(&[("a", &["a.example"]), ("b", &["b.example"])], None);
    let broker = open(Some(&folder), mode()).await;
    let first = (keys(&broker, "a"), keys(&broker, "b"));
    assert_ne!(first.0.primary, first.0.secondary);
    let shown = broker.credentials();
    assert_eq!(shown.iter().map(|shown| &*shown.namespace).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(shown[1].hosts, ["b.example"]);
    assert_eq!((&shown[1].key, shown[1].is_well_known), (&first.1.primary, false));
    close(broker).await;
    let broker = open(Some(&folder), mode()).await;
    assert_eq!((keys(&broker, "a"), keys(&broker, "b")), first);
    close(broker).await;
}

#[tokio::test]
async fn an_operator_who_replaced_the_first_policy_by_others_does_not_get_it_back() {
    let folder = Folder::new();
    let mode = || serve(&[("a", &["a.example"])], None);
    let broker = open(Some(&folder), mode()).await;
    let a = broker.find_namespace("a").unwrap();
    broker.put_policy(&a, None, "admin", Rights::MANAGE, WHO).await.unwrap();
    broker.delete_policy(&a, None, DEFAULT_POLICY, WHO).await.unwrap();
    close(broker).await;
    let broker = open(Some(&folder), mode()).await;
    assert_eq!(broker.credentials()[0].policy, "admin");
    // Management refuses that; a folder of an older version may be so.
    let last = DeletePolicy { namespace: "a".into(), hub: None, name: "admin".into() };
    broker.catalog.change(broker.wall().0, last).await.unwrap();
    assert!(broker.credentials().is_empty());
    close(broker).await;
    let broker = open(Some(&folder), mode()).await;
    assert_eq!(broker.credentials()[0].policy, DEFAULT_POLICY, "or nobody could manage it");
    close(broker).await;
}

#[tokio::test]
async fn the_well_known_key_is_replaced_wherever_a_dev_folder_has_it_and_cannot_be_set() {
    let folder = Folder::new();
    let (broker, ns) = on(Some(&folder)).await;
    broker.put_hub(&ns, "h", HubWish::default(), WHO).await.unwrap();
    broker.put_policy(&ns, Some("h"), "p", Rights::SEND, WHO).await.unwrap();
    let known = || Some(Secret::new(WELL_KNOWN_KEY));
    broker.regenerate_key(&ns, Some("h"), "p", KeySlot::Secondary, known(), WHO).await.unwrap();
    close(broker).await;

    let broker = open(Some(&folder), serve(&[("default", &["d.example"])], None)).await;
    let ns = broker.find_namespace("default").unwrap();
    let all = [
        broker.policy_keys(&ns, None, DEFAULT_POLICY).unwrap(),
        broker.policy_keys(&ns, Some("h"), "p").unwrap(),
    ];
    for keys in &all {
        assert!(!keys.primary.matches(WELL_KNOWN_KEY) && !keys.secondary.matches(WELL_KNOWN_KEY));
    }
    for slot in KeySlot::ALL {
        let refused = broker.regenerate_key(&ns, None, DEFAULT_POLICY, slot, known(), WHO).await;
        assert!(matches!(refused, Err(ManageError::Invalid(_))), "{refused:?}");
    }
    close(broker).await;
    // Going back to dev mode does not weaken what was generated.
    let (broker, _) = on(Some(&folder)).await;
    assert_eq!(keys(&broker, "default"), all[0]);
    close(broker).await;
}

#[tokio::test]
async fn a_namespace_that_is_not_served_keeps_the_well_known_key_and_cannot_be_reached() {
    let folder = Folder::new();
    let (broker, _) = on(Some(&folder)).await;
    close(broker).await;
    let mode = || serve(&[("orders", &["orders.example", "*.orders.example"])], Some("orders"));
    let broker = open(Some(&folder), mode()).await;
    for host in [None, Some("localhost"), Some("default"), Some("default.localhost"), Some("127.0.0.1")] {
        assert_eq!(broker.namespace(host).unwrap().name(), "orders", "{host:?}");
    }
    assert_eq!(broker.find_namespace("default"), None);
    let orders = broker.find_namespace("orders").unwrap();
    assert!(token(&broker, &orders, "localhost", &Secret::new(WELL_KNOWN_KEY)).is_err());
    close(broker).await;
    let broker = open(Some(&folder), serve(&[("orders", &["orders.example"])], None)).await;
    for host in [None, Some("localhost"), Some("default"), Some("default.localhost")] {
        assert!(broker.namespace(host).is_err(), "{host:?}");
    }
    close(broker).await;
    let (broker, _) = on(Some(&folder)).await;
    assert_eq!(keys(&broker, "default").primary.expose(), WELL_KNOWN_KEY, "as its user left it");
    close(broker).await;
}

#[tokio::test]
async fn host_names_follow_the_configuration_and_may_move_between_namespaces() {
    let folder = Folder::new();
    let broker = open(Some(&folder), serve(&[("a", &["one", "two"]), ("b", &["three"])], None)).await;
    let a = broker.find_namespace("a").unwrap();
    broker.put_hub(&a, "h", HubWish::default(), WHO).await.unwrap();
    close(broker).await;
    let broker = open(Some(&folder), serve(&[("a", &["Three"]), ("b", &["one", "two"])], None)).await;
    for (host, name) in [("one", "b"), ("two", "b"), ("three", "a")] {
        assert_eq!(broker.namespace(Some(host)).unwrap().name(), name);
    }
    assert_eq!(broker.hub_infos(&a).len(), 1);
    close(broker).await;
}

#[tokio::test]
async fn a_namespace_that_is_no_longer_configured_is_kept_and_not_served() {
    let folder = Folder::new();
    let both = || serve(&[("a", &["a.example"]), ("b", &["b.example"])], None);
    let broker = open(Some(&folder), both()).await;
    let b = broker.find_namespace("b").unwrap();
    broker.put_hub(&b, "h", HubWish::default(), WHO).await.unwrap();
    close(broker).await;
    let broker = open(Some(&folder), serve(&[("a", &["a.example"])], None)).await;
    assert!(broker.namespace(Some("b.example")).is_err());
    assert_eq!(broker.find_namespace("b"), None);
    assert_eq!(broker.namespace_infos().len(), 1);
    assert_eq!(broker.credentials().len(), 1);
    close(broker).await;
    let broker = open(Some(&folder), both()).await;
    let b = broker.namespace(Some("b.example")).unwrap();
    assert_eq!(broker.hub_infos(&b).len(), 1);
    close(broker).await;
}

fn limited(limits: Limits) -> Mode {
    let Mode::Serve(mut mode) = serve(&[("a", &["a.example"])], None) else { panic!("serve mode") };
    mode.namespaces[0].limits = limits;
    Mode::Serve(mode)
}

#[tokio::test]
async fn limits_hold_and_follow_the_configuration() {
    let folder = Folder::new();
    let broker = open(Some(&folder), limited(Limits::tier(Tier::Basic))).await;
    let a = broker.find_namespace("a").unwrap();
    let hub = broker.put_hub(&a, "h", HubWish::default(), WHO).await.unwrap().value;
    assert_eq!(hub.retention_ms, 24 * 3600 * 1000);
    let more = HubWish { partitions: Some(5), ..HubWish::default() };
    assert!(matches!(broker.put_hub(&a, "h", more.clone(), WHO).await, Err(ManageError::Invalid(_))));
    let full = broker.put_group(&a, "h", "g", None, WHO).await;
    assert!(matches!(full, Err(ManageError::Limit(_))), "{full:?}");
    close(broker).await;
    let broker = open(Some(&folder), limited(Limits::OPEN)).await;
    assert_eq!(broker.namespace_info(&a).unwrap().limits, Limits::OPEN);
    assert_eq!(broker.put_hub(&a, "h", more, WHO).await.unwrap().value.partitions, 5);
    broker.put_group(&a, "h", "g", None, WHO).await.unwrap();
    close(broker).await;
    let refused = Broker::open(options(Some(&folder), limited(Limits::tier(Tier::Basic)))).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("namespace 'a'") && text.contains("consumer groups"), "{text}");
}

#[tokio::test]
async fn a_serve_configuration_that_contradicts_itself_is_an_error_that_names_the_fix() {
    for (mode, text) in [
        (serve(&[], None), "list one"),
        (serve(&[("a", &["x"]), ("A", &["y"])], None), "twice"),
        (serve(&[("a", &["x"])], Some("b")), "'b' is not among"),
        (serve(&[("a", &["x"]), ("b", &["X"])], None), "'x' belongs to namespace 'a'"),
        (serve(&[("a.b", &["x"])], None), "namespace name"),
        (serve(&[("a", &["http://x"])], None), "without scheme"),
    ] {
        let error = Broker::open(options(None, mode)).await.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_made_on_first_use_where_that_is_off_and_hubs_only_where_it_is_on() {
    for auto_create in [false, true] {
        let mode = serve(&[("a", &["a.example"])], None);
        let broker = Broker::open(crate::BrokerOptions { auto_create, ..options(None, mode) }).await.unwrap();
        let a = broker.namespace(Some("a.example")).unwrap();
        assert_eq!(broker.hub(&a, "h", WHO).await.is_ok(), auto_create);
        assert!(broker.namespace(Some("b.localhost")).is_err());
    }
}

#[tokio::test]
async fn a_grant_of_a_deleted_hubs_policy_does_not_hold_for_the_hub_made_again() {
    let (broker, ns) = in_memory().await;
    let now = UnixSeconds::from_millis(broker.wall().0);
    broker.put_hub(&ns, "orders", HubWish::default(), WHO).await.unwrap();
    broker.put_policy(&ns, Some("orders"), "p", Rights::SEND, WHO).await.unwrap();
    let key = broker.policy_keys(&ns, Some("orders"), "p").unwrap().primary;
    let token = sas::create("sb://localhost/orders", "p", &key, now.plus(600));
    let (_, grant) = broker.verify_token(&ns, token.expose(), now).unwrap();
    assert_eq!(broker.grant_still_holds(&ns, &grant), Ok(()));
    broker.delete_hub(&ns, "orders", WHO).await.unwrap();
    broker.put_hub(&ns, "orders", HubWish::default(), WHO).await.unwrap();
    assert!(broker.grant_still_holds(&ns, &grant).is_err());
    assert!(broker.verify_token(&ns, token.expose(), now).is_err());
    broker.put_policy(&ns, Some("orders"), "p", Rights::SEND, WHO).await.unwrap();
    let own = Some(key);
    broker.regenerate_key(&ns, Some("orders"), "p", KeySlot::Primary, own, WHO).await.unwrap();
    assert!(broker.grant_still_holds(&ns, &grant).is_err(), "not even with the same name and key");
}

#[tokio::test]
async fn the_grant_that_made_a_namespace_goes_on_in_it_until_its_key_is_replaced() {
    let (broker, default) = in_memory().await;
    let team = broker.namespace(Some("team.localhost")).unwrap();
    let grant = token(&broker, &team, "team.localhost", &Secret::new(WELL_KNOWN_KEY)).unwrap();
    broker.hub(&team, "orders", WHO).await.unwrap();
    assert_eq!(broker.grant_still_holds(&team, &grant), Ok(()));
    broker.regenerate_key(&default, None, DEFAULT_POLICY, KeySlot::Primary, None, WHO).await.unwrap();
    assert!(broker.grant_still_holds(&team, &grant).is_err());
}
