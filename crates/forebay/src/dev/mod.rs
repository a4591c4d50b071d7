//! `forebay dev`: a server for a laptop and for tests.

mod block;
mod emulator;
mod options;

use std::process::ExitCode;

use anyhow::Context as _;
use forebay_broker::DEFAULT_NAMESPACE;

use crate::cli::DevArgs;
use crate::server::{self, Announcement, Protocol};
use options::DevOptions;

/// Runs the server until it is told to stop.
pub(crate) fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    let options = DevOptions::try_from(args)?;
    server::run(options.plan(), async |serving| {
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
    })
}
