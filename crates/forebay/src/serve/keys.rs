//! The connection strings, as files that the server's user alone can read: a folder `keys` in the data folder, one
//! file a namespace, one line a file. They follow the catalogue, so that a key made anew is there too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use anyhow::Context as _;
use forebay_broker::{Broker, NamespaceCredential};
use forebay_gateway_http::AmqpEndpoint;
use forebay_namespace::names;

use crate::config::Config;
use crate::server::{Serving, private};

/// How often we look whether a key was made anew: whoever replaces one reads the file next.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// How a connection string of ours begins.
const BEGINNING: &str = "Endpoint=sb://";

/// Where keys are written in a data folder.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("keys")
}

/// Writes the files.
#[derive(Debug)]
pub(super) struct KeyFiles {
    folder: PathBuf,
    /// The namespace of the ready file: the default one, else the first.
    first: String,
    endpoint: AmqpEndpoint,
}

impl KeyFiles {
    pub(super) fn new(config: &Config, serving: &Serving<'_>) -> Self {
        let first = config.namespaces.first().map(|namespace| namespace.name.clone());
        Self {
            folder: folder(&config.data),
            first: config.default_namespace.clone().or(first).unwrap_or_default(),
            endpoint: serving.amqp_endpoint(),
        }
    }

    /// Writes a file for each namespace, takes away ours of namespaces that went, and returns the connection string for the ready
    /// file.
    pub(super) fn write(&self, credentials: &[NamespaceCredential]) -> anyhow::Result<String> {
        let explain = || format!("cannot write the connection strings into {}", self.folder.display());
        private::folder(&self.folder).with_context(explain)?;
        let name = |credential: &NamespaceCredential| format!("{}.txt", credential.namespace);
        for old in fs::read_dir(&self.folder).with_context(explain)? {
            let old = old.with_context(explain)?;
            let stays = credentials.iter().any(|credential| *old.file_name() == *name(credential));
            if !stays && is_ours(&old.path()) {
                fs::remove_file(old.path()).with_context(explain)?;
            }
        }
        for credential in credentials {
            let text = format!("{}\n", self.connection_string(credential));
            let path = self.folder.join(name(credential));
            // What is there already keeps its time, and its reader.
            if fs::read_to_string(&path).is_ok_and(|found| found == text) && private::is(&path) {
                continue;
            }
            private::replace(&path, &text).with_context(explain)?;
        }
        let first =
            credentials.iter().find(|credential| credential.namespace.eq_ignore_ascii_case(&self.first));
        Ok(first.map_or(String::new(), |credential| self.connection_string(credential)))
    }

    /// Writes again whenever a key has changed, as long as the broker is there.
    pub(super) async fn follow(self, broker: Weak<Broker>) {
        let mut written: Vec<String> = Vec::new();
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            let Some(broker) = broker.upgrade() else { return };
            let credentials = broker.credentials();
            let now: Vec<_> =
                credentials.iter().map(|credential| self.connection_string(credential)).collect();
            if now == written {
                continue;
            }
            match self.write(&credentials) {
                Ok(_) => written = now,
                Err(error) => tracing::warn!("{error:#}; trying again"),
            }
        }
    }

    fn connection_string(&self, credential: &NamespaceCredential) -> String {
        let AmqpEndpoint { port, tls } = self.endpoint;
        let port = if port == self.endpoint.default_port() { String::new() } else { format!(":{port}") };
        // The mark by which SDKs leave out TLS.
        let plain = if tls { "" } else { ";UseDevelopmentEmulator=true" };
        format!(
            "{BEGINNING}{}{port}/;SharedAccessKeyName={};SharedAccessKey={}{plain}",
            host(credential),
            credential.policy,
            credential.key.expose()
        )
    }
}

/// Whether we wrote a file, now or in a start that was cut off (`orders.txt.1234`). Others put theirs here too, a
/// certificate's key for one: those stay.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (namespace, rest) = name.split_once('.').unwrap_or((name, ""));
    let process = rest.strip_prefix("txt");
    let process = process.map(|process| process.strip_prefix('.').unwrap_or(process));
    names::check_namespace(namespace).is_ok()
        && process.is_some_and(|process| process.bytes().all(|byte| byte.is_ascii_digit()))
        && fs::read_to_string(path).is_ok_and(|text| text.starts_with(BEGINNING))
}

