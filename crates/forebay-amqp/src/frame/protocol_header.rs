//! §2.2 Version negotiation: the eight bytes before everything.

use crate::violation::Violation;

/// What the bytes after it are: `AMQP`, protocol id, and version 1.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtocolHeader {
    /// Id 0 (§2.2): AMQP frames.
    Amqp,
    /// Id 2 (§5.2.1): a TLS handshake inside of the connection. No current client asks for it.
    Tls,
    /// Id 3 (§5.3.1): SASL frames, then another header.
    Sasl,
}

const MAGIC: [u8; 4] = *b"AMQP";

impl ProtocolHeader {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 8] {
        let id = match self {
            Self::Amqp => 0,
            Self::Tls => 2,
            Self::Sasl => 3,
        };
        let [a, m, q, p] = MAGIC;
        [a, m, q, p, id, 1, 0, 0]
    }

    /// The header at the start of `input`; `None` if more bytes are needed to tell. It takes eight bytes.
    ///
    /// # Errors
    /// [`Violation::UnsupportedProtocolHeader`] as soon as the bytes cannot become one. The answer is the
    /// header that we speak, and the end of the connection (§2.2).
    pub fn read(input: &[u8]) -> Result<Option<Self>, Violation> {
        let headers = [Self::Amqp, Self::Tls, Self::Sasl];
        let seen = input.get(..8).unwrap_or(input);
        for header in headers {
            if seen == header.bytes() {
                return Ok(Some(header));
            }
        }
        if headers.iter().any(|header| header.bytes().starts_with(seen)) {
            return Ok(None);
        }
        let mut bytes = [0; 8];
        for (byte, &seen) in bytes.iter_mut().zip(seen) {
            *byte = seen;
        }
        Err(Violation::UnsupportedProtocolHeader(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_recognised_as_soon_as_it_can_be() {
        let check = |input: &[u8], expected: Result<Option<ProtocolHeader>, [u8; 8]>| {
            let expected = expected.map_err(Violation::UnsupportedProtocolHeader);
            assert_eq!(ProtocolHeader::read(input), expected, "{input:02x?}");
        };
        check(b"", Ok(None));
        check(b"AMQP", Ok(None));
        check(b"AMQP\0\x01\0", Ok(None));
        check(b"AMQP\0\x01\0\0", Ok(Some(ProtocolHeader::Amqp)));
        check(b"AMQP\x02\x01\0\0", Ok(Some(ProtocolHeader::Tls)));
        check(b"AMQP\x03\x01\0\0\0\0\0\x10", Ok(Some(ProtocolHeader::Sasl)));
        check(b"AMQP\0\0\x09\x01", Err(*b"AMQP\0\0\x09\x01"));
        check(b"AMQP\x01", Err(*b"AMQP\x01\0\0\0"));
        check(b"G", Err(*b"G\0\0\0\0\0\0\0"));
        check(b"GET / HTTP/1.1", Err(*b"GET / HT"));
        check(b"\x16\x03\x01\x02\0\x01", Err(*b"\x16\x03\x01\x02\0\x01\0\0"));
    }
}
