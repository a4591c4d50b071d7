//! The block that `forebay dev` prints: what runs, and lines that work when pasted.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use forebay_broker::{Durability, NamespaceCredential, OpenSummary};

use super::options::DevOptions;
use super::ready_file::Ready;

const AMQP_PORT_DEFAULT: u16 = 5672;
/// The hub in the second connection string; made on first use.
const FIRST_HUB: &str = "events";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that the block and the ready file show.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) options: &'a DevOptions,
    pub(crate) amqp: &'a [SocketAddr],
    pub(crate) http: &'a [SocketAddr],
    pub(crate) credential: &'a NamespaceCredential,
    pub(crate) opened: &'a OpenSummary,
}

impl Block<'_> {
    pub(crate) fn ready<'a>(&'a self, connection_string: &'a str) -> Ready<'a> {
        Ready {
            amqp: first(self.amqp),
            http: first(self.http),
            connection_string,
            data: self.options.data.as_deref(),
            durability: self.options.durability.to_string(),
            version: VERSION,
        }
    }

    /// For the namespace; clients add `EntityPath` or name the hub themselves.
    pub(crate) fn connection_string(&self) -> String {
        let port = self.amqp.first().map_or(AMQP_PORT_DEFAULT, SocketAddr::port);
        let mut text = format!("Endpoint=sb://{}", host(self.options, self.amqp));
        if port != AMQP_PORT_DEFAULT {
            // Writing to a String cannot fail.
            let _never = write!(text, ":{port}");
        }
        let _never = write!(
            text,
            "/;SharedAccessKeyName={};SharedAccessKey={};UseDevelopmentEmulator=true;",
            self.credential.policy,
            self.credential.key.expose()
        );
        text
    }

    #[expect(clippy::print_stdout, reason = "the block is what a person starts the server for")]
    pub(crate) fn print(&self) {
        println!("{self}");
    }
}

impl fmt::Display for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection_string = self.connection_string();
        writeln!(f, "Forebay {VERSION} (dev)")?;
        match (&self.options.data, self.options.durability) {
            (Some(data), Durability::Os) => writeln!(
                f,
                "  data       {} (acknowledged after the write: a power cut can lose the last second)",
                data.display()
            )?,
            (Some(data), _) => {
                writeln!(f, "  data       {} (an acknowledged event is on disk)", data.display())?;
            }
            (None, _) => {
                writeln!(f, "  state      MEMORY ONLY: events are lost on exit; keep them with --data DIR")?;
            }
        }
        if let Some(line) = self.opened.line() {
            writeln!(f, "  recovered  {line}")?;
        }
        writeln!(f, "  AMQP       {}", all(self.amqp))?;
        writeln!(f, "  HTTP       {}   GET /health", all(self.http))?;
        if self.options.addresses.iter().any(|address| !address.is_loopback()) {
            writeln!(f, "  open to    everyone who reaches these addresses; traffic is not encrypted")?;
        }
        writeln!(f, "\n  namespace  {connection_string}")?;
        writeln!(f, "  one hub    {connection_string}EntityPath={FIRST_HUB}")?;
        let (program, option) = (program(), self.connection_option(&connection_string));
        writeln!(f, "\n  try        {program} send --hub {FIRST_HUB}{option} 'hello'")?;
        write!(f, "             {program} tail --hub {FIRST_HUB}{option}")
    }
}

impl Block<'_> {
    /// Our tools know the default address and the well-known key by themselves.
    fn connection_option(&self, connection_string: &str) -> String {
        let plain = self.credential.is_well_known
            && self.amqp.first().is_some_and(|address| address.port() == AMQP_PORT_DEFAULT)
            && self.options.listen.is_none();
        if plain { String::new() } else { format!(" --connection-string '{connection_string}'") }
    }
}

/// How this program was called, so that the lines work when pasted.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "forebay".to_owned())
}

/// The host that clients on this machine use: `localhost` where that leads to us, else the address.
fn host(options: &DevOptions, amqp: &[SocketAddr]) -> String {
    let address = match (&options.listen, amqp.first()) {
        (None, _) if amqp.len() > 1 => return "localhost".to_owned(),
        (_, Some(address)) if address.ip().is_unspecified() => return "localhost".to_owned(),
        (_, Some(address)) => address.ip(),
        (_, None) => return "localhost".to_owned(),
    };
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn first(addresses: &[SocketAddr]) -> String {
    addresses.first().map(ToString::to_string).unwrap_or_default()
}

fn all(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
