//! Grants, and what a connection may do with those it has gathered (docs/reference/amqp.md §3.3).

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::{KeySlot, PolicyRef, PolicySource, ResourcePath, ResourceScope, Rights, UnixSeconds};

/// What a true credential gives: rights on a scope for a time, and what that rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The policy that gave it.
    pub policy: PolicyRef,
    /// The key that signed it.
    pub key_slot: KeySlot,
    /// The generation of that key ([`crate::KeyView::generation`]).
    pub key_generation: u64,
    /// Where it is good.
    pub scope: ResourceScope,
    /// What it allows.
    pub rights: Rights,
    /// When it ends; never, for a password.
    pub expires_at: Option<UnixSeconds>,
    /// How long after that it still counts, because clocks differ.
    pub skew_seconds: u64,
}

impl Grant {
    /// Whether the time is up, with the allowance for clocks that differ.
    #[must_use]
    pub fn is_expired(&self, now: UnixSeconds) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// The moment at which links that rely on this grant are closed: its expiry plus the allowance.
    #[must_use]
    pub fn deadline(&self) -> Option<UnixSeconds> {
        self.expires_at.map(|at| at.plus(self.skew_seconds))
    }

    /// Whether what the grant rests on is still there. To be asked when policies change.
    ///
    /// # Errors
    ///
    /// [`Revoked`] says what became of the policy or its key.
    pub fn still_holds(&self, policies: &dyn PolicySource) -> Result<(), Revoked> {
        let Some(policy) = policies.policy(self.policy.hub.as_deref(), &self.policy.name) else {
            return Err(Revoked::PolicyDeleted { policy: self.policy.clone() });
        };
        if policy.key(self.key_slot).is_none_or(|key| key.generation != self.key_generation) {
            return Err(Revoked::KeyReplaced { policy: self.policy.clone(), slot: self.key_slot });
        }
        if !policy.rights.contains(self.rights) {
            return Err(Revoked::RightsReduced { policy: self.policy.clone(), rights: policy.rights });
        }
        Ok(())
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} key) for {} on {}", self.policy, self.key_slot, self.rights, self.scope)
    }
}

/// Why a grant no longer holds. The text is for the log and for the client that loses its links.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Revoked {
    /// The policy is gone.
    #[error("{policy} was deleted")]
    PolicyDeleted {
        /// The policy.
        policy: PolicyRef,
    },
    /// The key that signed was replaced.
    #[error("the {slot} key of {policy} was replaced")]
    KeyReplaced {
        /// The policy.
        policy: PolicyRef,
        /// Which of its keys.
        slot: KeySlot,
    },
    /// The policy allows less than before.
    #[error("{policy} now gives only these rights: {rights}")]
    RightsReduced {
        /// The policy.
        policy: PolicyRef,
        /// What it gives now.
        rights: Rights,
    },
}

/// The grants of one connection, keyed by the audience that each was given for.
///
/// Tokens add up: a link is allowed if any live grant covers it and carries the right. A later token for the
/// same audience replaces the former. A set holds at most [`TokenSet::GRANTS_MAX`].
#[derive(Clone, Debug, Default)]
pub struct TokenSet {
    by_audience: BTreeMap<ResourcePath, Grant>,
}

impl TokenSet {
    /// As many as a connection may have links (docs/reference/amqp.md §1.3: channel-max 4,999).
    pub const GRANTS_MAX: usize = 5_000;

    /// Keeps a grant under the audience of its put-token (its scope's path, where none was named).
    ///
    /// # Errors
    ///
    /// [`TooManyTokens`] when the set is full of live grants; then nothing is changed.
    pub fn put(
        &mut self,
        audience: ResourcePath,
        grant: Grant,
        now: UnixSeconds,
    ) -> Result<(), TooManyTokens> {
        if !self.by_audience.contains_key(&audience) && self.by_audience.len() >= Self::GRANTS_MAX {
            self.by_audience.retain(|_, grant| !grant.is_expired(now));
            if self.by_audience.len() >= Self::GRANTS_MAX {
                return Err(TooManyTokens);
            }
        }
        self.by_audience.insert(audience, grant);
        Ok(())
    }

    /// The grant that allows all of `rights` on `resource`: of several, the one that lasts longest.
    ///
    /// # Errors
    ///
    /// [`Denied`] says what is missing.
    pub fn authorise(
        &self,
        resource: &ResourcePath,
        rights: Rights,
        now: UnixSeconds,
    ) -> Result<&Grant, Denied> {
        self.decide(resource, rights, now, |grant| grant.rights.contains(rights))
    }

