//! What the application sees: .NET's exceptions by condition (`docs/reference/amqp.md` §3.3, §4.4, §7.2, the column .NET).

use forebay_amqp::wire::Value;

use crate::wire::part;

/// The class of an exception, as an application that catches it distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// `EventHubsException`, `ResourceNotFound`.
    ResourceNotFound,
    /// `UnauthorizedAccessException`.
    UnauthorizedAccess,
    /// `EventHubsException`, `ConsumerDisconnected`.
    ConsumerDisconnected,
    /// `EventHubsException`, `QuotaExceeded`.
    QuotaExceeded,
    /// `EventHubsException`, `MessageSizeExceeded`.
    MessageSizeExceeded,
    /// `EventHubsException`, `ServiceBusy`; retried.
    ServiceBusy,
    /// `EventHubsException`, `ServiceTimeout`; retried.
    ServiceTimeout,
    /// `ArgumentException`.
    Argument,
    /// `ArgumentOutOfRangeException`.
    ArgumentOutOfRange,
    /// `InvalidOperationException`.
    InvalidOperation,
    /// `NotSupportedException`.
    NotSupported,
    /// `EventHubsException`, `ServiceCommunicationProblem` or none; retried.
    Communication,
}

/// An error as the application gets it.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub(crate) reason: Reason,
    pub(crate) condition: String,
    pub(crate) description: String,
}

impl Exception {
    /// Of an error in detach, end, close or rejection.
    pub(crate) fn of(error: &Value) -> Self {
        let text = |at| part(error, at).as_text().unwrap_or_default();
        Self::new(text(0), text(1))
    }

    pub(crate) fn new(condition: &str, description: &str) -> Self {
        let reason = match condition {
            "amqp:not-found" if names_the_entity(description) => Reason::ResourceNotFound,
            "com.microsoft:entity-disabled" => Reason::ResourceNotFound,
            "amqp:unauthorized-access" => Reason::UnauthorizedAccess,
            "amqp:link:stolen" => Reason::ConsumerDisconnected,
            "amqp:resource-limit-exceeded" => Reason::QuotaExceeded,
            "amqp:link:message-size-exceeded" => Reason::MessageSizeExceeded,
            "com.microsoft:server-busy" => Reason::ServiceBusy,
            "com.microsoft:timeout" => Reason::ServiceTimeout,
            "com.microsoft:argument-error" => Reason::Argument,
            "com.microsoft:argument-out-of-range" => Reason::ArgumentOutOfRange,
            "amqp:not-allowed" => Reason::InvalidOperation,
            "amqp:not-implemented" => Reason::NotSupported,
            _ => Reason::Communication,
        };
        Self { reason, condition: condition.to_owned(), description: description.to_owned() }
    }

    /// Of a reply's status, where the reply names no condition.
    pub(crate) fn of_status(status: i32, condition: &Value, description: &str) -> Self {
        let by_status = match status {
            400 => "com.microsoft:argument-error",
            401 => "amqp:unauthorized-access",
            403 => "amqp:resource-limit-exceeded",
            404 => "amqp:not-found",
            501 => "amqp:not-implemented",
            503 => "com.microsoft:server-busy",
            _ => "amqp:internal-error",
        };
        Self::new(condition.as_text().unwrap_or(by_status), description)
    }
}

/// `The messaging entity .* could not be found`, or `status-code: 404`: without one of them an unknown hub is retried for
/// minutes.
fn names_the_entity(description: &str) -> bool {
    let after = description.split_once("The messaging entity ").map(|(_, after)| after);
    after.is_some_and(|after| after.contains(" could not be found"))
        || description.contains("status-code: 404")
}
