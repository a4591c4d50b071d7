//! A server of the test's own, and clients for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use forebay_auth::{Secret, UnixSeconds, sas};
use forebay_broker::{
    Broker, BrokerOptions, DevKey, DevMode, Durability, Limits, Mode, NamespaceSpec, ServeMode,
};
use forebay_gateway_http::{HttpConfig, HttpGateway};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::rustls;

/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Where the resources of the namespace `default` are.
pub(crate) const DEFAULT: &str =
    "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/default";

/// A server on a free port of 127.0.0.1.
pub(crate) struct Server {
    pub(crate) broker: Arc<Broker>,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// As `forebay dev`.
    pub(crate) async fn dev() -> Self {
        Self::with(dev_mode(), HttpConfig::default(), None).await
    }

    /// As `forebay serve`.
    pub(crate) async fn serve(namespaces: &[(&str, &str, Limits)]) -> Self {
        let namespaces = namespaces.iter().map(|(name, host, limits)| NamespaceSpec {
            name: (*name).to_owned(),
            hosts: vec![(*host).to_owned()],
            limits: *limits,
        });
        let mode = ServeMode { namespaces: namespaces.collect(), default_namespace: None };
        Self::with(Mode::Serve(mode), HttpConfig::default(), None).await
    }

    pub(crate) async fn with(mode: Mode, config: HttpConfig, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let options = BrokerOptions {
            data: None,
            durability: Durability::Memory,
            memory_bytes: 64 * 1024 * 1024,
            budget_bytes: None,
            auto_create: true,
            clock_skew_seconds: 60,
            mode,
        };
        let broker = Arc::new(Broker::open(options).await.unwrap());
        broker.set_serving(true);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let gateway = HttpGateway::new(Arc::clone(&broker), config);
        let stopped = async move {
            let _either_way = stopped.await;
        };
        let task = tokio::spawn(gateway.serve(listener, tls, stopped));
        Self { broker, address, stop, task }
    }

    /// A request as curl sends it.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_with(method, path, &[], body).await
    }

    /// With further headers.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut all = vec![("user-agent", "curl/8.5.0")];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        let body = body.map_or_else(String::new, |body| body.to_string());
        let stream = TcpStream::connect(self.address).await.unwrap();
        send(stream, method, path, &all, &self.address.to_string(), body).await
    }

    /// A request signed with a policy of the default namespace (`hub`: of that hub) for a resource.
    pub(crate) async fn ask_signed(
        &self,
        token: &Secret,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.ask_with(method, path, &[("authorization", token.expose())], body).await
    }

    /// Tells the server to stop.
    pub(crate) fn begin_stop(self) -> JoinHandle<std::io::Result<()>> {
        self.stop.send(()).unwrap();
        self.task
    }

    pub(crate) async fn stop(self) {
        tokio::time::timeout(PATIENCE, self.begin_stop()).await.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn dev_mode() -> Mode {
    Mode::Dev(DevMode { key: DevKey::WellKnown, declared: None })
}

/// A token that is good for some minutes from the test's now.
pub(crate) fn token(broker: &Broker, resource: &str, policy: &str, key: &Secret) -> Secret {
    sas::create(resource, policy, key, UnixSeconds::from_millis(broker.wall().0).plus(300))
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json; charset=utf-8"), "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The answer's JSON, which must be a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The code and the text of a refusal with this status, in ARM's shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> (String, String) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.header("x-ms-request-id").is_some(), "{self:?}");
        assert!(self.header("x-ms-correlation-request-id").is_some(), "{self:?}");
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }
}

/// Sends one request over a stream of any kind and reads the answer.
pub(crate) async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    host: &str,
    body: String,
) -> Answer {
    let exchange = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = sender.send_request(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(Body::new(body), usize::MAX).await.unwrap();
        connection.abort();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap()
}
