//! A small asynchronous AMQP client over the core's client role, for our tools, load figures and tests.
//!
//! ```no_run
//! # async fn example() -> Result<(), forebay_client::Error> {
//! use forebay_client::{Client, Destination, EventData, Options, Position, Subscription, Target};
//!
//! let target: Target = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;\
//!     SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true".parse()?;
//! let mut client = Client::connect(&target, Options::default()).await?;
//!
//! let producer = client.producer(&Destination::hub("events"), 500).await?;
//! client.send_event(producer, &EventData::new("hello")).await?;
//! client.all_accepted(producer).await?;
//!
//! let consumer = client.consumer(&Subscription::new("events", "0", Position::Earliest)).await?;
//! let event = client.receive().await?;
//! assert_eq!(event.consumer, consumer);
//! println!("{}", event.system()?.sequence);
//! client.close().await
//! # }
//! ```
//!
//! One [`Client`] is one connection; links are small handles ([`Producer`], [`Consumer`]) that its methods take.
//! There is no task behind it: the connection moves only while one of its methods is awaited, so nothing is
//! locked, nothing is sent between threads and a burst costs one write and one read. Who waits for something
//! else awaits [`Client::idle`] beside it, so that heartbeats and renewed tokens go out. Every method that waits
//! may be dropped half way and called again, except those that say otherwise.
//!
//! **Invariant**: nothing is ever retried, resent or reconnected. What the server did not acknowledge is reported
//! as such, in the order sent: kill tests rest on that. A caller who wants to try again makes a new client.
//!
//! Not here: WebSockets and claims other than a shared access signature or a ready token.

mod client;
mod consumer;
mod driver;
mod error;
mod event;
mod inbox;
mod links;
pub mod net;
mod position;
mod producer;
mod request;
mod target;
mod token;

pub use client::{Client, Options};
pub use consumer::{Consumer, Subscription};
pub use error::{Ended, Error, Reach, ServiceError};
pub use event::{BATCH_FORMAT, Batch, EventData, MESSAGE_FORMAT, Received, System};
pub use position::Position;
pub use producer::{Destination, Outcome, Producer, Settled};
pub use request::{HubProperties, PartitionProperties};
pub use target::{Auth, Target};
