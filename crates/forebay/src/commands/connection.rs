//! Where a tool connects: a connection string from the command line or the environment, and a hub.

use std::env;
use std::path::PathBuf;

use clap::Args;
use forebay_client::net::Roots;
use forebay_client::{Client, Options, Target};

/// What `forebay dev` serves when it is started without flags.
const DEV: &str = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;\
                   SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";

/// Read in this order where the flag is not given.
const VARIABLES: [&str; 2] = ["FOREBAY_CONNECTION_STRING", "EVENTHUB_CONNECTION_STRING"];

/// Read where `--ca-file` is not given.
const CA_VARIABLE: &str = "FOREBAY_CA_FILE";

/// The flags of tools that connect.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// Connection string, in any form that the SDKs accept
    /// [default: FOREBAY_CONNECTION_STRING, EVENTHUB_CONNECTION_STRING, or the `forebay dev` of this machine]
    #[arg(long, value_name = "STRING")]
    pub(crate) connection_string: Option<String>,

    /// Hub [default: the EntityPath of the connection string]
    #[arg(long, value_name = "NAME")]
    pub(crate) hub: Option<String>,

    /// Certificates in PEM form that may have signed the server's [default: FOREBAY_CA_FILE, or the certificates
    /// that this machine trusts]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// A place to connect to, and the hub there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) target: Target,
    pub(super) hub: String,
    pub(super) roots: Roots,
}

impl ConnectionArgs {
    /// What the flags and the environment say. The error is one of usage, and shows no key.
    pub(super) fn place(&self) -> Result<Place, String> {
        self.place_in(|variable| env::var(variable).ok())
    }

    fn place_in(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Place, String> {
        let given = given(self.connection_string.as_deref(), &variable);
        let (origin, text) = given.unwrap_or_else(|| ("the default", DEV.to_owned()));
        let target: Target = text.parse().map_err(|error| format!("{origin}: {error}"))?;
        let hub = self.hub.clone().or_else(|| target.hub.clone());
        let hub = hub.filter(|hub| !hub.is_empty()).ok_or_else(|| {
            format!("no hub: give --hub NAME, or EntityPath=NAME in the connection string ({origin})")
        })?;
        Ok(Place { target, hub, roots: roots(self.ca_file.clone(), variable) })
    }
}

/// The connection string of the flag, else of the environment, and where it stood.
pub(super) fn given(
    flag: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    let of_environment = || {
        VARIABLES
            .into_iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value)))
    };
    flag.map(|text| ("--connection-string", text.to_owned())).or_else(of_environment)
}

/// The authorities of the flag, else of the environment, else of this machine.
pub(super) fn roots(flag: Option<PathBuf>, variable: impl Fn(&str) -> Option<String>) -> Roots {
    let of_environment = || variable(CA_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    flag.or_else(of_environment).map_or(Roots::System, Roots::File)
}

impl Place {
    pub(super) async fn connect(&self, tool: &str) -> Result<Client, forebay_client::Error> {
        let options = Options::named(&format!("forebay-{tool}-{}", std::process::id()));
        Client::connect(&self.target, Options { roots: self.roots.clone(), ..options }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SharedAccessKeyName=p;SharedAccessKey=secret;UseDevelopmentEmulator=true";

    fn args(connection_string: Option<&str>, hub: Option<&str>) -> ConnectionArgs {
        ConnectionArgs {
            connection_string: connection_string.map(str::to_owned),
            hub: hub.map(str::to_owned),
            ca_file: None,
        }
    }

    #[test]
    fn without_anything_the_dev_server_of_this_machine_is_meant() {
        let place = args(None, Some("events")).place_in(|_| None).unwrap();
        assert_eq!((place.target.address().as_str(), place.hub.as_str()), ("localhost:5672", "events"));
    }

    #[test]
    fn the_flag_goes_before_the_environment_and_ours_before_the_sdks() {
        let string = |host: &str| format!("Endpoint=sb://{host};{KEY};EntityPath=h");
        let both = |name: &str| match name {
            "FOREBAY_CONNECTION_STRING" => Some(string("ours")),
            "EVENTHUB_CONNECTION_STRING" => Some(string("theirs")),
            _ => None,
        };
        let theirs = |name: &str| both(name).filter(|_| name.starts_with("EVENTHUB"));
        let host = |place: Result<Place, String>| place.unwrap().target.host;
        assert_eq!(host(args(Some(&string("flag")), None).place_in(both)), "flag");
        assert_eq!(host(args(None, None).place_in(both)), "ours");
        assert_eq!(host(args(None, None).place_in(theirs)), "theirs");
        let empty = |_: &str| Some(String::new());
        assert_eq!(host(args(None, Some("h")).place_in(empty)), "localhost");
    }

    #[test]
    fn the_hub_is_the_flags_else_that_of_the_entity_path() {
        let string = format!("Endpoint=sb://h;{KEY};EntityPath=orders");
        let hub = |flag| args(Some(&string), flag).place_in(|_| None).unwrap().hub;
        assert_eq!(hub(None), "orders");
        assert_eq!(hub(Some("other")), "other");
    }

    #[test]
    fn a_ca_file_takes_the_place_of_the_machines_certificates() {
        let roots = |flag: Option<&str>, variable: Option<&str>| {
            let args = ConnectionArgs { ca_file: flag.map(PathBuf::from), ..args(None, Some("h")) };
            let ours = |name: &str| variable.filter(|_| name == CA_VARIABLE).map(str::to_owned);
            args.place_in(ours).unwrap().roots
        };
        let file = |path: &str| Roots::File(PathBuf::from(path));
        assert_eq!(roots(Some("flag.pem"), Some("variable.pem")), file("flag.pem"));
        assert_eq!(roots(None, Some("variable.pem")), file("variable.pem"));
        assert_eq!(roots(None, Some("")), Roots::System);
        assert_eq!(roots(None, None), Roots::System);
    }

    #[test]
    fn errors_name_the_fix_and_never_the_key() {
        let error = args(None, None).place_in(|_| None).unwrap_err();
        assert!(error.contains("--hub"), "{error}");
        let broken = format!("Endpoint=localhost;{KEY}");
        let error = args(Some(&broken), None).place_in(|_| None).unwrap_err();
        assert!(error.contains("--connection-string") && error.contains("sb://"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
