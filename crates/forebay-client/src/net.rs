//! A socket to a server, with or without TLS; for every protocol that our tools speak.
//!
//! A failure says which of the usual mistakes it was: an authority that is not trusted, a certificate for another
//! name, a port that does not speak TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whether a connection is made with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Bytes go as they are.
    Off,
    /// TLS from the first byte; the server's certificate must be for the host that we connect to.
    On {
        /// Who may have signed it.
        roots: Roots,
    },
}

/// Whose signature makes a server's certificate good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Roots {
    /// The operating system's authorities, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    #[default]
    System,
    /// Only the certificates of this PEM file.
    File(PathBuf),
}

/// Why there is no connection. The texts name the fix.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there, or the network does not go there.
    #[error("cannot connect to {address} (is the server running, and is this its port?)")]
    Tcp {
        /// Host and port.
        address: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The file of authorities is of no use.
    #[error("the CA file {} {problem}: it must hold certificates in PEM form", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system knows no authority.
    #[error(
        "this machine has no trusted certificates: name a file of them with --ca-file or FOREBAY_CA_FILE"
    )]
    NoSystemRoots,
    /// A host that no certificate can be for.
    #[error("'{host}' is neither a host name nor an address that a certificate can be for")]
    HostName {
        /// The host as given.
        host: String,
    },
    /// The certificate's authority is not one that we trust.
    #[error("the certificate of {address} is signed by {}", untrusted(file.as_deref()))]
    Untrusted {
        /// Host and port.
        address: String,
        /// The file of the authorities that we trust, if one was given.
        file: Option<PathBuf>,
    },
    /// The certificate is for another host.
    #[error(
        "the certificate of {address} is not for the name '{host}'{}: connect by a name that it has, or give the \
         server a certificate for this one",
        for_names(names)
    )]
    OtherName {
        /// Host and port.
        address: String,
        /// The host that we connected to.
        host: String,
        /// The names that the certificate has.
        names: Vec<String>,
    },
    /// The certificate is an authority's own; what `openssl req -x509` makes by itself is one.
    #[error(
        "the certificate of {address} is that of an authority (CA:TRUE), which a server may not show as its own: give \
         the server one that was made with basicConstraints=CA:FALSE"
    )]
    Authority {
        /// Host and port.
        address: String,
    },
    /// The certificate's time is over or has not come.
    #[error("the certificate of {address} is not valid now: renew it, or check both clocks")]
    NotNow {
        /// Host and port.
        address: String,
    },
    /// What answers there is not TLS.
    #[error(
        "{address} does not speak TLS: use the server's TLS port, or, where it may go without, add \
         ';UseDevelopmentEmulator=true' to the connection string"
    )]
    NotTls {
        /// Host and port.
        address: String,
    },
    /// TLS failed otherwise.
    #[error("no TLS connection to {address} (is this its TLS port?)")]
    Handshake {
        /// Host and port.
        address: String,
        /// What went wrong.
        source: Arc<io::Error>,
    },
}

fn untrusted(file: Option<&Path>) -> String {
    match file {
        Some(file) => format!(
            "no authority in {}: give the certificate of the authority that signed it with --ca-file or FOREBAY_CA_FILE",
            file.display()
        ),
        None => "an authority that is not trusted here: give the authority's certificate with --ca-file or \
                 FOREBAY_CA_FILE"
            .to_owned(),
    }
}

fn for_names(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" but for {}", names.join(", ")) }
}

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects, and shakes hands where TLS is on. Small writes leave at once. Waits as long as it takes: bound it
/// with a timeout.
///
/// # Errors
/// See [`ConnectError`]; each names the fix.
pub async fn connect(host: &str, port: u16, tls: &Tls) -> Result<Stream, ConnectError> {
    connect_as(host, host, port, tls).await
}

/// As [`connect`], where the server's certificate must be for `name` and the socket goes to `host`.
///
/// # Errors
/// See [`ConnectError`]; each names the fix.
pub async fn connect_as(name: &str, host: &str, port: u16, tls: &Tls) -> Result<Stream, ConnectError> {
    let address = address(host, port);
    // A wrong file is told before anything is connected.
    let secured = match tls {
        Tls::Off => None,
        Tls::On { roots } => {
            let server = ServerName::try_from(name.to_owned())
                .map_err(|_| ConnectError::HostName { host: name.to_owned() })?;
            let file = match roots {
                Roots::System => None,
                Roots::File(path) => Some(path.clone()),
            };
            Some((TlsConnector::from(client_config(roots).await?), server, file))
        }
    };
    let tcp = |source| ConnectError::Tcp { address: address.clone(), source: Arc::new(source) };
    let socket = TcpStream::connect((host, port)).await.map_err(tcp)?;
    socket.set_nodelay(true).map_err(tcp)?;
    match secured {
        None => Ok(Stream::Plain(socket)),
        Some((connector, server, file)) => {
            let shaken = connector.connect(server, socket).await;
            shaken
                .map(|stream| Stream::Tls(Box::new(stream)))
                .map_err(|error| explain(error, name, file, address.clone()))
        }
    }
}

/// Host and port, an IPv6 address in brackets.
#[must_use]
pub fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn client_config(roots: &Roots) -> Result<Arc<ClientConfig>, ConnectError> {
    let roots = roots.clone();
    // Some hundred small files, or one that may be anywhere.
    let store = tokio::task::spawn_blocking(move || match roots {
        Roots::System => system_roots(),
        Roots::File(path) => roots_of(&path),
    });
    let store = store.await.unwrap_or(Err(ConnectError::NoSystemRoots))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites of both versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn system_roots() -> Result<RootCertStore, ConnectError> {
    let mut store = RootCertStore::empty();
    // What cannot be read or understood is left out: one bad file must not end all trust.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() { Err(ConnectError::NoSystemRoots) } else { Ok(store) }
}

fn roots_of(path: &Path) -> Result<RootCertStore, ConnectError> {
    let wrong = |problem: String| ConnectError::CaFile { path: path.to_owned(), problem };
    let pem = std::fs::read(path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(format!("is damaged ({error})")))?;
        store.add(certificate).map_err(|error| wrong(format!("has one that cannot be used ({error})")))?;
    }
    if store.is_empty() { Err(wrong("has no certificate in it".to_owned())) } else { Ok(store) }
}

/// Which of the usual mistakes a failed handshake was.
fn explain(error: io::Error, host: &str, file: Option<PathBuf>, address: String) -> ConnectError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(_)) => ConnectError::NotTls { address },
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            // A signature is wrong where an authority was made again under its name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                ConnectError::Untrusted { address, file }
            }
            CertificateError::NotValidForName => {
                ConnectError::OtherName { address, host: host.to_owned(), names: Vec::new() }
            }
            CertificateError::NotValidForNameContext { presented, .. } => ConnectError::OtherName {
                address,
                host: host.to_owned(),
                names: presented.iter().map(|name| plain_name(name)).collect(),
            },
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => ConnectError::NotNow { address },
            // The name of the verifier's error; it has no type of its own here.
            CertificateError::Other(why) if format!("{why:?}").contains("CaUsedAsEndEntity") => {
                ConnectError::Authority { address }
            }
            _ => ConnectError::Handshake { address, source: Arc::new(error) },
        },
        _ => ConnectError::Handshake { address, source: Arc::new(error) },
    }
}

/// `DnsName("a.example")` is `a.example` to a person.
fn plain_name(presented: &str) -> String {
    presented.split('"').nth(1).unwrap_or(presented).to_owned()
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
