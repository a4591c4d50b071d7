//! The fold: one entry onto the state.

use crate::entry::{Class, Command, Entry, LEVEL_SUPPORTED, Position, RaiseLevel};
use crate::state::{Durable, FoldedAt, State};
use crate::verdict::{Change, Code, Outcome, Rejection, Verdict};

/// Folds the entry at `position` onto the state and says what became of it.
///
/// The checks, in this order, the first that fails decides: the level is one that we understand; the proposal was
/// not judged before; the entry's kind is allowed by the level; its preconditions hold; its noun accepts it. An
/// entry that is refused changes nothing but what is remembered of it.
///
/// # Panics
///
/// If `position` is not behind the last one folded, or a durable entry stands behind a count: the caller has mixed
/// up the order of the log.
pub fn apply(state: &mut State, position: Position, entry: &Entry) -> Verdict {
    assert!(
        state.position.is_none_or(|last| last < position),
        "entries are folded in order: {position} does not come after {:?}",
        state.position
    );
    if let Some(level) = state.too_new {
        return Verdict::TooNew { level };
    }
    if let Command::RaiseLevel(RaiseLevel { level }) = entry.command
        && level > LEVEL_SUPPORTED
    {
        state.too_new = Some(level);
        return Verdict::TooNew { level };
    }
    // An entry above the level is refused and remembered alike by nodes that know its kind and nodes that do not.
    let allowed = entry.command.level() <= state.durable.level;
    let class = entry.command.class().filter(|_| allowed).unwrap_or(match position.session {
        0 => Class::Durable,
        _ => Class::Session,
    });
    state.position = Some(position);
    match class {
        Class::Durable => apply_durable(state, position, entry),
        Class::Session => apply_session(state, position, entry),
    }
}

fn apply_durable(state: &mut State, position: Position, entry: &Entry) -> Verdict {
    assert!(position.session == 0, "a durable entry has a position of its own, not {position}");
    let durable = &mut state.durable;
    durable.position = Some(position.log);
    durable.time_ms = durable.time_ms.max(entry.time_ms);
    if let Some((first, outcome)) = durable.proposals.judged(entry.proposal) {
        return Verdict::Duplicate { first, outcome };
    }
    let at = FoldedAt { log: position.log, time_ms: durable.time_ms };
    let result = check(durable, entry).and_then(|()| fold_durable(durable, at, &entry.command));
    durable.proposals.remember(entry.proposal, position, outcome_of(&result));
    verdict(result.map(|mut changes| {
        let voided: Vec<Change> = changes
            .iter()
            .flat_map(|change| match change {
                Change::HubDeleted { hub, .. } => state.seats.void(*hub, None),
                Change::GroupDeleted { hub, group } => state.seats.void(*hub, Some(group)),
                _ => Vec::new(),
            })
            .collect();
        changes.extend(voided);
        changes
    }))
}

fn fold_durable(state: &mut Durable, at: FoldedAt, command: &Command) -> Result<Vec<Change>, Rejection> {
    match command {
        Command::RaiseLevel(raise) => {
            if raise.level <= state.level {
                return Ok(Vec::new());
            }
            state.level = raise.level;
            Ok(vec![Change::LevelRaised { level: raise.level }])
        }
        Command::CreateNamespace(command) => command.fold(state, at),
        Command::SetNamespaceHosts(command) => command.fold(state, at),
        Command::SetNamespaceLimits(command) => command.fold(state, at),
        Command::CreateHub(command) => command.fold(state, at),
        Command::UpdateHub(command) => command.fold(state, at),
        Command::DeleteHub(command) => command.fold(state, at),
        Command::CreateGroup(command) => command.fold(state, at),
        Command::UpdateGroup(command) => command.fold(state, at),
        Command::DeleteGroup(command) => command.fold(state, at),
        Command::CreatePolicy(command) => command.fold(state, at),
        Command::SetPolicyRights(command) => command.fold(state, at),
        Command::DeletePolicy(command) => command.fold(state, at),
        Command::ReplaceKey(command) => command.fold(state, at),
        Command::PutSetting(command) => command.fold(state, at),
        Command::ClaimReceiver(_) | Command::ReleaseReceiver(_) | Command::Opaque(_) => {
            Err(level_too_low(command, state.level))
        }
    }
}

/// Reads the durable state and never changes it.
fn apply_session(state: &mut State, position: Position, entry: &Entry) -> Verdict {
    if let Some((first, outcome)) = state.session_proposals.judged(entry.proposal) {
        return Verdict::Duplicate { first, outcome };
    }
    let result = check(&state.durable, entry).and_then(|()| match &entry.command {
        Command::ClaimReceiver(claim) => state.seats.claim(&state.durable, claim, position),
        Command::ReleaseReceiver(release) => Ok(state.seats.release(release)),
        other => Err(level_too_low(other, state.durable.level)),
    });
    state.session_proposals.remember(entry.proposal, position, outcome_of(&result));
    verdict(result)
}

fn check(state: &Durable, entry: &Entry) -> Result<(), Rejection> {
    if entry.command.level() > state.level {
        return Err(level_too_low(&entry.command, state.level));
    }
    entry.preconditions.iter().try_for_each(|precondition| precondition.check(state))
}

fn level_too_low(command: &Command, level: u32) -> Rejection {
    let text = match command {
        Command::Opaque(opaque) => format!(
            "entries of kind '{}' are not understood at level {level}: update all nodes, then raise the level",
            opaque.kind
        ),
        _ => format!(
            "this kind of entry needs level {}, this log is at level {level}: raise the level first",
            command.level()
        ),
    };
    Rejection::new(Code::LevelTooLow, text)
}

fn outcome_of(result: &Result<Vec<Change>, Rejection>) -> Outcome {
    match result {
        Ok(_) => Outcome::Applied,
        Err(rejection) => Outcome::Rejected(rejection.code),
    }
}

fn verdict(result: Result<Vec<Change>, Rejection>) -> Verdict {
    match result {
        Ok(changes) => Verdict::Applied(changes),
        Err(rejection) => Verdict::Rejected(rejection),
    }
}
