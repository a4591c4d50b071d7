//! §3.5 Sources and targets: the two ends of a link.

use alloc::string::String;

use super::composite::{FieldReader, composite};
use super::definitions::open_code;
use super::{DeliveryState, DescriptorCode, Fields, FilterSet, Symbols};
use crate::error::{DecodeError, DecodeFault};
use crate::wire::{Decode, Encode, Reader, Symbol, Writer};

open_code! {
    /// What of a terminus survives its container (§3.5.5).
    TerminusDurability(u32) {
        /// Nothing; the default.
        NONE = 0,
        /// Its existence and configuration.
        CONFIGURATION = 1,
        /// Its unsettled deliveries as well.
        UNSETTLED_STATE = 2,
    }
}

/// The default of `expiry-policy` (§3.5.6).
pub(super) const SESSION_END: Symbol = Symbol::from_static("session-end");

composite! {
    /// §3.5.3, `00 53 28`: where deliveries come from.
    pub Source = SOURCE "source" {
        /// The node.
        optional address: String,
        /// What survives.
        default(TerminusDurability::NONE) durable: TerminusDurability,
        /// When the terminus expires: `link-detach`, `session-end`, `connection-close` or `never`.
        default(SESSION_END) expiry_policy: Symbol,
        /// Seconds from then until it is gone.
        default(0) timeout: u32,
        /// The node is to be made for this link.
        default(false) dynamic: bool,
        /// Properties of the node to be made.
        default(Fields::new()) dynamic_node_properties: Fields,
        /// `move` or `copy`.
        optional distribution_mode: Symbol,
        /// Which messages.
        default(FilterSet::new()) filter: FilterSet,
        /// The outcome of deliveries whose receiver tells none.
        optional default_outcome: DeliveryState,
        /// Outcomes that can be used.
        default(Symbols::new()) outcomes: Symbols,
        /// Extensions.
        default(Symbols::new()) capabilities: Symbols,
    }
}

impl Default for Source {
    fn default() -> Self {
        Self {
            address: None,
            durable: TerminusDurability::NONE,
            expiry_policy: SESSION_END,
            timeout: 0,
            dynamic: false,
            dynamic_node_properties: Fields::new(),
            distribution_mode: None,
            filter: FilterSet::new(),
            default_outcome: None,
            outcomes: Symbols::new(),
            capabilities: Symbols::new(),
        }
    }
}

impl Source {
    /// A source with this address.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), ..Self::default() }
    }
}

/// §3.5.4, `00 53 29`: where deliveries go to.
///
/// A transaction coordinator (§4.5.1, `00 53 30`) may stand in its place. We have none, so it is only told
/// apart, to be refused with `amqp:not-implemented`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The node.
    pub address: Option<String>,
    /// What survives.
    pub durable: TerminusDurability,
    /// When the terminus expires, as [`Source::expiry_policy`].
    pub expiry_policy: Symbol,
    /// Seconds from then until it is gone.
    pub timeout: u32,
    /// The node is to be made for this link.
    pub dynamic: bool,
    /// Properties of the node to be made.
    pub dynamic_node_properties: Fields,
    /// Extensions; of a coordinator, its kinds of transaction.
    pub capabilities: Symbols,
    /// It is no node but a transaction coordinator; the other fields but `capabilities` have no meaning then.
    pub coordinator: bool,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            address: None,
            durable: TerminusDurability::NONE,
            expiry_policy: SESSION_END,
            timeout: 0,
            dynamic: false,
            dynamic_node_properties: Fields::new(),
            capabilities: Symbols::new(),
            coordinator: false,
        }
    }
}

impl Target {
    /// A target with this address.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), ..Self::default() }
    }
}

impl Decode<'_> for Target {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        match DescriptorCode::read(reader)? {
            DescriptorCode::TARGET => {
                let mut fields = FieldReader::new(reader).map_err(|error| error.named("target"))?;
                let none = TerminusDurability::NONE;
                let target = Self {
                    address: composite!(@read fields optional String, "target.address"),
                    durable: composite!(@read fields default (none) TerminusDurability, "target.durable"),
                    expiry_policy: composite!(@read fields default (SESSION_END) Symbol, "target.expiry_policy"),
                    timeout: composite!(@read fields default (0) u32, "target.timeout"),
                    dynamic: composite!(@read fields default (false) bool, "target.dynamic"),
                    dynamic_node_properties: composite!(
                        @read fields default (Fields::new()) Fields, "target.dynamic_node_properties"
                    ),
                    capabilities: composite!(
                        @read fields default (Symbols::new()) Symbols, "target.capabilities"
                    ),
                    coordinator: false,
                };
                fields.finish().map_err(|error| error.named("target"))?;
                Ok(target)
            }
            DescriptorCode::COORDINATOR => {
                let mut fields = FieldReader::new(reader).map_err(|error| error.named("coordinator"))?;
                let capabilities =
                    composite!(@read fields default (Symbols::new()) Symbols, "coordinator.capabilities");
                Ok(Self { capabilities, coordinator: true, ..Self::default() })
            }
            _ => Err(start.error(DecodeFault::UnexpectedDescriptor)),
        }
    }
}

impl Encode for Target {
    fn encode(&self, writer: &mut Writer<'_>) {
        if self.coordinator {
            writer.descriptor(DescriptorCode::COORDINATOR.0);
            return writer.list(1, |writer| self.capabilities.encode(writer));
        }
        writer.descriptor(DescriptorCode::TARGET.0);
        writer.list(7, |writer| {
            self.address.encode(writer);
            self.durable.encode(writer);
            self.expiry_policy.encode(writer);
            self.timeout.encode(writer);
            self.dynamic.encode(writer);
            self.dynamic_node_properties.encode(writer);
            self.capabilities.encode(writer);
        });
    }
}
