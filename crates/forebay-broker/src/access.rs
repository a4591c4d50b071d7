//! Who may in: which namespace a host name means, and what a credential gives there.

use std::sync::Arc;

use forebay_auth::password::verify_password;
use forebay_auth::sas::Check;
use forebay_auth::{Grant, HostRule, ResourcePath, Revoked, SasError, SasToken, Secret, UnixSeconds};
use forebay_namespace::hosts::{HostMode, Resolved};
use forebay_namespace::{DEFAULT_NAMESPACE, NamespaceView, State};

use crate::broker::Broker;
use crate::error::NamespaceRefused;
use crate::options::Mode;

/// A namespace that a connection or a request belongs to. One that nobody has used yet may not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// Its name as first written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Broker {
    /// The namespace that a host name means. In dev mode one that does not exist yet has the policies of the default
    /// namespace; it is made with its first hub, so by someone who holds a right to it.
    ///
    /// # Errors
    /// [`NamespaceRefused`] names the host and, for the log, what there is.
    pub fn namespace(&self, host: Option<&str>) -> Result<Arc<Namespace>, NamespaceRefused> {
        let mode = match &self.options.mode {
            Mode::Dev(_) => HostMode::Dev,
            Mode::Serve(serve) => HostMode::Serve { default_namespace: serve.default_namespace.as_deref() },
        };
        self.catalog.read(|state| match state.resolve_host(host.unwrap_or_default(), mode) {
            Ok(Resolved::Namespace(found)) => Ok(Arc::new(Namespace::new(self.real_name(found.name())))),
            Ok(Resolved::FirstUse(name)) => Ok(self.first_use(state, name)),
            Err(unknown) => {
                Err(NamespaceRefused { host: unknown.host.clone(), known: unknown.known.join(", ") })
            }
        })
    }

    fn first_use(&self, state: &State, name: &str) -> Arc<Namespace> {
        let real = self.real_name(name);
        let name = match state.namespace(real) {
            Some(found) => found.name().to_owned(),
            None => real.to_ascii_lowercase(),
        };
        Arc::new(Namespace { name })
    }

    /// The namespace of this name in any letter case, if there is one and it is served. With an emulator configuration
    /// the name of its first namespace means `default`. Never makes one.
    pub fn find_namespace(&self, name: &str) -> Option<Arc<Namespace>> {
        let name = self.real_name(name);
        self.catalog.read(|state| {
            let found = state.namespace(name).filter(|found| self.is_served(found.name()))?;
            Some(Arc::new(Namespace::new(found.name())))
        })
    }

    fn real_name<'a>(&self, name: &'a str) -> &'a str {
        let alias = self.options.mode.alias();
        if alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name)) { DEFAULT_NAMESPACE } else { name }
    }

    fn is_dev(&self) -> bool {
        matches!(self.options.mode, Mode::Dev(_))
    }

    /// In serve mode only what the configuration lists is served.
    pub(crate) fn is_served(&self, name: &str) -> bool {
        match &self.options.mode {
            Mode::Dev(_) => true,
            Mode::Serve(serve) => serve.serves(name),
        }
    }

    /// Checks a shared access signature. Returns the audience that it names and what it grants.
    ///
    /// # Errors
    /// [`SasError`]: all of it for the log, [`SasError::wire_text`] for the client.
    pub fn verify_token(
        &self,
        namespace: &Namespace,
        token: &str,
        now: UnixSeconds,
    ) -> Result<(ResourcePath, Grant), SasError> {
        let token = SasToken::parse(token)?;
        let skew_seconds = self.options.clock_skew_seconds;
        self.policies_of(namespace, |view| {
            let hosts = self.host_rule(&view);
            token.verify(&view, &Check { now, skew_seconds, hosts })
        })
        .unwrap_or_else(|| Err(unknown_policy(namespace)))
        .map(|grant| (token.audience().1, grant))
    }

    /// In dev mode clients reach one server under many names, so the host in the token says nothing; neither does it for
    /// the namespace that serve mode gives to all names that nobody lists.
    fn host_rule<'a>(&self, namespace: &NamespaceView<'a>) -> HostRule<'a> {
        match &self.options.mode {
            Mode::Serve(serve) if !serve.is_default(namespace.name()) => {
                HostRule::Require(&namespace.get().hosts)
            }
            _ => HostRule::Ignore,
        }
    }

    /// Checks a policy's name and key.
    ///
    /// # Errors
    /// As [`Broker::verify_token`].
    pub fn verify_password(
        &self,
        namespace: &Namespace,
        user: &str,
        key: &Secret,
    ) -> Result<Grant, SasError> {
        self.policies_of(namespace, |view| verify_password(&view, None, user, key))
            .unwrap_or_else(|| Err(unknown_policy(namespace)))
    }

    /// Whether what a grant rests on is still there: its policy, the very key, the rights. To be asked before a
    /// connection's older grant gives it something new; a hub made again under its name has other policies.
    ///
    /// # Errors
    /// [`Revoked`] says what became of the policy or its key.
    pub fn grant_still_holds(&self, namespace: &Namespace, grant: &Grant) -> Result<(), Revoked> {
        let gone = || Err(Revoked::PolicyDeleted { policy: grant.policy.clone() });
        let holds = self.policies_of(namespace, |view| grant.still_holds(&view)).unwrap_or_else(gone);
        if holds.is_ok() || !self.is_dev() || grant.policy.hub.is_some() {
            return holds;
        }
        // Perhaps it was given by the default namespace's policy, before this namespace was made on first use.
        let default = Namespace::new(DEFAULT_NAMESPACE);
        self.in_namespace(&default, |view| grant.still_holds(&view)).unwrap_or_else(gone).or(holds)
    }

    /// In dev mode a namespace that was not made yet has the policies of the default one.
    fn policies_of<R>(&self, namespace: &Namespace, look: impl FnOnce(NamespaceView<'_>) -> R) -> Option<R> {
        self.catalog.read(|state| {
            let found = state.namespace(&namespace.name);
            found.or_else(|| state.namespace(DEFAULT_NAMESPACE).filter(|_| self.is_dev())).map(look)
        })
    }

    pub(crate) fn in_namespace<R>(
        &self,
        namespace: &Namespace,
        look: impl FnOnce(NamespaceView<'_>) -> R,
    ) -> Option<R> {
        self.catalog.read(|state| state.namespace(&namespace.name).map(look))
    }
}

fn unknown_policy(namespace: &Namespace) -> SasError {
    SasError::PolicyUnknown {
        policy: format!("(namespace '{}' is gone)", namespace.name),
        resource: ResourcePath::namespace(),
    }
}
