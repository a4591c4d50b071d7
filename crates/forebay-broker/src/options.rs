//! How a broker is opened.

use std::path::PathBuf;

use forebay_log::Durability;
use forebay_namespace::Limits;

/// What is decided about the broker before it opens.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// The data folder; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// When an event is acknowledged.
    pub durability: Durability,
    /// Bound of the events kept in memory when there is no folder.
    pub memory_bytes: u64,
    /// The byte budget for events on their way; `None` takes a quarter of the memory, at most 2 GiB.
    pub budget_bytes: Option<u64>,
    /// Make hubs and consumer groups on first use.
    pub auto_create: bool,
    /// How far a client's clock may be behind ours before its token counts as expired, in seconds.
    pub clock_skew_seconds: u64,
    /// For a developer's machine, or for others.
    pub mode: Mode,
}

/// Whom the server is for: it decides which names are good and which keys.
#[derive(Debug, Clone)]
pub enum Mode {
    /// A developer's machine: every host name is good for something, the key may be the well-known one.
    Dev(DevMode),
    /// Others: only what is configured is served, every key is generated.
    Serve(ServeMode),
}

/// What dev mode is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevMode {
    /// The key of `RootManageSharedAccessKey`.
    pub key: DevKey,
    /// What an emulator configuration declares, if one was given.
    pub declared: Option<Declared>,
}

/// Which key dev mode uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevKey {
    /// `SAS_KEY_VALUE`, as Microsoft's emulator: known to everyone. A folder that has a key of its own keeps that.
    WellKnown,
    /// The well-known key even so.
    WellKnownAsked,
    /// A random one, kept in the control log.
    Generated,
}

/// What is to be there from the start, by an emulator configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// The namespaces. The name of the first is another name of `default`; the others are namespaces of their own.
    pub namespaces: Vec<DeclaredNamespace>,
}

/// A declared namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredNamespace {
    /// Its name.
    pub name: String,
    /// Its hubs.
    pub hubs: Vec<DeclaredHub>,
}

/// A declared hub. One that is there with fewer partitions grows, one with more keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredHub {
    /// Its name.
    pub name: String,
    /// How many partitions; `None` for the default.
    pub partitions: Option<u32>,
    /// Its consumer groups besides `$Default`.
    pub groups: Vec<String>,
}

/// What serve mode is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServeMode {
    /// The namespaces that are served, and no others.
    pub namespaces: Vec<NamespaceSpec>,
    /// The one of them that is meant by host names which none of them lists; `None` refuses those.
    pub default_namespace: Option<String>,
}

/// A namespace that serve mode serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceSpec {
    /// Its name.
    pub name: String,
    /// The host names that are its own, exact or `*.suffix`; tokens must name one of them.
    pub hosts: Vec<String>,
    /// What it may have.
    pub limits: Limits,
}

impl Mode {
    /// The name that stands for `default` besides its own.
    pub(crate) fn alias(&self) -> Option<&str> {
        match self {
            Self::Dev(dev) => Some(dev.declared.as_ref()?.namespaces.first()?.name.as_str()),
            Self::Serve(_) => None,
        }
    }
}