    /// As [`TokenSet::authorise`], satisfied by any right at all: what runtime information needs
    /// (docs/reference/amqp.md §4.1).
    ///
    /// # Errors
    ///
    /// [`Denied`] says what is missing.
    pub fn authorise_any(&self, resource: &ResourcePath, now: UnixSeconds) -> Result<&Grant, Denied> {
        self.decide(resource, Rights::NONE, now, |grant| !grant.rights.is_empty())
    }

    fn decide(
        &self,
        resource: &ResourcePath,
        needed: Rights,
        now: UnixSeconds,
        suffices: impl Fn(&Grant) -> bool,
    ) -> Result<&Grant, Denied> {
        let mut best: Option<&Grant> = None;
        let mut why = if self.by_audience.is_empty() { Why::NoToken } else { Why::NotCovered };
        for grant in self.by_audience.values().filter(|grant| grant.scope.covers(resource)) {
            if !suffices(grant) {
                if !matches!(why, Why::Expired { .. }) {
                    why = Why::MissingRight { policy: grant.policy.clone(), held: grant.rights };
                }
            } else if grant.is_expired(now) {
                let expired_at = grant.expires_at.unwrap_or_default();
                why = Why::Expired { policy: grant.policy.clone(), expired_at, now };
            } else if best.is_none_or(|best| lasts_longer(grant, best)) {
                best = Some(grant);
            }
        }
        best.ok_or_else(|| Denied { resource: resource.clone(), needed, why })
    }

    /// All grants, by audience.
    pub fn grants(&self) -> impl Iterator<Item = (&ResourcePath, &Grant)> {
        self.by_audience.iter()
    }

    /// Drops the grants that `keep` refuses, for instance those of a policy that went.
    pub fn retain(&mut self, mut keep: impl FnMut(&Grant) -> bool) {
        self.by_audience.retain(|_, grant| keep(grant));
    }

    /// The next moment at which a grant ends, expired ones included.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixSeconds> {
        self.by_audience.values().filter_map(Grant::deadline).min()
    }
}

fn lasts_longer(one: &Grant, other: &Grant) -> bool {
    match (one.expires_at, other.expires_at) {
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
        (_, None) => false,
    }
}

/// A connection has given more tokens than it can have links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "this connection already holds {} live tokens: give one for the hub instead of one for each link",
    TokenSet::GRANTS_MAX
)]
pub struct TooManyTokens;

/// A resource may not be used so. `Display` is for the log, [`Denied::wire_text`] for the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} on {} is denied: {why}", DisplayNeed(*needed), .resource.quoted())]
pub struct Denied {
    /// What was asked for.
    pub resource: ResourcePath,
    /// The rights needed; none stands for any.
    pub needed: Rights,
    /// What is missing.
    pub why: Why,
}

/// What is missing for a decision in the client's favour.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// The connection has given no token or password.
    #[error("the connection has given no token")]
    NoToken,
    /// No token reaches the resource.
    #[error("no token of the connection covers it")]
    NotCovered,
    /// A token reaches it but carries other rights.
    #[error("{policy} gives only: {held}")]
    MissingRight {
        /// The policy.
        policy: PolicyRef,
        /// What it gives.
        held: Rights,
    },
    /// The token that would do is over.
    #[error("the token of {policy} expired at {expired_at}, it is now {now} (Unix seconds)")]
    Expired {
        /// The policy.
        policy: PolicyRef,
        /// When, by the token.
        expired_at: UnixSeconds,
        /// Our clock.
        now: UnixSeconds,
    },
}

impl Denied {
    /// What the client is told, as the service words it; `host` is the name by which it addressed us.
    #[must_use]
    pub fn wire_text(&self, host: &str) -> String {
        format!(
            "Unauthorized access. {} claim(s) are required to perform this operation. Resource: 'sb://{host}/{}'.",
            DisplayNeed(self.needed),
            self.resource
        )
    }
}

struct DisplayNeed(Rights);

impl fmt::Display for DisplayNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rights if rights.is_empty() => f.write_str("'Listen' or 'Send'"),
            Rights::MANAGE => f.write_str("'Manage'"),
            rights => write!(f, "'{rights}'"),
        }
    }
}

#[cfg(test)]
mod tests;
