//! Link addresses: what a source or target names (docs/reference/amqp.md §5.1 and §6.1).
//!
//! ```text
//! [scheme://authority][/]hub                                       a sender to any partition
//! …hub/Partitions/N                                                a sender to one partition
//! …hub/Publishers/name                                             a sender bound by publisher policy
//! …hub/ConsumerGroups/group/Partitions/N                           a reader
//! …[hub/]$management                                               runtime information
//! $cbs                                                             tokens
//! ```
//!
//! Keywords are read in any letter case and from the right, because hub names may hold slashes. The host in an
//! address is not authoritative and is dropped. Names keep the letters they came with, so that what is made on
//! first use is called as it was first written.

use std::fmt;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::ResourcePath;
use crate::resource::{MANAGEMENT, RESERVED_SEGMENTS};

/// An address of more bytes than this names nothing: a hub of 256, a group of 256 and a partition, escaped.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// What a link's source or target names. Partition ids are kept as text: whether one exists is the
/// namespace's matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The node that takes tokens.
    Cbs,
    /// The node of runtime information, with the hub that Go puts in front of it.
    Management {
        /// The hub, if the address names one.
        hub: Option<String>,
    },
    /// A hub; the server picks the partition.
    Hub {
        /// The hub.
        hub: String,
    },
    /// One partition of a hub, to publish to.
    HubPartition {
        /// The hub.
        hub: String,
        /// The partition's id as written.
        partition: String,
    },
    /// A publisher of a hub.
    HubPublisher {
        /// The hub.
        hub: String,
        /// The publisher's name.
        publisher: String,
    },
    /// One partition of a hub, read through a consumer group.
    GroupPartition {
        /// The hub.
        hub: String,
        /// The consumer group.
        group: String,
        /// The partition's id as written.
        partition: String,
    },
}

impl Address {
    /// Reads the address of a source or a target.
    ///
    /// # Errors
    ///
    /// [`AddressError`] says what is wrong and which forms there are; nothing in it is secret.
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        let error = |problem| AddressError { address: address.chars().take(200).collect(), problem };
        if address.len() > ADDRESS_BYTES_MAX {
            return Err(error(AddressProblem::TooLong));
        }
        let path = match address.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => address,
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| error(AddressProblem::NotUtf8))?;
        if path.chars().any(char::is_control) {
            return Err(error(AddressProblem::ControlCharacter));
        }
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        Self::from_segments(&segments).map_err(error)
    }

    fn from_segments(segments: &[&str]) -> Result<Self, AddressProblem> {
        let keyword = |index_from_end: usize| {
            let index = segments.len().checked_sub(index_from_end)?;
            let word = segments[index];
            RESERVED_SEGMENTS.into_iter().find(|known| known.eq_ignore_ascii_case(word))
        };
        let front = |dropped: usize| segments[..segments.len() - dropped].join("/");
        let last = || segments[segments.len() - 1].to_owned();
        match segments {
            [] => return Err(AddressProblem::Empty),
            [only] if only.eq_ignore_ascii_case("$cbs") => return Ok(Self::Cbs),
            [.., node] if node.eq_ignore_ascii_case(MANAGEMENT) => {
                return Ok(Self::Management { hub: (segments.len() > 1).then(|| front(1)) });
            }
            [_] => return Ok(Self::Hub { hub: last() }),
            _ => {}
        }
        match (keyword(4), keyword(2), segments.len()) {
            (Some("consumergroups"), Some("partitions"), 5..) => Ok(Self::GroupPartition {
                hub: front(4),
                group: segments[segments.len() - 3].to_owned(),
                partition: last(),
            }),
            (_, Some("partitions"), 3..) => Ok(Self::HubPartition { hub: front(2), partition: last() }),
            (_, Some("publishers"), 3..) => Ok(Self::HubPublisher { hub: front(2), publisher: last() }),
            (_, Some("consumergroups"), 3..) => Err(AddressProblem::GroupWithoutPartition),
            _ => match keyword(1) {
                Some("partitions" | "publishers" | "consumergroups") => Err(AddressProblem::Incomplete),
                _ => Ok(Self::Hub { hub: front(0) }),
            },
        }
    }

    /// The hub that the address is about.
    #[must_use]
    pub fn hub(&self) -> Option<&str> {
        match self {
            Self::Cbs => None,
            Self::Management { hub } => hub.as_deref(),
            Self::Hub { hub }
            | Self::HubPartition { hub, .. }
            | Self::HubPublisher { hub, .. }
            | Self::GroupPartition { hub, .. } => Some(hub),
        }
    }

    /// The resource that a grant must cover for this address.
    #[must_use]
    pub fn resource(&self) -> ResourcePath {
        ResourcePath::of_decoded(&self.to_string())
    }
}

