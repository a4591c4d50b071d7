//! What settings must have to do with each other.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use forebay_namespace::limits::{HOSTS_MAX, NAMESPACES_MAX};
use forebay_namespace::similar::nearest;

use super::given::{Given, Values};
use super::kind::Value;
use super::problem::{Place, Problem};

const PORTS: [&str; 4] = ["amqps_port", "https_port", "amqp_port", "http_port"];
const TLS_PORTS: [&str; 2] = ["amqps_port", "https_port"];
const PLAIN_PORTS: [&str; 2] = ["amqp_port", "http_port"];

/// Adds what is wrong to `problems`.
pub(super) fn check(given: &Given, file: Option<&Path>, problems: &mut Vec<Problem>) {
    let mut rules = Rules { given, file, problems };
    rules.data_is_given();
    rules.namespaces();
    rules.default_namespace();
    rules.certificate_and_key_go_together();
    rules.plaintext_stays_here();
    rules.ports_differ();
}

struct Rules<'a> {
    given: &'a Given,
    file: Option<&'a Path>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Rules<'a> {
    fn problem(&mut self, place: &Place, setting: &str, found: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Problem::new(place, setting, found, fix));
    }

    /// For what is not there at all.
    fn nowhere(&self) -> Place {
        self.file.map_or(Place::Default, |path| Place::WholeFile(path.to_owned()))
    }

    /// A setting that was refused is not missing.
    fn was_refused(&self, name: &str) -> bool {
        self.problems.iter().any(|problem| problem.setting == name)
    }

    fn get(&self, name: &str) -> Option<(&'a Value, &'a Place)> {
        self.given.values.get(name).map(|(value, place)| (value, place))
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name)
            == Some((&Value::Switch(true), self.get(name).map_or(&Place::Default, |(_, place)| place)))
    }

    fn port(&self, name: &str) -> Option<u16> {
        match self.get(name)?.0 {
            Value::Port(port) => *port,
            _ => None,
        }
    }

    fn addresses(&self) -> &'a [IpAddr] {
        match self.get("listen") {
            Some((Value::Addresses(addresses), _)) => addresses,
            _ => &[],
        }
    }

    fn data_is_given(&mut self) {
        if self.get("data").is_none() && !self.was_refused("data") {
            let fix = match self.file {
                Some(_) => "give a folder: data = \"/var/lib/forebay\" in the file, FOREBAY_DATA or --data",
                None => {
                    "give a configuration file with --config FILE (packaging/systemd/forebay.toml is an example), or \
                     a folder with FOREBAY_DATA or --data"
                }
            };
            self.problem(&self.nowhere(), "data", "is not given, and serve keeps events on disk", fix);
        }
    }

    fn namespaces(&mut self) {
        let namespaces = &self.given.namespaces;
        if namespaces.is_empty() {
            let fix = match self.file {
                Some(_) => "write [[namespace]], name = \"orders\" and hosts = [\"orders.example.org\"]",
                None => {
                    "write [[namespace]], name = \"orders\" and hosts = [\"orders.example.org\"] into a file for \
                     --config FILE, or set FOREBAY_NAMESPACE_1_NAME and FOREBAY_NAMESPACE_1_HOSTS"
                }
            };
            if !self.was_refused("namespace") {
                self.problem(&self.nowhere(), "namespace", "there is none, so nobody could connect", fix);
            }
        }
        if namespaces.len() > NAMESPACES_MAX {
            let found = format!("there are {}", namespaces.len());
            self.problem(&self.nowhere(), "namespace", found, format!("leave at most {NAMESPACES_MAX}"));
        }
        let mut names: BTreeMap<String, &Place> = BTreeMap::new();
        let mut hosts: BTreeMap<&str, &str> = BTreeMap::new();
        for namespace in namespaces {
            let Some((name, place)) = name_of(&namespace.values) else {
                // One whose name was refused has been told.
                let refused = self.problems.iter().any(|problem| problem.setting == "namespace.name");
                if !refused {
                    self.problem(&namespace.place, "namespace.name", "is missing", "add name = \"orders\"");
                }
                continue;
            };
            if names.insert(name.to_ascii_lowercase(), place).is_some() {
                let found = format!("there is a namespace '{name}' already");
                self.problem(
                    place,
                    "namespace.name",
                    found,
                    "give another name (letter case does not count)",
                );
            }
            let listed: &[(String, Place)] = match namespace.values.get("namespace.hosts") {
                Some((Value::Names(listed), _)) => listed,
                _ => &[],
            };
            if listed.len() > HOSTS_MAX {
                let fix = format!("leave at most {HOSTS_MAX}; '*.suffix' stands for many");
                self.problem(place, "namespace.hosts", format!("there are {}", listed.len()), fix);
            }
            for (host, at) in listed {
                // A variable's items have no place of their own.
                let at = if at.is_given() { at } else { place };
                if let Some(other) = hosts.insert(host, name) {
                    let found = format!("'{host}' leads to namespace '{other}' already");
                    self.problem(
                        at,
                        "namespace.hosts",
                        found,
                        "a host name belongs to one namespace: take it out of one",
                    );
                }
            }
            let refused = self.problems.iter().any(|problem| problem.setting == "namespace.hosts");
            if listed.is_empty() && !refused && !self.is_default(name) {
                let fix = format!(
                    "add hosts = [\"{name}.example.org\"], or default_namespace = \"{name}\" at the top of the file"
                );
                self.problem(place, "namespace.hosts", format!("no host name leads to '{name}'"), fix);
            }
        }
    }

    fn is_default(&self, name: &str) -> bool {
        match self.get("default_namespace") {
            Some((Value::Text(default), _)) => default.eq_ignore_ascii_case(name),
            _ => false,
        }
    }

    fn default_namespace(&mut self) {
        let Some((Value::Text(default), place)) = self.get("default_namespace") else { return };
        let names: Vec<&str> = self
            .given
            .namespaces
            .iter()
            .filter_map(|namespace| Some(name_of(&namespace.values)?.0))
            .collect();
        if names.iter().any(|name| name.eq_ignore_ascii_case(default)) {
            return;
        }
        let fix = match nearest(default, names.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if names.is_empty() => format!("add [[namespace]] with name = \"{default}\""),
            None => format!("give one of {}", names.join(", ")),
        };
        self.problem(place, "default_namespace", format!("there is no namespace '{default}'"), fix);
    }

    fn certificate_and_key_go_together(&mut self) {
        let given = |name| self.get(name).map(|(_, place)| place);
        let missing = match (given("tls.certificate"), given("tls.key")) {
            (Some(place), None) => Some((place, "tls.key")),
            (None, Some(place)) => Some((place, "tls.certificate")),
            (Some(_), Some(_)) => return,
            (None, None) => None,
        };
        if let Some((place, name)) = missing {
            if !self.was_refused(name) {
                self.problem(
                    place,
                    name,
                    "is not given",
                    format!("give {name} too: one is no use without the other"),
                );
            }
            return;
        }
        if self.was_refused("tls.certificate") || self.was_refused("tls.key") {
            return;
        }
        for name in TLS_PORTS {
            match self.get(name) {
                Some((Value::Port(Some(_)), place)) if place.is_given() => {
                    let fix = "give [tls] certificate and key, or leave it out";
                    self.problem(place, name, "is given, but no certificate to serve TLS with", fix);
                }
                _ => {}
            }
        }
    }

    /// Without TLS nothing listens beyond loopback unless it is allowed; what was asked for and cannot be is an error.
    fn plaintext_stays_here(&mut self) {
        let has_tls = self.get("tls.certificate").is_some() || self.get("tls.key").is_some();
        let is_refused = self.was_refused("tls.certificate") || self.was_refused("tls.key");
        let plain_ports = PLAIN_PORTS.iter().filter(|name| self.port(name).is_some()).count();
        let tls_ports = TLS_PORTS.iter().filter(|name| self.port(name).is_some()).count();
        if is_refused || PORTS.iter().any(|name| self.was_refused(name)) {
            return;
        }
        if (tls_ports == 0 || !has_tls) && plain_ports == 0 {
            let fix = "set one of amqps_port, https_port (with [tls]), amqp_port, http_port";
            self.problem(&self.nowhere(), "listen", "every listener is off", fix);
            return;
        }
        let Some((_, place)) = self.get("listen") else { return };
        if self.is_on("allow_plaintext") || !place.is_given() {
            return;
        }
        let fix = "give [tls] certificate and key, or listen on 127.0.0.1 and ::1, or allow_plaintext = true where \
                   the network encrypts by itself";
        let addresses = self.addresses();
        if !has_tls {
            if let Some(open) = addresses.iter().find(|address| !address.is_loopback()) {
                let found = format!("{open} is beyond this machine, and nothing would be encrypted");
                self.problem(place, "listen", found, fix);
            }
            return;
        }
        // With TLS the other listeners stay behind, silently unless their port was asked for.
        if addresses.iter().any(|address| address.is_loopback() || address.is_unspecified()) {
            return;
        }
        for name in PLAIN_PORTS {
            match self.get(name) {
                Some((Value::Port(Some(_)), at)) if at.is_given() => {
                    let fix = "add a loopback address to listen, or allow_plaintext = true, or \"off\"";
                    self.problem(
                        at,
                        name,
                        "all addresses of listen are beyond this machine, without TLS",
                        fix,
                    );
                }
                _ => {}
            }
        }
    }

    fn ports_differ(&mut self) {
        let has_tls = self.get("tls.certificate").is_some();
        let mut seen: BTreeMap<u16, &str> = BTreeMap::new();
        for name in PORTS {
            let serves = has_tls || PLAIN_PORTS.contains(&name);
            let Some(port) = self.port(name).filter(|port| *port != 0 && serves) else { continue };
            let Some(other) = seen.insert(port, name) else { continue };
            // Of the two the one that somebody wrote down.
            let place = |name: &str| self.get(name).map(|(_, place)| place).filter(|place| place.is_given());
            let (Some(at), name, other) = (match (place(name), place(other)) {
                (None, there) => (there, other, name),
                (here, _) => (here, name, other),
            }) else {
                continue;
            };
            let found = format!("{port} is the port of {other} too");
            self.problem(
                at,
                name,
                found,
                "give each listener a port of its own (0 picks a free one), or \"off\"",
            );
        }
    }
}

fn name_of(values: &Values) -> Option<(&str, &Place)> {
    match values.get("namespace.name")? {
        (Value::Text(name), place) => Some((name, place)),
        _ => None,
    }
}
