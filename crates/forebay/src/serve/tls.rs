//! TLS from PEM files: each thing that can be wrong with them is said before anything is opened.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::{Identity, identity, validity};
use crate::config::{Config, Place, TlsFiles};

/// A larger file is no certificate.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// A certificate that ends sooner is worth a line.
const ENDS_SOON_SECONDS: i64 = 14 * 24 * 60 * 60;

/// Which setting is wrong, what was found, and the fix.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) setting: &'static str,
    pub(super) found: String,
    pub(super) fix: String,
}

/// What the two kinds of listeners need: AMQP, and HTTP with its name for the handshake.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) amqps: Arc<ServerConfig>,
    pub(super) https: Arc<ServerConfig>,
    /// Lines for the log.
    pub(super) warnings: Vec<String>,
    /// What the server's own certificate is for.
    identity: Identity,
}

/// Reads certificate and key. `now` is in seconds since 1970.
pub(super) fn load(files: &TlsFiles, now: i64) -> Result<Tls, Wrong> {
    let chain = certificates(&files.certificate)?;
    let mut warnings = Vec::new();
    check_validity(&chain, &files.certificate, now, &mut warnings)?;
    let identity = chain.first().and_then(|own| identity(own)).unwrap_or_default();
    check_kind(&identity, &files.certificate, &mut warnings);
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let amqps = config(&provider, chain, key, files)?;
    let mut https = amqps.clone();
    https.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { amqps: Arc::new(amqps), https: Arc::new(https), warnings, identity })
}

impl Tls {
    /// A line for each namespace with host names that the certificate is not for. Names such as `*.suffix` stand for many,
    /// which nobody can tell here.
    pub(super) fn missing_names(&self, config: &Config) -> Vec<String> {
        let Some(files) = config.tls.as_ref().filter(|_| !self.identity.shown().is_empty()) else {
            return Vec::new();
        };
        let line = |name: &str, hosts: &[String]| {
            let missing: Vec<_> = hosts
                .iter()
                .filter(|host| !host.starts_with("*.") && !self.identity.covers(host))
                .map(String::as_str)
                .collect();
            let place = match config.hosts_place(name) {
                Place::Default => String::new(),
                place => format!("{place}: "),
            };
            (!missing.is_empty()).then(|| {
                format!(
                    "{place}namespace.hosts: {} is for {}, not for {} of namespace '{name}': clients refuse it there; \
                     give a certificate for these names too",
                    files.certificate.display(),
                    self.identity.shown(),
                    missing.join(", ")
                )
            })
        };
        config.namespaces.iter().filter_map(|namespace| line(&namespace.name, &namespace.hosts)).collect()
    }
}

/// Kinds of certificates that many clients refuse, whatever they are for.
fn check_kind(identity: &Identity, path: &Path, warnings: &mut Vec<String>) {
    if identity.is_authority {
        warnings.push(format!(
            "{} is the certificate of an authority (CA:TRUE): many clients refuse it as a server's; give one without",
            path.display()
        ));
    }
    if identity.shown().is_empty() {
        warnings.push(format!(
            "{} has no subject alternative name: clients refuse it; give one that names this server's hosts there",
            path.display()
        ));
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: &TlsFiles,
) -> Result<ServerConfig, Wrong> {
    ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => Wrong {
                setting: "tls.key",
                found: format!("{} is the key of another certificate", files.key.display()),
                fix: format!("give the key that {} was made with", files.certificate.display()),
            },
            other => Wrong {
                setting: "tls.key",
                found: format!("{} cannot be used: {other}", files.key.display()),
                fix: "give an RSA (2048 to 4096 bits), ECDSA (P-256, P-384) or Ed25519 key".to_owned(),
            },
        })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    const SETTING: &str = "tls.certificate";
    const FIX: &str = "give a PEM file with the server's certificate first (-----BEGIN CERTIFICATE-----)";
    let text = read(path, SETTING)?;
    let wrong = |found: String| Wrong { setting: SETTING, found, fix: FIX.to_owned() };
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(format!("{} is not PEM: {error}", path.display())))?;
    if chain.is_empty() {
        let sections = sections(&text);
        let what = if sections.is_empty() { "nothing" } else { "something else" };
        return Err(wrong(format!("{} holds no certificate but {what}", path.display())));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Wrong> {
    const SETTING: &str = "tls.key";
    const FIX: &str = "give a PEM file with a private key that has no password (-----BEGIN PRIVATE KEY-----)";
    check_permissions(path)?;
    let text = read(path, SETTING)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let is_encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        let what = match sections(&text).as_slice() {
            _ if is_encrypted => "a key with a password",
            [] => "nothing",
            _ => "something else",
        };
        let found = format!("{} holds no private key that can be read but {what}", path.display());
        Wrong { setting: SETTING, found, fix: FIX.to_owned() }
    })
}

/// What stands in a PEM file.
fn sections(text: &[u8]) -> Vec<SectionKind> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text).filter_map(|section| Some(section.ok()?.0)).collect()
}

fn read(path: &Path, setting: &'static str) -> Result<Vec<u8>, Wrong> {
    let wrong = |found: String| Wrong {
        setting,
        found,
        fix: "give the path of a PEM file that this user may read".to_owned(),
    };
    let file = std::fs::File::open(path)
        .map_err(|error| wrong(format!("{} cannot be read: {error}", path.display())))?;
    let mut text = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(file, FILE_BYTES_MAX + 1), &mut text);
    match read {
        Err(error) => Err(wrong(format!("{} cannot be read: {error}", path.display()))),
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
            Err(wrong(format!("{} has more than {FILE_BYTES_MAX} bytes", path.display())))
        }
        Ok(0) => Err(wrong(format!("{} is empty", path.display()))),
        Ok(_) => Ok(text),
    }
}

/// A group may read the key (Debian's `ssl-cert` is made for that); everyone may not, nor may anyone else write it.
#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), Wrong> {
    use std::os::unix::fs::PermissionsExt as _;

    // A missing file is told when it is read.
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o027 == 0 {
        return Ok(());
    }
    let who = if mode & 0o004 != 0 { "everyone may read it" } else { "others may change it" };
    Err(Wrong {
        setting: "tls.key",
        found: format!("{} has mode {mode:04o}: {who}", path.display()),
        fix: format!("chmod 640 {} (or 600)", path.display()),
    })
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), Wrong> {
    Ok(())
}

fn check_validity(
    chain: &[CertificateDer<'_>],
    path: &Path,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<(), Wrong> {
    let wrong = |found: String, fix: &str| Wrong { setting: "tls.certificate", found, fix: fix.to_owned() };
    for (index, certificate) in chain.iter().enumerate() {
        let which = if index == 0 { String::new() } else { format!(" (certificate {})", index + 1) };
        let (from, until) = validity(certificate).ok_or_else(|| {
            wrong(
                format!("{}{which} is no X.509 certificate", path.display()),
                "give the certificate as it was issued",
            )
        })?;
        if now > until {
            let found = format!("{}{which} expired {}", path.display(), ago(now - until));
            return Err(wrong(found, "give a renewed one; clients refuse this one"));
        }
        if now < from {
            let found =
                format!("{}{which} is not valid before {} from now", path.display(), span(from - now));
            return Err(wrong(found, "set this machine's clock, or give one that is valid now"));
        }
        if until - now < ENDS_SOON_SECONDS {
            warnings.push(format!("{}{which} expires in {}: renew it", path.display(), span(until - now)));
        }
    }
    Ok(())
}

fn ago(seconds: i64) -> String {
    format!("{} ago", span(seconds))
}

fn span(seconds: i64) -> String {
    match seconds {
        0..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
