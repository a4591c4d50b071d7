//! The configuration of `forebay serve`.
//!
//! A setting comes from a flag, else from the environment, else from the file, else from the table's default
//! ([`table`]). Every value keeps the place it came from ([`problem::Place`]), so that what is wrong with it can be
//! said where it is to be mended. `file` reads the file, `given` lays the sources over each other, `kind` judges
//! single values, `rules` what they must have to do with each other.

#[cfg(test)]
mod docs;
mod file;
mod given;
mod kind;
mod problem;
mod rules;
mod table;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_namespace::limits::{Limits, Tier};
use given::{Given, NamespaceGiven, Values};
use kind::Value;

pub(crate) use kind::{Kind, LOG_RULES_FIX, bytes_of, is_log_rules};
pub(crate) use problem::{Place, Problem, Problems};
pub(crate) use table::{Default, SETTINGS, Setting};

/// A consistent configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    /// Acknowledged after the write already.
    pub(crate) acknowledged_after_write: bool,
    pub(crate) listen: Vec<IpAddr>,
    pub(crate) ports: Ports,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) allow_plaintext: bool,
    pub(crate) namespaces: Vec<NamespaceConfig>,
    pub(crate) default_namespace: Option<String>,
    pub(crate) create_on_first_use: bool,
    pub(crate) clock_skew: Duration,
    pub(crate) stop_timeout: Duration,
    /// Bytes.
    pub(crate) memory_budget: Option<u64>,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) log: String,
    origin: Origin,
}

/// The listeners' ports; `None` is off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) amqps: Option<u16>,
    pub(crate) https: Option<u16>,
    pub(crate) amqp: Option<u16>,
    pub(crate) http: Option<u16>,
}

/// PEM files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A namespace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamespaceConfig {
    pub(crate) name: String,
    /// Lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) limits: Limits,
}

/// Where the settings came from; the same settings from elsewhere are the same configuration.
#[derive(Debug)]
struct Origin {
    file: Option<PathBuf>,
    places: BTreeMap<&'static str, Place>,
    /// Of `hosts`, by the namespace's name.
    hosts: BTreeMap<String, Place>,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

/// Where settings come from.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) file: Option<&'a Path>,
    pub(crate) variables: Vec<(OsString, OsString)>,
    pub(crate) flags: Vec<(&'static Setting, OsString)>,
}

/// A configuration, and what is odd about where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Lines for the log.
    pub(crate) warnings: Vec<String>,
}

impl Config {
    /// Reads all sources.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and its fix.
    pub(crate) fn load(sources: &Sources<'_>) -> Result<Loaded, Problems> {
        let mut problems = Vec::new();
        let mut given = match sources.file {
            Some(path) => file::read(path, &mut problems)?,
            None => Given::default(),
        };
        let slips = given.environment(&sources.variables, &mut problems);
        given.flags(&sources.flags, &mut problems);
        given.defaults();
        rules::check(&given, sources.file, &mut problems);
        Problems::none_of(problems)?;
        let warnings = slips
            .into_iter()
            .map(|(name, meant)| format!("environment variable {name} sets nothing; did you mean {meant}?"))
            .collect();
        Ok(Loaded { config: Self::of(given, sources.file), warnings })
    }