/// The canonical form: no host, no slash in front, keywords as most clients write them.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cbs => f.write_str("$cbs"),
            Self::Management { hub: None } => f.write_str("$management"),
            Self::Management { hub: Some(hub) } => write!(f, "{hub}/$management"),
            Self::Hub { hub } => f.write_str(hub),
            Self::HubPartition { hub, partition } => write!(f, "{hub}/Partitions/{partition}"),
            Self::HubPublisher { hub, publisher } => write!(f, "{hub}/Publishers/{publisher}"),
            Self::GroupPartition { hub, group, partition } => {
                write!(f, "{hub}/ConsumerGroups/{group}/Partitions/{partition}")
            }
        }
    }
}

/// Why an address names nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the address '{address}' {problem}")]
pub struct AddressError {
    /// The address, cut at 200 characters.
    pub address: String,
    /// What is wrong with it.
    pub problem: AddressProblem,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressProblem {
    /// There is no path.
    #[error("names no hub: use 'hub', 'hub/Partitions/0' or 'hub/ConsumerGroups/$Default/Partitions/0'")]
    Empty,
    /// It ends with a keyword.
    #[error(
        "ends before the name that its last word announces: use 'hub/Partitions/0' or 'hub/Publishers/name'"
    )]
    Incomplete,
    /// A group is no source by itself.
    #[error("names a consumer group but no partition: add '/Partitions/0'")]
    GroupWithoutPartition,
    /// The percent escapes do not decode.
    #[error("has percent escapes that are not UTF-8: escape the UTF-8 bytes of the name")]
    NotUtf8,
    /// A control character, possibly escaped.
    #[error("holds a control character: remove it")]
    ControlCharacter,
    /// Longer than any name allows.
    #[error("is longer than 2048 bytes: hub names have at most 256 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(hub: &str) -> Address {
        Address::Hub { hub: hub.into() }
    }
    fn partition(hub: &str, partition: &str) -> Address {
        Address::HubPartition { hub: hub.into(), partition: partition.into() }
    }
    fn publisher(hub: &str, publisher: &str) -> Address {
        Address::HubPublisher { hub: hub.into(), publisher: publisher.into() }
    }
    fn reader(hub: &str, group: &str, partition: &str) -> Address {
        Address::GroupPartition { hub: hub.into(), group: group.into(), partition: partition.into() }
    }
    fn management(hub: Option<&str>) -> Address {
        Address::Management { hub: hub.map(Into::into) }
    }

    #[test]
    fn reads_every_form_that_clients_write() {
        for (text, address) in [
            // Python: scheme and host, the port where the endpoint had one, amqps even on plain links.
            ("amqps://localhost:5672/orders", hub("orders")),
            ("amqps://ns.servicebus.windows.net/orders/Partitions/3", partition("orders", "3")),
            (
                "amqps://localhost/orders/ConsumerGroups/$Default/Partitions/0",
                reader("orders", "$Default", "0"),
            ),
            // Rust.
            ("amqps://ns.servicebus.windows.net/orders", hub("orders")),
            ("amqps://ns/orders/ConsumerGroups/$Default/Partitions/0/", reader("orders", "$Default", "0")),
            // JavaScript, Go, Java.
            ("orders", hub("orders")),
            ("orders/Partitions/11", partition("orders", "11")),
            ("orders/ConsumerGroups/$default/Partitions/1", reader("orders", "$default", "1")),
            ("orders/$management", management(Some("orders"))),
            ("$management", management(None)),
            ("$cbs", Address::Cbs),
            // .NET: an absolute path, percent-escaped.
            ("/orders", hub("orders")),
            ("/orders/Partitions/0", partition("orders", "0")),
            ("/orders/ConsumerGroups/%24Default/Partitions/0", reader("orders", "$Default", "0")),
            ("/$cbs", Address::Cbs),
            // Publisher policies, as the documents spell them.
            ("orders/Publishers/dev-01", publisher("orders", "dev-01")),
            ("orders/publishers/dev%2001", publisher("orders", "dev 01")),
            // Letter case, slashes.
            ("Orders/PARTITIONS/0/", partition("Orders", "0")),
            ("//orders//consumergroups/g/partitions/0", reader("orders", "g", "0")),
            ("$CBS", Address::Cbs),
            ("$Management", management(None)),
            // Hub names with slashes, and hubs named like keywords: read from the right.
            ("team/orders", hub("team/orders")),
            ("team/orders/Partitions/0", partition("team/orders", "0")),
            ("a/b/c/ConsumerGroups/g/Partitions/0", reader("a/b/c", "g", "0")),
            ("team/orders/$management", management(Some("team/orders"))),
            ("partitions", hub("partitions")),
            ("partitions/partitions/0", partition("partitions", "0")),
            ("publishers/0", hub("publishers/0")),
            ("messages/ConsumerGroups/messages/Partitions/0", reader("messages", "messages", "0")),
            // A partition that cannot exist is still an address.
            ("orders/Partitions/abc", partition("orders", "abc")),
        ] {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
    }

    #[test]
    fn refuses_what_names_nothing_and_says_what_would() {
        for (text, problem) in [
            ("", AddressProblem::Empty),
            ("/", AddressProblem::Empty),
            ("amqps://localhost", AddressProblem::Empty),
            ("amqps://localhost/", AddressProblem::Empty),
            ("orders/Partitions", AddressProblem::Incomplete),
            ("orders/Partitions/", AddressProblem::Incomplete),
            ("orders/ConsumerGroups/g/Partitions/", AddressProblem::Incomplete),
            ("orders/ConsumerGroups/g", AddressProblem::GroupWithoutPartition),
            ("orders/%ff", AddressProblem::NotUtf8),
            ("orders%0a", AddressProblem::ControlCharacter),
        ] {
            assert_eq!(Address::parse(text).map_err(|error| error.problem), Err(problem), "{text}");
        }
        let long = "h".repeat(3_000);
        let error = Address::parse(&long).unwrap_err();
        assert_eq!((error.problem, error.address.len()), (AddressProblem::TooLong, 200));
    }

    #[test]
    fn an_address_written_out_reads_back() {
        for address in [
            Address::Cbs,
            management(None),
            management(Some("a/b")),
            hub("a/b"),
            partition("a", "0"),
            publisher("a", "p"),
            reader("a/b", "$Default", "7"),
        ] {
            assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
    }

    #[test]
    fn the_resource_of_an_address_is_normalised() {
        let address = Address::parse("amqps://NS/Orders/ConsumerGroups/$Default/Partitions/0").unwrap();
        assert_eq!(address.resource().as_str(), "orders/consumergroups/$default/partitions/0");
        assert_eq!(address.hub(), Some("Orders"));
        assert_eq!(address.resource().hub(), Some("orders"));
    }

    #[test]
    fn the_management_of_a_hub_whose_name_ends_like_a_partition_is_that_hubs() {
        let address = Address::parse("t/Partitions/$management").unwrap();
        assert_eq!((address.hub(), address.resource().hub()), (Some("t/Partitions"), Some("t/partitions")));
    }

    #[test]
    fn escapes_are_decoded_once_also_for_the_grant_that_is_asked_for() {
        let address = Address::parse("a%252Fb/Partitions/0").unwrap();
        assert_eq!(address.hub(), Some("a%2Fb"));
        assert_eq!(address.resource().as_str(), "a%2fb/partitions/0", "not a hub `a/b`, nor one in `a`");
        assert_eq!(address.resource().hub(), Some("a%2fb"));
    }
}
