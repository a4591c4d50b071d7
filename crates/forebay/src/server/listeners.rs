//! Which sockets the server listens on, and what to say when it cannot.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use anyhow::Context;
use socket2::{Domain, Socket, Type};

use super::Protocol;

/// Connections that the kernel holds until we accept them.
const BACKLOG: i32 = 1_024;
/// How often a free number is looked for that is free on every address.
const FREE_PORT_TRIES: u32 = 64;

/// One port on all the addresses that we listen on.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) sockets: Vec<TcpListener>,
}

impl Listeners {
    /// The addresses, as `host:port`.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }
}

/// The addresses of `--listen`; without it both loopback addresses.
pub(crate) fn addresses(listen: Option<&str>) -> anyhow::Result<Vec<IpAddr>> {
    let Some(host) = listen else {
        return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    let mut found: Vec<IpAddr> = (bare, 0)
        .to_socket_addrs()
        .with_context(|| {
            format!("--listen {host}: no such host; give an IP address such as 127.0.0.1 or 0.0.0.0")
        })?
        .map(|address| address.ip())
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// A port that somebody wants to be served.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) protocol: Protocol,
    pub(crate) addresses: Vec<IpAddr>,
    /// 0 is one number free on all addresses.
    pub(crate) port: u16,
    pub(crate) named: Named,
    pub(crate) otherwise: Otherwise,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Take passwords (SASL PLAIN).
    pub(crate) offer_plain: bool,
}

/// How errors speak of the port.
#[derive(Debug)]
pub(crate) struct Named {
    /// Where it was set, if that is a place: `forebay.toml:3:1: amqp_port`.
    pub(crate) place: Option<String>,
    /// Where the addresses were set: `forebay.toml:4:10: listen`, `--listen`.
    pub(crate) addresses: String,
    /// How to choose another: `--amqp-port N`.
    pub(crate) another: String,
    /// How to have one picked: `--amqp-port 0`.
    pub(crate) any: String,
}

impl Named {
    /// By a flag.
    pub(crate) fn flag(flag: &str) -> Self {
        Self {
            place: None,
            addresses: "--listen".to_owned(),
            another: format!("{flag} N"),
            any: format!("{flag} 0"),
        }
    }
}

/// What happens when the port cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// The server does not start: never silently another port.
    Fail,
    /// Nobody asked for it by name: it is left out, with a line.
    Skip,
    /// As `Skip`, but where the system does not allow the port, this one is tried.
    Try(u16),
}

impl Otherwise {
    /// The port to try after this failure: a forbidden one is no choice of anybody's, a busy one is.
    fn port_after(self, failure: io::ErrorKind) -> Option<u16> {
        match (self, failure) {
            (Self::Try(other), io::ErrorKind::PermissionDenied) => Some(other),
            _ => None,
        }
    }
}

/// Listens as wished; `None` when the wish is left out. An address family that the machine lacks is a line, not an
/// error; a busy port is an error that names its holder and the setting.
pub(crate) fn fulfil(wish: &Wish) -> anyhow::Result<Option<Listeners>> {
    let error = match listen(&wish.addresses, wish.port) {
        Ok(listeners) => return Ok(Some(listeners)),
        Err(error) => error,
    };
    let protocol = wish.protocol.name();
    if let Some(other) = wish.otherwise.port_after(error.kind())
        && let Ok(listeners) = listen(&wish.addresses, other)
    {
        tracing::warn!(
            "{protocol} is served on port {other}: {} needs a permission (CAP_NET_BIND_SERVICE); {} says so for good",
            wish.port,
            wish.named.another
        );
        return Ok(Some(listeners));
    }
    let explained = explain(error, wish);
    match wish.otherwise {
        Otherwise::Fail => Err(explained),
        Otherwise::Skip | Otherwise::Try(_) => {
            tracing::warn!("{protocol} is not served: {explained:#}");
            Ok(None)
        }
    }
}

