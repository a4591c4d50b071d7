//! Error conditions: the specification's (§2.8.15-2.8.18) and the service's own (`docs/reference/amqp.md`
//! §7.2).
//!
//! Clients sort unknown conditions differently (fatal, or retried for ever), so these are all we send.

use crate::wire::Symbol;

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Symbol = Symbol::from_static($text);)*

        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$((stringify!($name), $text)),*];
    };
}

conditions! {
    /// §2.8.15: a fault of ours.
    INTERNAL_ERROR = "amqp:internal-error";
    /// §2.8.15: no such node.
    NOT_FOUND = "amqp:not-found";
    /// §2.8.15: the peer lacks the right.
    UNAUTHORIZED_ACCESS = "amqp:unauthorized-access";
    /// §2.8.15: bytes that could not be read.
    DECODE_ERROR = "amqp:decode-error";
    /// §2.8.15: a bound was reached.
    RESOURCE_LIMIT_EXCEEDED = "amqp:resource-limit-exceeded";
    /// §2.8.15: against the rules in this situation.
    NOT_ALLOWED = "amqp:not-allowed";
    /// §2.8.15: a field has a value that it cannot have.
    INVALID_FIELD = "amqp:invalid-field";
    /// §2.8.15: not part of this implementation.
    NOT_IMPLEMENTED = "amqp:not-implemented";
    /// §2.8.15: the node is in exclusive use.
    RESOURCE_LOCKED = "amqp:resource-locked";
    /// §2.8.15: something that had to hold does not.
    PRECONDITION_FAILED = "amqp:precondition-failed";
    /// §2.8.15: the node was deleted.
    RESOURCE_DELETED = "amqp:resource-deleted";
    /// §2.8.15: not possible in this state.
    ILLEGAL_STATE = "amqp:illegal-state";
    /// §2.8.15: the peer's max-frame-size is too small for the frame.
    FRAME_SIZE_TOO_SMALL = "amqp:frame-size-too-small";

    /// §2.8.16: an operator or a timer closed the connection.
    CONNECTION_FORCED = "amqp:connection:forced";
    /// §2.8.16: bytes that are no frame.
    FRAMING_ERROR = "amqp:connection:framing-error";
    /// §2.8.16: go elsewhere.
    CONNECTION_REDIRECT = "amqp:connection:redirect";

    /// §2.8.17: more transfers than the window allows.
    WINDOW_VIOLATION = "amqp:session:window-violation";
    /// §2.8.17: a frame for a link that was detached with an error.
    ERRANT_LINK = "amqp:session:errant-link";
    /// §2.8.17: attach with a handle in use.
    HANDLE_IN_USE = "amqp:session:handle-in-use";
    /// §2.8.17: a frame for a handle that is not attached.
    UNATTACHED_HANDLE = "amqp:session:unattached-handle";

    /// §2.8.18: an operator or a timer detached the link.
    DETACH_FORCED = "amqp:link:detach-forced";
    /// §2.8.18: more transfers than credit.
    TRANSFER_LIMIT_EXCEEDED = "amqp:link:transfer-limit-exceeded";
    /// §2.8.18: a message larger than max-message-size.
    MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded";
    /// §2.8.18: go elsewhere.
    LINK_REDIRECT = "amqp:link:redirect";
    /// §2.8.18: another link took this one's place.
    STOLEN = "amqp:link:stolen";

    /// Throttled; text with a wait.
    SERVER_BUSY = "com.microsoft:server-busy";
    /// The operation took too long.
    TIMEOUT = "com.microsoft:timeout";
    /// The server is shutting down.
    OPERATION_CANCELLED = "com.microsoft:operation-cancelled";
    /// The container is closing.
    CONTAINER_CLOSE = "com.microsoft:container-close";
    /// The hub is disabled.
    ENTITY_DISABLED = "com.microsoft:entity-disabled";
    /// The hub exists already.
    ENTITY_ALREADY_EXISTS = "com.microsoft:entity-already-exists";
    /// A malformed batch or position.
    ARGUMENT_ERROR = "com.microsoft:argument-error";
    /// No such partition.
    ARGUMENT_OUT_OF_RANGE = "com.microsoft:argument-out-of-range";
    /// The publisher is on the revocation list.
    PUBLISHER_REVOKED = "com.microsoft:publisher-revoked";
    /// The partition moved.
    PARTITION_NOT_OWNED = "com.microsoft:partition-not-owned";
    /// The store's lock was lost.
    STORE_LOCK_LOST = "com.microsoft:store-lock-lost";
    /// A token failed.
    AUTH_FAILED = "com.microsoft:auth-failed";
    /// A gap in an idempotent producer's numbers.
    OUT_OF_ORDER_SEQUENCE = "com.microsoft:out-of-order-sequence";
    /// A newer epoch of an idempotent producer exists.
    PRODUCER_EPOCH_STOLEN = "com.microsoft:producer-epoch-stolen";
    /// An offset that does not belong to a geo-replicated hub.
    INVALID_OFFSET = "com.microsoft:georeplication:invalid-offset";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_named_after_its_symbol() {
        for (name, text) in ALL {
            let last = text.rsplit(':').next().unwrap().replace('-', "_").to_uppercase();
            assert!(name.ends_with(&last), "{name} = {text}");
        }
    }
}
