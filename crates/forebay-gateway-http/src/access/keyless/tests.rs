use super::*;

/// One thing that a request may say, and whether it speaks for someone at this machine.
type Choice<T> = (T, bool);

const PEERS: [Choice<&str>; 6] = [
    ("127.0.0.1:5000", true),
    ("127.8.9.1:5000", true),
    ("[::1]:5000", true),
    ("[::ffff:127.0.0.1]:5000", true),
    ("192.168.0.7:5000", false),
    ("[fe80::1]:5000", false),
];

const HOSTS: [Choice<&[&str]>; 6] = [
    (&["localhost:5300"], true),
    (&["[::1]:5300"], true),
    (&["evil.example:5300"], false),
    (&["192.168.0.7:5300"], false),
    (&["localhost:5300", "evil.example"], false),
    (&[], false),
];

const ORIGINS: [Choice<Option<&str>>; 5] = [
    (None, true),
    (Some("SAME"), true),
    (Some("http://evil.example"), false),
    (Some("http://localhost:3000"), false),
    (Some("null"), false),
];

const SITES: [Choice<Option<&str>>; 6] = [
    (None, true),
    (Some("none"), true),
    (Some("same-origin"), true),
    (Some("same-site"), false),
    (Some("cross-site"), false),
    (Some("something-new"), false),
];

const PROXY_HEADERS: [Choice<Option<&str>>; 3] =
    [(None, true), (Some("x-forwarded-for"), false), (Some("forwarded"), false)];

/// Method, length of the body, content type.
type Sent = (&'static str, Option<&'static str>, Option<&'static str>);

const BODIES: [Choice<Sent>; 8] = [
    (("GET", None, None), true),
    (("DELETE", None, None), true),
    (("POST", Some("0"), None), true),
    (("PUT", Some("2"), Some("application/json")), true),
    (("PUT", Some("2"), Some("Application/JSON; charset=utf-8")), true),
    (("POST", Some("2"), Some("text/plain")), false),
    (("POST", Some("2"), Some("application/x-www-form-urlencoded")), false),
    (("PUT", Some("2"), None), false),
];

#[test]
fn a_request_without_a_key_is_taken_when_everything_about_it_is_local_and_never_else() {
    let (mut taken, mut refused) = (0, 0);
    for (peer, peer_local) in PEERS {
        for (hosts, host_local) in HOSTS {
            for (origin, origin_own) in ORIGINS {
                for (site, site_own) in SITES {
                    for (proxy, direct) in PROXY_HEADERS {
                        for ((method, length, kind), body_sound) in BODIES {
                            let own = format!("http://{}", hosts.first().copied().unwrap_or_default());
                            let origin = origin.map(|origin| if origin == "SAME" { &*own } else { origin });
                            let mut headers = HeaderMap::new();
                            let mut put = |name: &'static str, value: Option<&str>| {
                                if let Some(value) = value {
                                    headers.append(name, value.parse().unwrap());
                                }
                            };
                            hosts.iter().for_each(|host| put("host", Some(host)));
                            put("origin", origin);
                            put("sec-fetch-site", site);
                            put("content-length", length);
                            put("content-type", kind);
                            if let Some(proxy) = proxy {
                                put(proxy, Some("for=10.0.0.1"));
                            }
                            let peer = Peer { address: peer.parse().unwrap(), tls: false };
                            let method: Method = method.parse().unwrap();
                            let verdict = check(&peer, &method, &Uri::from_static("/x"), &headers);
                            let expected =
                                peer_local && host_local && origin_own && site_own && direct && body_sound;
                            assert_eq!(
                                verdict.is_ok(),
                                expected,
                                "{peer:?} {method} {headers:?}: {verdict:?}"
                            );
                            if expected { taken += 1 } else { refused += 1 }
                        }
                    }
                }
            }
        }
    }
    assert!(taken > 100 && refused > 1_000, "{taken} {refused}");
}

#[test]
fn each_refusal_says_what_spoke_against_it_and_what_to_send_instead() {
    let refuses = |pairs: &[(&'static str, &str)], expected: Refused, word: &str| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let peer = Peer { address: "127.0.0.1:9".parse().unwrap(), tls: false };
        let refused = check(&peer, &Method::POST, &Uri::from_static("/x"), &headers).unwrap_err();
        assert_eq!(refused, expected);
        let text = refused.to_string();
        assert!(text.contains(word) && text.contains("SharedAccessSignature"), "{text}");
    };
    let host = ("host", "localhost:5300");
    refuses(
        &[("host", "evil.example:5300"), ("origin", "http://evil.example:5300")],
        Refused::ForeignHost("evil.example:5300".into()),
        "evil.example:5300",
    );
    refuses(
        &[host, ("origin", "http://evil.example")],
        Refused::ForeignOrigin("http://evil.example".into()),
        "evil.example",
    );
    refuses(&[host, ("origin", "null")], Refused::ForeignOrigin("null".into()), "null");
    refuses(&[host, ("sec-fetch-site", "cross-site")], Refused::CrossSite("cross-site".into()), "cross-site");
    refuses(&[host, ("content-length", "3")], Refused::NotJson, "application/json");
    refuses(&[host, ("transfer-encoding", "chunked")], Refused::NotJson, "application/json");
    refuses(&[host, ("via", "1.1 x")], Refused::Proxied(VIA), "via");
    let far = Peer { address: "10.0.0.9:9".parse().unwrap(), tls: false };
    let refused = check(&far, &Method::GET, &Uri::from_static("/x"), &HeaderMap::new()).unwrap_err();
    assert_eq!(refused, Refused::NotLoopback);
}

#[test]
fn only_names_that_no_dns_decides_are_loopback() {
    for (host, loopback) in [
        ("localhost", true),
        ("LocalHost:80", true),
        ("127.0.0.1", true),
        ("127.1.2.3:1", true),
        ("[::1]", true),
        ("[0:0:0:0:0:0:0:1]:5300", true),
        ("", false),
        ("localhost.", false),
        ("localhost.evil.example", false),
        ("x.localhost", false),
        ("127.0.0.1.evil.example", false),
        ("127.1", false),
        ("2130706433", false),
        ("0.0.0.0", false),
        ("[::]", false),
        ("[::ffff:127.0.0.1]", false),
        ("::1", false),
        ("user@localhost", false),
        ("localhost:evil", false),
        ("localhost:5300:1", false),
        ("[::1]x", false),
    ] {
        assert_eq!(is_loopback_name(host), loopback, "{host:?}");
    }
}

#[test]
fn a_host_in_the_first_line_counts_as_much_as_the_header() {
    let mut headers = HeaderMap::new();
    headers.append("host", "localhost".parse().unwrap());
    let peer = Peer { address: "127.0.0.1:9".parse().unwrap(), tls: false };
    let absolute = |uri: &'static str| check(&peer, &Method::GET, &Uri::from_static(uri), &headers);
    assert_eq!(absolute("http://localhost/x"), Ok(()));
    assert_eq!(absolute("http://evil.example/x"), Err(Refused::ForeignHost("evil.example".into())));
}

#[test]
fn the_origin_of_a_tls_listener_is_https() {
    let mut headers = HeaderMap::new();
    headers.append("host", "localhost:8443".parse().unwrap());
    headers.append("origin", "https://localhost:8443".parse().unwrap());
    let peer = |tls| Peer { address: "[::1]:9".parse().unwrap(), tls };
    let check = |tls| check(&peer(tls), &Method::GET, &Uri::from_static("/x"), &headers);
    assert_eq!(check(true), Ok(()));
    assert_eq!(check(false), Err(Refused::ForeignOrigin("https://localhost:8443".into())));
}
