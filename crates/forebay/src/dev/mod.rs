//! `forebay dev`: a server for a laptop and for tests.

mod block;
mod emulator;
mod options;

use std::process::ExitCode;

use anyhow::Context as _;
use forebay_broker::{DEFAULT_NAMESPACE, NamespaceInfo, OpenError};

use crate::cli::DevArgs;
use crate::commands::wrong_usage;
use crate::server::{self, Announcement, Protocol};
use options::DevOptions;

/// Runs the server until it is told to stop.
pub(crate) fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    let options = match DevOptions::try_from(args) {
        Ok(options) => options,
        Err(error) => return Ok(wrong_usage(&format_args!("{error:#}"))),
    };
    let served = server::run(options.plan(), async |serving| {
        if let Some(others) = other_namespaces(&options, &serving.broker.namespace_infos()) {
            tracing::warn!("{others}");
        }
        let credentials = serving.broker.credentials();
        let credential = credentials.iter().find(|credential| credential.namespace == DEFAULT_NAMESPACE);
        let credential = credential.context("the default namespace has no policy that may manage it")?;
        let default = serving.broker.find_namespace(DEFAULT_NAMESPACE);
        let hubs = default.map_or_else(Vec::new, |namespace| serving.broker.hub_infos(&namespace));
        let block = block::Block {
            options: &options,
            amqp: serving.addresses(Protocol::Amqp),
            http: serving.addresses(Protocol::Http),
            credential,
            opened: serving.broker.open_summary(),
            hub: block::shown_hub(&options, &hubs),
        };
        Ok(Announcement { connection_string: block.connection_string(), block: block.to_string() })
    });
    // Its own words have the cause in them.
    served.map_err(|error| match error.downcast::<OpenError>() {
        Ok(OpenError::Folder(error)) => {
            let folder = options.data.clone().unwrap_or_default();
            let (found, fix) = server::folder::explain(&error.to_string(), &folder);
            anyhow::anyhow!("--data: {found}; {fix}")
        }
        Ok(error) => error.into(),
        Err(error) => error,
    })
}

/// Says which namespaces of the folder the printed connection string does not lead to, and what does: a folder of
/// `forebay serve` would look empty otherwise. Those that an emulator configuration declares are no surprise.
fn other_namespaces(options: &DevOptions, namespaces: &[NamespaceInfo]) -> Option<String> {
    let declared = |name: &str| {
        let declared = options.declared.iter().flat_map(|declared| &declared.namespaces);
        declared.into_iter().any(|declared| declared.name.eq_ignore_ascii_case(name))
    };
    let others: Vec<_> = namespaces
        .iter()
        .map(|namespace| namespace.name.as_str())
        .filter(|name| *name != DEFAULT_NAMESPACE && !declared(name))
        .collect();
    let hosts: Vec<_> = others.iter().map(|name| format!("{name}.localhost")).collect();
    (!others.is_empty()).then(|| {
        format!(
            "the data folder has namespaces beside the default one, with hubs and keys of their own: {}; connect to {} \
             for them",
            others.join(", "),
            hosts.join(", ")
        )
    })
}
