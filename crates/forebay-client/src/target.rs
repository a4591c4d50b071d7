//! Where to connect and who to be.

use std::str::FromStr;

use forebay_amqp::connection::ClientAuth;
use forebay_auth::Secret;
use forebay_auth::connection_string::{ConnectionString, Credential, Scheme};

use crate::error::Error;

/// The port of AMQP without TLS, where the connection string names none.
const PLAIN_PORT: u16 = 5672;

/// Where to connect and who to be; parsed from a connection string, or put together by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address that the socket goes to.
    pub host: String,
    /// Its port.
    pub port: u16,
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
    /// A target by host, port and identity; the namespace is the host.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, auth: Auth) -> Self {
        let host = host.into();
        Self { namespace: host.clone(), host, port, auth, hub: None }
    }

    /// The same place, with another identity.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Host and port, an IPv6 address in brackets.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Schemes `amqp` and `http`, and `UseDevelopmentEmulator=true` with any scheme, mean a connection without TLS.
impl TryFrom<&ConnectionString> for Target {
    type Error = Error;

    fn try_from(string: &ConnectionString) -> Result<Self, Error> {
        let plain = string.development_emulator || matches!(string.scheme, Scheme::Amqp | Scheme::Http);
        if !plain {
            return Err(Error::TlsNeeded { host: string.host.clone() });
        }
        let auth = match &string.credential {
            Credential::Key { policy, key } => Auth::Sas { policy: policy.clone(), key: key.clone() },
            Credential::Token(token) => Auth::Token(token.clone()),
        };
        let mut target = Self::new(string.host.clone(), string.port.unwrap_or(PLAIN_PORT), auth);
        target.hub = string.entity_path.clone();
        Ok(target)
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(&text.parse::<ConnectionString>()?)
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
    fn a_string_that_asks_for_tls_is_refused_with_the_fix() {
        for scheme in ["sb", "amqps", "https"] {
            let error = format!("Endpoint={scheme}://ns.example.net/;{KEY}").parse::<Target>().unwrap_err();
            assert!(error.to_string().contains("UseDevelopmentEmulator=true"), "{error}");
        }
    }

    #[test]
    fn an_error_never_shows_the_key() {
        let target = target(&format!("Endpoint=amqp://h;{KEY}"));
        assert!(!format!("{target:?}").contains("\"k\""));
    }
}
