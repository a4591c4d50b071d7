//! Which door an event came in by; it says how its record is to be read (`docs/reference/event.md` §3).

/// The origin of a stored batch. The number is the stored form and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Origin {
    /// Sent over AMQP: records are as `docs/reference/event.md` §2 writes them.
    Amqp = 1,
    /// Sent over HTTPS: records are as of AMQP (`docs/reference/event.md` §4).
    Http = 2,
    /// Produced by a Kafka client, kept verbatim; `fb.` headers mean nothing here.
    Kafka = 3,
    /// Entries of a control log.
    Control = 4,
    /// Records that the server keeps for itself.
    Internal = 5,
}

impl Origin {
    /// The stored number.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The origin a stored number stands for; `None` if this version knows none.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Amqp),
            2 => Some(Self::Http),
            3 => Some(Self::Kafka),
            4 => Some(Self::Control),
            5 => Some(Self::Internal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_has_its_own_number_and_comes_back_from_it() {
        for origin in [Origin::Amqp, Origin::Http, Origin::Kafka, Origin::Control, Origin::Internal] {
            assert_eq!(Origin::from_u8(origin.as_u8()), Some(origin));
        }
        let known: Vec<u8> = (0..=255).filter(|n| Origin::from_u8(*n).is_some()).collect();
        assert_eq!(known, [1, 2, 3, 4, 5]);
    }
}
