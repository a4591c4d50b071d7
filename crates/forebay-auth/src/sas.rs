//! Shared access signatures (docs/reference/amqp.md §3.4).
//!
//! ```text
//! SharedAccessSignature sr=<resource>&sig=<mac>&se=<unix seconds>&skn=<policy>
//! mac = base64(HMAC-SHA256(key text as UTF-8, sr + LF + se)), sr and se as they stand in the token
//! ```
//!
//! Clients differ in everything else: order of the parts, letter case of the hex digits, `+` for a space,
//! names encoded once, twice or not at all. So the parts are kept as received and decoded only to compare.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

use crate::{
    Grant, HostRule, KeySlot, PolicyRef, PolicySource, PolicyView, ResourcePath, ResourceScope, Secret,
    UnixSeconds,
};

const SCHEME: &str = "SharedAccessSignature";

/// Longer tokens are refused unread: a resource and a name of 256 characters, both encoded twice, fit.
pub const TOKEN_BYTES_MAX: usize = 8_192;

/// What stays as it is when we encode: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Some scripts leave the padding away.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A token read but not yet believed. Its parts are those received.
#[derive(Clone, Copy)]
pub struct SasToken<'a> {
    sr: &'a str,
    se: &'a str,
    sig: &'a str,
    skn: &'a str,
    expires_at: UnixSeconds,
}

/// How a token is judged.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The present by our clock.
    pub now: UnixSeconds,
    /// How long after its expiry a token still counts ([`crate::CLOCK_SKEW_SECONDS`] by default).
    pub skew_seconds: u64,
    /// What the host in it must be.
    pub hosts: HostRule<'a>,
}

impl<'a> SasToken<'a> {
    /// Reads a token; the scheme word may have any letter case, the parts any order; unknown ones are ignored.
    ///
    /// # Errors
    ///
    /// [`SasError::Malformed`].
    pub fn parse(token: &'a str) -> Result<Self, SasError> {
        let malformed = |what| SasError::Malformed { what };
        if token.len() > TOKEN_BYTES_MAX {
            return Err(malformed("it is longer than 8192 bytes"));
        }
        let (scheme, parts) = token
            .trim()
            .split_once(char::is_whitespace)
            .ok_or(malformed("it is not 'SharedAccessSignature sr=…'"))?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(malformed("it does not begin with the word 'SharedAccessSignature'"));
        }
        let (mut sr, mut se, mut sig, mut skn) = (None, None, None, None);
        for part in parts.trim().split('&') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let slot = match name.trim() {
                name if name.eq_ignore_ascii_case("sr") => &mut sr,
                name if name.eq_ignore_ascii_case("se") => &mut se,
                name if name.eq_ignore_ascii_case("sig") => &mut sig,
                name if name.eq_ignore_ascii_case("skn") => &mut skn,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(malformed("one of sr, sig, se, skn stands in it twice"));
            }
        }
        let se = se.ok_or(malformed("it has no 'se' (expiry)"))?;
        let digits = !se.is_empty() && se.bytes().all(|byte| byte.is_ascii_digit());
        let expires_at = digits.then(|| se.parse().ok()).flatten();
        Ok(Self {
            sr: sr.ok_or(malformed("it has no 'sr' (resource)"))?,
            se,
            sig: sig.ok_or(malformed("it has no 'sig' (signature)"))?,
            skn: skn.ok_or(malformed("it has no 'skn' (policy name)"))?,
            expires_at: UnixSeconds(expires_at.ok_or(malformed("its 'se' is not a count of seconds"))?),
        })
    }

    /// The host and the path that the token is for.
    #[must_use]
    pub fn audience(&self) -> (String, ResourcePath) {
        ResourcePath::from_audience(&form_decoded(self.sr))
    }

    /// When the token ends, by itself.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// Checks signature, audience and expiry, in this order, so that someone without a key learns nothing.
    ///
    /// The policy is looked for at the hub that the resource names, then at the namespace.
    ///
    /// # Errors
    ///
    /// [`SasError`]; all of it is for the log, only [`SasError::wire_text`] for the client.
    pub fn verify(&self, policies: &dyn PolicySource, check: &Check<'_>) -> Result<Grant, SasError> {
        let (host, path) = self.audience();
        let mut grant = self.verify_signature(policies, path)?;
        grant.skew_seconds = check.skew_seconds;
        if !check.hosts.allows(&host) {
            return Err(SasError::WrongAudience { host, policy: grant.policy });
        }
        if self.expires_at.plus(check.skew_seconds) <= check.now {
            let (expired_at, now) = (self.expires_at, check.now);
            return Err(SasError::Expired { policy: grant.policy, expired_at, now });
        }
        Ok(grant)
    }

    fn verify_signature(&self, policies: &dyn PolicySource, path: ResourcePath) -> Result<Grant, SasError> {
        let given = LENIENT.decode(&*percent_decoded(self.sig)).unwrap_or_default();
        let mut mismatched = None;
        for hub in path.hub().map(Some).into_iter().chain([None]) {
            let Some(policy) = self.policy_names().iter().find_map(|name| policies.policy(hub, name)) else {
                continue;
            };
            let policy_ref = PolicyRef { hub: hub.map(str::to_owned), name: policy.name.to_owned() };
            match self.signing_key(&policy, &given) {
                Some((key_slot, key_generation)) => {
                    let scope = ResourceScope { only_hub: policy_ref.hub.clone(), path: path.clone() };
                    let (rights, expires_at) = (policy.rights, Some(self.expires_at));
                    return Ok(Grant {
                        policy: policy_ref,
                        key_slot,
                        key_generation,
                        scope,
                        rights,
                        expires_at,
                        skew_seconds: 0,
                    });
                }
                None => mismatched = mismatched.or(Some(policy_ref)),
            }
        }
        match mismatched {
            Some(policy) => Err(SasError::KeyMismatch { policy, resource: path }),
            None => {
                // As much work as a wrong key costs, so that the time does not tell which names exist.
                let unknown =
                    self.signed_with("no such policy", &given) | self.signed_with("nor key", &given);
                debug_assert!(!bool::from(unknown), "nobody signs with these");
                let policy = self.policy_names().pop().unwrap_or_default();
                Err(SasError::PolicyUnknown { policy, resource: path })
            }
        }
    }

    /// The names that `skn` may stand for: as written (Go, Rust), decoded once, decoded twice (Python).
    fn policy_names(&self) -> Vec<String> {
        let once = form_decoded(self.skn);
        let twice = form_decoded(&once);
        let mut names = vec![self.skn.to_owned(), once, twice];
        names.dedup();
        names
    }

    fn signing_key(&self, policy: &PolicyView<'_>, given: &[u8]) -> Option<(KeySlot, u64)> {
        let primary = self.signed_with(policy.primary.secret.expose(), given);
        // A missing second key costs the same and never matches.
        let secondary_text = policy.secondary.map_or("", |key| key.secret.expose());
        let secondary = self.signed_with(secondary_text, given);
        if bool::from(primary) {
            return Some((KeySlot::Primary, policy.primary.generation));
        }
        policy.secondary.filter(|_| bool::from(secondary)).map(|key| (KeySlot::Secondary, key.generation))
    }

    fn signed_with(&self, key: &str, given: &[u8]) -> Choice {
        let expected = signature(key, self.sr, self.se);
        expected.as_slice().ct_eq(given) & Choice::from(u8::from(!key.is_empty()))
    }
}

