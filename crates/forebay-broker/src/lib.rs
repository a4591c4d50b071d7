//! Publish, subscribe and namespace changes over the storage doors.
//!
//! | to find | look in |
//! |---|---|
//! | how events come together into batches | [`collector`], [`hub`] |
//! | how a reader goes through a partition | [`cursor`], [`position`] |
//! | how a change of the catalogue is made and waited for | [`catalog`] |
//! | how logs follow the catalogue | [`hubs`] |
//! | which namespace a host means, what a credential gives | [`access`] |
//! | hubs and groups made on first use | [`first_use`] |
//! | hubs, groups, policies and keys as they are managed | [`manage`] |
//! | who reads what, and who is put out | [`readers`] |
//! | what each mode makes by itself | [`setup`], told by [`options`] |
//!
//! This crate never touches a socket, knows no protocol, and never assumes that storage is a local file.

mod access;
mod broker;
mod catalog;
mod collector;
mod cursor;
mod error;
mod first_use;
mod growing;
mod hub;
mod hubs;
mod log_limit;
mod manage;
mod memory;
mod options;
mod position;
mod random;
mod readers;
mod setup;
mod storage;
#[cfg(test)]
mod testing;

pub use access::Namespace;
pub use broker::{Broker, MESSAGE_BYTES_MAX};
pub use catalog::CatalogError;
pub use collector::PublishListener;
pub use cursor::{Cursor, CursorEvent, Next};
pub use error::{EntityError, NamespaceRefused, ReaderRefused};
pub use forebay_log::{Durability, rfc3339};
pub use forebay_namespace::{DEFAULT_NAMESPACE, DEFAULT_POLICY, KeySlot, Limits, Rights, Secret, Tier};
pub use hub::{Burst, Hub, Partition};
pub use log_limit::LogLimit;
pub use manage::{
    GroupInfo, HubInfo, HubWish, ManageError, NamespaceCredential, NamespaceInfo, PolicyInfo, PolicyKeys, Put,
};
pub use options::{
    BrokerOptions, Declared, DeclaredHub, DeclaredNamespace, DevKey, DevMode, Mode, NamespaceSpec, ServeMode,
};
pub use position::{Start, StartError, StartPosition};
pub use readers::{Lost, ReaderClaim, ReaderListener, ReaderWish};
pub use setup::keys::WELL_KNOWN_KEY;
pub use storage::{OpenError, OpenSummary};
