//! The side that claims an identity (§5.3.2).
//!
//! ```text
//!  AwaitMechanisms ── ours is offered ──▶ AwaitOutcome ── ok ──▶ Accepted
//!         │                                    │
//!         └── it is not ───────────────────────┴── any other code ──▶ Refused
//! ```

use alloc::vec::Vec;

use super::mechanism::Mechanism;
use crate::connection::ClientAuth;
use crate::types::sasl::SaslCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitMechanisms,
    AwaitOutcome,
    Accepted,
    Refused,
}

/// The client's side: who it is, and where it stands.
#[derive(Debug)]
pub(crate) struct SaslClient {
    auth: ClientAuth,
    state: State,
}

/// What a frame of the server means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientStep {
    /// Send the init.
    Init,
    /// We are in.
    Accepted,
    /// We are not.
    Refused,
    /// The frame may not come here.
    OutOfTurn,
}

impl SaslClient {
    pub(crate) const fn new(auth: ClientAuth) -> Self {
        Self { auth, state: State::AwaitMechanisms }
    }

    pub(crate) const fn mechanism(&self) -> Mechanism {
        match self.auth {
            ClientAuth::Anonymous => Mechanism::Anonymous,
            ClientAuth::Plain { .. } => Mechanism::Plain,
            ClientAuth::Mssbcbs => Mechanism::Mssbcbs,
        }
    }

    /// What goes into the init. MSSBCBS has none; ANONYMOUS has an empty one.
    pub(crate) fn initial_response(&self) -> Option<Vec<u8>> {
        match &self.auth {
            ClientAuth::Anonymous => Some(Vec::new()),
            ClientAuth::Plain { user, password } => {
                Some([b"\0", user.as_bytes(), b"\0", password.as_bytes()].concat())
            }
            ClientAuth::Mssbcbs => None,
        }
    }

    pub(crate) fn on_mechanisms(&mut self, mut offers: impl FnMut(&str) -> bool) -> ClientStep {
        if self.state != State::AwaitMechanisms {
            return ClientStep::OutOfTurn;
        }
        if offers(self.mechanism().name()) {
            self.state = State::AwaitOutcome;
            ClientStep::Init
        } else {
            self.state = State::Refused;
            ClientStep::Refused
        }
    }

    pub(crate) fn on_outcome(&mut self, code: SaslCode) -> ClientStep {
        if self.state != State::AwaitOutcome {
            return ClientStep::OutOfTurn;
        }
        if code == SaslCode::OK {
            self.state = State::Accepted;
            ClientStep::Accepted
        } else {
            self.state = State::Refused;
            ClientStep::Refused
        }
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.state, State::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn plain() -> SaslClient {
        SaslClient::new(ClientAuth::Plain { user: "Root".to_string(), password: "key".to_string() })
    }

    #[test]
    fn a_plain_client_says_who_it_is() {
        let mut client = plain();
        assert_eq!(client.on_mechanisms(|name| name == "PLAIN"), ClientStep::Init);
        assert_eq!(client.initial_response().as_deref(), Some(b"\0Root\0key".as_slice()));
        assert_eq!(client.on_outcome(SaslCode::OK), ClientStep::Accepted);
        assert!(client.is_done());
    }

    #[test]
    fn refuses_to_go_on_without_its_mechanism_or_with_another_code() {
        assert_eq!(plain().on_mechanisms(|name| name == "ANONYMOUS"), ClientStep::Refused);
        let mut client = plain();
        assert_eq!(client.on_mechanisms(|_| true), ClientStep::Init);
        assert_eq!(client.on_outcome(SaslCode::AUTH), ClientStep::Refused);
        assert!(!client.is_done());
    }

    #[test]
    fn refuses_frames_out_of_turn() {
        let mut client = plain();
        assert_eq!(client.on_outcome(SaslCode::OK), ClientStep::OutOfTurn);
        assert_eq!(client.on_mechanisms(|_| true), ClientStep::Init);
        assert_eq!(client.on_mechanisms(|_| true), ClientStep::OutOfTurn);
    }
}
