//! Management in the shapes of Azure Resource Manager (`docs/reference/http.md` §4).
//!
//! A request passes, in this order: is there such a path ([`path`]), has it this method, who asks ([`crate::access`]),
//! what is in the body ([`body`]), and then the broker ([`call`]). Whatever stops it is a [`errors::Refused`].

pub(crate) mod body;
mod call;
pub(crate) mod errors;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod groups;
mod host;
mod hubs;
mod ids;
mod namespaces;
mod page;
mod path;
mod resource;
mod rules;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use forebay_broker::LogLimit;
use serde_json::{Value, json};

use crate::access::{Asker, Credential};
use crate::peer::Peer;
use crate::server::HttpGateway;
use call::{Call, Done};
use errors::{Header, Refused};
use ids::RequestIds;
use page::Page;
use path::{PathError, Place};

/// Characters of a path that a log line shows.
const PATH_CHARS_MAX: usize = 300;

/// Answers everything that has no route of its own.
pub(crate) async fn answer(
    State(gateway): State<Arc<HttpGateway>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let ids = RequestIds::of(request.headers());
    let (parts, body) = request.into_parts();
    let shown: String = parts.uri.path().chars().take(PATH_CHARS_MAX).collect();
    let asked = format!("{} {shown} from {}", parts.method, peer.describe(&parts.headers));
    let outcome = apart(async move { handle(&gateway, &peer, parts, body).await }).await;
    match outcome {
        Ok(done) => success(&done, &ids),
        Err(refused) => {
            let row = refused.row(&ids);
            static LIMIT: LogLimit = LogLimit::new();
            match refused.cause() {
                Some(cause) => LIMIT.warn(|| format!("{asked}: {cause} TrackingId:{}", ids.request)),
                None => tracing::debug!("{asked}: {} TrackingId:{}", row.text, ids.request),
            }
            refusal(&row, &ids)
        }
    }
}

/// Runs to its end even when the client goes away meanwhile, and a panic in it is an answer like others.
async fn apart(work: impl Future<Output = Result<Done, Refused>> + Send + 'static) -> Result<Done, Refused> {
    tokio::spawn(work).await.unwrap_or(Err(Refused::Internal))
}

async fn handle(gateway: &HttpGateway, peer: &Peer, parts: Parts, body: Body) -> Result<Done, Refused> {
    let Parts { method, uri, headers, .. } = parts;
    let (place, target) = Place::parse(uri.path()).map_err(|error| match error {
        PathError::Unknown => Refused::NoRoute,
        PathError::NotText => Refused::BadPath,
    })?;
    if !target.has(&method) {
        return Err(Refused::Method(target.methods()));
    }
    let broker = &*gateway.broker;
    let credential = Credential::of(broker, &Asker { peer, method: &method, uri: &uri, headers: &headers })?;
    let namespace = match target.namespace() {
        None => {
            credential.may_manage_its_own(broker)?;
            None
        }
        Some(name) => match broker.find_namespace(name) {
            Some(namespace) => {
                credential.may_manage(broker, &namespace, &target.resource())?;
                Some(namespace)
            }
            None => {
                credential.may_manage_its_own(broker)?;
                return Err(Refused::NoNamespace(name.to_owned()));
            }
        },
    };
    let page = Page::parse(&uri)?;
    let body =
        if method == Method::GET { serde_json::Map::new() } else { body::read(&headers, body).await? };
    let call = Call {
        gateway,
        place,
        endpoint: host::authority(&headers, &uri).map(str::to_owned),
        scheme: peer.scheme(),
        client: peer.describe(&headers),
        body,
        page,
    };
    match namespace {
        None => Ok(call.namespaces(&credential)),
        Some(namespace) => call.target(&method, &namespace, target).await,
    }
}

fn success(done: &Done, ids: &RequestIds) -> Response<Body> {
    match done {
        Done::Is(value) => json_response(StatusCode::OK, value, ids),
        Done::Deleted => response(StatusCode::OK, Body::empty(), ids),
        Done::WasNotThere => response(StatusCode::NO_CONTENT, Body::empty(), ids),
    }
}

fn refusal(row: &errors::Row, ids: &RequestIds) -> Response<Body> {
    let error = json!({ "error": { "code": row.code, "message": row.text } });
    let mut response = json_response(row.status, &error, ids);
    let (name, value) = match row.header {
        None => return response,
        Some(Header::Challenge) => (WWW_AUTHENTICATE, HeaderValue::from_static("SharedAccessSignature")),
        Some(Header::Allow(methods)) => (ALLOW, HeaderValue::from_static(methods)),
        Some(Header::RetryAfter(time)) => (RETRY_AFTER, HeaderValue::from(time.as_secs().max(1))),
    };
    response.headers_mut().insert(name, value);
    response
}

fn json_response(status: StatusCode, value: &Value, ids: &RequestIds) -> Response<Body> {
    let mut response = response(status, Body::from(value.to_string()), ids);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn response(status: StatusCode, body: Body, ids: &RequestIds) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(ids.headers());
    // Keys are among the answers: nothing on the way keeps them, and no browser takes them for a script.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_request_is_an_answer_and_not_the_end() {
        let panics = async { panic!("a fault of ours, planted by this test") };
        assert_eq!(apart(panics).await.unwrap_err(), Refused::Internal);
    }

    #[tokio::test]
    async fn a_request_is_done_to_its_end_though_its_client_went_away() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = async move {
            tokio::task::yield_now().await;
            sender.send(()).map_err(|()| Refused::Internal)?;
            Ok(Done::Deleted)
        };
        let waiting = apart(work);
        // Begun once, then dropped as hyper drops it when the connection ends.
        let _gone = tokio::time::timeout(std::time::Duration::ZERO, waiting).await;
        receiver.await.unwrap();
    }
}
