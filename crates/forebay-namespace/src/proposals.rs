//! Which proposals were judged lately, so that one that stands in the log twice is done once.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::entry::{Position, ProposalId};
use crate::limits::PROPOSALS_REMEMBERED;
use crate::verdict::{Code, Outcome};

/// The proposals of the last [`PROPOSALS_REMEMBERED`] positions, and never more of them than that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Stored>", into = "Vec<Stored>")]
pub(crate) struct Proposals {
    judged: BTreeMap<ProposalId, (Position, Outcome)>,
    /// Oldest first.
    order: VecDeque<(Position, ProposalId)>,
}

/// `[id, position, code]`, the code null where it was applied. Only durable proposals are stored, and those have
/// no count behind the position.
#[derive(Clone, Serialize, Deserialize)]
struct Stored(ProposalId, u64, Option<Code>);

impl Proposals {
    pub(crate) fn judged(&self, id: ProposalId) -> Option<(Position, Outcome)> {
        self.judged.get(&id).copied()
    }

    /// Remembers a proposal that was not known, and forgets what lies too far back.
    pub(crate) fn remember(&mut self, id: ProposalId, position: Position, outcome: Outcome) {
        let kept_from = (position.log + 1).saturating_sub(PROPOSALS_REMEMBERED);
        while let Some((oldest, old_id)) = self.order.front().copied()
            && (oldest.log < kept_from || self.order.len() as u64 >= PROPOSALS_REMEMBERED)
        {
            self.order.pop_front();
            self.judged.remove(&old_id);
        }
        self.judged.insert(id, (position, outcome));
        self.order.push_back((position, id));
    }
}

impl From<Vec<Stored>> for Proposals {
    fn from(stored: Vec<Stored>) -> Self {
        let mut proposals = Self::default();
        for Stored(id, log, code) in stored {
            let outcome = code.map_or(Outcome::Applied, Outcome::Rejected);
            proposals.remember(id, Position::in_log(log), outcome);
        }
        proposals
    }
}

impl From<Proposals> for Vec<Stored> {
    fn from(proposals: Proposals) -> Self {
        let stored = |(position, id): &(Position, ProposalId)| {
            let code = match proposals.judged.get(id) {
                Some((_, Outcome::Rejected(code))) => Some(*code),
                _ => None,
            };
            Stored(*id, position.log, code)
        };
        proposals.order.iter().map(stored).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_remembered_for_so_many_positions() {
        let mut proposals = Proposals::default();
        let first = ProposalId(1);
        proposals.remember(first, Position::in_log(10), Outcome::Applied);
        proposals.remember(ProposalId(2), Position::in_log(10 + PROPOSALS_REMEMBERED - 1), Outcome::Applied);
        assert_eq!(proposals.judged(first), Some((Position::in_log(10), Outcome::Applied)));
        proposals.remember(ProposalId(3), Position::in_log(10 + PROPOSALS_REMEMBERED), Outcome::Applied);
        assert_eq!(proposals.judged(first), None);
        assert!(proposals.judged(ProposalId(2)).is_some());
    }

    #[test]
    fn session_proposals_behind_one_position_are_bounded_too() {
        let mut proposals = Proposals::default();
        for count in 1..=PROPOSALS_REMEMBERED + 10 {
            proposals.remember(ProposalId(count.into()), Position::behind(7, count), Outcome::Applied);
        }
        assert_eq!(proposals.order.len() as u64, PROPOSALS_REMEMBERED);
        assert_eq!(proposals.judged.len(), proposals.order.len());
        assert_eq!(proposals.judged(ProposalId(10)), None);
        assert!(proposals.judged(ProposalId(11)).is_some());
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let mut proposals = Proposals::default();
        proposals.remember(ProposalId(7), Position::in_log(3), Outcome::Applied);
        proposals.remember(ProposalId(5), Position::in_log(4), Outcome::Rejected(Code::NotFound));
        let json = serde_json::to_string(&proposals).unwrap();
        let zeros = "0".repeat(31);
        assert_eq!(json, format!(r#"[["{zeros}7",3,null],["{zeros}5",4,"not_found"]]"#));
        assert_eq!(serde_json::from_str::<Proposals>(&json).unwrap(), proposals);
    }
}
