//! A certificate's time of validity (RFC 5280 §4.1): the one thing about it that a server must know itself, since an
//! expired certificate makes every client fail without a word on our side.
//!
//! ```text
//! Certificate    ::= SEQUENCE { TBSCertificate, … }
//! TBSCertificate ::= SEQUENCE { [0] version OPTIONAL, INTEGER serial, SEQUENCE algorithm, SEQUENCE issuer,
//!                               SEQUENCE { Time notBefore, Time notAfter }, … }
//! Time           ::= UTCTime "YYMMDDHHMMSSZ" | GeneralizedTime "YYYYMMDDHHMMSSZ"
//! ```

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// From when until when, in seconds since 1970, both included; `None` for what is no certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (body, _) = field(certificate, SEQUENCE)?;
    let (mut rest, _) = field(body, SEQUENCE)?;
    if let Some((_, after)) = field(rest, VERSION) {
        rest = after;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = field(rest, tag)?.1;
    }
    let (times, _) = field(rest, SEQUENCE)?;
    let (from, rest) = time(times)?;
    let (until, _) = time(rest)?;
    Some((from, until))
}

/// The contents of the first field, if it has this tag, and what is behind it (X.690 §8.1).
fn field(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        // Four bytes of length are more than a certificate has.
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(long - 0x80)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(length) } else { None }
}

fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (digits, rest, century) = match field(bytes, UTC_TIME) {
        // RFC 5280 §4.1.2.5.1: 50 to 99 are of the last century.
        Some((text, rest)) => (text, rest, if *text.first()? >= b'5' { 19 } else { 20 }),
        None => {
            let (text, rest) = field(bytes, GENERALIZED_TIME)?;
            (text.get(2..)?, rest, pair(text)?)
        }
    };
    let [year, month, day, hour, minute, second]: [i64; 6] =
        digits.strip_suffix(b"Z")?.chunks(2).map(pair).collect::<Option<Vec<_>>>()?.try_into().ok()?;
    let days = days_from_civil(century * 100 + year, month, day);
    Some((((days * 24 + hour) * 60 + minute) * 60 + second, rest))
}

/// Two decimal digits.
fn pair(text: &[u8]) -> Option<i64> {
    let digit = |index: usize| {
        text.get(index).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'))
    };
    Some(digit(0)? * 10 + digit(1)?)
}

/// Days since 1970-01-01 in the Gregorian calendar, by eras of 400 years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn reads_both_forms_of_time() {
        // `date -u -d 2001-02-28 +%s` and so on; from 2050 on the long form is used.
        let found = validity(&certificate((2001, 2, 28), (2024, 2, 29)));
        assert_eq!(found, Some((983_318_400, 1_709_164_800)));
        let found = validity(&certificate((1975, 1, 1), (4096, 12, 31)));
        assert_eq!(found, Some((157_766_400, 67_121_654_400)));
    }

    #[test]
    fn a_certificate_that_is_cut_anywhere_is_none() {
        let whole = certificate((2001, 2, 28), (2024, 2, 29));
        let (mut none, mut some) = (0, 0);
        for length in 0..whole.len() {
            match validity(&whole[..length]) {
                None => none += 1,
                Some(_) => some += 1,
            }
        }
        assert_eq!((none, some), (whole.len(), 0), "the outermost length covers all of it");
        assert_eq!(validity(b"-----BEGIN CERTIFICATE-----"), None);
    }
}
