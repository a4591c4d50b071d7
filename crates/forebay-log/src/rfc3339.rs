//! Times as people write them: RFC 3339, from and to milliseconds since 1970 UTC ([`crate::WallMillis`]).

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Formats milliseconds since 1970 UTC: `2026-11-21T10:30:00.250Z`.
#[must_use]
pub fn format(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(MILLIS_PER_DAY), millis.rem_euclid(MILLIS_PER_DAY));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1_000 % 60, of_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Parses `2026-11-21T10:30:00[.fraction](Z|+hh:mm|-hh:mm)` to milliseconds since 1970 UTC, rounded down. `t`, `z`
/// and a space for the `T` are accepted (RFC 3339 §5.6). `None`: it is no such time.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, digits: usize| {
        let part = bytes.get(from..from + digits)?;
        part.iter()
            .try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let is = |at: usize, expected: &[u8]| bytes.get(at).is_some_and(|byte| expected.contains(byte));
    let separated = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    // A leap second counts as the next one.
    if !separated || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    let (millis, at) = fraction(bytes, 19)?;
    let offset_minutes = match (*bytes.get(at)?, bytes.len() - at) {
        (b'Z' | b'z', 1) => 0,
        (sign @ (b'+' | b'-'), 6) if is(at + 3, b":") => {
            let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            if sign == b'-' { -(hours * 60 + minutes) } else { hours * 60 + minutes }
        }
        _ => return None,
    };
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    Some(days * MILLIS_PER_DAY + seconds * 1_000 + millis)
}

/// Milliseconds of `.123456`, and where it ends; 0 if there is none.
fn fraction(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    if bytes.get(at) != Some(&b'.') {
        return Some((0, at));
    }
    let digits: Vec<i64> = bytes[at + 1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .map(|byte| i64::from(byte - b'0'))
        .collect();
    if digits.is_empty() {
        return None;
    }
    let digit = |place: usize| digits.get(place).copied().unwrap_or(0);
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), at + 1 + digits.len()))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar. Years begin in March, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let check = |text: &str, millis: i64| {
            assert_eq!(format(millis), text);
            assert_eq!(parse(text), Some(millis), "{text}");
        };
        check("1970-01-01T00:00:00.000Z", 0);
        check("1969-12-31T23:59:59.999Z", -1);
        check("2000-02-29T12:34:56.789Z", 951_827_696_789);
        check("2024-12-31T23:59:59.000Z", 1_735_689_599_000);
        check("2026-11-21T10:30:00.250Z", 1_795_257_000_250);
        check("2100-03-01T00:00:00.000Z", 4_107_542_400_000);
    }

    #[test]
    fn offsets_and_fractions_are_understood() {
        let check = |text: &str, same_as: &str| {
            assert!(parse(text).is_some(), "{text}");
            assert_eq!(parse(text), parse(same_as), "{text}");
        };
        check("2026-11-21T10:30:00+02:00", "2026-11-21T08:30:00Z");
        check("2026-11-21T23:30:00-01:30", "2026-11-22T01:00:00Z");
        check("2026-11-21 10:30:00z", "2026-11-21T10:30:00Z");
        check("2026-11-21T10:30:00.5Z", "2026-11-21T10:30:00.500Z");
        check("2026-11-21T10:30:00.1239999Z", "2026-11-21T10:30:00.123Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11-21",
            "2026-11-21T10:30:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:30:00.Z",
            "2026-11-21T10:30:00+2:00",
            "2026-11-21T10:30:00Zx",
            "2026-11-21T10:3é:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
