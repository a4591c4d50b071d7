//! A running server, whatever mode it is in: listeners, the ready file, stopping in order.
//!
//! The order is the promise: ports are taken, the folder is open and recovered, every listener listens, then the
//! ready file appears and the block is printed. Stopping goes the other way round.

pub(crate) mod folder;
pub(crate) mod listeners;
mod open_files;
mod port_holder;
pub(crate) mod private;
mod ready_file;
mod stop;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use forebay_broker::{Broker, BrokerOptions};
use forebay_gateway_amqp::{Gateway, Listening};
use forebay_gateway_http::{AmqpEndpoint, HttpConfig, HttpGateway};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use listeners::{Listeners, Wish};
use ready_file::Ready;

/// The version that the block and the ready file show.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a mode wants to be served.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) listeners: Vec<Wish>,
    pub(crate) broker: BrokerOptions,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) stop_timeout: Duration,
    /// What the stop timeout is called where it was set.
    pub(crate) stop_timeout_name: &'static str,
    pub(crate) hangup: Hangup,
}

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// The terminal is gone, and the server with it.
    Stops,
    /// Somebody wants the certificates to be read again; that takes a restart, and a line says so.
    IsToldToRestart,
}

/// What serves.
#[derive(Debug)]
pub(crate) struct Serving<'a> {
    pub(crate) broker: &'a Arc<Broker>,
    /// In the order of the plan; those that were skipped are not there.
    pub(crate) listeners: &'a [(Protocol, Vec<SocketAddr>)],
}

/// What a mode says once everything serves.
#[derive(Debug)]
pub(crate) struct Announcement {
    /// For the ready file.
    pub(crate) connection_string: String,
    /// Printed.
    pub(crate) block: String,
}

/// What is spoken at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Amqps,
    Amqp,
    Https,
    Http,
}

impl Protocol {
    /// As the block writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amqps => "AMQPS",
            Self::Amqp => "AMQP",
            Self::Https => "HTTPS",
            Self::Http => "HTTP",
        }
    }
}

impl Serving<'_> {
    /// Where a protocol is spoken; empty where it is not.
    pub(crate) fn addresses(&self, protocol: Protocol) -> &[SocketAddr] {
        self.listeners.iter().find(|(of, _)| *of == protocol).map_or(&[], |(_, addresses)| addresses)
    }

    /// The AMQP listener that connection strings lead to: the one with TLS, if there is one.
    pub(crate) fn amqp_endpoint(&self) -> AmqpEndpoint {
        let port = |protocol| Some(self.addresses(protocol).first()?.port());
        let with_tls = port(Protocol::Amqps).map(|port| AmqpEndpoint { port, tls: true });
        let without = || port(Protocol::Amqp).map(|port| AmqpEndpoint { port, tls: false });
        // Where AMQP is off, as clients would look for it.
        with_tls.or_else(without).unwrap_or(AmqpEndpoint { port: 5671, tls: true })
    }
}

/// Runs a server until it is told to stop. `announce` is called once, when everything serves.
pub(crate) fn run(
    plan: Plan,
    announce: impl AsyncFnOnce(&Serving<'_>) -> anyhow::Result<Announcement>,
) -> anyhow::Result<ExitCode> {
    if let Some(path) = &plan.ready_file {
        ready_file::remove_stale(path)?;
    }
    open_files::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(serve(plan, announce));
    // What is still running after the stop timeout is cut here.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

async fn serve(
    plan: Plan,
    announce: impl AsyncFnOnce(&Serving<'_>) -> anyhow::Result<Announcement>,
) -> anyhow::Result<ExitCode> {
    // Ports first: a busy one is the commonest mistake, and costs nothing to find.
    let mut listening = Vec::new();
    for wish in plan.listeners {
        if let Some(listeners) = listeners::fulfil(&wish)? {
            listening.push((wish, listeners));
        }
    }
    let signals = stop::Signals::install(plan.hangup).context("cannot listen for signals")?;

    let broker = Arc::new(Broker::open(plan.broker.clone()).await?);
    let addresses: Vec<_> =
        listening.iter().map(|(wish, listeners)| (wish.protocol, listeners.addresses())).collect();
    let serving = Serving { broker: &broker, listeners: &addresses };
    let amqp = Gateway::new(Arc::clone(&broker));
    let http = HttpGateway::new(
        Arc::clone(&broker),
        HttpConfig { amqp: serving.amqp_endpoint(), ..HttpConfig::default() },
    );

    let (stop_sender, stop) = tokio::sync::watch::channel(false);
    let mut tasks = JoinSet::new();
    for (wish, listeners) in listening {
        start(&mut tasks, &wish, listeners, (&amqp, &http), &stop)?;
    }

    broker.set_serving(true);
    let announcement = announce(&serving).await?;
    if let Some(path) = &plan.ready_file {
        let durability = broker.durability().to_string();
        let text = &announcement.connection_string;
        ready_file::write(path, &Ready::new(&serving, text, plan.broker.data.as_deref(), durability))?;
    }
    print(&announcement.block);

    let stopping = signals.first().await;
    tracing::info!("{stopping}: finishing what was taken (at most {} s)", plan.stop_timeout.as_secs());
    broker.set_serving(false);
    stop_sender.send_replace(true);
    let in_order = async {
        amqp.stop().await;
        while tasks.join_next().await.is_some() {}
        broker.close().await
    };
    let code = tokio::select! {
        outcome = tokio::time::timeout(plan.stop_timeout, in_order) => match outcome {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(error)) => return Err(error).context("the data folder could not be closed cleanly"),
            Err(_) => {
                let name = plan.stop_timeout_name;
                tracing::warn!("stopped after {name}; the next start recovers what was in flight");
                ExitCode::FAILURE
            }
        },
        second = signals.next() => {
            tracing::warn!("{second} again: exiting at once");
            ExitCode::FAILURE
        }
    };
    if let Some(path) = &plan.ready_file {
        ready_file::remove_stale(path)?;
    }
    tracing::info!("stopped");
    Ok(code)
}

/// A task for each socket.
fn start(
    tasks: &mut JoinSet<std::io::Result<()>>,
    wish: &Wish,
    listeners: Listeners,
    (amqp, http): (&Arc<Gateway>, &Arc<HttpGateway>),
    stop: &tokio::sync::watch::Receiver<bool>,
) -> anyhow::Result<()> {
    for socket in listeners.sockets {
        let socket = TcpListener::from_std(socket)?;
        let mut stop = stop.clone();
        let stop = async move { stop::stopped(&mut stop).await };
        let tls = wish.tls.clone();
        match wish.protocol {
            Protocol::Amqp | Protocol::Amqps => {
                let listening = Listening { tls, offer_plain: wish.offer_plain };
                tasks.spawn(Arc::clone(amqp).serve(socket, listening, stop));
            }
            Protocol::Http | Protocol::Https => {
                tasks.spawn(Arc::clone(http).serve(socket, tls, stop));
            }
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the block is what a person starts the server for")]
fn print(block: &str) {
    println!("{block}");
}
