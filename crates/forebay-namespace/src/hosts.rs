//! Which namespace a client means by the host it addressed.
//!
//! Configured host names come first, exact ones before `*.suffix`, longer suffixes before shorter. What is left is
//! decided by the mode: in development every other name is good for something, in service none is.

use std::net::IpAddr;

use forebay_auth::resource::host_of;
use thiserror::Error;

use crate::names::{check_namespace, folded};
use crate::{DEFAULT_NAMESPACE, NamespaceView, State};

/// How hosts that no namespace lists are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostMode<'a> {
    /// `<ns>.localhost` and `<ns>.servicebus.…` are namespaces of their own, made on first use; everything else
    /// (`localhost`, addresses, container names) is the default namespace.
    Dev,
    /// Listed names only.
    Serve {
        /// The namespace for all other names, if there is to be one.
        default_namespace: Option<&'a str>,
    },
}

/// What a host means.
#[derive(Clone, Copy, Debug)]
pub enum Resolved<'a> {
    /// A namespace that exists.
    Namespace(NamespaceView<'a>),
    /// A namespace of this name, to be made on first use.
    FirstUse(&'a str),
}

/// A host that means no namespace. The text is for the log; a client learns only that the host is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no namespace has the host name '{host}': use one of [{}], or add it to a namespace", known.join(", "))]
pub struct UnknownHost {
    /// The host asked for, without port.
    pub host: String,
    /// The names that there are.
    pub known: Vec<String>,
}

impl State {
    /// The namespace meant by `open.hostname` or `Host`; port and letter case do not matter.
    ///
    /// # Errors
    ///
    /// [`UnknownHost`].
    pub fn resolve_host<'a>(
        &'a self,
        host: &'a str,
        mode: HostMode<'a>,
    ) -> Result<Resolved<'a>, UnknownHost> {
        let host = host_of(host.trim());
        let host = host.strip_suffix('.').unwrap_or(host);
        let listed = self
            .namespaces()
            .filter_map(|namespace| Some((namespace.get().host_fit(host)?, namespace)))
            .max_by_key(|(fit, _)| *fit);
        if let Some((_, namespace)) = listed {
            return Ok(Resolved::Namespace(namespace));
        }
        let name = match mode {
            HostMode::Dev => dev_namespace(host),
            HostMode::Serve { default_namespace: Some(name) } => name,
            HostMode::Serve { default_namespace: None } => return Err(self.unknown_host(host)),
        };
        match self.namespace(name) {
            Some(namespace) => Ok(Resolved::Namespace(namespace)),
            None if mode == HostMode::Dev && check_namespace(name).is_ok() => Ok(Resolved::FirstUse(name)),
            None => Err(self.unknown_host(host)),
        }
    }

    fn unknown_host(&self, host: &str) -> UnknownHost {
        let host = host.chars().filter(|c| !c.is_control()).take(253).collect();
        let known = self.namespaces().flat_map(|namespace| namespace.get().hosts.clone()).collect();
        UnknownHost { host, known }
    }
}

fn dev_namespace(host: &str) -> &str {
    let Some((label, rest)) = host.split_once('.') else { return DEFAULT_NAMESPACE };
    let rest = folded(rest);
    let own = rest == "localhost" || rest.starts_with("servicebus.");
    if own && host.parse::<IpAddr>().is_err() { label } else { DEFAULT_NAMESPACE }
}

#[cfg(test)]
mod tests;
