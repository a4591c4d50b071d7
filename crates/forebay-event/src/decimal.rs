//! Numbers as shortest decimal text, without allocating.

/// Digits and sign of a 64-bit number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// A signed number.
    pub(crate) fn signed(value: i64) -> Self {
        let mut text = Self::unsigned(value.unsigned_abs());
        if value < 0 {
            text.put(b'-');
        }
        text
    }

    /// An unsigned number.
    pub(crate) fn unsigned(mut value: u64) -> Self {
        let mut text = Self { digits: [0; 20], start: 20 };
        loop {
            text.put(b'0' + (value % 10) as u8);
            value /= 10;
            if value == 0 {
                return text;
            }
        }
    }

    fn put(&mut self, byte: u8) {
        // The largest magnitude has 20 digits, the largest negative one 19 and a sign.
        self.start = self.start.saturating_sub(1);
        if let Some(place) = self.digits.get_mut(self.start) {
            *place = byte;
        }
    }

    /// The text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Reads a signed number; `None` unless it is in its shortest form and fits.
pub(crate) fn parse_shortest(text: &[u8]) -> Option<i64> {
    let value = str::from_utf8(text).ok()?.parse().ok()?;
    (Decimal::signed(value).as_bytes() == text).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for value in [0, 1, -1, 9, 10, -10, 1_700_000_000_123, i64::MAX, i64::MIN] {
            assert_eq!(Decimal::signed(value).as_str(), value.to_string());
            assert_eq!(parse_shortest(value.to_string().as_bytes()), Some(value));
        }
        assert_eq!(Decimal::unsigned(u64::MAX).as_str(), u64::MAX.to_string());
    }

    #[test]
    fn only_the_shortest_form_is_read() {
        for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1_0", "0x1", "9223372036854775808", "1.0", "१"]
        {
            assert_eq!(parse_shortest(text.as_bytes()), None, "{text}");
        }
    }
}
