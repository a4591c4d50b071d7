//! The ids of a request, by which an answer and a log line find each other.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
pub(super) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");

/// Characters of a client's id that are repeated.
const CORRELATION_CHARS_MAX: usize = 64;

/// Both ids of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestIds {
    /// Ours; unique in this process, and unlikely to meet another's.
    pub(crate) request: String,
    /// The client's, where it sent one, else the same.
    pub(crate) correlation: String,
}

impl RequestIds {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let request = guid((ms << 64) | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)));
        let sound = |id: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !id.is_empty() && id.len() <= CORRELATION_CHARS_MAX && id.bytes().all(plain)
        };
        let given = headers.get(CORRELATION_ID).and_then(|id| id.to_str().ok()).filter(sound);
        Self { correlation: given.map_or_else(|| request.clone(), str::to_owned), request }
    }

    pub(super) fn headers(&self) -> [(HeaderName, HeaderValue); 2] {
        let value = |id: &str| HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("?"));
        [(REQUEST_ID, value(&self.request)), (CORRELATION_ID, value(&self.correlation))]
    }
}

/// Milliseconds and a counter in the form that tools expect of an id.
fn guid(number: u128) -> String {
    let digits = format!("{number:032x}");
    let mut text = String::with_capacity(36);
    for (index, part) in [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().enumerate() {
        let dash = if index == 0 { "" } else { "-" };
        // Writing to a String cannot fail.
        let _never = write!(text, "{dash}{}", &digits[part]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_an_id_of_its_own_and_keeps_its_clients() {
        let mut headers = HeaderMap::new();
        let (first, second) = (RequestIds::of(&headers), RequestIds::of(&headers));
        assert_ne!(first.request, second.request);
        assert_eq!(first.request, first.correlation);
        let lengths: Vec<usize> = first.request.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        headers.insert(CORRELATION_ID, "abc-123".parse().unwrap());
        assert_eq!(RequestIds::of(&headers).correlation, "abc-123");
        for odd in ["", "a b", "x\"", &"x".repeat(65)] {
            headers.insert(CORRELATION_ID, odd.parse().unwrap());
            let ids = RequestIds::of(&headers);
            assert_eq!(ids.correlation, ids.request, "{odd:?}");
        }
    }
}
