//! Being told to stop: the first signal stops in order, the second at once.

use std::io;

use tokio::sync::Mutex;
use tokio::sync::watch;

/// SIGTERM and SIGINT (Ctrl-C).
#[derive(Debug)]
pub(crate) struct Signals {
    inner: Mutex<platform::Inner>,
}

impl Signals {
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self { inner: Mutex::new(platform::Inner::install()?) })
    }

    /// The first signal, by name.
    pub(crate) async fn first(&self) -> &'static str {
        self.next().await
    }

    /// The next signal, by name.
    pub(crate) async fn next(&self) -> &'static str {
        self.inner.lock().await.recv().await
    }
}

/// Completes once `stop` says so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: the server is going away too.
    let _gone = stop.wait_for(|stop| *stop).await;
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    #[derive(Debug)]
    pub(super) struct Inner {
        interrupt: Signal,
        terminate: Signal,
    }

    impl Inner {
        pub(super) fn install() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }

        pub(super) async fn recv(&mut self) -> &'static str {
            tokio::select! {
                _ = self.interrupt.recv() => "interrupted",
                _ = self.terminate.recv() => "told to terminate",
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;

    #[derive(Debug)]
    pub(super) struct Inner;

    impl Inner {
        pub(super) fn install() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn recv(&mut self) -> &'static str {
            let _pressed = tokio::signal::ctrl_c().await;
            "interrupted"
        }
    }
}