impl std::fmt::Debug for SasToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SasToken")
            .field("sr", &self.sr)
            .field("se", &self.se)
            .field("skn", &self.skn)
            .field("sig", &Secret::REDACTED)
            .finish()
    }
}

/// Makes a token: `resource` as a plain URI (`amqps://host/hub`), `policy` its name, `key` its key's text.
#[must_use]
pub fn create(resource: &str, policy: &str, key: &Secret, expires_at: UnixSeconds) -> Secret {
    let sr = utf8_percent_encode(resource, ENCODED).to_string();
    let se = expires_at.to_string();
    let sig = STANDARD.encode(signature(key.expose(), &sr, &se));
    let sig = utf8_percent_encode(&sig, ENCODED);
    let skn = utf8_percent_encode(policy, ENCODED);
    Secret::new(format!("{SCHEME} sr={sr}&sig={sig}&se={se}&skn={skn}"))
}

fn signature(key: &str, sr: &str, se: &str) -> [u8; 32] {
    let mut mac: Hmac<Sha256> =
        Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(sr.as_bytes());
    mac.update(b"\n");
    mac.update(se.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Percent escapes decoded and nothing else: a `+` in base64 is a `+`.
fn percent_decoded(text: &str) -> std::borrow::Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(text.into())
}

/// Percent escapes decoded, and `+` is a space.
fn form_decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " ")).into_owned()
}

/// Why a credential was not accepted. `Debug` and `Display` are for the log; they show no key and no
/// signature, and what the client wrote only in quoted, escaped form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SasError {
    /// It cannot be read.
    #[error("the token is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is no such policy, neither at the hub nor at the namespace.
    #[error("there is no policy {policy:?} for {}: compare the name in the connection string with the one that the server prints", .resource.quoted())]
    PolicyUnknown {
        /// The name given.
        policy: String,
        /// The resource it was given for.
        resource: ResourcePath,
    },
    /// Neither of the policy's keys signed it, or the password is neither of them.
    #[error(
        "neither key of {policy} matches what came for '{resource}': the client has an old or another key"
    )]
    KeyMismatch {
        /// The policy.
        policy: PolicyRef,
        /// The resource it was given for.
        resource: ResourcePath,
    },
    /// The signature is right but made for another host.
    #[error("the token of {policy} is for the host {host:?}, which is none of this namespace's names")]
    WrongAudience {
        /// The host inside the token.
        host: String,
        /// The policy.
        policy: PolicyRef,
    },
    /// The signature is right but the time is up.
    #[error(
        "the token of {policy} expired at {expired_at}, it is now {now} (Unix seconds): compare the clocks"
    )]
    Expired {
        /// The policy.
        policy: PolicyRef,
        /// When, by the token.
        expired_at: UnixSeconds,
        /// Our clock.
        now: UnixSeconds,
    },
}

impl SasError {
    /// What the client is told: the kind of the fault, nothing about policies, keys or clocks.
    #[must_use]
    pub fn wire_text(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "MalformedToken: The token could not be read.",
            Self::PolicyUnknown { .. } | Self::KeyMismatch { .. } => {
                "InvalidSignature: The token has an invalid signature."
            }
            Self::WrongAudience { .. } => "InvalidAudience: The token's audience is not this namespace.",
            Self::Expired { .. } => "ExpiredToken: The token is expired.",
        }
    }
}

#[cfg(test)]
mod tests;
