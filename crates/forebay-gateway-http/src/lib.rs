//! The HTTP shell. For now it answers one question: does this server serve?
//!
//! `GET /health` answers as Microsoft's Event Hubs emulator does, since container health checks and test
//! frameworks wait for exactly that. This crate never touches the log.

mod health;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use forebay_broker::Broker;
use tokio::net::TcpListener;

/// Serves HTTP on one listener until `stop` completes; requests that have begun are answered.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    broker: Arc<Broker>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new().route("/health", get(health::health)).with_state(broker);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}
