//! How long events are kept, as people write it.

/// Whole hours of `24h` or `7d`.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    const FORM: &str = "write hours or days, `24h` or `7d`";
    let (number, hours) = match text.strip_suffix('d') {
        Some(number) => (number, 24),
        None => (text.strip_suffix('h').ok_or(FORM)?, 1),
    };
    let number: u64 = number.parse().map_err(|_| FORM)?;
    number.checked_mul(hours).filter(|hours| *hours > 0).ok_or_else(|| FORM.to_owned())
}

/// `7d` for whole days from two on, else hours; the service writes -1 where events are kept for ever.
pub(super) fn show(hours: i64) -> String {
    if hours < 0 {
        return "for ever".to_owned();
    }
    if hours % 24 == 0 && hours >= 48 { format!("{}d", hours / 24) } else { format!("{hours}h") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_read_and_shown_and_nothing_else_is() {
        for (text, hours) in [("1h", 1), ("24h", 24), ("1d", 24), ("7d", 168), ("90d", 2160)] {
            assert_eq!(parse(text), Ok(hours), "{text}");
        }
        for text in ["", "h", "24", "0h", "-1h", "1.5d", "1w", "1 h", "999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!([1, 24, 25, 48, 168].map(show), ["1h", "24h", "25h", "2d", "7d"]);
        assert_eq!(show(-1), "for ever");
    }
}
