//! §3.4 Delivery states.

use alloc::boxed::Box;

use super::composite::composite;
use super::{Composite, DescriptorCode, Error, Fields};
use crate::error::{DecodeError, DecodeFault};
use crate::wire::{Decode, Described, Encode, Reader, Value, Writer, skip_value};

/// What became, or is becoming, of a delivery (§3.4).
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryState {
    /// §3.4.1, not final: how much has arrived.
    Received(Received),
    /// §3.4.2: taken.
    Accepted,
    /// §3.4.3: refused for good.
    Rejected(Option<Error>),
    /// §3.4.4: not taken, not looked at; may be sent again.
    Released,
    /// §3.4.5: not taken; may be sent again, but changed.
    Modified(Modified),
    /// A state that this crate does not know, such as a transaction's (§4.5.8).
    Other(Box<Described>),
}

composite! {
    /// §3.4.1, `00 53 23`.
    #[derive(Copy, Eq)]
    pub Received = RECEIVED "received" {
        /// The section that arrives next.
        required section_number: u32,
        /// The first byte of it that has not arrived.
        required section_offset: u64,
    }
}

composite! {
    /// §3.4.5, `00 53 27`.
    pub Modified = MODIFIED "modified" {
        /// The delivery counts as a failed one.
        default(false) delivery_failed: bool,
        /// It is not to be sent to the same receiver again.
        default(false) undeliverable_here: bool,
        /// To be merged into the message's annotations.
        default(Fields::new()) message_annotations: Fields,
    }
}

composite! {
    /// §3.4.3, `00 53 25`.
    Rejected = REJECTED "rejected" {
        /// Why.
        optional error: Error,
    }
}

impl DeliveryState {
    /// Whether it is an outcome (§3.4): final.
    #[must_use]
    pub const fn is_outcome(&self) -> bool {
        !matches!(self, Self::Received(_) | Self::Other(_))
    }

    /// Rejected, with why.
    #[must_use]
    pub const fn rejected(error: Error) -> Self {
        Self::Rejected(Some(error))
    }
}

impl<'a> Decode<'a> for DeliveryState {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        match DescriptorCode::read(reader) {
            // A list without fields, of which a later version may have some.
            Ok(DescriptorCode::ACCEPTED) => skip_value(reader).map(|()| Self::Accepted),
            Ok(DescriptorCode::RELEASED) => skip_value(reader).map(|()| Self::Released),
            Ok(DescriptorCode::RECEIVED) => Received::decode_list(reader).map(Self::Received),
            Ok(DescriptorCode::REJECTED) => {
                Rejected::decode_list(reader).map(|rejected| Self::Rejected(rejected.error))
            }
            Ok(DescriptorCode::MODIFIED) => Modified::decode_list(reader).map(Self::Modified),
            _ => {
                *reader = start;
                match Value::decode(reader)? {
                    Value::Described(described) => Ok(Self::Other(described)),
                    _ => Err(start.error(DecodeFault::WrongType(start.peek().unwrap_or_default()))),
                }
            }
        }
    }
}

/// Outcomes without fields are `00 53 24 45`, which all clients read (`docs/reference/amqp.md` §8.1).
impl Encode for DeliveryState {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Received(received) => received.encode(writer),
            Self::Accepted => {
                writer.descriptor(DescriptorCode::ACCEPTED.0);
                writer.list0();
            }
            Self::Rejected(None) => {
                writer.descriptor(DescriptorCode::REJECTED.0);
                writer.list(1, Writer::null);
            }
            Self::Rejected(Some(error)) => {
                writer.descriptor(DescriptorCode::REJECTED.0);
                writer.list(1, |writer| error.encode(writer));
            }
            Self::Released => {
                writer.descriptor(DescriptorCode::RELEASED.0);
                writer.list0();
            }
            Self::Modified(modified) => modified.encode(writer),
            Self::Other(described) => {
                writer.raw(&[crate::wire::format::DESCRIBED]);
                described.descriptor.encode(writer);
                described.value.encode(writer);
            }
        }
    }
}