fn listen(addresses: &[IpAddr], port: u16) -> io::Result<Listeners> {
    if port != 0 {
        return listen_on(addresses, port);
    }
    let mut last = None;
    for _ in 0..FREE_PORT_TRIES {
        match listen_on(addresses, free_port(addresses)?) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn free_port(addresses: &[IpAddr]) -> io::Result<u16> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match bind(SocketAddr::new(*address, 0)) {
            Ok(socket) => return Ok(socket.local_addr()?.port()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_on(addresses: &[IpAddr], port: u16) -> io::Result<Listeners> {
    let mut sockets = Vec::new();
    let mut missing = None;
    for address in addresses {
        match bind(SocketAddr::new(*address, port)) {
            Ok(socket) => sockets.push(socket),
            Err(error) if family_is_missing(&error) => {
                tracing::info!("this machine has no {address}: not listening there");
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match (sockets.is_empty(), missing) {
        (true, Some(error)) => Err(error),
        _ => Ok(Listeners { sockets }),
    }
}

fn family_is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        // EAFNOSUPPORT has no kind of its own.
        || error.raw_os_error() == Some(97)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(socket2::Protocol::TCP))?;
    if address.is_ipv6() {
        // Each family has a socket of its own, so that a port busy on one of them is seen.
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the last run's connections to leave TIME_WAIT.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn explain(error: io::Error, wish: &Wish) -> anyhow::Error {
    let Wish { port, addresses, named, .. } = wish;
    let fix = format!("choose another with {} ({} picks a free one)", named.another, named.any);
    let place = named.place.as_ref().map_or(String::new(), |place| format!("{place}: "));
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder =
                super::port_holder::holder(*port).map_or(String::new(), |name| format!(" by {name}"));
            anyhow::anyhow!("{place}port {port} is in use{holder}; stop it, or {fix}")
        }
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("{place}no permission to listen on port {port}; {fix}")
        }
        io::ErrorKind::AddrNotAvailable => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            anyhow::anyhow!(
                "{}: this machine has no address {}; give one that it has, or 0.0.0.0 or :: for all of them",
                named.addresses,
                addresses.join(" or ")
            )
        }
        _ => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let what = format!("{place}cannot listen on port {port} of {}; {fix}", addresses.join(", "));
            anyhow::Error::new(error).context(what)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(port: u16, otherwise: Otherwise) -> Wish {
        Wish {
            protocol: Protocol::Amqp,
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port,
            named: Named::flag("--amqp-port"),
            otherwise,
            tls: None,
            offer_plain: true,
        }
    }

    #[test]
    fn a_busy_port_is_an_error_that_names_the_flag_and_the_holder() {
        let first = fulfil(&wish(0, Otherwise::Fail)).unwrap().unwrap();
        let port = first.addresses()[0].port();
        let error = fulfil(&wish(port, Otherwise::Fail)).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is in use")), "{error}");
        assert!(error.contains("--amqp-port 0"), "{error}");
        if cfg!(target_os = "linux") {
            assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        }
    }

    #[test]
    fn an_address_of_another_machine_names_the_setting_of_addresses() {
        // 203.0.113.0/24 is for documents (RFC 5737).
        for port in [0, 5672] {
            let addresses = vec!["203.0.113.7".parse().unwrap()];
            let error = fulfil(&Wish { addresses, ..wish(port, Otherwise::Fail) }).unwrap_err().to_string();
            assert!(error.starts_with("--listen: this machine has no address 203.0.113.7; give"), "{error}");
        }
    }

    #[test]
    fn a_busy_port_that_nobody_asked_for_is_left_out() {
        let first = fulfil(&wish(0, Otherwise::Fail)).unwrap().unwrap();
        let port = first.addresses()[0].port();
        assert!(fulfil(&wish(port, Otherwise::Skip)).unwrap().is_none());
        assert!(fulfil(&wish(port, Otherwise::Try(0))).unwrap().is_none(), "busy is not forbidden");
    }

    #[test]
    fn another_port_is_tried_only_where_the_first_is_forbidden() {
        let (forbidden, busy) = (io::ErrorKind::PermissionDenied, io::ErrorKind::AddrInUse);
        assert_eq!(Otherwise::Try(8443).port_after(forbidden), Some(8443));
        assert_eq!(Otherwise::Try(8443).port_after(busy), None);
        assert_eq!(Otherwise::Skip.port_after(forbidden), None);
        assert_eq!(Otherwise::Fail.port_after(forbidden), None);
    }

    #[test]
    fn port_zero_is_one_number_on_every_address() {
        let listeners = listen(&addresses(None).unwrap(), 0).unwrap();
        let ports: Vec<u16> = listeners.addresses().iter().map(SocketAddr::port).collect();
        assert!(ports.iter().all(|port| *port != 0 && *port == ports[0]), "{ports:?}");
    }

    #[test]
    fn an_unknown_host_names_the_flag() {
        let error = addresses(Some("no such host!")).unwrap_err().to_string();
        assert!(error.contains("--listen"), "{error}");
    }
}
