//! A shared access signature as docs/reference/amqp.md §3.4 says, made here and not by the SDK.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use crate::server::Server;

pub fn token(resource: &str, policy: &str, key: &str, expiry: u64) -> String {
    let resource = utf8_percent_encode(resource, NON_ALPHANUMERIC);
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length will do");
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
    let policy = utf8_percent_encode(policy, NON_ALPHANUMERIC);
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={policy}")
}

/// One of the server's own policy.
pub fn token_of(server: &Server, resource: &str, expiry: u64) -> String {
    token(resource, server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey"), expiry)
}

const HOUR: Duration = Duration::from_secs(3600);

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

pub fn in_an_hour() -> u64 {
    seconds(SystemTime::now() + HOUR)
}

pub fn an_hour_ago() -> u64 {
    seconds(SystemTime::now() - HOUR)
}
