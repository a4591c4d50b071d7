//! Management without a key: for someone at this machine, and for no web page (dev mode only).
//!
//! A page in a browser can send requests to a server on the same machine, so "it came from loopback" is not enough.
//! What a browser cannot help saying decides: the `Host` that it believes to talk to (a page that rebinds its own name
//! to 127.0.0.1 still says its own name), the `Origin` of the page, and `Sec-Fetch-Site`. No answer ever carries a
//! permission of cross-origin resource sharing, so a preflight fails too.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::{CONTENT_LENGTH, FORWARDED, HOST, HeaderName, ORIGIN, TRANSFER_ENCODING, VIA};
use axum::http::{HeaderMap, Method, Uri};

use crate::peer::Peer;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// A proxy on this machine makes anyone look like someone at this machine.
const PROXIES: [HeaderName; 5] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Why a request without a key is not taken for one of someone at this machine. The texts are for the wire: they say
/// nothing but what the request itself said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It came over the network. Like a missing token where one is always needed.
    NotLoopback,
    /// It came through a proxy.
    Proxied(HeaderName),
    /// It is addressed to a name that anyone's DNS may point here.
    ForeignHost(String),
    /// A page of another origin sent it.
    ForeignOrigin(String),
    /// The browser says that another site is behind it.
    CrossSite(String),
    /// A body that a page may send without asking first.
    NotJson,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::NotLoopback => "it did not come from this machine".to_owned(),
            Self::Proxied(header) => format!("it came through a proxy (header '{header}')"),
            Self::ForeignHost(host) => {
                format!("it is addressed to '{host}', not to localhost or a loopback address")
            }
            Self::ForeignOrigin(origin) => format!("it is a web page's, of the origin '{origin}'"),
            Self::CrossSite(site) => format!("the browser calls it '{site}' (header 'Sec-Fetch-Site')"),
            Self::NotJson => "its body is not declared as 'Content-Type: application/json'".to_owned(),
        };
        write!(
            f,
            "A request without a key is only taken from this machine and never from a web page, and {why}: send \
             'Authorization: SharedAccessSignature …' of a policy with Manage."
        )
    }
}

/// Whether this request may manage without a key.
pub(super) fn check(peer: &Peer, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
    if !peer.is_loopback() {
        return Err(Refused::NotLoopback);
    }
    if let Some(header) = PROXIES.into_iter().find(|header| headers.contains_key(header)) {
        return Err(Refused::Proxied(header));
    }
    let host = only(headers, &HOST).map_err(Refused::ForeignHost)?.unwrap_or_default();
    // A request may be addressed in its first line too, where that names a host (RFC 9112 §3.2.2).
    let addressed = uri.authority().map_or(host, |authority| authority.as_str());
    for name in [host, addressed] {
        if !is_loopback_name(name) {
            return Err(Refused::ForeignHost(shown(name)));
        }
    }
    if let Some(origin) = only(headers, &ORIGIN).map_err(Refused::ForeignOrigin)?
        && !origin.eq_ignore_ascii_case(&format!("{}://{host}", peer.scheme()))
    {
        return Err(Refused::ForeignOrigin(shown(origin)));
    }
    if let Some(site) = only(headers, &SEC_FETCH_SITE).map_err(Refused::CrossSite)?
        && !matches!(site, "same-origin" | "none")
    {
        return Err(Refused::CrossSite(shown(site)));
    }
    if changes(method) && has_body(headers) && !crate::arm::body::is_json(headers) {
        return Err(Refused::NotJson);
    }
    Ok(())
}

/// The value of a header that may stand once; what stood there instead is the error.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| "(not text)".to_owned()),
        (Some(_), Some(_)) => Err("(two values)".to_owned()),
    }
}

/// `localhost`, an address of 127.0.0.0/8, `[::1]`; a port may follow.
fn is_loopback_name(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            return address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()) && is_port(port);
        }
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let loopback = name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    (loopback || name.eq_ignore_ascii_case("localhost")) && is_port(port)
}

fn is_port(port: &str) -> bool {
    port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).map(|length| length.as_bytes() != b"0");
    headers.contains_key(TRANSFER_ENCODING) || length.unwrap_or(false)
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests;
