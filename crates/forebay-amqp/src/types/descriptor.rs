//! Descriptors (§1.2): the number or symbol that says what a described value is.

use super::definitions::open_code;
use crate::error::{DecodeError, DecodeFault};
use crate::wire::{self, Reader, ValueRef};

open_code! {
    /// A descriptor's code. Those of the specification fit in one byte; its upper half, a domain, is 0.
    DescriptorCode(u64) {
        /// §2.7.1.
        OPEN = 0x10,
        /// §2.7.2.
        BEGIN = 0x11,
        /// §2.7.3.
        ATTACH = 0x12,
        /// §2.7.4.
        FLOW = 0x13,
        /// §2.7.5.
        TRANSFER = 0x14,
        /// §2.7.6.
        DISPOSITION = 0x15,
        /// §2.7.7.
        DETACH = 0x16,
        /// §2.7.8.
        END = 0x17,
        /// §2.7.9.
        CLOSE = 0x18,
        /// §2.8.14.
        ERROR = 0x1d,
        /// §3.4.1.
        RECEIVED = 0x23,
        /// §3.4.2.
        ACCEPTED = 0x24,
        /// §3.4.3.
        REJECTED = 0x25,
        /// §3.4.4.
        RELEASED = 0x26,
        /// §3.4.5.
        MODIFIED = 0x27,
        /// §3.5.3.
        SOURCE = 0x28,
        /// §3.5.4.
        TARGET = 0x29,
        /// §4.5.1.
        COORDINATOR = 0x30,
        /// §5.3.3.1.
        SASL_MECHANISMS = 0x40,
        /// §5.3.3.2.
        SASL_INIT = 0x41,
        /// §5.3.3.3.
        SASL_CHALLENGE = 0x42,
        /// §5.3.3.4.
        SASL_RESPONSE = 0x43,
        /// §5.3.3.5.
        SASL_OUTCOME = 0x44,
        /// §3.2.1.
        HEADER = 0x70,
        /// §3.2.2.
        DELIVERY_ANNOTATIONS = 0x71,
        /// §3.2.3.
        MESSAGE_ANNOTATIONS = 0x72,
        /// §3.2.4.
        PROPERTIES = 0x73,
        /// §3.2.5.
        APPLICATION_PROPERTIES = 0x74,
        /// §3.2.6.
        DATA = 0x75,
        /// §3.2.7.
        AMQP_SEQUENCE = 0x76,
        /// §3.2.8.
        AMQP_VALUE = 0x77,
        /// §3.2.9.
        FOOTER = 0x78,
    }
}

/// The symbolic form of each code.
const NAMES: &[(&str, DescriptorCode)] = &[
    ("amqp:open:list", DescriptorCode::OPEN),
    ("amqp:begin:list", DescriptorCode::BEGIN),
    ("amqp:attach:list", DescriptorCode::ATTACH),
    ("amqp:flow:list", DescriptorCode::FLOW),
    ("amqp:transfer:list", DescriptorCode::TRANSFER),
    ("amqp:disposition:list", DescriptorCode::DISPOSITION),
    ("amqp:detach:list", DescriptorCode::DETACH),
    ("amqp:end:list", DescriptorCode::END),
    ("amqp:close:list", DescriptorCode::CLOSE),
    ("amqp:error:list", DescriptorCode::ERROR),
    ("amqp:received:list", DescriptorCode::RECEIVED),
    ("amqp:accepted:list", DescriptorCode::ACCEPTED),
    ("amqp:rejected:list", DescriptorCode::REJECTED),
    ("amqp:released:list", DescriptorCode::RELEASED),
    ("amqp:modified:list", DescriptorCode::MODIFIED),
    ("amqp:source:list", DescriptorCode::SOURCE),
    ("amqp:target:list", DescriptorCode::TARGET),
    ("amqp:coordinator:list", DescriptorCode::COORDINATOR),
    ("amqp:sasl-mechanisms:list", DescriptorCode::SASL_MECHANISMS),
    ("amqp:sasl-init:list", DescriptorCode::SASL_INIT),
    ("amqp:sasl-challenge:list", DescriptorCode::SASL_CHALLENGE),
    ("amqp:sasl-response:list", DescriptorCode::SASL_RESPONSE),
    ("amqp:sasl-outcome:list", DescriptorCode::SASL_OUTCOME),
    ("amqp:header:list", DescriptorCode::HEADER),
    ("amqp:delivery-annotations:map", DescriptorCode::DELIVERY_ANNOTATIONS),
    ("amqp:message-annotations:map", DescriptorCode::MESSAGE_ANNOTATIONS),
    ("amqp:properties:list", DescriptorCode::PROPERTIES),
    ("amqp:application-properties:map", DescriptorCode::APPLICATION_PROPERTIES),
    ("amqp:data:binary", DescriptorCode::DATA),
    ("amqp:amqp-sequence:list", DescriptorCode::AMQP_SEQUENCE),
    ("amqp:amqp-value:*", DescriptorCode::AMQP_VALUE),
    ("amqp:footer:map", DescriptorCode::FOOTER),
];

