//! The management routes as a client sees them: a request, its answer, and errors that say what to do.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use forebay_auth::{Secret, UnixSeconds, sas};
use forebay_client::Auth;
use forebay_client::net::{self, ConnectError, Tls};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::place::Place;

/// Any subscription and resource group will do.
const PROVIDER: &str = "/subscriptions/forebay/resourceGroups/forebay/providers/Microsoft.EventHub";
/// What the routes were like when this was written; servers ignore it.
const API_VERSION: &str = "2024-01-01";
/// How long an answer may take: a change waits for its flush.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A list of two thousand hubs has a tenth of this.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Life of the token that signs one command's requests.
const TOKEN_LIFE: Duration = Duration::from_secs(10 * 60);

/// One namespace of one server.
#[derive(Debug)]
pub(super) struct Api {
    place: Place,
    namespace: String,
}

impl Api {
    /// Finds out which namespace is meant, where neither flags nor host name say.
    pub(super) async fn new(place: Place) -> anyhow::Result<Self> {
        let (named, is_guess) = (place.namespace.clone(), place.is_guess);
        let mut api = Self { place, namespace: named.clone().unwrap_or_default() };
        if named.is_some() && !is_guess {
            return Ok(api);
        }
        let answer = match api.ask(&Method::GET, &format!("{PROVIDER}/namespaces"), None).await {
            // A hub's policy does not see the list.
            Err(_) if is_guess => return Ok(api),
            answer => answer?,
        };
        let names: Vec<&str> =
            values(&answer.json).iter().filter_map(|namespace| namespace["name"].as_str()).collect();
        if names.iter().any(|name| name.eq_ignore_ascii_case(&api.namespace)) {
            return Ok(api);
        }
        match names[..] {
            [name] => name.clone_into(&mut api.namespace),
            [] => bail!("this credential opens no namespace of {}; name one with --namespace", api.address()),
            _ => bail!("which namespace? Name one with --namespace: {}", names.join(", ")),
        }
        Ok(api)
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.call(&Method::GET, path, None).await?.json)
    }

    /// The items of a list.
    pub(super) async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        Ok(values(&self.get(path).await?).to_vec())
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        Ok(self.call(&Method::PUT, path, Some(body)).await?.json)
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        Ok(self.call(&Method::POST, path, body).await?.json)
    }

    /// Whether it is there.
    pub(super) async fn exists(&self, path: &str) -> anyhow::Result<bool> {
        let answer = self.send(&Method::GET, &self.path(path), None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            Ok(false)
        } else {
            answer.success(&self.address()).map(|_| true)
        }
    }

    /// Whether it was there.
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<bool> {
        Ok(self.call(&Method::DELETE, path, None).await?.status != StatusCode::NO_CONTENT)
    }

    async fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        self.ask(method, &self.path(path), body).await
    }

    fn path(&self, path: &str) -> String {
        format!("{PROVIDER}/namespaces/{}{path}", segment(&self.namespace))
    }

    async fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        self.send(method, path, body).await?.success(&self.address())
    }

    /// A connection string with an EntityPath may have a policy of that hub, which signs for nothing else, or one of the
    /// namespace: where the hub does not do, the namespace is tried, and its refusal tells less than the hub's.
    async fn send(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let hub = self.place.target.as_ref().and_then(|target| target.hub.as_deref());
        let answer = self.send_signed_for(hub, method, path, body).await?;
        if hub.is_none() || answer.status != StatusCode::FORBIDDEN {
            return Ok(answer);
        }
        let for_all = self.send_signed_for(None, method, path, body).await?;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&for_all.status);
        Ok(if refused { answer } else { for_all })
    }

    async fn send_signed_for(
        &self,
        hub: Option<&str>,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let answer = tokio::time::timeout(TIMEOUT, self.exchange(hub, method, path, body)).await;
        answer.map_err(|_| anyhow!("{} did not answer within {} s", self.address(), TIMEOUT.as_secs()))?
    }

    async fn exchange(
        &self,
        hub: Option<&str>,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let Place { host, port, tls, .. } = &self.place;
        let stream = net::connect(host, *port, tls).await.map_err(|error| {
            let is_elsewhere = matches!(error, ConnectError::Tcp { .. } | ConnectError::NotTls { .. });
            let hint = if is_elsewhere { "; --url names the server's HTTP address" } else { "" };
            anyhow!("{:#}{hint}", anyhow::Error::new(error))
        })?;
        let lost = || format!("{} broke off (is it the HTTP address, and with this scheme?)", self.address());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.with_context(lost)?;
        // It ends with the answer; what went wrong with it the request says.
        let driver = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version={API_VERSION}"))
            .header(HOST, self.authority());
        if let Some(token) = self.token(hub) {
            request = request.header(AUTHORIZATION, token.expose());
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = sender.send_request(request.body(Full::new(bytes))?).await.with_context(lost)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| anyhow!("{}: {error}", lost()))?.to_bytes();
        driver.abort();
        Ok(Answer { status, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    /// A token for one hub, or for the namespace.
    fn token(&self, hub: Option<&str>) -> Option<Secret> {
        let target = self.place.target.as_ref()?;
        match &target.auth {
            Auth::Sas { policy, key } | Auth::Plain { policy, key } => {
                let hub = hub.map(|hub| format!("/{hub}")).unwrap_or_default();
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
                let expiry = UnixSeconds((now + TOKEN_LIFE).as_secs());
                Some(sas::create(&format!("sb://{}{hub}", target.namespace), policy, key, expiry))
            }
            Auth::Token(token) => Some(token.clone()),
            Auth::Anonymous => None,
        }
    }

    fn authority(&self) -> String {
        net::address(&self.place.host, self.place.port)
    }

    fn address(&self) -> String {
        let scheme = if self.place.tls == Tls::Off { "http" } else { "https" };
        format!("{scheme}://{}", self.authority())
    }
}

struct Answer {
    status: StatusCode,
    /// Null where the body is empty or no JSON.
    json: Value,
}

impl Answer {
    fn success(self, address: &str) -> anyhow::Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        match self.json["error"]["message"].as_str() {
            Some(message) => bail!("{}{}", without_subcode(message), self.hint()),
            None => {
                bail!("{address} answered {} (is this the HTTP address of a Forebay server?)", self.status)
            }
        }
    }
}

impl Answer {
    /// What to do where the server's text, which tells nothing to strangers, does not say.
    fn hint(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => {
                " (check policy name, key and host of the connection string; --connection-string or \
                 FOREBAY_CONNECTION_STRING gives one; the server's log says what was wrong)"
            }
            StatusCode::FORBIDDEN => " (management needs a policy with Manage)",
            _ => "",
        }
    }
}

/// The text behind `SubCode=40000. `, which is for programs.
fn without_subcode(message: &str) -> &str {
    let rest = message.strip_prefix("SubCode=").and_then(|rest| rest.split_once(". "));
    rest.map_or(message, |(_, text)| text)
}

/// The items of a list's answer.
fn values(list: &Value) -> &[Value] {
    list["value"].as_array().map_or(&[], Vec::as_slice)
}

/// A name as one segment of a path; hub names may hold slashes.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// The path of a hub in its namespace.
pub(super) fn hub_path(hub: &str) -> String {
    format!("/eventhubs/{}", segment(hub))
}

/// A text field of an answer in one line, empty where there is none: a note may hold anything, and is somebody else's.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace(char::is_control, " ")
}
