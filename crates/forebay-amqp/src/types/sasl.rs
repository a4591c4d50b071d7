//! §5.3.3 Security frame bodies.

use super::Symbols;
use super::composite::composite;
use super::definitions::open_code;
use crate::wire::Symbol;

composite! {
    /// §5.3.3.1, `00 53 40`: what the server offers.
    pub SaslMechanisms = SASL_MECHANISMS "sasl-mechanisms" {
        /// In the server's order; written as an array even if there is one only.
        required sasl_server_mechanisms: Symbols,
    }
}

composite! {
    /// §5.3.3.2, `00 53 41`: what the client chose.
    pub SaslInit<'a> = SASL_INIT "sasl-init" {
        /// The mechanism.
        required mechanism: Symbol,
        /// Its first response, if it has one.
        optional initial_response: &'a [u8],
        /// The host the client believes to talk to.
        optional hostname: &'a str,
    }
}

composite! {
    /// §5.3.3.3, `00 53 42`.
    pub SaslChallenge<'a> = SASL_CHALLENGE "sasl-challenge" {
        /// The mechanism's.
        required challenge: &'a [u8],
    }
}

composite! {
    /// §5.3.3.4, `00 53 43`.
    pub SaslResponse<'a> = SASL_RESPONSE "sasl-response" {
        /// The mechanism's.
        required response: &'a [u8],
    }
}

composite! {
    /// §5.3.3.5, `00 53 44`.
    pub SaslOutcome<'a> = SASL_OUTCOME "sasl-outcome" {
        /// How it ended.
        required code: SaslCode,
        /// The mechanism's.
        optional additional_data: &'a [u8],
    }
}

open_code! {
    /// §5.3.3.6.
    SaslCode(u8) {
        /// Authenticated.
        OK = 0,
        /// Not authenticated.
        AUTH = 1,
        /// A fault of the server.
        SYS = 2,
        /// A fault of the server that will last.
        SYS_PERM = 3,
        /// A fault of the server that will pass.
        SYS_TEMP = 4,
    }
}
