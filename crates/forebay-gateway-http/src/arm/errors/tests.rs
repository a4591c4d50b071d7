use forebay_auth::UnixSeconds;
use forebay_auth::policy::PolicyRef;

use super::*;

fn ids() -> RequestIds {
    RequestIds { request: "the-id".into(), correlation: "theirs".into() }
}

fn log_error(error: LogError) -> Refused {
    Refused::Manage(ManageError::Log(error))
}

/// A refusal, its status, its code, a word of its text, and its header.
type Expected = (Refused, u16, &'static str, &'static str, Option<Header>);

fn table() -> Vec<Expected> {
    let challenge = Some(Header::Challenge);
    let seconds = |seconds| Some(Header::RetryAfter(Duration::from_secs(seconds)));
    let policy = || PolicyRef { hub: None, name: "hidden-policy".into() };
    let expired = SasError::Expired { policy: policy(), expired_at: UnixSeconds(1), now: UnixSeconds(2) };
    let unknown = SasError::PolicyUnknown { policy: "hidden-policy".into(), resource: Default::default() };
    let manage = Refused::Manage;
    let text = || "the reason".to_owned();
    vec![
        (Refused::NoRoute, 404, "NotFound", "/subscriptions/", None),
        (Refused::BadPath, 400, "BadRequest", "UTF-8", None),
        (Refused::Method("GET, PUT"), 405, "MethodNotAllowed", "GET, PUT", Some(Header::Allow("GET, PUT"))),
        (Refused::NoToken, 401, "AuthenticationFailed", "SharedAccessSignature", challenge),
        (Refused::Scheme, 401, "InvalidAuthenticationToken", "no other kind of token", challenge),
        (Refused::Token(expired), 401, "InvalidAuthenticationToken", "ExpiredToken", challenge),
        (Refused::Token(unknown), 401, "InvalidAuthenticationToken", "InvalidSignature", challenge),
        (Refused::UnknownAudience, 401, "InvalidAuthenticationToken", "InvalidAudience", challenge),
        (Refused::Right, 403, "AuthorizationFailed", "Manage", None),
        (
            Refused::Keyless(keyless::Refused::NotLoopback),
            401,
            "AuthenticationFailed",
            "this machine",
            challenge,
        ),
        (
            Refused::Keyless(keyless::Refused::ForeignOrigin("http://evil.example".into())),
            403,
            "AuthorizationFailed",
            "evil.example",
            None,
        ),
        (Refused::Keyless(keyless::Refused::NotJson), 415, "UnsupportedMediaType", "application/json", None),
        (Refused::NoNamespace("ns9".into()), 404, "ResourceNotFound", "'ns9'", None),
        (Refused::TooLarge, 413, "RequestEntityTooLarge", "256 KiB", None),
        (Refused::Slow, 408, "RequestTimeout", "10 seconds", None),
        (Refused::NotJson, 415, "UnsupportedMediaType", "application/json", None),
        (Refused::Invalid("'a' must be b.".into()), 400, "BadRequest", "SubCode=40000. 'a' must be b.", None),
        (
            manage(ManageError::NotFound { entity: "ordres".into(), similar: Some("orders".into()) }),
            404,
            "ResourceNotFound",
            "There is no 'ordres'; similar: 'orders'.",
            None,
        ),
        (manage(ManageError::Invalid(text())), 400, "BadRequest", "SubCode=40000. The reason.", None),
        (manage(ManageError::Protected(text())), 400, "BadRequest", "SubCode=40000. The reason.", None),
        (manage(ManageError::Limit(text())), 409, "Conflict", "SubCode=40300. The reason.", None),
        (manage(ManageError::Conflict(text())), 409, "Conflict", "SubCode=40900. The reason.", None),
        (log_error(LogError::Rejected { reason: text() }), 400, "BadRequest", "The reason.", None),
        (log_error(LogError::NotFound), 404, "ResourceNotFound", "deleted", None),
        (
            log_error(LogError::Throttled { retry_after: Duration::from_secs(7) }),
            503,
            "ServerBusy",
            "try again",
            seconds(7),
        ),
        (
            log_error(LogError::Unavailable { reason: "/secret/place".into() }),
            503,
            "ServiceUnavailable",
            "try again",
            seconds(4),
        ),
        (
            log_error(LogError::Indeterminate { reason: "/secret/place".into() }),
            500,
            "OutcomeUnknown",
            "it may have been done",
            None,
        ),
        (log_error(LogError::Fenced), 500, "InternalServerError", "TrackingId:the-id", None),
        (Refused::Internal, 500, "InternalServerError", "TrackingId:the-id", None),
    ]
}

#[test]
fn each_refusal_has_its_status_code_text_and_header() {
    for (refused, status, code, word, header) in table() {
        let row = refused.row(&ids());
        assert_eq!((row.status.as_u16(), row.code, row.header), (status, code, header), "{refused:?}");
        assert!(row.text.contains(word), "{refused:?}: {}", row.text);
    }
}

#[test]
fn a_client_is_told_no_policy_no_file_and_nothing_done_that_may_not_be() {
    for (refused, status, ..) in table() {
        let text = refused.row(&ids()).text;
        assert!(!text.contains("hidden-policy") && !text.contains("secret"), "{text}");
        assert!(text.ends_with('.') || text.ends_with("the-id"), "{text}");
        // After a failure of storage nobody knows what the catalogue has done before it.
        assert!(status < 500 || !text.contains("nothing was done"), "{text}");
    }
}

#[test]
fn the_log_is_told_what_the_client_is_not() {
    let cause = |refused: Refused| refused.cause().unwrap_or_default();
    let unknown = SasError::PolicyUnknown { policy: "hidden-policy".into(), resource: Default::default() };
    assert!(cause(Refused::Token(unknown)).contains("hidden-policy"));
    assert!(
        cause(log_error(LogError::Unavailable { reason: "/secret/place".into() })).contains("/secret/place")
    );
    let rebound = keyless::Refused::ForeignHost("evil.example".into());
    assert!(cause(Refused::Keyless(rebound)).contains("evil.example"));
}
