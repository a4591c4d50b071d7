//! A web page that wants to manage the server of whoever looks at it.
//!
//! The page is at http://evil.example. First it sends what browsers let any page send to another origin. Then it rebinds
//! its name: the next time that evil.example is looked up it is 127.0.0.1, and from then on the browser takes our server
//! for the page's own origin and lets it read and send everything; only Host and Origin still say `evil.example`. Each
//! request is written out with the headers that browsers send (Fetch standard, "Origin" and "Sec-Fetch-Site"), over a
//! real socket from 127.0.0.1.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{DEFAULT, PATIENCE, Server};

const HUBS: &str = "/eventhubs";
const HUB: &str = "/eventhubs/orders";
const NEW_HUB: &str = "/eventhubs/planted";
const KEYS: &str = "/authorizationRules/RootManageSharedAccessKey/listKeys";
const REGENERATE: &str = "/authorizationRules/RootManageSharedAccessKey/regenerateKeys";
const RULE: &str = "/authorizationRules/RootManageSharedAccessKey";

/// What a browser tab sends: method, path below the namespace, headers, body.
struct Sent {
    method: &'static str,
    path: &'static str,
    headers: String,
    body: &'static str,
}

async fn write_out(server: &Server, sent: &Sent) -> String {
    let Sent { method, path, headers, body } = sent;
    let length = if body.is_empty() && *method == "GET" {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let request = format!(
        "{method} {DEFAULT}{path} HTTP/1.1\r\n{headers}{agent}\r\nAccept: */*\r\n{length}Connection: close\r\n\r\n{body}"
    );
    let exchange = async {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}

/// A server with one hub, and everything that a page could be after.
async fn victim() -> (Server, Vec<String>) {
    let server = Server::dev().await;
    server.ask("PUT", &format!("{DEFAULT}{HUB}"), Some(json!({}))).await.ok();
    let before = everything(&server).await;
    (server, before)
}

async fn everything(server: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for (method, path) in
        [("GET", HUBS), ("GET", "/eventhubs/orders/consumergroups"), ("GET", RULE), ("POST", KEYS)]
    {
        all.push(server.ask(method, &format!("{DEFAULT}{path}"), None).await.ok().to_string());
    }
    all
}

/// Sends everything, and shows that nothing was read and nothing changed.
async fn gets_nothing(attempts: impl Fn(&Server) -> Vec<Sent>) {
    let (server, before) = victim().await;
    for sent in attempts(&server) {
        let answer = write_out(&server, &sent).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        let what = format!("{} {}\n{}--\n{answer}", sent.method, sent.path, sent.headers);
        let status = head.split(' ').nth(1).unwrap();
        if sent.method == "OPTIONS" {
            assert_eq!(status, "405", "{what}");
        } else {
            assert_eq!(status, "403", "{what}");
            assert!(body.contains("SharedAccessSignature"), "the fix is named: {what}");
        }
        assert!(!head.contains("access-control-"), "no permission for other origins: {what}");
        for secret in ["partitionCount", "SAS_KEY_VALUE", "orders\"", "$Default"] {
            assert!(!body.contains(secret), "{secret}: {what}");
        }
    }
    assert_eq!(everything(&server).await, before);
    server.stop().await;
}

/// What a page wants to do with full power over a request.
fn everything_a_script_would_try(headers: &str) -> Vec<Sent> {
    let sent = |method, path, json: bool, body| {
        let kind = if json { "Content-Type: application/json\r\n" } else { "" };
        Sent { method, path, headers: format!("{headers}{kind}"), body }
    };
    vec![
        sent("GET", "", false, ""),
        sent("GET", HUBS, false, ""),
        sent("GET", RULE, false, ""),
        sent("POST", KEYS, false, ""),
        sent("POST", REGENERATE, true, r#"{"keyType":"PrimaryKey"}"#),
        sent("PUT", NEW_HUB, true, "{}"),
        sent("PUT", RULE, true, r#"{"properties":{"rights":["Listen"]}}"#),
        sent("DELETE", HUB, false, ""),
        sent("DELETE", RULE, false, ""),
    ]
}

#[tokio::test]
async fn before_rebinding_a_page_of_another_origin_gets_nothing() {
    gets_nothing(|server| {
        let port = server.address.port();
        let mut all = Vec::new();
        // By each name under which a page can write our address into a URL.
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
            // fetch() without a preflight: simple methods and content types, answers that the page cannot read.
            let page = format!(
                "Host: {host}\r\nOrigin: http://evil.example\r\nReferer: http://evil.example/\r\n\
                 Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\n"
            );
            for kind in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let headers = format!("{page}Content-Type: {kind}\r\n");
                let body = r#"{"keyType":"PrimaryKey"}"#;
                all.push(Sent { method: "POST", path: REGENERATE, headers, body });
            }
            all.push(Sent { method: "POST", path: KEYS, headers: page.clone(), body: "" });
            // A body without any type, as fetch() sends a Blob that has none.
            all.push(Sent { method: "POST", path: REGENERATE, headers: page.clone(), body: "{}" });
            // The preflight of PUT, DELETE and JSON; without its permission the request itself is never sent.
            for method in ["PUT", "DELETE", "POST"] {
                let headers = format!(
                    "{page}Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: content-type\r\n\
                     Access-Control-Request-Private-Network: true\r\n"
                );
                for path in [HUB, REGENERATE] {
                    all.push(Sent { method: "OPTIONS", path, headers: headers.clone(), body: "" });
                }
            }
            // And should a browser send them all the same.
            all.extend(everything_a_script_would_try(&page));
            // A sandboxed frame, a data: URL, a redirect between origins: the origin is "null".
            all.extend(everything_a_script_would_try(&format!(
                "Host: {host}\r\nOrigin: null\r\nSec-Fetch-Site: cross-site\r\n"
            )));
            // Old browsers say no Sec-Fetch-Site.
            all.extend(everything_a_script_would_try(&format!("Host: {host}\r\nOrigin: http://evil.example\r\n")));
            // Another port of this machine is another origin too: a dev server that serves somebody's script.
            all.extend(everything_a_script_would_try(&format!(
                "Host: {host}\r\nOrigin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\n"
            )));
            // An image, a script or a link: a GET without Origin.
            for (site, mode, dest) in [
                ("cross-site", "no-cors", "image"),
                ("cross-site", "no-cors", "script"),
                ("cross-site", "navigate", "document"),
                ("cross-site", "navigate", "iframe"),
                ("same-site", "no-cors", "script"),
            ] {
                let headers = format!(
                    "Host: {host}\r\nSec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n"
                );
                all.push(Sent { method: "GET", path: HUBS, headers, body: "" });
            }
        }
        all
    })
    .await;
}

#[tokio::test]
async fn after_rebinding_a_page_still_says_its_own_name_and_gets_nothing() {
    gets_nothing(|server| {
        let port = server.address.port();
        let mut all = Vec::new();
        for name in [
            format!("evil.example:{port}"),
            // Names that look like ours.
            format!("localhost.evil.example:{port}"),
            format!("127.0.0.1.evil.example:{port}"),
            // The service that makes names of addresses.
            format!("7f000001.0a000001.rbndr.us:{port}"),
            format!("default.localhost.evil.example:{port}"),
            "evil.example".to_owned(),
            format!("evil.example.:{port}"),
            format!("0.0.0.0:{port}"),
        ] {
            // The browser believes that it is one origin: no preflight, any method, any content type.
            all.extend(everything_a_script_would_try(&format!(
                "Host: {name}\r\nOrigin: http://{name}\r\nReferer: http://{name}/\r\nSec-Fetch-Site: same-origin\r\n\
                 Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
            )));
            // Browsers leave Origin away from a GET to one's own origin.
            all.extend(everything_a_script_would_try(&format!("Host: {name}\r\nSec-Fetch-Site: same-origin\r\n")));
            all.extend(everything_a_script_would_try(&format!("Host: {name}\r\n")));
        }
        all
    })
    .await;
}

#[tokio::test]
async fn whoever_sits_at_the_machine_needs_no_key() {
    let (server, _) = victim().await;
    let port = server.address.port();
    let json = "Content-Type: application/json\r\n";
    for (method, path, headers, body) in [
        // curl, by each name of this machine.
        ("GET", HUBS, format!("Host: 127.0.0.1:{port}\r\n"), ""),
        ("GET", HUBS, format!("Host: localhost:{port}\r\n"), ""),
        ("GET", HUBS, format!("Host: LOCALHOST:{port}\r\n"), ""),
        ("GET", HUBS, format!("Host: [::1]:{port}\r\n"), ""),
        // Through a port that a container or a tunnel maps.
        ("GET", HUBS, "Host: localhost:9999\r\n".to_owned(), ""),
        ("PUT", NEW_HUB, format!("Host: localhost:{port}\r\n{json}"), "{}"),
        ("POST", KEYS, format!("Host: localhost:{port}\r\n"), ""),
        ("POST", REGENERATE, format!("Host: localhost:{port}\r\n{json}"), r#"{"keyType":"SecondaryKey"}"#),
        ("DELETE", NEW_HUB, format!("Host: localhost:{port}\r\n"), ""),
        // The address typed into a browser.
        (
            "GET",
            HUBS,
            format!("Host: localhost:{port}\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n"),
            "",
        ),
        // A page of our own origin.
        (
            "PUT",
            NEW_HUB,
            format!(
                "Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nSec-Fetch-Site: same-origin\r\n{json}"
            ),
            "{}",
        ),
    ] {
        let answer = write_out(&server, &Sent { method, path, headers: headers.clone(), body }).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{method} {path} {headers}\n{answer}");
    }
    server.stop().await;
}
