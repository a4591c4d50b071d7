//! `$cbs`: tokens (`docs/reference/amqp.md` §3.2, §3.3).

use forebay_auth::{ResourcePath, TokenSet, UnixSeconds};
use forebay_broker::{Broker, Namespace};

use crate::peer::Peer;
use crate::request::{Request, Status};
use forebay_broker::LogLimit;

/// The type of a shared access signature.
const SAS_TOKEN: &str = "servicebus.windows.net:sastoken";

/// Checks a put-token request and keeps what it grants.
pub(crate) fn put_token(
    request: &Request<'_>,
    broker: &Broker,
    namespace: &Namespace,
    peer: &Peer,
    tokens: &mut TokenSet,
    now: UnixSeconds,
) -> Status {
    if request.operation != Some("put-token") {
        return refused(400, "amqp:not-allowed", "the operation on $cbs must be 'put-token'");
    }
    let Some(token) = request.body else {
        return refused(
            400,
            "amqp:invalid-field",
            "the body must be an AMQP value that holds the token as a string",
        );
    };
    match request.kind {
        Some(SAS_TOKEN) => {}
        Some("jwt") => {
            return refused(
                401,
                "amqp:unauthorized-access",
                "Entra ID tokens (type 'jwt') are not accepted by this server; use a shared access key",
            );
        }
        other => {
            let text = format!("the token type {other:?} is not known; use '{SAS_TOKEN}'");
            return refused(400, "amqp:invalid-field", &text);
        }
    }
    let (audience, grant) = match broker.verify_token(namespace, token, now) {
        Ok(verified) => verified,
        Err(why) => {
            static LIMIT: LogLimit = LogLimit::new();
            LIMIT.warn(|| format!("token refused: {why} (from {peer})"));
            return refused(401, "amqp:unauthorized-access", why.wire_text());
        }
    };
    // The token's own scope decides; `name` only tells tokens of different links apart.
    let audience = request.name.map_or(audience, |name| ResourcePath::from_audience(name).1);
    match tokens.put(audience, grant, now) {
        Ok(()) => Status { code: 202, description: "Accepted".to_owned(), condition: None },
        Err(full) => refused(403, "amqp:resource-limit-exceeded", &full.to_string()),
    }
}

fn refused(code: i32, condition: &'static str, text: &str) -> Status {
    Status {
        code,
        description: format!("{text} TrackingId:{}", crate::conditions::tracking_id()),
        condition: Some(condition),
    }
}
