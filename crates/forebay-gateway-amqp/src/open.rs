//! How a connection begins: who the client says it is, and which namespace it wants.

use forebay_amqp::Connection as Core;
use forebay_amqp::sasl::{Mechanism, plain_credentials};
use forebay_amqp::types::condition;
use forebay_auth::{ResourcePath, Secret};

use crate::conditions;
use crate::handler::Handler;
use forebay_broker::LogLimit;

impl Handler {
    /// ANONYMOUS and MSSBCBS prove nothing: tokens come on `$cbs`. PLAIN is a policy's name and key.
    pub(crate) fn on_sasl_init(
        &mut self,
        core: &mut Core,
        mechanism: Mechanism,
        initial_response: &[u8],
        hostname: Option<&str>,
    ) {
        match mechanism {
            Mechanism::Anonymous | Mechanism::Mssbcbs => core.sasl_accept(),
            Mechanism::Plain => match self.check_password(initial_response, hostname) {
                Ok(()) => core.sasl_accept(),
                Err(why) => {
                    static LIMIT: LogLimit = LogLimit::new();
                    LIMIT.warn(|| format!("password refused: {why} (from {})", self.peer));
                    core.sasl_refuse();
                }
            },
            Mechanism::External => core.sasl_refuse(),
        }
    }

    fn check_password(&mut self, response: &[u8], hostname: Option<&str>) -> Result<(), String> {
        let credentials = plain_credentials(response).ok_or("the PLAIN response is malformed")?;
        let key = Secret::new(credentials.password);
        // The namespace is known for certain only after the open; it is compared there.
        let namespace = self.broker.namespace(hostname).map_err(|refused| refused.to_string())?;
        let grant =
            self.broker.verify_password(&namespace, credentials.user, &key).map_err(|why| why.to_string())?;
        self.password = Some((namespace.name().to_owned(), grant));
        Ok(())
    }

    /// The open names the namespace.
    pub(crate) fn on_open(&mut self, core: &mut Core) {
        if let Some(error) = self.take_refusal() {
            core.close(Some(error));
            return;
        }
        if self.is_stopping() {
            core.close(Some(conditions::stopping()));
            return;
        }
        let Some(open) = core.remote_open() else { return };
        self.peer.describe(open);
        self.host = open.hostname.clone().unwrap_or_else(|| "localhost".to_owned());
        tracing::debug!(peer = %self.peer, host = self.host, "open");
        let namespace = match self.broker.namespace(open.hostname.as_deref()) {
            Ok(namespace) => namespace,
            Err(refused) => {
                static LIMIT: LogLimit = LogLimit::new();
                LIMIT.warn(|| format!("connection of {} refused: {refused}", self.peer));
                core.close(Some(conditions::error(condition::NOT_FOUND, refused.wire_text())));
                return;
            }
        };
        if let Some((proved_in, grant)) = self.password.take() {
            if proved_in != namespace.name() {
                let text = "The password was given for another namespace than the one opened.";
                core.close(Some(conditions::error(condition::UNAUTHORIZED_ACCESS, text)));
                return;
            }
            let now = self.now();
            // An empty set has room.
            let _fits = self.tokens.put(ResourcePath::namespace(), grant, now);
        }
        self.namespace = Some(namespace);
    }
}
