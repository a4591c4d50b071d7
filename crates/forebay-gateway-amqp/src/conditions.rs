//! Every error that we put on the wire, in one place: which condition, and a text that says what happened
//! (`docs/reference/amqp.md` §7.2).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use forebay_amqp::types::{Error, Fields, condition};
use forebay_amqp::wire::Symbol;
use forebay_broker::{EntityError, Lost, ReaderRefused, StartError};
use forebay_log::{Effect, LogError};

use forebay_broker::LogLimit;

/// An error with a tracking id at the end of its text, by which the log line and the client's exception find each
/// other. Clients cut the text there.
pub(crate) fn error(condition: Symbol, text: impl std::fmt::Display) -> Error {
    let tracking = tracking_id();
    tracing::debug!(%condition, tracking, "{text}");
    Error { condition, description: Some(format!("{text} TrackingId:{tracking}")), info: Fields::new() }
}

/// As [`error`], with a cause that is for the log only: it can name files.
fn error_for(condition: Symbol, text: &str, cause: &LogError) -> Error {
    static LIMIT: LogLimit = LogLimit::new();
    let error = error(condition, text);
    LIMIT.warn(|| format!("told a client '{}': {cause}", error.description.as_deref().unwrap_or_default()));
    error
}

/// Unique in this process, and unlikely to meet another's: milliseconds since 1970 and a counter, 32 digits.
pub(crate) fn tracking_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("{ms:016x}{:016x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The server goes away; clients come back by themselves.
pub(crate) fn stopping() -> Error {
    error(condition::CONNECTION_FORCED, "The server is stopping.")
}

/// The byte budget is used up.
pub(crate) fn out_of_memory() -> Error {
    error(condition::SERVER_BUSY, "The server's memory is used up; try again in 4 seconds.")
}

/// The wording that three SDKs look for.
pub(crate) fn entity_not_found(entity: &str) -> Error {
    error(condition::NOT_FOUND, format_args!("The messaging entity '{entity}' could not be found."))
}

/// The same for a name that cannot be anything's.
pub(crate) fn entity_not_found_because(entity: &str, why: impl std::fmt::Display) -> Error {
    let entity: String = entity.chars().take(200).collect();
    error(condition::NOT_FOUND, format_args!("The messaging entity '{entity}' could not be found: {why}."))
}

/// A hub that was there when the link was attached.
pub(crate) fn hub_deleted(hub: &str) -> Error {
    entity_not_found_because(hub, "it was deleted")
}

/// A hub or a consumer group that cannot be had.
pub(crate) fn entity(refused: &EntityError) -> Error {
    match refused {
        EntityError::NotFound { entity, .. } => entity_not_found(entity),
        EntityError::Name { name, why } => entity_not_found_because(name, why),
        EntityError::Refused(why) => error(condition::RESOURCE_LIMIT_EXCEEDED, why),
        EntityError::Log(log) => from_log(log),
    }
}

pub(crate) fn reader(refused: &ReaderRefused) -> Error {
    match refused {
        ReaderRefused::Epoch(text) => error(condition::STOLEN, text),
        ReaderRefused::TooMany(text) => error(condition::RESOURCE_LIMIT_EXCEEDED, text),
        ReaderRefused::Other(text) => error(condition::NOT_FOUND, text),
        ReaderRefused::Log(log) => from_log(log),
    }
}

pub(crate) fn lost(lost: &Lost) -> Error {
    match lost {
        Lost::Superseded(text) => error(condition::STOLEN, text),
        Lost::Gone(text) => error(condition::NOT_FOUND, text),
    }
}

pub(crate) fn start(start: &StartError) -> Error {
    match start {
        StartError::BeyondEnd { .. } => error(condition::ARGUMENT_ERROR, start),
        StartError::Log(log) => from_log(log),
    }
}

/// A failure of storage. What may have been done is never called done or not done.
pub(crate) fn from_log(log: &LogError) -> Error {
    match log {
        LogError::Rejected { .. } => error(condition::ARGUMENT_ERROR, log),
        LogError::NotFound => entity_not_found_because("(deleted)", "it was deleted"),
        LogError::Throttled { .. } | LogError::Unavailable { .. } => {
            error_for(condition::SERVER_BUSY, "The server is busy; try again in 4 seconds.", log)
        }
        LogError::Indeterminate { .. } => error_for(
            condition::TIMEOUT,
            "The outcome of the operation is unknown; it may have been done.",
            log,
        ),
        _ => error_for(condition::INTERNAL_ERROR, "The server met an error in its storage.", log),
    }
}

/// Whether a failed publish may be answered with a rejection, which tells the client that nothing was stored.
pub(crate) fn is_definite(log: &LogError) -> bool {
    log.effect() == Effect::NotDone
}
