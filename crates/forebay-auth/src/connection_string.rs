//! Connection strings: every form that clients accept (docs/reference/amqp.md §1.2).
//!
//! ```text
//! Endpoint=sb://host[:port]/;SharedAccessKeyName=policy;SharedAccessKey=key[;EntityPath=hub]
//! Endpoint=sb://host[:port]/;SharedAccessSignature=token[;EntityPath=hub][;UseDevelopmentEmulator=true]
//! ```
//!
//! Keys are read in any letter case and order, values may hold `=`, a `;` at the end is nothing, unknown keys
//! are ignored as the clients do. Errors name the fix and never the secret.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::Secret;

/// What a connection string says. `Debug` and `Display` show no secret; [`ConnectionString::expose`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// The scheme of the endpoint.
    pub scheme: Scheme,
    /// The host, without brackets if it is an IPv6 address.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// How to prove who we are.
    pub credential: Credential,
    /// The hub, where one is written.
    pub entity_path: Option<String>,
    /// Whether `UseDevelopmentEmulator=true` asks for a connection without TLS.
    pub development_emulator: bool,
}

/// How a client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A policy and one of its keys, to sign tokens with.
    Key {
        /// The policy's name.
        policy: String,
        /// The key.
        key: Secret,
    },
    /// A token made elsewhere, sent as it is for every audience.
    Token(Secret),
}

/// The scheme of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sb`, the usual one.
    Sb,
    /// `amqp`.
    Amqp,
    /// `amqps`.
    Amqps,
    /// `http`.
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    const ALL: [(&'static str, Self); 5] = [
        ("sb", Self::Sb),
        ("amqp", Self::Amqp),
        ("amqps", Self::Amqps),
        ("http", Self::Http),
        ("https", Self::Https),
    ];

    /// The scheme as it is written before `://`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, scheme)| *scheme == self).map_or("sb", |(name, _)| name)
    }
}

impl ConnectionString {
    /// A connection string for a host and a policy's key.
    #[must_use]
    pub fn new(host: impl Into<String>, policy: impl Into<String>, key: Secret) -> Self {
        Self {
            scheme: Scheme::Sb,
            host: host.into(),
            port: None,
            credential: Credential::Key { policy: policy.into(), key },
            entity_path: None,
            development_emulator: false,
        }
    }

    /// With this port in the endpoint.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// With `EntityPath=hub`.
    #[must_use]
    pub fn with_entity_path(mut self, hub: impl Into<String>) -> Self {
        self.entity_path = Some(hub.into());
        self
    }

    /// With `UseDevelopmentEmulator=true`: clients connect without TLS.
    #[must_use]
    pub fn with_development_emulator(mut self) -> Self {
        self.development_emulator = true;
        self
    }

    /// The whole string with its secret, for pasting. Not for logs.
    #[must_use]
    pub fn expose(&self) -> String {
        self.text(Secret::expose)
    }

    /// Host and port as in a URI, IPv6 addresses in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }

    fn text<'a>(&'a self, show: impl Fn(&'a Secret) -> &'a str) -> String {
        let mut text = format!("Endpoint={}://{}/", self.scheme.name(), self.authority());
        match &self.credential {
            Credential::Key { policy, key } => {
                text += &format!(";SharedAccessKeyName={policy};SharedAccessKey={}", show(key));
            }
            Credential::Token(token) => text += &format!(";SharedAccessSignature={}", show(token)),
        }
        if let Some(hub) = &self.entity_path {
            text += &format!(";EntityPath={hub}");
        }
        if self.development_emulator {
            text += ";UseDevelopmentEmulator=true";
        }
        text
    }
}

/// The string with `***` in place of its secret.
impl fmt::Display for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|_| Secret::REDACTED))
    }
}

/// The parts as written, before they are judged together.
#[derive(Default)]
struct Parts<'a> {
    endpoint: Option<&'a str>,
    policy: Option<&'a str>,
    key: Option<&'a str>,
    token: Option<&'a str>,
    entity_path: Option<&'a str>,
    emulator: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, ConnectionStringError> {
        let mut parts = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(ConnectionStringError::NoEqualsSign)?;
            let (known, slot) = match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => ("Endpoint", &mut parts.endpoint),
                "sharedaccesskeyname" => ("SharedAccessKeyName", &mut parts.policy),
                "sharedaccesskey" => ("SharedAccessKey", &mut parts.key),
                "sharedaccesssignature" => ("SharedAccessSignature", &mut parts.token),
                "entitypath" => ("EntityPath", &mut parts.entity_path),
                "usedevelopmentemulator" => ("UseDevelopmentEmulator", &mut parts.emulator),
                _ => continue,
            };
            let value = value.trim();
            if value.is_empty() {
                return Err(ConnectionStringError::Empty { key: known });
            }
            if slot.replace(value).is_some() {
                return Err(ConnectionStringError::Twice { key: known });
            }
        }
        Ok(parts)
    }

    fn credential(&self) -> Result<Credential, ConnectionStringError> {
        match (self.policy, self.key, self.token) {
            (Some(policy), Some(key), None) => {
                Ok(Credential::Key { policy: policy.to_owned(), key: Secret::new(key) })
            }
            (None, None, Some(token)) => Ok(Credential::Token(Secret::new(token))),
            (_, _, Some(_)) => Err(ConnectionStringError::KeyAndToken),
            (None, Some(_), None) => Err(ConnectionStringError::KeyWithoutName),
            (Some(_), None, None) => Err(ConnectionStringError::NameWithoutKey),
            (None, None, None) => Err(ConnectionStringError::NoCredential),
        }
    }
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.starts_with(['"', '\'']) {
            return Err(ConnectionStringError::Quoted);
        }
        let parts = Parts::read(text)?;
        let endpoint = parts.endpoint.ok_or(ConnectionStringError::NoEndpoint)?;
        let (scheme, host, port) = parse_endpoint(endpoint)?;
        let credential = parts.credential()?;
        let development_emulator = match parts.emulator {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(ConnectionStringError::NotABoolean),
        };
        let entity_path = parts.entity_path.map(str::to_owned);
        Ok(Self { scheme, host, port, credential, entity_path, development_emulator })
    }
}

