//! `forebay dev`: a server for a laptop and for tests.
//!
//! The order is the promise: the folder is open and recovered, every listener listens, then the ready file
//! appears and the block is printed. Stopping goes the other way round.

mod block;
mod listeners;
mod options;
mod port_holder;
mod ready_file;
mod stop;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use forebay_broker::{Broker, DEFAULT_NAMESPACE};
use forebay_gateway_amqp::{Gateway, Listening};
use forebay_gateway_http::{HttpConfig, HttpGateway};
use tokio::net::TcpListener;

use crate::cli::DevArgs;
use listeners::Listeners;
use options::DevOptions;

/// Runs the server until it is told to stop.
pub(crate) fn run(args: DevArgs) -> anyhow::Result<ExitCode> {
    let options = DevOptions::try_from(args)?;
    if let Some(path) = &options.ready_file {
        ready_file::remove_stale(path)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(serve(&options));
    // What is still running after the stop timeout is cut here.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

async fn serve(options: &DevOptions) -> anyhow::Result<ExitCode> {
    // Ports first: a busy one is the commonest mistake, and costs nothing to find.
    let amqp = listeners::listen(&options.addresses, options.amqp_port, "--amqp-port")?;
    let http = listeners::listen(&options.addresses, options.http_port, "--http-port")?;
    let signals = stop::Signals::install().context("cannot listen for signals")?;

    let broker = Arc::new(Broker::open(options.broker()).await?);
    let credentials = broker.credentials();
    let credential = credentials.iter().find(|credential| credential.namespace == DEFAULT_NAMESPACE);
    let credential = credential.context("the default namespace has no policy that may manage it")?;
    let gateway = Gateway::new(Arc::clone(&broker));

    let (amqp_addresses, http_addresses) = (amqp.addresses(), http.addresses());
    let mut tasks = tokio::task::JoinSet::new();
    let (stop_sender, stop) = tokio::sync::watch::channel(false);
    for socket in into_tokio(amqp)? {
        let (gateway, mut stop) = (Arc::clone(&gateway), stop.clone());
        tasks.spawn(async move {
            let stop = async move { stop::stopped(&mut stop).await };
            gateway.serve(socket, Listening::default(), stop).await
        });
    }
    let mut management = HttpConfig::default();
    if let Some(address) = amqp_addresses.first() {
        management.amqp.port = address.port();
    }
    let management = HttpGateway::new(Arc::clone(&broker), management);
    for socket in into_tokio(http)? {
        let (management, mut stop) = (Arc::clone(&management), stop.clone());
        tasks.spawn(async move {
            let stop = async move { stop::stopped(&mut stop).await };
            management.serve(socket, None, stop).await
        });
    }

    let block = block::Block {
        options,
        amqp: &amqp_addresses,
        http: &http_addresses,
        credential,
        opened: broker.open_summary(),
    };
    broker.set_serving(true);
    if let Some(path) = &options.ready_file {
        ready_file::write(path, &block.ready(&block.connection_string()))?;
    }
    block.print();

    let stopping = signals.first().await;
    tracing::info!("{stopping}: finishing what was taken (at most {} s)", options.stop_timeout.as_secs());
    broker.set_serving(false);
    stop_sender.send_replace(true);
    let in_order = async {
        gateway.stop().await;
        while tasks.join_next().await.is_some() {}
        broker.close().await
    };
    let code = tokio::select! {
        outcome = tokio::time::timeout(options.stop_timeout, in_order) => match outcome {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(error)) => return Err(error).context("the data folder could not be closed cleanly"),
            Err(_) => {
                tracing::warn!("stopped after --stop-timeout; the next start recovers what was in flight");
                ExitCode::FAILURE
            }
        },
        second = signals.next() => {
            tracing::warn!("{second} again: exiting at once");
            ExitCode::FAILURE
        }
    };
    if let Some(path) = &options.ready_file {
        ready_file::remove_stale(path)?;
    }
    tracing::info!("stopped");
    Ok(code)
}

fn into_tokio(listeners: Listeners) -> anyhow::Result<Vec<TcpListener>> {
    listeners.sockets.into_iter().map(|socket| Ok(TcpListener::from_std(socket)?)).collect()
}
