//! Where to connect and who to be.

use std::str::FromStr;

use forebay_amqp::connection::ClientAuth;
use forebay_auth::Secret;
use forebay_auth::connection_string::{ConnectionString, Credential, Scheme};

use crate::error::Error;

/// The port of AMQP without TLS, where the connection string names none.
const PLAIN_PORT: u16 = 5672;
/// The port of AMQP with TLS, where the connection string names none.
const TLS_PORT: u16 = 5671;

/// Where to connect and who to be; parsed from a connection string, or put together by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address that the socket goes to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// The namespace's name, for `open.hostname`, SASL and the audience of tokens. Usually the host.
    pub namespace: String,
    /// How to prove who we are.
    pub auth: Auth,
    /// The hub of `EntityPath`, if there was one.
    pub hub: Option<String>,
}

/// How to prove who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Tokens are signed with a policy's key, one for each hub, put to `$cbs` and renewed in time.
    Sas {
        /// The policy's name.
        policy: String,
        /// One of its keys.
        key: Secret,
    },
    /// A token made elsewhere, put to `$cbs` as it is for each hub.
    Token(Secret),
    /// SASL PLAIN: policy name and key; no token.
    Plain {
        /// The policy's name.
        policy: String,
        /// One of its keys.
        key: Secret,
    },
    /// Nothing is claimed.
    Anonymous,
}

impl Auth {
    pub(crate) fn sasl(&self) -> ClientAuth {
        match self {
            Self::Plain { policy, key } => {
                ClientAuth::Plain { user: policy.clone(), password: key.expose().to_owned() }
            }
            Self::Sas { .. } | Self::Token(_) | Self::Anonymous => ClientAuth::Anonymous,
        }
    }

    /// The mechanism's name, for error texts.
    pub(crate) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Sas { .. } | Self::Token(_) | Self::Anonymous => "ANONYMOUS",
        }
    }
}

impl Target {
    /// A target by host, port and identity, without TLS; the namespace is the host.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, auth: Auth) -> Self {
        let host = host.into();
        Self { namespace: host.clone(), host, port, tls: false, auth, hub: None }
    }

    /// The same place, with another identity.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// The same place, with TLS.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Host and port, an IPv6 address in brackets.
    #[must_use]
    pub fn address(&self) -> String {
        crate::net::address(&self.host, self.port)
    }
}

/// Schemes `amqp` and `http`, and `UseDevelopmentEmulator=true` with any scheme, mean a connection without TLS; all
/// else means TLS.
impl From<&ConnectionString> for Target {
    fn from(string: &ConnectionString) -> Self {
        let plain = string.development_emulator || matches!(string.scheme, Scheme::Amqp | Scheme::Http);
        let auth = match &string.credential {
            Credential::Key { policy, key } => Auth::Sas { policy: policy.clone(), key: key.clone() },
            Credential::Token(token) => Auth::Token(token.clone()),
        };
        let port = string.port.unwrap_or(if plain { PLAIN_PORT } else { TLS_PORT });
        let mut target = Self::new(string.host.clone(), port, auth);
        target.tls = !plain;
        target.hub = string.entity_path.clone();
        target
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self::from(&text.parse::<ConnectionString>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SharedAccessKeyName=p;SharedAccessKey=k";

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn the_endpoint_says_where_and_the_entity_path_which_hub() {
        let check = |text: &str, address: &str, hub: Option<&str>| {
            let target = target(text);
            assert_eq!((target.address().as_str(), target.hub.as_deref()), (address, hub), "{text}");
        };
        check(&format!("Endpoint=sb://localhost;{KEY};UseDevelopmentEmulator=true"), "localhost:5672", None);
        check(
            &format!("Endpoint=sb://[::1]:7001/;{KEY};EntityPath=orders;UseDevelopmentEmulator=true"),
            "[::1]:7001",
            Some("orders"),
        );
        check(&format!("Endpoint=amqp://127.0.0.1:5000;{KEY}"), "127.0.0.1:5000", None);
        check("Endpoint=http://h:5000;SharedAccessSignature=SharedAccessSignature sr=a", "h:5000", None);
    }

    #[test]
    fn tls_is_spoken_unless_the_scheme_or_the_emulator_flag_says_otherwise() {
        let check = |endpoint: &str, emulator: bool, address: &str, tls: bool| {
            let flag = if emulator { ";UseDevelopmentEmulator=true" } else { "" };
            let target = target(&format!("Endpoint={endpoint};{KEY}{flag}"));
            assert_eq!((target.address().as_str(), target.tls), (address, tls), "{endpoint} {emulator}");
        };
        for scheme in ["sb", "amqps", "https"] {
            check(&format!("{scheme}://ns.example.net/"), false, "ns.example.net:5671", true);
            check(&format!("{scheme}://ns.example.net:7000/"), false, "ns.example.net:7000", true);
            check(&format!("{scheme}://ns.example.net/"), true, "ns.example.net:5672", false);
        }
        for scheme in ["amqp", "http"] {
            check(&format!("{scheme}://ns.example.net/"), false, "ns.example.net:5672", false);
        }
    }

    #[test]
    fn an_error_never_shows_the_key() {
        let target = target(&format!("Endpoint=amqp://h;{KEY}"));
        assert!(!format!("{target:?}").contains("\"k\""));
    }
}