impl DescriptorCode {
    /// The code of a symbolic descriptor.
    #[must_use]
    pub fn from_symbol(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|&(_, code)| code)
    }

    /// Reads `00` and a descriptor in any form: smallulong, ulong, ulong0, sym8, sym32. The described value
    /// follows.
    ///
    /// # Errors
    /// [`DecodeFault::WrongType`] if the value is not described, [`DecodeFault::UnexpectedDescriptor`] for a
    /// symbol that the specification does not name or a descriptor of another type.
    #[inline]
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // What everyone writes.
        let mut short = *reader;
        if let Ok([wire::format::DESCRIBED, wire::format::SMALL_ULONG, code]) = short.take_array() {
            *reader = short;
            return Ok(Self(u64::from(code)));
        }
        Self::read_any(reader)
    }

    #[cold]
    fn read_any(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = *reader;
        match reader.u8()? {
            wire::format::DESCRIBED => {}
            code => return Err(start.error(DecodeFault::WrongType(code))),
        }
        let start = *reader;
        let code = match ValueRef::read(reader)? {
            ValueRef::Ulong(code) => Some(Self(code)),
            ValueRef::Symbol(name) => Self::from_symbol(name),
            _ => None,
        };
        code.ok_or_else(|| start.error(DecodeFault::UnexpectedDescriptor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    #[test]
    fn every_code_has_a_symbolic_form() {
        let known = (0..=255).filter(|&code| DescriptorCode(code).is_known());
        let named: Vec<u64> = NAMES.iter().map(|(_, code)| code.0).collect();
        assert_eq!(known.collect::<Vec<_>>(), named);
    }

    #[test]
    fn every_form_of_a_descriptor_is_read() {
        let check = |bytes: &[u8], expected: Result<u64, DecodeFault>| {
            let read = DescriptorCode::read(&mut Reader::new(bytes));
            assert_eq!(read.map(|code| code.0).map_err(|error| error.fault), expected, "{bytes:02x?}");
        };
        check(&[0x00, 0x53, 0x14], Ok(0x14));
        check(&[0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x14], Ok(0x14));
        check(&[0x00, 0x44], Ok(0));
        check(&[0x00, 0x52, 0x14], Err(DecodeFault::UnexpectedDescriptor));
        check(&[0x53, 0x14], Err(DecodeFault::WrongType(0x53)));
        check(&[0x00], Err(DecodeFault::Truncated));
        check(&[0x00, 0x53], Err(DecodeFault::Truncated));
        for (name, code) in NAMES {
            let mut out = Vec::new();
            Writer::new(&mut out).symbolic_descriptor(name);
            check(&out, Ok(code.0));
        }
        let mut out = Vec::new();
        Writer::new(&mut out).symbolic_descriptor("amqp:unheard-of:list");
        check(&out, Err(DecodeFault::UnexpectedDescriptor));
    }
}
