//! Which server, which namespace, and who asks.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use forebay_client::net::Tls;
use forebay_client::{Auth, Target};

use crate::commands::connection;

/// The HTTP port of `forebay dev`.
const DEV_PORT: u16 = 5300;
/// The ports of AMQP without and with TLS; a server that has these has the usual HTTP port too.
const AMQP_PORT: u16 = 5672;
const AMQPS_PORT: u16 = 5671;

/// The flags that all management commands have.
#[derive(Debug, Args)]
pub(crate) struct ManageArgs {
    /// Connection string of a policy with Manage
    /// [default: FOREBAY_CONNECTION_STRING, EVENTHUB_CONNECTION_STRING, or the `forebay dev` of this machine]
    #[arg(long, value_name = "STRING", global = true)]
    pub(crate) connection_string: Option<String>,

    /// Management address, `http://HOST:PORT` or `https://HOST[:PORT]`
    /// [default: FOREBAY_URL, or the connection string's host: port 5300 in development, else 443]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) url: Option<String>,

    /// Namespace [default: the one that the connection string's host means]
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) namespace: Option<String>,

    /// Trust the authorities in this PEM file, and no others [default: FOREBAY_CA_FILE, else the system's]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca_file: Option<PathBuf>,

    /// Print the server's answer as JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A server, a namespace, a credential.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) tls: Tls,
    pub(super) host: String,
    pub(super) port: u16,
    /// `None`: the server is asked which namespaces the credential opens.
    pub(super) namespace: Option<String>,
    /// The host says nothing of a namespace (`localhost`): the namespace is that of a development server, and where
    /// there is none of this name the server is asked.
    pub(super) is_guess: bool,
    /// `None`: a development server on this machine asks for none.
    pub(super) target: Option<Target>,
}

impl ManageArgs {
    /// What the flags and the environment say. The error is one of usage, and shows no key.
    pub(super) fn place(&self) -> Result<Place, String> {
        self.place_in(|variable| env::var(variable).ok())
    }

