//! Every refusal, in one table: status, code, what it says, and the headers that belong to it
//! (`docs/reference/http.md` §4.6).

use std::time::Duration;

use axum::http::StatusCode;
use forebay_auth::SasError;
use forebay_broker::ManageError;
use forebay_log::LogError;

use super::ids::RequestIds;
use crate::access::keyless;

/// When to come back where the failure does not say.
const RETRY_AFTER: Duration = Duration::from_secs(4);

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No resource of ours has this path.
    NoRoute,
    /// The path's escapes are not text.
    BadPath,
    /// The resource has other methods: these.
    Method(&'static str),
    /// No token where one is needed.
    NoToken,
    /// An `Authorization` that is no shared access signature.
    Scheme,
    /// A token that is not believed.
    Token(SasError),
    /// A token for a host that means nothing here.
    UnknownAudience,
    /// A token that is believed but does not do.
    Right,
    /// No token, and not someone at this machine.
    Keyless(keyless::Refused),
    /// There is no such namespace.
    NoNamespace(String),
    /// The body is beyond the bound.
    TooLarge,
    /// The body did not come in time.
    Slow,
    /// The body is not declared as JSON.
    NotJson,
    /// The body or the query asks for something that is not possible. The text names the field and the fix.
    Invalid(String),
    /// The broker says why.
    Manage(ManageError),
    /// A fault of ours: the request's task ended without an answer.
    Internal,
}

impl From<ManageError> for Refused {
    fn from(error: ManageError) -> Self {
        Self::Manage(error)
    }
}

/// How a refusal is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) text: String,
    pub(super) header: Option<Header>,
}

/// The header that a status asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// `WWW-Authenticate`.
    Challenge,
    /// `Allow`.
    Allow(&'static str),
    /// `Retry-After`.
    RetryAfter(Duration),
}

