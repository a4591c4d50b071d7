//! §3.2 The two sections of a message that are composites: header and properties.

use super::composite::composite;
use super::{Milliseconds, Timestamp};
use crate::wire::{Symbol, Value};

composite! {
    /// §3.2.1, `00 53 70`: how the message is to be carried.
    pub Header = HEADER "header" {
        /// Survives a crash of who carries it.
        default(false) durable: bool,
        /// Higher goes first.
        default(4) priority: u8,
        /// How long it is of use.
        optional ttl: Milliseconds,
        /// No other link has had it.
        default(false) first_acquirer: bool,
        /// How many deliveries of it have failed.
        default(0) delivery_count: u32,
    }
}

composite! {
    /// §3.2.4, `00 53 73`: the sender's words about the message. Texts are borrowed; the two ids keep their
    /// type.
    pub Properties<'a> = PROPERTIES "properties" {
        /// Ulong, uuid, binary or string (§3.2.11-3.2.14).
        optional message_id: Value,
        /// Who made it.
        optional user_id: &'a [u8],
        /// The node it is meant for.
        optional to: &'a str,
        /// What it is about.
        optional subject: &'a str,
        /// The node an answer is wanted at.
        optional reply_to: &'a str,
        /// The id of the message it answers, in the same type.
        optional correlation_id: Value,
        /// The MIME type of its data.
        optional content_type: Symbol,
        /// The encoding of its data.
        optional content_encoding: Symbol,
        /// When it is void, in milliseconds since 1970 UTC.
        optional absolute_expiry_time: Timestamp,
        /// When it was made, in milliseconds since 1970 UTC.
        optional creation_time: Timestamp,
        /// The group it is of.
        optional group_id: &'a str,
        /// Its number in the group.
        optional group_sequence: u32,
        /// The group of answers to it.
        optional reply_to_group_id: &'a str,
    }
}

impl Default for Header {
    /// The defaults of the specification.
    fn default() -> Self {
        Self { durable: false, priority: 4, ttl: None, first_acquirer: false, delivery_count: 0 }
    }
}

impl Properties<'_> {
    /// No properties.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            message_id: None,
            user_id: None,
            to: None,
            subject: None,
            reply_to: None,
            correlation_id: None,
            content_type: None,
            content_encoding: None,
            absolute_expiry_time: None,
            creation_time: None,
            group_id: None,
            group_sequence: None,
            reply_to_group_id: None,
        }
    }
}

impl Default for Properties<'_> {
    fn default() -> Self {
        Self::new()
    }
}
