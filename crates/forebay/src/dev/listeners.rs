//! Which sockets the server listens on, and what to say when it cannot.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use anyhow::{Context, bail};
use socket2::{Domain, Protocol, Socket, Type};

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

/// Listens on `port` of each address. An address family that the machine lacks is a line, not an error; a busy
/// port is an error that names its holder and the flag, and never silently another port.
pub(crate) fn listen(addresses: &[IpAddr], port: u16, flag: &str) -> anyhow::Result<Listeners> {
    if port != 0 {
        return listen_on(addresses, port).map_err(|error| explain(error, port, flag));
    }
    let mut last = None;
    for _ in 0..FREE_PORT_TRIES {
        let free = free_port(addresses)?;
        match listen_on(addresses, free) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => last = Some(explain(error, free, flag)),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no port is free on all of {addresses:?}")))
}

fn free_port(addresses: &[IpAddr]) -> anyhow::Result<u16> {
    for address in addresses {
        if let Ok(socket) = bind(SocketAddr::new(*address, 0)) {
            return Ok(socket.local_addr()?.port());
        }
    }
    bail!("none of the addresses {addresses:?} can be listened on")
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
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
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

fn explain(error: io::Error, port: u16, flag: &str) -> anyhow::Error {
    let fix = format!("choose another with {flag} N ({flag} 0 picks a free one)");
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = super::port_holder::holder(port).map_or(String::new(), |name| format!(" by {name}"));
            anyhow::anyhow!("port {port} is in use{holder}; stop it, or {fix}")
        }
        io::ErrorKind::PermissionDenied => anyhow::anyhow!("no permission to listen on port {port}; {fix}"),
        _ => anyhow::Error::new(error).context(format!("cannot listen on port {port}; {fix}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_an_error_that_names_the_flag_and_the_holder() {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let first = listen(&loopback, 0, "--amqp-port").unwrap();
        let port = first.addresses()[0].port();
        let error = listen(&loopback, port, "--amqp-port").unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is in use")), "{error}");
        assert!(error.contains("--amqp-port 0"), "{error}");
        if cfg!(target_os = "linux") {
            assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        }
    }

    #[test]
    fn port_zero_is_one_number_on_every_address() {
        let listeners = listen(&addresses(None).unwrap(), 0, "--amqp-port").unwrap();
        let ports: Vec<u16> = listeners.addresses().iter().map(SocketAddr::port).collect();
        assert!(ports.iter().all(|port| *port != 0 && *port == ports[0]), "{ports:?}");
    }

    #[test]
    fn an_unknown_host_names_the_flag() {
        let error = addresses(Some("no such host!")).unwrap_err().to_string();
        assert!(error.contains("--listen"), "{error}");
    }
}
