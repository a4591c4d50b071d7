use super::*;
use crate::entry::{Entry, NodeId, Position, ProposalId};
use crate::namespace::CreateNamespace;
use crate::{Verdict, apply};

fn state(namespaces: &[(&str, &[&str])]) -> State {
    let mut state = State::new();
    for (index, (name, hosts)) in namespaces.iter().enumerate() {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let entry = Entry::new(
            ProposalId(index as u128),
            NodeId(0),
            0,
            CreateNamespace { name: (*name).into(), hosts },
        );
        let verdict = apply(&mut state, Position::in_log(index as u64), &entry);
        assert!(matches!(verdict, Verdict::Applied(_)), "{verdict:?}");
    }
    state
}

fn name_of(resolved: Result<Resolved<'_>, UnknownHost>) -> String {
    match resolved {
        Ok(Resolved::Namespace(namespace)) => namespace.name().to_owned(),
        Ok(Resolved::FirstUse(name)) => format!("new {name}"),
        Err(UnknownHost { host, .. }) => format!("unknown {host}"),
    }
}

#[test]
fn in_development_every_name_is_good_for_something() {
    let state = state(&[("default", &[]), ("Sales", &[]), ("listed", &["hubs.lan"])]);
    for (host, name) in [
        ("localhost", "default"),
        ("localhost:5672", "default"),
        ("127.0.0.1:5672", "default"),
        ("[::1]:5672", "default"),
        ("::1", "default"),
        ("forebay", "default"),
        ("host.docker.internal", "default"),
        ("box.lan", "default"),
        ("", "default"),
        ("hubs.lan", "listed"),
        ("sales.localhost", "Sales"),
        ("SALES.servicebus.windows.net:5671", "Sales"),
        ("fresh.localhost", "new fresh"),
        ("fresh.servicebus.windows.net.", "new fresh"),
        ("fresh.servicebus.chinacloudapi.cn", "new fresh"),
        ("a_b.localhost", "unknown a_b.localhost"),
    ] {
        assert_eq!(name_of(state.resolve_host(host, HostMode::Dev)), name, "{host}");
    }
}

#[test]
fn in_service_only_listed_names_are_known() {
    let state = state(&[
        ("default", &["*.example"]),
        ("exact", &["a.example", "hubs.internal"]),
        ("longer", &["*.b.example"]),
    ]);
    let strict = HostMode::Serve { default_namespace: None };
    for (host, name) in [
        ("A.example:5671", "exact"),
        ("b.example", "default"),
        ("x.b.example", "longer"),
        ("hubs.internal", "exact"),
        ("localhost", "unknown localhost"),
        ("example", "unknown example"),
        ("new.servicebus.windows.net", "unknown new.servicebus.windows.net"),
    ] {
        assert_eq!(name_of(state.resolve_host(host, strict)), name, "{host}");
    }
    let lenient = HostMode::Serve { default_namespace: Some("exact") };
    assert_eq!(name_of(state.resolve_host("localhost", lenient)), "exact");
    assert_eq!(
        state.resolve_host("x:1", strict).unwrap_err().to_string(),
        "no namespace has the host name 'x': use one of [*.example, a.example, hubs.internal, *.b.example], or add it \
         to a namespace"
    );
}

#[test]
fn no_two_namespaces_have_the_same_host() {
    let mut state = state(&[("one", &["a.example"]), ("two", &["b.example"])]);
    let set = |name: &str, host: &str| crate::namespace::SetNamespaceHosts {
        name: name.into(),
        hosts: vec![host.into()],
    };
    let mut next = 10;
    let mut applied = |command| {
        next += 1;
        let entry = Entry::new(ProposalId(next), NodeId(0), 0, command);
        match apply(&mut state, Position::in_log(next as u64), &entry) {
            Verdict::Applied(_) => Ok(()),
            Verdict::Rejected(rejection) => Err(rejection.text),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        applied(set("two", "A.Example")),
        Err("the host name 'a.example' belongs to namespace 'one': remove it there first".into())
    );
    assert_eq!(applied(set("one", "A.EXAMPLE")), Ok(()));
    assert_eq!(applied(set("one", "c.example")), Ok(()));
    assert_eq!(applied(set("two", "a.example")), Ok(()));
}
