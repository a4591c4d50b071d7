//! Readers' places: who may read a partition through a group, by epoch (docs/reference/amqp.md §6.6).
//!
//! A place is empty, shared by up to five readers without an epoch, or held by one reader with an epoch:
//!
//! ```text
//!            no epoch (up to 5)              epoch                  epoch ≥ the holder's
//!              ┌───┐                    ┌─────────────┐                  ┌───┐
//!   ┌───────┐  ▼   │   ┌────────┐       │             ▼  ┌───────────┐   ▼   │
//!   │ empty │──────┴──▶│ shared │───────┘                │ exclusive │───────┘
//!   └───────┘          └────────┘  puts all of them out  └───────────┘  puts the holder out
//!       └──────────────────────────── epoch ──────────────────▲
//! ```
//!
//! A place becomes empty when its last reader leaves: the epoch lives with the link. Claims are session entries;
//! a restart voids them all.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::entry::{NodeId, Position};
use crate::group;
use crate::hub::HubId;
use crate::limits::SHARED_READERS_MAX;
use crate::names::folded;
use crate::state::Durable;
use crate::verdict::{Change, Code, Rejection};

/// A reader's link: a node, and a number that the node gives to no other link while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverId {
    /// The node that the link is on.
    pub node: NodeId,
    /// The link.
    pub link: u64,
}

/// A place to read from: one partition through one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatRef {
    /// The hub.
    pub hub: HubId,
    /// The consumer group; letter case does not matter, changes name it in lower case.
    pub group: String,
    /// The partition.
    pub partition: u32,
}

/// A reader's claim to a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimReceiver {
    /// Who claims.
    pub receiver: ReceiverId,
    /// Which place.
    pub seat: SeatRef,
    /// The epoch (owner level), if the link has one.
    pub epoch: Option<i64>,
    /// The name that the client gave the reader, for messages.
    pub name: Option<String>,
}

/// A reader's leaving. Leaving a place that is lost already changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseReceiver {
    /// Who leaves.
    pub receiver: ReceiverId,
    /// Which place.
    pub seat: SeatRef,
}

/// A claim that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The reader.
    pub receiver: ReceiverId,
    /// Its epoch.
    pub epoch: Option<i64>,
    /// Its name, cut to what messages show.
    pub name: Option<String>,
    /// Where it was admitted.
    pub position: Position,
}

/// A place that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Readers without an epoch, in the order in which they came, at least one.
    Shared(Vec<Claim>),
    /// The one reader with an epoch.
    Exclusive(Claim),
}

impl Seat {
    /// The readers in it.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        match self {
            Self::Shared(claims) => claims,
            Self::Exclusive(claim) => std::slice::from_ref(claim),
        }
    }
}

/// What is found in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nobody,
    Shared,
    SharedFull,
    Exclusive,
}

/// The epoch asked with, against the live one. An epoch where none is live is higher than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Epoch {
    Nothing,
    Lower,
    Equal,
    Higher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// The reader sits down beside whoever is there.
    Admit,
    /// The reader sits down, all others get up.
    Supersede,
    Refuse(Code),
}

/// One row of the table: it matches what was found and asked if both are listed.
struct Rule {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the test that walks the table, and by people")
    )]
    label: &'static str,
    found: &'static [Found],
    asked: &'static [Epoch],
    decision: Decision,
}

const RULES: [Rule; 7] = [
    // The first reader, or the first since the last one left: an epoch is forgotten with its link.
    Rule {
        label: "first",
        found: &[Found::Nobody],
        asked: &[Epoch::Nothing, Epoch::Higher],
        decision: Decision::Admit,
    },
    // Tools and plain consumers read side by side.
    Rule { label: "beside", found: &[Found::Shared], asked: &[Epoch::Nothing], decision: Decision::Admit },
    // Usually a client that opens consumers and does not close them.
    Rule {
        label: "full",
        found: &[Found::SharedFull],
        asked: &[Epoch::Nothing],
        decision: Decision::Refuse(Code::TooManyReaders),
    },
    // An event processor starts where someone reads without an epoch.
    Rule {
        label: "takes over from readers without epoch",
        found: &[Found::Shared, Found::SharedFull],
        asked: &[Epoch::Higher],
        decision: Decision::Supersede,
    },
    // A plain consumer on the group of a running processor.
    Rule {
        label: "epoch missing",
        found: &[Found::Exclusive],
        asked: &[Epoch::Nothing],
        decision: Decision::Refuse(Code::EpochMissing),
    },
    // An owner that has not noticed that it was replaced.
    Rule {
        label: "epoch lower",
        found: &[Found::Exclusive],
        asked: &[Epoch::Lower],
        decision: Decision::Refuse(Code::EpochLower),
    },
    // Balancing processors: all of them use epoch 0, so the newest of equals must win.
    Rule {
        label: "steals",
        found: &[Found::Exclusive],
        asked: &[Epoch::Equal, Epoch::Higher],
        decision: Decision::Supersede,
    },
];

