//! A certificate's time of validity and its names (RFC 5280 §4.1, §4.2.1): what a server must know itself, since an
//! expired certificate, or one for another host, makes every client fail without a word on our side.
//!
//! ```text
//! Certificate    ::= SEQUENCE { TBSCertificate, … }
//! TBSCertificate ::= SEQUENCE { [0] version OPTIONAL, INTEGER serial, SEQUENCE algorithm, SEQUENCE issuer,
//!                               SEQUENCE { Time notBefore, Time notAfter }, SEQUENCE subject, SEQUENCE key,
//!                               [1] OPTIONAL, [2] OPTIONAL, [3] SEQUENCE OF Extension OPTIONAL }
//! Time           ::= UTCTime "YYMMDDHHMMSSZ" | GeneralizedTime "YYYYMMDDHHMMSSZ"
//! Extension      ::= SEQUENCE { OID, BOOLEAN critical DEFAULT FALSE, OCTET STRING }
//! SubjectAltName ::= SEQUENCE OF ([2] dNSName | [7] iPAddress | …)
//! BasicConstraints ::= SEQUENCE { BOOLEAN cA DEFAULT FALSE, … }
//! ```

use std::net::IpAddr;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// `2.5.29.17`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// `2.5.29.19`.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// What a certificate is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// DNS names, in lower case, some as `*.suffix`.
    pub(super) names: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    /// It may sign others, so clients may not take it for a server's.
    pub(super) is_authority: bool,
}

impl Identity {
    /// Whether clients take it for this host's, which is in lower case (RFC 6125 §6.4.3: a star stands for one whole
    /// label, the first).
    pub(super) fn covers(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let covers = |name: &String| match name.strip_prefix("*.") {
            Some(suffix) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == suffix)
            }
            None => name == host,
        };
        self.names.iter().any(covers)
    }

    /// All it is for, as people write it.
    pub(super) fn shown(&self) -> String {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.names.iter().cloned().chain(addresses).collect::<Vec<_>>().join(", ")
    }
}

/// What a certificate is for; `None` for what is no certificate.
pub(super) fn identity(certificate: &[u8]) -> Option<Identity> {
    let mut identity = Identity::default();
    let (_, rest) = times(certificate)?;
    let (_subject, rest) = field(rest, SEQUENCE)?;
    let (_key, mut rest) = field(rest, SEQUENCE)?;
    // The unique identifiers [1] and [2] of old certificates.
    while let Some((tag, _, after)) = any_field(rest)
        && tag != EXTENSIONS
    {
        rest = after;
    }
    let Some((extensions, _)) = field(rest, EXTENSIONS) else { return Some(identity) };
    let (mut extensions, _) = field(extensions, SEQUENCE)?;
    while let Some((extension, after)) = field(extensions, SEQUENCE) {
        extensions = after;
        let (id, rest) = field(extension, OBJECT_IDENTIFIER)?;
        let rest = field(rest, BOOLEAN).map_or(rest, |(_critical, after)| after);
        let (value, _) = field(field(rest, OCTET_STRING)?.0, SEQUENCE)
            .filter(|_| id == SUBJECT_ALT_NAME || id == BASIC_CONSTRAINTS)
            .unwrap_or_default();
        match id {
            SUBJECT_ALT_NAME => identity.take_names(value),
            BASIC_CONSTRAINTS => {
                identity.is_authority = field(value, BOOLEAN).is_some_and(|(is, _)| is != [0]);
            }
            _ => {}
        }
    }
    Some(identity)
}

impl Identity {
    fn take_names(&mut self, mut names: &[u8]) {
        while let Some((tag, name, after)) = any_field(names) {
            names = after;
            match tag {
                DNS_NAME => self.names.push(String::from_utf8_lossy(name).to_ascii_lowercase()),
                IP_ADDRESS => {
                    let four = <[u8; 4]>::try_from(name).map(IpAddr::from);
                    self.addresses.extend(four.or_else(|_| <[u8; 16]>::try_from(name).map(IpAddr::from)));
                }
                _ => {}
            }
        }
    }
}

/// From when until when, in seconds since 1970, both included; `None` for what is no certificate.
pub(super) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (times, _) = times(certificate)?;
    let (from, rest) = time(times)?;
    let (until, _) = time(rest)?;
    Some((from, until))
}

/// The two times, and what is behind them.
fn times(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, _) = field(certificate, SEQUENCE)?;
    let (mut rest, _) = field(body, SEQUENCE)?;
    if let Some((_, after)) = field(rest, VERSION) {
        rest = after;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = field(rest, tag)?.1;
    }
    field(rest, SEQUENCE)
}

/// The contents of the first field, if it has this tag, and what is behind it.
fn field(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    any_field(bytes).filter(|(found, ..)| *found == tag).map(|(_, contents, rest)| (contents, rest))
}

/// Tag and contents of the first field, and what is behind it (X.690 §8.1).
fn any_field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
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
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*found, contents, rest))
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

    fn for_names(names: &[&str], is_ca: bool) -> Vec<u8> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if is_ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_and_addresses_are_read_and_authorities_are_known() {
        let found = identity(&for_names(&["Shop.example.com", "*.b.example", "10.0.0.7", "::1"], false));
        let found = found.unwrap();
        assert_eq!(found.names, ["shop.example.com", "*.b.example"]);
        assert_eq!(found.shown(), "shop.example.com, *.b.example, 10.0.0.7, ::1");
        assert!(!found.is_authority);
        let found = identity(&for_names(&[], true)).unwrap();
        assert_eq!(found, Identity { is_authority: true, ..Identity::default() });
        assert_eq!(identity(b"hello"), None);
    }

    #[test]
    fn a_star_is_one_whole_label() {
        let found = identity(&for_names(&["a.example", "*.b.example", "10.0.0.7"], false)).unwrap();
        for host in ["a.example", "x.b.example", "10.0.0.7"] {
            assert!(found.covers(host), "{host}");
        }
        for host in ["b.example", "x.y.b.example", "x.a.example", ".b.example", "10.0.0.8", "example"] {
            assert!(!found.covers(host), "{host}");
        }
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
