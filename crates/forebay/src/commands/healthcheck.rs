//! `forebay healthcheck`: whether a server serves, for containers and scripts.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than this is no answer to a health check.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Flags of `forebay healthcheck`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay healthcheck
  forebay healthcheck --ready-file ready.json
  forebay healthcheck --http 127.0.0.1:5300 --timeout 1

Exit codes: 0 healthy, 1 not healthy or no answer, 2 wrong usage.")]
pub(crate) struct HealthcheckArgs {
    /// HTTP address of the server
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5300", conflicts_with = "ready_file")]
    pub(crate) http: String,

    /// Take the address from this ready file
    #[arg(long, value_name = "F")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Seconds to wait for the answer
    #[arg(long, value_name = "S", default_value_t = 3)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Deserialize)]
struct Ready {
    /// Absent where HTTP is served over TLS alone.
    http: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Health {
    status: String,
}

pub(crate) async fn run(args: HealthcheckArgs) -> anyhow::Result<ExitCode> {
    let http = match &args.ready_file {
        Some(path) => http_of_ready_file(path)?,
        None => args.http,
    };
    let asked = tokio::time::timeout(Duration::from_secs(args.timeout), ask(&http)).await;
    let answer = asked.map_err(|_| anyhow::anyhow!("{http} did not answer within {} s", args.timeout))??;
    judge(&answer).with_context(|| format!("{http} is not healthy"))?;
    writeln!(std::io::stdout(), "healthy")?;
    Ok(ExitCode::SUCCESS)
}

fn http_of_ready_file(path: &Path) -> anyhow::Result<String> {
    let explain = || format!("--ready-file {}: no server is ready", path.display());
    let text = fs::read_to_string(path).with_context(explain)?;
    let ready: Ready = serde_json::from_str(&text).with_context(explain)?;
    ready.http.with_context(|| {
        let path = path.display();
        format!("--ready-file {path}: the server has no HTTP without TLS to ask; give it http_port (5300 by default)")
    })
}

async fn ask(http: &str) -> anyhow::Result<Vec<u8>> {
    let explain =
        || format!("{http} cannot be reached (is the server running, and is this its HTTP address?)");
    let mut socket = TcpStream::connect(http).await.with_context(explain)?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.with_context(explain)?;
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
        let problem = || format!("{:#}", http_of_ready_file(&path).unwrap_err());
        assert!(problem().contains("no server is ready"));
        fs::write(&path, "{\"http\":\"127.0").unwrap();
        assert!(problem().contains("no server is ready"));
        fs::write(&path, r#"{"amqp":"127.0.0.1:1","http":"127.0.0.1:5300"}"#).unwrap();
        assert_eq!(http_of_ready_file(&path).unwrap(), "127.0.0.1:5300");
        fs::write(&path, r#"{"amqps":"127.0.0.1:1","https":"127.0.0.1:2"}"#).unwrap();
        assert!(problem().contains("give it http_port"));
        fs::remove_file(&path).unwrap();
    }
}
