//! Claims: which hubs this connection has put tokens for, and when they are renewed (docs/reference/amqp.md §3).

use std::time::{Duration, SystemTime};

use forebay_amqp::time::Instant;
use forebay_amqp::wire::Value;
use forebay_auth::{Secret, UnixSeconds, sas};

use crate::client::Client;
use crate::error::Error;
use crate::event::MESSAGE_FORMAT;
use crate::request::{RequestPair, encode_request};
use crate::target::Auth;

const CBS: &str = "$cbs";
const SAS_TOKEN: &str = "servicebus.windows.net:sastoken";

/// A renewal that could not be sent is tried again after this long.
const RENEWAL_RETRY: Duration = Duration::from_secs(1);

/// What the connection has claimed.
#[derive(Debug)]
pub(crate) struct Tokens {
    life: Duration,
    cbs: Option<RequestPair>,
    pub(crate) management: Option<RequestPair>,
    claims: Vec<Claim>,
}

/// A token that was put for a hub.
#[derive(Debug)]
struct Claim {
    hub: String,
    /// `None`: it cannot be renewed.
    renew_at: Option<Instant>,
    /// The message id of a renewal that is not answered.
    renewing: Option<u64>,
}

impl Tokens {
    pub(crate) fn new(life: Duration) -> Self {
        Self { life, cbs: None, management: None, claims: Vec::new() }
    }

    /// When the next token is to be renewed.
    pub(crate) fn renew_at(&self) -> Option<Instant> {
        self.claims.iter().filter_map(|claim| claim.renew_at).min()
    }

    fn next_renewal(&self, now: Instant) -> Instant {
        now + self.life * 3 / 4
    }
}

impl Client {
    /// Puts a token of the caller's for a resource, whatever the target's identity is.
    ///
    /// # Errors
    /// [`Error::Request`] with the server's status (401: the token is not good), or the connection ends, or no
    /// answer comes in time.
    pub async fn put_token(&mut self, audience: &str, token: &Secret) -> Result<(), Error> {
        let mut pair = match self.tokens.cbs {
            Some(pair) if self.links.usable(pair.requests).is_ok() => pair,
            _ => self.open_pair(CBS).await?,
        };
        let request = put_token_request(pair.next_id, audience, token);
        let id = self.request(&mut pair, &request, CBS).await?;
        self.tokens.cbs = Some(pair);
        self.reply(pair, id, CBS).await?.success("put-token", audience)?;
        Ok(())
    }

    /// Puts a token for a hub, unless the identity needs none or it was put before.
    pub(crate) async fn authorise(&mut self, hub: &str) -> Result<(), Error> {
        if self.tokens.claims.iter().any(|claim| claim.hub == hub) {
            return Ok(());
        }
        let Some((audience, token)) = self.token_for(hub) else { return Ok(()) };
        self.put_token(&audience, &token).await?;
        let renewable = matches!(self.target.auth, Auth::Sas { .. });
        let renew_at = renewable.then(|| self.tokens.next_renewal(self.driver.clock.now()));
        self.tokens.claims.push(Claim { hub: hub.to_owned(), renew_at, renewing: None });
        Ok(())
    }

    /// Sends what is due and reads the answers that came. Never waits: the connection goes on meanwhile.
    pub(crate) fn renew_tokens(&mut self) {
        let now = self.driver.clock.now();
        if self.tokens.renew_at().is_none_or(|at| at > now)
            && !self.tokens.claims.iter().any(|c| c.renewing.is_some())
        {
            return;
        }
        if let Err(error) = self.read_renewals().and_then(|()| self.send_renewals(now)) {
            self.links.end(error);
        }
    }

    fn read_renewals(&mut self) -> Result<(), Error> {
        let Some(pair) = self.tokens.cbs else { return Ok(()) };
        for at in 0..self.tokens.claims.len() {
            let Some(id) = self.tokens.claims[at].renewing else { continue };
            let Some(reply) = self.take_reply(pair, id)? else { continue };
            let claim = &mut self.tokens.claims[at];
            claim.renewing = None;
            reply.success("put-token", &claim.hub)?;
        }
        Ok(())
    }

    fn send_renewals(&mut self, now: Instant) -> Result<(), Error> {
        let Some(mut pair) = self.tokens.cbs else { return Ok(()) };
        for at in 0..self.tokens.claims.len() {
            if self.tokens.claims[at].renew_at.is_none_or(|at| at > now) {
                continue;
            }
            let Some((audience, token)) = self.token_for(&self.tokens.claims[at].hub) else { continue };
            let request = put_token_request(pair.next_id, &audience, &token);
            let sent = self.links.usable(pair.requests).is_ok()
                && self.transfer(pair.requests, MESSAGE_FORMAT, &request)?.is_some();
            let next_renewal = self.tokens.next_renewal(now);
            let claim = &mut self.tokens.claims[at];
            if sent {
                claim.renewing = Some(pair.next_id);
                claim.renew_at = Some(next_renewal);
                pair.next_id += 1;
            } else {
                claim.renew_at = Some(now + RENEWAL_RETRY);
            }
        }
        self.tokens.cbs = Some(pair);
        Ok(())
    }

    /// Audience and token for a hub; `None` for an identity that puts none.
    fn token_for(&self, hub: &str) -> Option<(String, Secret)> {
        let audience = format!("sb://{}/{hub}", self.target.namespace);
        let token = match &self.target.auth {
            Auth::Sas { policy, key } => {
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
                sas::create(&audience, policy, key, UnixSeconds((now + self.tokens.life).as_secs()))
            }
            Auth::Token(token) => token.clone(),
            Auth::Plain { .. } | Auth::Anonymous => return None,
        };
        Some((audience, token))
    }
}

fn put_token_request(id: u64, audience: &str, token: &Secret) -> Vec<u8> {
    let properties = [("operation", "put-token"), ("type", SAS_TOKEN), ("name", audience)];
    encode_request(id, CBS, &properties, &Value::String(token.expose().to_owned()))
}