impl Refused {
    /// The table.
    pub(super) fn row(&self, ids: &RequestIds) -> Row {
        let row = |status, code, text: &str| Row { status, code, text: text.to_owned(), header: None };
        match self {
            Self::NoRoute => row(
                StatusCode::NOT_FOUND,
                "NotFound",
                "There is nothing at this path. Management is at /subscriptions/{any}/resourceGroups/{any}/providers/\
                 Microsoft.EventHub/namespaces/{namespace}/eventhubs/{hub}, health at /health.",
            ),
            Self::BadPath => row(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "A name in the path is not text: escape the UTF-8 bytes of names, and no control characters.",
            ),
            Self::Method(allowed) => {
                let text = format!("This resource has the methods {allowed}.");
                row(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", &text).with(Header::Allow(allowed))
            }
            Self::NoToken => row(
                StatusCode::UNAUTHORIZED,
                "AuthenticationFailed",
                "Management needs 'Authorization: SharedAccessSignature …' of a policy with Manage.",
            )
            .with(Header::Challenge),
            Self::Scheme => row(
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                "This server takes 'Authorization: SharedAccessSignature …' of a policy with Manage, and no other \
                 kind of token.",
            )
            .with(Header::Challenge),
            Self::Token(why) => {
                row(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", why.wire_text()).with(Header::Challenge)
            }
            Self::UnknownAudience => row(
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                "InvalidAudience: The token's audience is not this namespace.",
            )
            .with(Header::Challenge),
            Self::Right => row(
                StatusCode::FORBIDDEN,
                "AuthorizationFailed",
                "Manage claims are required for this operation: use a policy with Manage, of the namespace or of \
                 this hub, and sign for a resource that covers it.",
            ),
            Self::Keyless(why @ keyless::Refused::NotLoopback) => {
                row(StatusCode::UNAUTHORIZED, "AuthenticationFailed", &why.to_string()).with(Header::Challenge)
            }
            Self::NoNamespace(name) => {
                let text =
                    format!("There is no namespace '{name}' on this server: look at the list of namespaces.");
                row(StatusCode::NOT_FOUND, "ResourceNotFound", &text)
            }
            Self::TooLarge => row(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "The body is larger than 256 KiB: send only the resource's own fields.",
            ),
            Self::Slow => row(
                StatusCode::REQUEST_TIMEOUT,
                "RequestTimeout",
                "The body did not come within 10 seconds: send it again.",
            ),
            Self::NotJson | Self::Keyless(keyless::Refused::NotJson) => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                "The body must be JSON: send 'Content-Type: application/json'.",
            ),
            Self::Keyless(why) => row(StatusCode::FORBIDDEN, "AuthorizationFailed", &why.to_string()),
            Self::Invalid(text) => {
                row(StatusCode::BAD_REQUEST, "BadRequest", &format!("SubCode=40000. {text}"))
            }
            Self::Manage(error) => manage(error, ids),
            Self::Internal => internal(ids),
        }
    }

    /// What the log is told beyond the answer, for those who run the server.
    pub(super) fn cause(&self) -> Option<String> {
        match self {
            Self::Token(why) => Some(format!("token refused: {why}")),
            Self::Manage(ManageError::Log(error)) => Some(error.to_string()),
            Self::Keyless(why) => Some(format!("management without a key refused: {why}")),
            _ => None,
        }
    }
}

fn manage(error: &ManageError, ids: &RequestIds) -> Row {
    let row = |status, code, text: String| Row { status, code, text, header: None };
    let bad =
        |text: &str| row(StatusCode::BAD_REQUEST, "BadRequest", format!("SubCode=40000. {}", sentence(text)));
    match error {
        ManageError::NotFound { .. } => {
            row(StatusCode::NOT_FOUND, "ResourceNotFound", sentence(&error.to_string()))
        }
        ManageError::Invalid(text) | ManageError::Protected(text) => bad(text),
        ManageError::Limit(text) => {
            row(StatusCode::CONFLICT, "Conflict", format!("SubCode=40300. {}", sentence(text)))
        }
        ManageError::Conflict(text) => {
            row(StatusCode::CONFLICT, "Conflict", format!("SubCode=40900. {}", sentence(text)))
        }
        ManageError::Log(error) => log(error, ids),
    }
}

/// A failure of storage. What may have been done is never called done or not done: also where storage did nothing, the
/// catalogue may have (a hub is deleted, its events not yet). Causes can name files and stay in the log, under the
/// request's id.
fn log(error: &LogError, ids: &RequestIds) -> Row {
    let row = |status, code, text: &str| Row {
        status,
        code,
        text: format!("{text} TrackingId:{}", ids.request),
        header: None,
    };
    match error {
        LogError::Rejected { reason } => {
            let text = format!("SubCode=40000. {}", sentence(reason));
            Row { status: StatusCode::BAD_REQUEST, code: "BadRequest", text, header: None }
        }
        LogError::NotFound => row(StatusCode::NOT_FOUND, "ResourceNotFound", "It was deleted meanwhile."),
        LogError::Throttled { retry_after } => {
            row(StatusCode::SERVICE_UNAVAILABLE, "ServerBusy", "The server is busy: try again.")
                .with(Header::RetryAfter(*retry_after))
        }
        LogError::Unavailable { .. } => row(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The server cannot do it now: try again, asking for the same twice does no harm.",
        )
        .with(Header::RetryAfter(RETRY_AFTER)),
        LogError::Indeterminate { .. } => row(
            StatusCode::INTERNAL_SERVER_ERROR,
            "OutcomeUnknown",
            "Nobody can say whether it was done; it may have been done: look before you do it again.",
        ),
        _ => internal(ids),
    }
}

fn internal(ids: &RequestIds) -> Row {
    Row {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalServerError",
        text: format!("The server met an error of its own. TrackingId:{}", ids.request),
        header: None,
    }
}

impl Row {
    fn with(mut self, header: Header) -> Self {
        self.header = Some(header);
        self
    }
}

/// The broker's texts begin small and end open, as parts of a log line do.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests;