fn parse_endpoint(endpoint: &str) -> Result<(Scheme, String, Option<u16>), ConnectionStringError> {
    let no_scheme = || ConnectionStringError::EndpointScheme { endpoint: shown(endpoint) };
    let (scheme, rest) = endpoint.split_once("://").ok_or_else(no_scheme)?;
    let (_, scheme) =
        Scheme::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme)).ok_or_else(no_scheme)?;
    // What follows the authority is ignored, as the clients do: the hub stands in EntityPath.
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let no_host = || ConnectionStringError::EndpointHost { endpoint: shown(endpoint) };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(no_host)?;
            (host, (!after.is_empty()).then(|| after.strip_prefix(':').unwrap_or("?")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    // Underscores occur in container names. Anything else means that a ';' was missed.
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(named) {
        return Err(no_host());
    }
    let port = port
        .map(|port| port.parse::<u16>().ok().filter(|port| *port != 0))
        .map(|port| port.ok_or_else(|| ConnectionStringError::EndpointPort { endpoint: shown(endpoint) }))
        .transpose()?;
    Ok((scheme, host.to_owned(), port))
}

/// An endpoint for an error text: cut short, and without what might be a secret before an `@`, or behind a
/// separator that should have been a `;`.
fn shown(endpoint: &str) -> String {
    let host = endpoint.rsplit('@').next().unwrap_or_default();
    host.split(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '=' | ',' | '&' | '|'))
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect()
}

/// Why a connection string cannot be used, and what to do. None of the texts shows a key or token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectionStringError {
    /// A part is not `key=value`.
    #[error(
        "a part of the connection string has no '=': write key=value pairs separated by ';', and put the whole \
         string in quotes in a shell"
    )]
    NoEqualsSign,
    /// It still has the quotes of a shell or a file around it.
    #[error("the connection string begins with a quote: remove the quotes around it")]
    Quoted,
    /// A key has no value.
    #[error("'{key}' has no value: give one or remove it")]
    Empty {
        /// The key.
        key: &'static str,
    },
    /// A key stands in it twice.
    #[error("'{key}' stands in the connection string twice: keep one (was another string pasted behind?)")]
    Twice {
        /// The key.
        key: &'static str,
    },
    /// There is no endpoint.
    #[error("the connection string has no endpoint: add 'Endpoint=sb://host/;'")]
    NoEndpoint,
    /// The endpoint is no URI of a known scheme.
    #[error("the endpoint '{endpoint}' must begin with sb://, amqp://, amqps://, http:// or https://")]
    EndpointScheme {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint has no usable host.
    #[error(
        "the endpoint '{endpoint}' has no usable host: write 'sb://host/' or 'sb://[::1]:5672/', and ';' behind it"
    )]
    EndpointHost {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint's port is none.
    #[error("the port in the endpoint '{endpoint}' is not a number from 1 to 65535")]
    EndpointPort {
        /// The endpoint.
        endpoint: String,
    },
    /// Both ways to prove who we are.
    #[error(
        "the connection string has SharedAccessSignature besides a key or key name: keep either \
         SharedAccessKeyName and SharedAccessKey, or SharedAccessSignature"
    )]
    KeyAndToken,
    /// A key, but not whose.
    #[error("SharedAccessKey is given without a policy: add 'SharedAccessKeyName=…'")]
    KeyWithoutName,
    /// A policy, but no key.
    #[error("SharedAccessKeyName is given without a key: add 'SharedAccessKey=…'")]
    NameWithoutKey,
    /// Nothing to prove who we are.
    #[error(
        "the connection string has no credential: add 'SharedAccessKeyName=…;SharedAccessKey=…' or \
         'SharedAccessSignature=…'"
    )]
    NoCredential,
    /// `UseDevelopmentEmulator` is neither true nor false.
    #[error("UseDevelopmentEmulator must be 'true' or 'false'")]
    NotABoolean,
}

#[cfg(test)]
mod tests;
