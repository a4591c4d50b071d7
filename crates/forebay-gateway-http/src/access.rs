//! Who may manage what.
//!
//! A shared access signature whose policy has Manage, for a resource that covers the one asked for; a policy of a hub
//! manages that hub and no other. In dev mode, someone at this machine needs none ([`keyless`]). A signature that was
//! sent is always judged: a wrong one is never passed over because none was needed.

pub(crate) mod keyless;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use forebay_auth::{Grant, ResourcePath, Rights, SasToken, UnixSeconds};
use forebay_broker::{Broker, Namespace};

use crate::arm::errors::Refused;
use crate::peer::Peer;

const SCHEME: &str = "SharedAccessSignature";

/// What a request says about who sends it. Without `Debug`: the headers hold the token.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// The credential of a request, not yet held against a resource. Without `Debug`, as [`Asker`].
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// Someone at this machine, in dev mode: may do everything.
    Keyless,
    /// A shared access signature as it came.
    Token(&'a str),
}

impl<'a> Credential<'a> {
    /// Finds the credential.
    pub(crate) fn of(broker: &Broker, asker: &Asker<'a>) -> Result<Self, Refused> {
        let mut sent = asker.headers.get_all(AUTHORIZATION).iter();
        match (sent.next(), sent.next()) {
            (None, _) if broker.management_without_key() => {
                let Asker { peer, method, uri, headers } = asker;
                keyless::check(peer, method, uri, headers).map_err(Refused::Keyless)?;
                Ok(Self::Keyless)
            }
            (None, _) => Err(Refused::NoToken),
            (Some(value), None) => {
                let text = value.to_str().map_err(|_| Refused::Scheme)?.trim();
                let scheme = text.split(char::is_whitespace).next().unwrap_or_default();
                if scheme.eq_ignore_ascii_case(SCHEME) { Ok(Self::Token(text)) } else { Err(Refused::Scheme) }
            }
            (Some(_), Some(_)) => Err(Refused::Scheme),
        }
    }

    /// Whether it may manage a resource of a namespace.
    pub(crate) fn may_manage(
        &self,
        broker: &Broker,
        namespace: &Namespace,
        resource: &ResourcePath,
    ) -> Result<(), Refused> {
        match self {
            Self::Keyless => Ok(()),
            Self::Token(token) => {
                let now = UnixSeconds::from_millis(broker.wall().0);
                let (_, grant) = broker.verify_token(namespace, token, now).map_err(Refused::Token)?;
                if manages(&grant, resource) { Ok(()) } else { Err(Refused::Right) }
            }
        }
    }

    /// Whether it may manage the namespace that it names itself, by the host that was signed. For questions that belong
    /// to no namespace, and for namespaces that do not exist: whoever manages nothing here learns nothing.
    pub(crate) fn may_manage_its_own(&self, broker: &Broker) -> Result<(), Refused> {
        match self {
            Self::Keyless => Ok(()),
            Self::Token(token) => {
                let (host, _) = SasToken::parse(token).map_err(Refused::Token)?.audience();
                // A host that means nothing here: no policy can have signed for it.
                let namespace = broker.namespace(Some(&host)).map_err(|_| Refused::UnknownAudience)?;
                self.may_manage(broker, &namespace, &ResourcePath::namespace())
            }
        }
    }
}

fn manages(grant: &Grant, resource: &ResourcePath) -> bool {
    grant.scope.covers(resource) && grant.rights.contains(Rights::MANAGE)
}