fn decide(seat: Option<&Seat>, epoch: Option<i64>) -> Decision {
    let (found, live_epoch) = match seat {
        None => (Found::Nobody, None),
        Some(Seat::Shared(claims)) if claims.len() < SHARED_READERS_MAX => (Found::Shared, None),
        Some(Seat::Shared(_)) => (Found::SharedFull, None),
        Some(Seat::Exclusive(claim)) => (Found::Exclusive, claim.epoch),
    };
    let asked = match epoch.map(|epoch| Some(epoch).cmp(&live_epoch)) {
        None => Epoch::Nothing,
        Some(Ordering::Less) => Epoch::Lower,
        Some(Ordering::Equal) => Epoch::Equal,
        Some(Ordering::Greater) => Epoch::Higher,
    };
    let rule = RULES.iter().find(|rule| rule.found.contains(&found) && rule.asked.contains(&asked));
    rule.expect("the table has a row for everything that occurs").decision
}

/// All places that are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats(BTreeMap<SeatRef, Seat>);

impl Seats {
    pub(crate) fn get(&self, seat: &SeatRef) -> Option<&Seat> {
        self.0.get(&filed(seat))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SeatRef, &Seat)> {
        self.0.iter()
    }

    pub(crate) fn claim(
        &mut self,
        catalogue: &Durable,
        asked: &ClaimReceiver,
        position: Position,
    ) -> Result<Vec<Change>, Rejection> {
        check_seat(catalogue, &asked.seat)?;
        let seat_ref = filed(&asked.seat);
        let receiver = asked.receiver;
        let found = self.0.get(&seat_ref);
        if found.is_some_and(|seat| seat.claims().iter().any(|claim| claim.receiver == receiver)) {
            let text = "this link has claimed this place already: release it first";
            return Err(Rejection::new(Code::AlreadyClaimed, text));
        }
        let name = asked.name.as_deref().map(shown_name);
        let claim = Claim { receiver, epoch: asked.epoch, name, position };
        let mut changes = Vec::new();
        match (decide(found, claim.epoch), found) {
            (Decision::Refuse(code), found) => {
                return Err(Rejection::new(code, refusal_text(code, found, &claim)));
            }
            (Decision::Supersede, Some(seat)) => {
                changes.extend(seat.claims().iter().map(|old| Change::ReceiverSuperseded {
                    seat: seat_ref.clone(),
                    receiver: old.receiver,
                    text: superseded_text(old, &claim),
                }));
                self.0.remove(&seat_ref);
            }
            (Decision::Supersede, None) | (Decision::Admit, _) => {}
        }
        changes.push(Change::ReceiverAdmitted { seat: seat_ref.clone(), receiver });
        match (claim.epoch, self.0.get_mut(&seat_ref)) {
            (None, Some(Seat::Shared(claims))) => claims.push(claim),
            (None, _) => drop(self.0.insert(seat_ref, Seat::Shared(vec![claim]))),
            (Some(_), _) => drop(self.0.insert(seat_ref, Seat::Exclusive(claim))),
        }
        Ok(changes)
    }

