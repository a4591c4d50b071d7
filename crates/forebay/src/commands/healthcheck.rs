//! `forebay healthcheck`: whether a server serves, for containers and scripts.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use forebay_client::Target;
use forebay_client::net::{self, Roots, Tls};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// More than this is no answer to a health check.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Flags of `forebay healthcheck`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay healthcheck
  forebay healthcheck --ready-file ready.json
  forebay healthcheck --http 127.0.0.1:5300 --timeout 1
  forebay healthcheck --http https://127.0.0.1:443 --host orders.example.org --ca-file ca.pem

A ready file's HTTPS is asked where it has no HTTP. The server's certificate is always checked, for the name of
--host; without it, for the host of --http, or of the connection string in the ready file.

Exit codes: 0 healthy, 1 not healthy or no answer, 2 wrong usage.")]
pub(crate) struct HealthcheckArgs {
    /// HTTP address of the server; https://HOST:PORT for TLS
    #[arg(
        long,
        value_name = "[SCHEME://]HOST:PORT",
        default_value = "127.0.0.1:5300",
        conflicts_with = "ready_file"
    )]
    pub(crate) http: String,

    /// Take the address from this ready file
    #[arg(long, value_name = "F")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Name that the server's certificate must be for
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,

    /// Trust the authorities in this PEM file, and no others [default: FOREBAY_CA_FILE, else the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Seconds to wait for the answer
    #[arg(long, value_name = "S", default_value_t = 3)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Deserialize)]
struct Ready {
    /// Absent where HTTP is served over TLS alone.
    http: Option<String>,
    https: Option<String>,
    /// Its host is a name of the server.
    connection_string: Option<String>,
}

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    tls: bool,
    /// What the certificate must be for, where that is not the host.
    name: Option<String>,
}

