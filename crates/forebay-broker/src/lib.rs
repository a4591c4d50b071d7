//! Publish, subscribe and namespace changes over the storage doors.
//!
//! | to find | look in |
//! |---|---|
//! | how events come together into batches | [`collector`], [`hub`] |
//! | how a reader goes through a partition | [`cursor`], [`position`] |
//! | how a change of the catalogue is made and waited for | [`catalog`] |
//! | who reads what, and who is put out | [`readers`] |
//! | what dev mode makes by itself | [`dev`] |
//!
//! This crate never touches a socket, knows no protocol, and never assumes that storage is a local file.

mod broker;
mod catalog;
mod collector;
mod cursor;
mod dev;
mod error;
mod hub;
mod memory;
mod options;
mod position;
mod random;
mod readers;
mod storage;

pub use broker::{Broker, MESSAGE_BYTES_MAX, Namespace};
pub use catalog::CatalogError;
pub use collector::PublishListener;
pub use cursor::{Cursor, CursorEvent, Next};
pub use dev::{Credential, DEV_POLICY, WELL_KNOWN_KEY};
pub use error::{EntityError, NamespaceRefused, ReaderRefused};
pub use forebay_log::{Durability, rfc3339};
pub use hub::{Burst, Hub, Partition};
pub use options::{BrokerOptions, DevKey};
pub use position::{Start, StartError, StartPosition};
pub use readers::{Lost, ReaderClaim, ReaderListener, ReaderWish};
pub use storage::{OpenError, OpenSummary};
