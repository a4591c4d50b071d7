//! Serial numbers: counters that wrap, compared as RFC 1982 says (§2.8.10 sequence-no).
//!
//! None of them has `<`: after 4,294,967,295 comes 0, and 0 is later.

/// Numbers that are half the circle or more apart are in no order (RFC 1982 §3.2).
const HALF: u32 = 1 << 31;

macro_rules! serial_numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The number as it stands on the wire.
            #[must_use]
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// The number as it stands on the wire.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }

            /// The number after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                self.add(1)
            }

            /// The number `count` after this one, past the end of the circle if need be.
            #[must_use]
            pub const fn add(self, count: u32) -> Self {
                Self(self.0.wrapping_add(count))
            }

            /// How many steps lead from `earlier` to this number, going up and round.
            ///
            /// ```text
            /// 7 since 5 = 2        1 since 4294967295 = 2        5 since 7 = 4294967294
            /// ```
            #[must_use]
            pub const fn steps_since(self, earlier: Self) -> u32 {
                self.0.wrapping_sub(earlier.0)
            }

            /// Whether this number comes before `other`. Numbers exactly half the circle apart are in no
            /// order: false both ways.
            #[must_use]
            pub const fn precedes(self, other: Self) -> bool {
                let steps = other.steps_since(self);
                steps != 0 && steps < HALF
            }
        }

        impl crate::wire::Decode<'_> for $name {
            #[inline]
            fn decode(reader: &mut crate::wire::Reader<'_>) -> Result<Self, crate::error::DecodeError> {
                u32::decode(reader).map(Self)
            }
        }

        impl crate::wire::Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut crate::wire::Writer<'_>) {
                writer.uint(self.0);
            }
        }
    )*};
}

serial_numbers! {
    /// Names a delivery within a session and a direction (§2.8.9 delivery-number).
    DeliveryId;
    /// Names a transfer frame within a session and a direction (§2.8.8 transfer-number): what the session's
    /// windows count.
    TransferId;
    /// How many deliveries a link's sender has begun (§2.6.7): what link credit counts from.
    DeliveryCount;
}

/// Deliveries from `first` to `last`, both included; may wrap: `[4294967294, 1]` has four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryRange {
    first: DeliveryId,
    last: DeliveryId,
}

impl DeliveryRange {
    /// The range, or `None` if `last` comes before `first` or is in no order to it.
    #[must_use]
    pub const fn new(first: DeliveryId, last: DeliveryId) -> Option<Self> {
        if last.steps_since(first) < HALF { Some(Self { first, last }) } else { None }
    }

    /// One delivery.
    #[must_use]
    pub const fn one(id: DeliveryId) -> Self {
        Self { first: id, last: id }
    }

    /// The first delivery.
    #[must_use]
    pub const fn first(self) -> DeliveryId {
        self.first
    }

    /// The last delivery, included.
    #[must_use]
    pub const fn last(self) -> DeliveryId {
        self.last
    }

    /// How many deliveries it names: at least 1, at most 2^31. A number from the peer: no loop runs to it.
    #[must_use]
    pub const fn count(self) -> u32 {
        // At most HALF - 1 steps, so one more fits.
        self.last.steps_since(self.first).wrapping_add(1)
    }

    /// Whether `id` is in it.
    #[must_use]
    pub const fn contains(self, id: DeliveryId) -> bool {
        id.steps_since(self.first) < self.count()
    }

    /// What both ranges have in common. Bound a peer's range by the one we hold before anything is done for
    /// each.
    ///
    /// Both are shorter than half the circle, so they meet in one piece or not at all.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Option<Self> {
        let first = if self.contains(other.first) {
            other.first
        } else if other.contains(self.first) {
            self.first
        } else {
            return None;
        };
        let last = if self.contains(other.last) { other.last } else { self.last };
        Some(Self { first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> Option<DeliveryRange> {
        DeliveryRange::new(DeliveryId::new(first), DeliveryId::new(last))
    }

    #[test]
    fn order_goes_round_the_circle() {
        let check = |a: u32, b: u32, expected: (bool, bool)| {
            let (a, b) = (DeliveryId::new(a), DeliveryId::new(b));
            assert_eq!((a.precedes(b), b.precedes(a)), expected, "{a:?} {b:?}");
        };
        check(0, 0, (false, false));
        check(0, 1, (true, false));
        check(u32::MAX, 0, (true, false));
        check(u32::MAX - 5, 5, (true, false));
        check(0, HALF - 1, (true, false));
        check(0, HALF, (false, false));
        check(0, HALF + 1, (false, true));
        assert_eq!(TransferId::new(u32::MAX).next(), TransferId::new(0));
        assert_eq!(DeliveryCount::new(1).steps_since(DeliveryCount::new(u32::MAX)), 2);
    }

    #[test]
    fn a_range_may_wrap_but_not_run_backwards() {
        let wrapped = range(u32::MAX - 1, 1).unwrap();
        assert_eq!(wrapped.count(), 4);
        for id in [u32::MAX - 1, u32::MAX, 0, 1] {
            assert!(wrapped.contains(DeliveryId::new(id)), "{id}");
        }
        for id in [u32::MAX - 2, 2, HALF] {
            assert!(!wrapped.contains(DeliveryId::new(id)), "{id}");
        }
        assert_eq!(range(1, 0), None);
        assert_eq!(range(0, u32::MAX), None);
        assert_eq!(range(0, HALF), None);
        assert_eq!(range(0, HALF - 1).unwrap().count(), HALF);
        assert_eq!(range(7, 7).unwrap().count(), 1);
    }

    #[test]
    fn an_intersection_is_what_both_contain() {
        let check = |a: (u32, u32), b: (u32, u32), expected: Option<(u32, u32)>| {
            let (a, b) = (range(a.0, a.1).unwrap(), range(b.0, b.1).unwrap());
            let expected = expected.and_then(|(first, last)| range(first, last));
            assert_eq!(a.intersection(b), expected, "{a:?} {b:?}");
            assert_eq!(b.intersection(a), expected, "{b:?} {a:?}");
        };
        check((5, 9), (0, 4), None);
        check((5, 9), (10, 11), None);
        check((5, 9), (9, 11), Some((9, 9)));
        check((5, 9), (0, 5), Some((5, 5)));
        check((5, 9), (6, 7), Some((6, 7)));
        check((5, 9), (0, HALF - 1), Some((5, 9)));
        check((u32::MAX - 2, 3), (u32::MAX, 1), Some((u32::MAX, 1)));
        check((u32::MAX - 2, 3), (2, 100), Some((2, 3)));
    }
}
