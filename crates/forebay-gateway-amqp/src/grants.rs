//! What a connection's grants allow at this moment.
//!
//! A grant rests on a policy and a key, and both can go while the connection stays: a key is replaced, a policy or its
//! hub is deleted, and another hub is made under the old name. So the grant that lets something new be is looked at
//! again, and one that no longer holds is dropped.

use forebay_auth::{Denied, Grant, TokenSet};
use forebay_broker::{Broker, Namespace};

/// Asks `decide` which grant allows it, until that one holds, or none is left.
///
/// # Errors
/// What `decide` says is missing.
pub(crate) fn authorise(
    tokens: &mut TokenSet,
    broker: &Broker,
    namespace: &Namespace,
    decide: impl for<'a> Fn(&'a TokenSet) -> Result<&'a Grant, Denied>,
) -> Result<(), Denied> {
    loop {
        let grant = decide(tokens)?.clone();
        let Err(revoked) = broker.grant_still_holds(namespace, &grant) else { return Ok(()) };
        tracing::info!("a token no longer counts: {revoked}");
        tokens.retain(|held| *held != grant);
    }
}
