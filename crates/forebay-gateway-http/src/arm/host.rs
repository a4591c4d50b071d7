//! The name by which a client reached us, and the name by which clients of AMQP will.

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};
use forebay_auth::resource::{host_matches, host_of};
use forebay_broker::{Broker, NamespaceInfo};

/// Host and port as the client wrote them; a first line that names a host goes before the header (RFC 9112 §3.2.2).
/// `None`: there is none, or it is nothing that a host could be.
pub(super) fn authority<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = || headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or_else(header)?;
    let sound =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    (!host.is_empty() && host.bytes().all(sound)).then_some(host)
}

/// The host that connection strings of a namespace name: its own, else the one that the client reached us by if that
/// leads to this namespace, else the one by which dev mode finds it.
pub(super) fn of_namespace(broker: &Broker, namespace: &NamespaceInfo, authority: Option<&str>) -> String {
    let asked = authority.map(host_of);
    if let Some(own) = own(&namespace.hosts, asked) {
        return own;
    }
    let leads_there =
        |host: &&str| broker.namespace(Some(host)).is_ok_and(|found| found.name() == namespace.name);
    asked.filter(leads_there).map_or_else(|| format!("{}.localhost", namespace.name), str::to_owned)
}

/// Of configured names the first exact one; of suffixes alone, the name that was asked for if it lies below one.
fn own(hosts: &[String], asked: Option<&str>) -> Option<String> {
    let exact = hosts.iter().find(|host| !host.starts_with('*'));
    let below = || asked.filter(|asked| hosts.iter().any(|pattern| host_matches(pattern, asked)));
    exact.cloned().or_else(|| below().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_configured_name_is_the_namespaces_own() {
        let check = |hosts: &[&str], asked: Option<&str>, expected: Option<&str>| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            assert_eq!(own(&hosts, asked).as_deref(), expected, "{hosts:?} {asked:?}");
        };
        check(&[], Some("localhost"), None);
        check(&["a.example", "b.example"], Some("b.example"), Some("a.example"));
        check(&["*.example", "b.other"], Some("x.example"), Some("b.other"));
        check(&["*.example"], Some("x.example"), Some("x.example"));
        check(&["*.example"], Some("localhost"), None);
    }

    #[test]
    fn only_what_can_be_a_host_is_repeated() {
        let check = |host: &str, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            assert_eq!(authority(&headers, &Uri::from_static("/x")), expected, "{host}");
        };
        check("localhost:5300", Some("localhost:5300"));
        check("[::1]:5300", Some("[::1]:5300"));
        check("a;SharedAccessKey=x", None);
        check("a/b", None);
        check("", None);
        assert_eq!(authority(&HeaderMap::new(), &Uri::from_static("http://h:1/x")), Some("h:1"));
    }
}