    fn place_in(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Place, String> {
        let url = self.url.clone().map(|url| ("--url", url)).or_else(|| {
            variable("FOREBAY_URL").filter(|url| !url.is_empty()).map(|url| ("FOREBAY_URL", url))
        });
        let given = connection::given(self.connection_string.as_deref(), &variable);
        let target = match given {
            Some((origin, text)) => {
                let target: Target = text.parse().map_err(|error| format!("{origin}: {error}"))?;
                if matches!(target.auth, Auth::Anonymous) {
                    return Err(format!(
                        "{origin}: management needs SharedAccessKeyName and SharedAccessKey of a policy with Manage"
                    ));
                }
                Some(target)
            }
            None => None,
        };
        let (tls, host, port) = match (url, &target) {
            // Guessing another port than the one that was meant would reach another server.
            (None, Some(target)) if target.port != if target.tls { AMQPS_PORT } else { AMQP_PORT } => {
                let (port, scheme) = (target.port, if target.tls { "https" } else { "http" });
                return Err(format!(
                    "the connection string names port {port}, which is for AMQP: say where management is with \
                     --url {scheme}://{}:PORT (the server says its HTTP port when it starts)",
                    target.host
                ));
            }
            (Some((origin, url)), _) => parse_url(&url).map_err(|why| format!("{origin} {url}: {why}"))?,
            (None, Some(target)) if !target.tls => (false, target.host.clone(), DEV_PORT),
            (None, Some(target)) => (true, target.host.clone(), 443),
            (None, None) => (false, "localhost".to_owned(), DEV_PORT),
        };
        let addressed = target.as_ref().map_or(host.as_str(), |target| &target.namespace);
        let namespace = self.namespace.clone().or_else(|| namespace_of(addressed));
        let is_guess = self.namespace.is_none() && says_nothing(addressed);
        let roots = connection::roots(self.ca_file.clone(), &variable);
        let tls = if tls { Tls::On { roots } } else { Tls::Off };
        Ok(Place { tls, host, port, namespace, is_guess, target })
    }
}

/// Scheme, host and port; nothing else may stand there.
fn parse_url(url: &str) -> Result<(bool, String, u16), &'static str> {
    const FORM: &str = "write http://HOST:PORT or https://HOST[:PORT]";
    let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(FORM),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
        return Err(FORM);
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') && (!host.contains(':') || host.ends_with(']')) => {
            (host, port.parse().ok().filter(|port| *port != 0).ok_or("the port is a number from 1 to 65535")?)
        }
        _ => (authority, if tls { 443 } else { 80 }),
    };
    Ok((tls, host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

/// The namespace that a host name means to every server, where it does (docs/reference/amqp.md §1.2); a server may
/// have given it other names.
fn namespace_of(host: &str) -> Option<String> {
    if says_nothing(host) {
        return Some("default".to_owned());
    }
    let host = host.split_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let name = host.strip_suffix(".localhost").or_else(|| host.strip_suffix(".servicebus.windows.net"))?;
    (!name.contains('.')).then(|| name.to_owned())
}

/// Whether a host is a machine's name or address: a development server takes it for its default namespace.
fn says_nothing(host: &str) -> bool {
    let host = host.split_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok() || !host.contains('.') || host == "host.docker.internal"
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SharedAccessKeyName=p;SharedAccessKey=secret";

    fn args(connection_string: Option<&str>, url: Option<&str>) -> ManageArgs {
        ManageArgs {
            connection_string: connection_string.map(str::to_owned),
            url: url.map(str::to_owned),
            namespace: None,
            ca_file: None,
            json: false,
        }
    }

    fn address(args: &ManageArgs) -> (bool, String, u16, Option<String>) {
        let place = args.place_in(|_| None).unwrap();
        (place.tls != Tls::Off, place.host, place.port, place.namespace)
    }

    #[test]
    fn without_anything_the_dev_server_of_this_machine_is_meant_and_no_key_is_shown_to_it() {
        let place = args(None, None).place_in(|_| None).unwrap();
        assert_eq!((place.tls, place.host.as_str(), place.port), (Tls::Off, "localhost", 5300));
        assert_eq!((place.namespace.as_deref(), place.target), (Some("default"), None));
    }

    #[test]
    fn a_connection_string_says_where_and_the_url_goes_before_it() {
        let default = Some("default".to_owned());
        let dev = format!("Endpoint=sb://localhost;{KEY};UseDevelopmentEmulator=true");
        assert_eq!(address(&args(Some(&dev), None)), (false, "localhost".into(), 5300, default.clone()));
        let served = format!("Endpoint=sb://orders.servicebus.windows.net;{KEY}");
        assert_eq!(
            address(&args(Some(&served), None)),
            (true, "orders.servicebus.windows.net".into(), 443, Some("orders".into()))
        );
        assert_eq!(
            address(&args(Some(&dev), Some("https://[::1]:8443/"))),
            (true, "::1".into(), 8443, default.clone())
        );
        assert_eq!(
            address(&args(Some(&dev), Some("http://127.0.0.1:80"))),
            (false, "127.0.0.1".into(), 80, default)
        );
        let own = format!("Endpoint=sb://events.example.com;{KEY}");
        assert_eq!(address(&args(Some(&own), None)), (true, "events.example.com".into(), 443, None));
    }

    #[test]
    fn a_server_on_other_ports_is_not_guessed() {
        for (endpoint, emulator, scheme) in [
            ("sb://localhost:41234", ";UseDevelopmentEmulator=true", "http"),
            ("sb://orders.example.org:15671", "", "https"),
        ] {
            let string = format!("Endpoint={endpoint};{KEY}{emulator}");
            let error = args(Some(&string), None).place_in(|_| None).unwrap_err();
            assert!(error.contains(&format!("--url {scheme}://")), "{error}");
            assert!(!error.contains("secret"), "{error}");
            assert!(args(Some(&string), Some("http://localhost:7")).place_in(|_| None).is_ok());
        }
    }

    #[test]
    fn the_environment_counts_where_no_flag_is_given() {
        let variables = |name: &str| (name == "FOREBAY_URL").then(|| "http://127.0.0.1:7000".to_owned());
        assert_eq!(args(None, None).place_in(variables).unwrap().port, 7000);
        assert_eq!(args(None, Some("http://h:1")).place_in(variables).unwrap().port, 1);
        let empty = |_: &str| Some(String::new());
        assert_eq!(args(None, None).place_in(empty).unwrap().port, 5300);
    }

    #[test]
    fn errors_name_the_flag_and_the_form_and_never_the_key() {
        for url in [
            "localhost:5300",
            "ftp://h",
            "http://",
            "http://h:0",
            "http://h:x",
            "http://h/path",
            "http://u@h",
        ] {
            let error = args(None, Some(url)).place_in(|_| None).unwrap_err();
            assert!(error.starts_with(&format!("--url {url}: ")), "{error}");
        }
        let broken = format!("Endpoint=localhost;{KEY}");
        let error = args(Some(&broken), None).place_in(|_| None).unwrap_err();
        assert!(error.contains("--connection-string") && !error.contains("secret"), "{error}");
    }
}
