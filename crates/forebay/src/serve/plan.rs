//! What the configuration makes of the listeners and the broker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use forebay_broker::{BrokerOptions, Durability, Mode, NamespaceSpec, ServeMode};

use super::tls::Tls;
use crate::config::{Config, Place};
use crate::server::listeners::{Named, Otherwise, Wish};
use crate::server::{Hangup, Plan, Protocol};

/// Taken for HTTPS where the system does not allow 443 and nobody asked for it.
const HTTPS_PORT_OTHERWISE: u16 = 8443;

pub(super) fn plan(config: &Config, tls: Option<&Tls>) -> Plan {
    Plan {
        listeners: listeners(config, tls),
        broker: broker(config),
        ready_file: config.ready_file.clone(),
        stop_timeout: config.stop_timeout,
        stop_timeout_name: "stop_timeout",
        hangup: Hangup::IsToldToRestart,
    }
}

fn broker(config: &Config) -> BrokerOptions {
    let namespaces = config.namespaces.iter().map(|namespace| NamespaceSpec {
        name: namespace.name.clone(),
        hosts: namespace.hosts.clone(),
        limits: namespace.limits,
    });
    BrokerOptions {
        data: Some(config.data.clone()),
        durability: if config.acknowledged_after_write { Durability::Os } else { Durability::Disk },
        // Of the events kept without a folder: there is one.
        memory_bytes: 0,
        budget_bytes: config.memory_budget,
        auto_create: config.create_on_first_use,
        clock_skew_seconds: config.clock_skew.as_secs(),
        mode: Mode::Serve(ServeMode {
            namespaces: namespaces.collect(),
            default_namespace: config.default_namespace.clone(),
        }),
    }
}

/// | listener | where | a port that cannot be had |
/// |---|---|---|
/// | any whose port was given | | fails |
/// | AMQPS | `listen`, with a certificate | fails |
/// | HTTPS | `listen`, with a certificate | is left out, with a line; where only 443 is not allowed, 8443 |
/// | AMQP, HTTP without a certificate | loopback, or `listen` where that is allowed | fails |
/// | AMQP, HTTP beside a certificate | the same | is left out, with a line |
fn listeners(config: &Config, tls: Option<&Tls>) -> Vec<Wish> {
    let plain = if config.allow_plaintext { config.listen.clone() } else { on_this_machine(&config.listen) };
    let beside = if tls.is_some() { Otherwise::Skip } else { Otherwise::Fail };
    let ports = &config.ports;
    let https = Otherwise::Try(HTTPS_PORT_OTHERWISE);
    let mut wishes = Vec::new();
    let mut add = |protocol, port: Option<u16>, name, addresses: &[IpAddr], tls: Option<_>, otherwise| {
        let Some(port) = port.filter(|_| !addresses.is_empty()) else { return };
        let is_given = config.is_given(name);
        wishes.push(Wish {
            protocol,
            addresses: addresses.to_vec(),
            port,
            named: Named {
                place: is_given.then(|| format!("{}: {name}", config.place(name))),
                addresses: match config.place("listen") {
                    Place::Default => "listen".to_owned(),
                    place => format!("{place}: listen"),
                },
                another: format!("{name} = N"),
                any: "0".to_owned(),
            },
            otherwise: if is_given { Otherwise::Fail } else { otherwise },
            offer_plain: tls.is_some() || config.allow_plaintext,
            tls,
        });
    };
    if let Some(tls) = tls {
        let (amqps, of_https) = (tls.amqps.clone(), tls.https.clone());
        add(Protocol::Amqps, ports.amqps, "amqps_port", &config.listen, Some(amqps), Otherwise::Fail);
        add(Protocol::Https, ports.https, "https_port", &config.listen, Some(of_https), https);
    }
    add(Protocol::Amqp, ports.amqp, "amqp_port", &plain, None, beside);
    add(Protocol::Http, ports.http, "http_port", &plain, None, beside);
    wishes
}

/// The loopback addresses among them; all addresses of a family include its own.
fn on_this_machine(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in addresses {
        let loopback = match address {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            other => *other,
        };
        if loopback.is_loopback() && !found.contains(&loopback) {
            found.push(loopback);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_this_machine_of(addresses: &[&str]) -> Vec<String> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        on_this_machine(&addresses).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_loopback_addresses_are_on_this_machine() {
        assert_eq!(on_this_machine_of(&["0.0.0.0", "::"]), ["127.0.0.1", "::1"]);
        assert_eq!(on_this_machine_of(&["0.0.0.0", "127.0.0.1", "127.0.0.2"]), ["127.0.0.1", "127.0.0.2"]);
        assert_eq!(on_this_machine_of(&["10.0.0.1", "192.168.1.1", "fe80::1"]), [""; 0]);
    }
}