/// A name by which clients reach the namespace; `*.suffix` leads to it under its own name.
fn host(credential: &NamespaceCredential) -> String {
    let exact = credential.hosts.iter().find(|host| !host.starts_with("*."));
    match (exact, credential.hosts.first()) {
        (Some(host), _) if host.contains(':') => format!("[{host}]"),
        (Some(host), _) => host.clone(),
        (None, Some(pattern)) => format!("{}{}", credential.namespace, &pattern[1..]),
        (None, None) => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use forebay_broker::{BrokerOptions, Durability, Mode, NamespaceSpec, ServeMode};
    use forebay_namespace::{KeySlot, Limits};

    use super::*;

    fn files(folder: PathBuf) -> KeyFiles {
        KeyFiles { folder, first: "orders".to_owned(), endpoint: AmqpEndpoint { port: 5671, tls: true } }
    }

    fn credential(namespace: &str, hosts: &[&str]) -> NamespaceCredential {
        NamespaceCredential {
            namespace: namespace.to_owned(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            policy: "policy".to_owned(),
            key: forebay_auth::Secret::new("key"),
            is_well_known: false,
        }
    }

    #[test]
    fn a_connection_string_names_a_host_that_leads_to_the_namespace() {
        let text = |hosts: &[&str], (port, tls)| {
            let files = KeyFiles { endpoint: AmqpEndpoint { port, tls }, ..files(PathBuf::new()) };
            files.connection_string(&credential("orders", hosts))
        };
        let rest = "/;SharedAccessKeyName=policy;SharedAccessKey=key";
        for (hosts, host) in [
            (&["*.a.example", "b.example"][..], "b.example"),
            (&["*.a.example"], "orders.a.example"),
            (&["::1"], "[::1]"),
            (&[], "localhost"),
        ] {
            assert_eq!(text(hosts, (5671, true)), format!("Endpoint=sb://{host}{rest}"));
        }
        assert_eq!(text(&["a"], (5672, true)), format!("Endpoint=sb://a:5672{rest}"));
        assert_eq!(text(&["a"], (5672, false)), format!("Endpoint=sb://a{rest};UseDevelopmentEmulator=true"));
    }

    #[test]
    fn files_that_are_not_ours_stay_and_those_of_namespaces_that_went_go() {
        let folder = std::env::temp_dir().join(format!("forebay-keys-others-{}", std::process::id()));
        let files = files(folder.clone());
        let (orders, gone) = (credential("orders", &["a.example"]), credential("gone", &["b.example"]));
        files.write(&[orders.clone(), gone]).unwrap();
        // A certificate's key beside ours, notes, and a folder.
        fs::write(folder.join("server.key"), "a key of the operator").unwrap();
        fs::write(folder.join("notes.txt"), "notes").unwrap();
        fs::create_dir(folder.join("old.txt")).unwrap();
        fs::write(folder.join("orders.txt.1234"), "Endpoint=sb://cut off").unwrap();
        files.write(&[orders]).unwrap();
        let mut left: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["notes.txt", "old.txt", "orders.txt", "server.key"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_key_that_is_made_anew_is_in_the_file_soon() {
        let folder = std::env::temp_dir().join(format!("forebay-keys-{}", std::process::id()));
        let orders =
            NamespaceSpec { name: "orders".into(), hosts: vec!["a.example".into()], limits: Limits::OPEN };
        let options = BrokerOptions {
            data: None,
            durability: Durability::Memory,
            memory_bytes: 16 * 1024 * 1024,
            budget_bytes: None,
            auto_create: false,
            clock_skew_seconds: 0,
            mode: Mode::Serve(ServeMode { namespaces: vec![orders], default_namespace: None }),
        };
        let broker = Arc::new(Broker::open(options).await.unwrap());
        let files = files(folder.clone());
        files.write(&broker.credentials()).unwrap();
        let path = folder.join("orders.txt");
        let before = fs::read_to_string(&path).unwrap();
        let following = tokio::spawn(files.follow(Arc::downgrade(&broker)));
        let namespace = broker.find_namespace("orders").unwrap();
        let credential = broker.credentials().remove(0);
        broker
            .regenerate_key(&namespace, None, &credential.policy, KeySlot::Primary, None, "test")
            .await
            .unwrap();
        let new = broker.credentials().remove(0).key;
        let changed = async {
            while !fs::read_to_string(&path).unwrap().contains(new.expose()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), changed).await.unwrap();
        assert!(!before.contains(new.expose()));
        // It ends with the broker.
        drop(broker);
        tokio::time::timeout(Duration::from_secs(20), following).await.unwrap().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
