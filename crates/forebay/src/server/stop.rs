//! Being told to stop: the first signal stops in order, the second at once.

use std::io;

use tokio::sync::Mutex;
use tokio::sync::watch;

use super::Hangup;

/// SIGTERM, SIGINT (Ctrl-C) and SIGHUP.
#[derive(Debug)]
pub(crate) struct Signals {
    inner: Mutex<platform::Inner>,
}

impl Signals {
    pub(crate) fn install(hangup: Hangup) -> io::Result<Self> {
        Ok(Self { inner: Mutex::new(platform::Inner::install(hangup)?) })
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

    use super::Hangup;

    #[derive(Debug)]
    pub(super) struct Inner {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
        hangup_means: Hangup,
    }

    impl Inner {
        pub(super) fn install(hangup_means: Hangup) -> io::Result<Self> {
            Ok(Self {
                hangup_means,
                hangup: signal(SignalKind::hangup())?,
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }

        pub(super) async fn recv(&mut self) -> &'static str {
            loop {
                tokio::select! {
                    _ = self.interrupt.recv() => return "interrupted",
                    _ = self.terminate.recv() => return "told to terminate",
                    _ = self.hangup.recv() => match self.hangup_means {
                        Hangup::Stops => return "hung up",
                        Hangup::IsToldToRestart => tracing::warn!(
                            "SIGHUP changes nothing: configuration and certificates are read at the start only; \
                             restart to use new ones"
                        ),
                    },
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;

    use super::Hangup;

    #[derive(Debug)]
    pub(super) struct Inner;

    impl Inner {
        pub(super) fn install(_: Hangup) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn recv(&mut self) -> &'static str {
            let _pressed = tokio::signal::ctrl_c().await;
            "interrupted"
        }
    }
}
