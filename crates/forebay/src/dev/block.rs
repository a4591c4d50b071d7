//! The block that `forebay dev` prints: what runs, and lines that work when pasted.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use forebay_broker::{Durability, HubInfo, NamespaceCredential, OpenSummary};

use super::options::DevOptions;
use crate::server::VERSION;

const AMQP_PORT_DEFAULT: u16 = 5672;
/// The hub in the second connection string where hubs are made on first use.
const FIRST_HUB: &str = "events";

/// Everything that the block shows.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) options: &'a DevOptions,
    pub(crate) amqp: &'a [SocketAddr],
    pub(crate) http: &'a [SocketAddr],
    pub(crate) credential: &'a NamespaceCredential,
    pub(crate) opened: &'a OpenSummary,
    /// A hub that the pasted lines work with, if there is one.
    pub(crate) hub: Option<&'a str>,
}

/// The hub to show: any where they are made on first use, else the first that there is.
pub(crate) fn shown_hub<'a>(options: &DevOptions, hubs: &'a [HubInfo]) -> Option<&'a str> {
    if options.auto_create { Some(FIRST_HUB) } else { hubs.first().map(|hub| hub.name.as_str()) }
}

impl Block<'_> {
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
        write!(f, "\n  namespace  {connection_string}")?;
        let Some(hub) = self.hub else { return Ok(()) };
        writeln!(f, "\n  one hub    {connection_string}EntityPath={hub}")?;
        let (program, option) = (program(), self.connection_option(&connection_string));
        writeln!(f, "\n  try        {program} send --hub {hub}{option} 'hello'")?;
        write!(f, "             {program} tail --hub {hub}{option}")
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

fn all(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