    /// Of what passed the rules: what is required is there.
    fn of(mut given: Given, file: Option<&Path>) -> Self {
        let places = given.values.iter().map(|(name, (_, place))| (*name, place.clone())).collect();
        let hosts = given.namespaces.iter().filter_map(|namespace| {
            let (Value::Text(name), _) = namespace.values.get("namespace.name")? else { return None };
            let (_, place) = namespace.values.get("namespace.hosts")?;
            Some((name.clone(), place.clone()))
        });
        let hosts = hosts.collect();
        let values = &mut given.values;
        let tls = path(values, "tls.certificate").zip(path(values, "tls.key"));
        Self {
            data: path(values, "data").unwrap_or_default(),
            acknowledged_after_write: text(values, "durability").as_deref() == Some("os"),
            listen: match take(values, "listen") {
                Some(Value::Addresses(addresses)) => addresses,
                _ => Vec::new(),
            },
            ports: Ports {
                amqps: port(values, "amqps_port"),
                https: port(values, "https_port"),
                amqp: port(values, "amqp_port"),
                http: port(values, "http_port"),
            },
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            allow_plaintext: switch(values, "allow_plaintext").unwrap_or_default(),
            namespaces: given.namespaces.into_iter().map(NamespaceConfig::of).collect(),
            default_namespace: text(values, "default_namespace"),
            create_on_first_use: switch(values, "create_on_first_use").unwrap_or_default(),
            clock_skew: duration(values, "clock_skew").unwrap_or_default(),
            stop_timeout: duration(values, "stop_timeout").unwrap_or_default(),
            memory_budget: number(values, "memory_budget"),
            ready_file: path(values, "ready_file"),
            log: text(values, "log").unwrap_or_default(),
            origin: Origin { file: file.map(Path::to_owned), places, hosts },
        }
    }

    /// Where a setting came from.
    pub(crate) fn place(&self, name: &str) -> &Place {
        self.origin.places.get(name).unwrap_or(&Place::Default)
    }

    /// Where a namespace's host names came from.
    pub(crate) fn hosts_place(&self, namespace: &str) -> &Place {
        self.origin.hosts.get(namespace).unwrap_or(&Place::Default)
    }

    /// The file, if there was one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.origin.file.as_deref()
    }

    /// Whether somebody wrote a setting down.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.place(name).is_given()
    }
}

impl NamespaceConfig {
    fn of(given: NamespaceGiven) -> Self {
        let mut values = given.values;
        let values = &mut values;
        Self {
            name: text(values, "namespace.name").unwrap_or_default(),
            hosts: match take(values, "namespace.hosts") {
                Some(Value::Names(names)) => names.into_iter().map(|(name, _)| name).collect(),
                _ => Vec::new(),
            },
            limits: limits(values),
        }
    }
}

/// The tier's, and before them those given by themselves.
fn limits(values: &mut Values) -> Limits {
    let tier = text(values, "namespace.tier").and_then(|name| Tier::from_name(&name));
    let tier = tier.map_or(Limits::OPEN, Limits::tier);
    let mut count =
        |name, tier| number(values, name).and_then(|count| u32::try_from(count).ok()).unwrap_or(tier);
    Limits {
        hubs_max: count("namespace.hubs_max", tier.hubs_max),
        partitions_max: count("namespace.partitions_max", tier.partitions_max),
        groups_max: count("namespace.groups_max", tier.groups_max),
        retention_ms_max: duration(values, "namespace.retention_max")
            .map_or(tier.retention_ms_max, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        partition_growth: switch(values, "namespace.partition_growth").unwrap_or(tier.partition_growth),
    }
}

fn take(values: &mut Values, name: &str) -> Option<Value> {
    values.remove(name).map(|(value, _)| value)
}

fn path(values: &mut Values, name: &str) -> Option<PathBuf> {
    match take(values, name) {
        Some(Value::Path(path)) => Some(path),
        _ => None,
    }
}

fn text(values: &mut Values, name: &str) -> Option<String> {
    match take(values, name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn switch(values: &mut Values, name: &str) -> Option<bool> {
    match take(values, name) {
        Some(Value::Switch(switch)) => Some(switch),
        _ => None,
    }
}

fn port(values: &mut Values, name: &str) -> Option<u16> {
    match take(values, name) {
        Some(Value::Port(port)) => port,
        _ => None,
    }
}

fn duration(values: &mut Values, name: &str) -> Option<Duration> {
    match take(values, name) {
        Some(Value::Duration(duration)) => Some(duration),
        _ => None,
    }
}

fn number(values: &mut Values, name: &str) -> Option<u64> {
    match take(values, name) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    }
}
