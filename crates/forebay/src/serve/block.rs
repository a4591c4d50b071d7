//! The block that `forebay serve` prints. It goes to a journal that others read: no key is in it.

use std::fmt;
use std::net::SocketAddr;

use super::keys;
use crate::config::Config;
use crate::server::{Protocol, Serving, VERSION};

/// What serves.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) config: &'a Config,
    pub(super) serving: &'a Serving<'a>,
}

impl fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, serving } = self;
        writeln!(f, "Forebay {VERSION} (serve)")?;
        let when = if config.acknowledged_after_write {
            "acknowledged after the write: a power cut can lose the last second"
        } else {
            "an acknowledged event is on disk"
        };
        writeln!(f, "  data       {} ({when})", config.data.display())?;
        if let Some(line) = serving.broker.open_summary().line() {
            writeln!(f, "  recovered  {line}")?;
        }
        for (protocol, addresses) in serving.listeners {
            let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            writeln!(f, "  {:9}  {}{}", protocol.name(), shown.join(", "), remark(*protocol, addresses))?;
        }
        for namespace in &config.namespaces {
            let mut hosts = namespace.hosts.clone();
            if config
                .default_namespace
                .as_ref()
                .is_some_and(|name| name.eq_ignore_ascii_case(&namespace.name))
            {
                hosts.push("every name that no other lists".to_owned());
            }
            writeln!(f, "  namespace  {}: {}", namespace.name, hosts.join(", "))?;
        }
        write!(f, "  keys       {} (connection strings)", keys::folder(&config.data).display())
    }
}

fn remark(protocol: Protocol, addresses: &[SocketAddr]) -> &'static str {
    match protocol {
        Protocol::Amqps | Protocol::Https => "",
        _ if addresses.iter().all(|address| address.ip().is_loopback()) => "   (this machine only)",
        _ => "   (NOT ENCRYPTED)",
    }
}