    pub(crate) fn release(&mut self, asked: &ReleaseReceiver) -> Vec<Change> {
        let (seat_ref, receiver) = (filed(&asked.seat), asked.receiver);
        let Some(seat) = self.0.get_mut(&seat_ref) else { return Vec::new() };
        let before = seat.claims().len();
        let left = match seat {
            Seat::Shared(claims) => {
                claims.retain(|claim| claim.receiver != receiver);
                claims.len()
            }
            Seat::Exclusive(claim) => usize::from(claim.receiver != receiver),
        };
        if left == 0 {
            self.0.remove(&seat_ref);
        }
        if left == before { Vec::new() } else { vec![Change::ReceiverReleased { seat: seat_ref, receiver }] }
    }

    /// Empties the places of a hub, or of one group of it, that is gone.
    pub(crate) fn void(&mut self, hub: HubId, group: Option<&str>) -> Vec<Change> {
        let gone = |seat: &SeatRef| seat.hub == hub && group.is_none_or(|group| seat.group == folded(group));
        let mut changes = Vec::new();
        self.0.retain(|seat_ref, seat| {
            if gone(seat_ref) {
                changes.extend(seat.claims().iter().map(|claim| Change::ReceiverVoided {
                    seat: seat_ref.clone(),
                    receiver: claim.receiver,
                }));
            }
            !gone(seat_ref)
        });
        changes
    }
}

fn filed(seat: &SeatRef) -> SeatRef {
    SeatRef { group: folded(&seat.group), ..seat.clone() }
}

fn check_seat(catalogue: &Durable, seat: &SeatRef) -> Result<(), Rejection> {
    let Some(hub) = catalogue.hubs.get(&seat.hub) else {
        let text = format!(
            "The messaging entity with id {} could not be found: the hub was deleted, attach again by its name",
            seat.hub
        );
        return Err(Rejection::new(Code::NotFound, text));
    };
    if hub.group(&seat.group).is_none() {
        return Err(group::not_found(&hub.name, &seat.group));
    }
    if seat.partition >= hub.partitions {
        let text = format!(
            "The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 \
             and {}.",
            hub.partitions - 1
        );
        return Err(Rejection::new(Code::PartitionOutOfRange, text));
    }
    Ok(())
}

/// Characters of a reader's name in messages; a name comes from the client and may be anything.
const SHOWN_NAME_CHARS_MAX: usize = 64;

fn shown_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(SHOWN_NAME_CHARS_MAX).collect()
}

fn name_of(claim: &Claim) -> &str {
    claim.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("nil")
}

/// What a reader is told that loses its place, in the service's words, which tools search for.
fn superseded_text(old: &Claim, new: &Claim) -> String {
    let (old_name, new_name) = (name_of(old), name_of(new));
    let new_epoch = new.epoch.unwrap_or_default();
    let old_epoch = match old.epoch {
        Some(epoch) => format!("with epoch '{epoch}'"),
        None => "without epoch".to_owned(),
    };
    format!(
        "New receiver '{new_name}' with higher epoch of '{new_epoch}' is created hence current receiver '{old_name}' \
         {old_epoch} is getting disconnected. If you are recreating the receiver, make sure a higher epoch is used."
    )
}

/// What a reader is told that does not get a place, in the service's words.
fn refusal_text(code: Code, found: Option<&Seat>, new: &Claim) -> String {
    let claims = found.map(Seat::claims).unwrap_or_default();
    let (live_name, live_epoch) = match found {
        Some(Seat::Exclusive(live)) => (name_of(live), live.epoch.unwrap_or_default()),
        _ => ("nil", 0),
    };
    match code {
        Code::EpochLower => format!(
            "Receiver '{live_name}' with a higher epoch '{live_epoch}' already exists. Receiver '{}' with epoch {} \
             cannot be created. Make sure you are creating receiver with increasing epoch value to ensure connectivity, \
             or ensure all old epoch receivers are closed or disconnected.",
            name_of(new),
            new.epoch.unwrap_or_default()
        ),
        Code::EpochMissing => format!(
            "At least one receiver for the endpoint is created with epoch of '{live_epoch}', and so non-epoch receiver \
             is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or \
             disconnected."
        ),
        _ => {
            let names: Vec<&str> = claims.iter().map(name_of).collect();
            format!(
                "Exceeded the maximum number of allowed receivers per partition in a consumer group which is \
                 {SHARED_READERS_MAX}. List of connected receivers - {}.",
                names.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests;