impl Place {
    /// `HOST:PORT`, `http://HOST:PORT` or `https://HOST:PORT`.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => (false, text),
        };
        let parts = rest.trim_end_matches('/').rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) =
            parts.with_context(|| format!("'{text}' is no HOST:PORT, such as 127.0.0.1:5300"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port, tls, name: None })
    }

    fn of_ready_file(path: &Path) -> anyhow::Result<Self> {
        let explain = || format!("--ready-file {}: no server is ready", path.display());
        let text = fs::read_to_string(path).with_context(explain)?;
        let ready: Ready = serde_json::from_str(&text).with_context(explain)?;
        match (ready.http, ready.https) {
            (Some(http), _) => Self::parse(&http),
            (None, Some(https)) => {
                let target = ready.connection_string.and_then(|text| text.parse::<Target>().ok());
                let name = target.map(|target| target.host);
                Ok(Self { name, ..Self::parse(&format!("https://{https}"))? })
            }
            (None, None) => {
                let path = path.display();
                bail!(
                    "--ready-file {path}: the server speaks no HTTP to ask; give it http_port or https_port"
                )
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Health {
    status: String,
}

pub(crate) async fn run(args: HealthcheckArgs) -> anyhow::Result<ExitCode> {
    let mut place = match &args.ready_file {
        Some(path) => Place::of_ready_file(path)?,
        None => match Place::parse(&args.http) {
            Ok(place) => place,
            Err(error) => return Ok(super::wrong_usage(&format_args!("--http: {error}"))),
        },
    };
    place.name = args.host.or(place.name);
    let ca_file = args
        .ca_file
        .or_else(|| std::env::var_os("FOREBAY_CA_FILE").filter(|file| !file.is_empty()).map(PathBuf::from));
    let tls = match place.tls {
        true => Tls::On { roots: ca_file.map_or(Roots::System, Roots::File) },
        false => Tls::Off,
    };
    let http = net::address(&place.host, place.port);
    let asked = tokio::time::timeout(Duration::from_secs(args.timeout), ask(&place, &tls)).await;
    let answer = asked.map_err(|_| anyhow::anyhow!("{http} did not answer within {} s", args.timeout))??;
    judge(&answer).with_context(|| format!("{http} is not healthy"))?;
    writeln!(std::io::stdout(), "healthy")?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(place: &Place, tls: &Tls) -> anyhow::Result<Vec<u8>> {
    let Place { host, port, name, .. } = place;
    let name = name.as_ref().unwrap_or(host);
    let http = net::address(host, *port);
    let explain =
        || format!("{http} cannot be reached (is the server running, and is this its HTTP address?)");
    let mut socket = net::connect_as(name, host, *port, tls).await.with_context(explain)?;
    let request =
        format!("GET /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", net::address(name, *port));
    socket.write_all(request.as_bytes()).await.with_context(explain)?;
    socket.flush().await.with_context(explain)?;
    let mut answer = Vec::new();
    socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.with_context(explain)?;
    Ok(answer)
}

/// Healthy is status 200 with a body whose `status` is `healthy`, as Microsoft's emulator answers.
fn judge(answer: &[u8]) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status_line = head.lines().next().unwrap_or_default();
    let mut words = status_line.split(' ');
    let (version, code) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !version.starts_with("HTTP/1.") {
        bail!("the answer is not HTTP");
    }
    if code != "200" {
        bail!("it answers '{status_line}'");
    }
    // Around the object there may be the lengths of a chunked body.
    let object = body.find('{').zip(body.rfind('}')).and_then(|(from, to)| body.get(from..=to));
    let health: Option<Health> = object.and_then(|object| serde_json::from_str(object).ok());
    match health {
        Some(health) if health.status.eq_ignore_ascii_case("healthy") => Ok(()),
        Some(health) => bail!("its status is '{}'", health.status),
        None => bail!("its answer is not that of a health check"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy(answer: &str) -> bool {
        judge(answer.as_bytes()).is_ok()
    }

    #[test]
    fn only_200_and_healthy_is_healthy() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
        assert!(healthy(&format!("{head}{{\"status\":\"healthy\",\"message\":\"Service is healthy.\"}}")));
        assert!(healthy(&format!("{head}15\r\n{{\"status\":\"healthy\"}}\r\n0\r\n\r\n")), "a chunked body");
        assert!(!healthy(&format!("{head}{{\"status\":\"unhealthy\"}}")));
        assert!(!healthy(&format!("{head}fine")));
        assert!(!healthy("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"healthy\"}"));
        assert!(!healthy("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n"), "cut short");
        assert!(!healthy("AMQP\0\u{1}\0\0"));
        assert!(!healthy(""));
    }

    #[test]
    fn a_ready_file_that_is_missing_or_cut_says_that_no_server_is_ready() {
        let path = std::env::temp_dir().join(format!("forebay-ready-{}", std::process::id()));
        let problem = || format!("{:#}", Place::of_ready_file(&path).unwrap_err());
        assert!(problem().contains("no server is ready"));
        fs::write(&path, "{\"http\":\"127.0").unwrap();
        assert!(problem().contains("no server is ready"));
        let place = |host: &str, port, tls, name: Option<&str>| Place {
            host: host.to_owned(),
            port,
            tls,
            name: name.map(str::to_owned),
        };
        fs::write(&path, r#"{"https":"127.0.0.1:1","http":"127.0.0.1:5300"}"#).unwrap();
        assert_eq!(Place::of_ready_file(&path).unwrap(), place("127.0.0.1", 5300, false, None));
        let string = "Endpoint=sb://a.example:7/;SharedAccessKeyName=p;SharedAccessKey=k";
        fs::write(&path, format!("{{\"https\":\"[::1]:2\",\"connection_string\":\"{string}\"}}")).unwrap();
        assert_eq!(Place::of_ready_file(&path).unwrap(), place("::1", 2, true, Some("a.example")));
        fs::write(&path, r#"{"amqps":"127.0.0.1:1"}"#).unwrap();
        assert!(problem().contains("give it http_port or https_port"));
        for (text, expected) in [
            ("localhost:1", place("localhost", 1, false, None)),
            ("http://localhost:1/", place("localhost", 1, false, None)),
            ("https://[::1]:1", place("::1", 1, true, None)),
        ] {
            assert_eq!(Place::parse(text).unwrap(), expected);
        }
        assert!(Place::parse("localhost").is_err() && Place::parse("https://localhost").is_err());
        fs::remove_file(&path).unwrap();
    }
}
