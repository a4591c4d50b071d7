//! The side that offers mechanisms and judges (§5.3.2).
//!
//! ```text
//!  AwaitInit ── init, offered ──▶ AwaitVerdict ── accepted ──▶ Accepted
//!     │ │                              │
//!     │ └── init, not offered ─────────┴── refused ──▶ Refused
//!     │
//!     └── the client goes on without SASL, ANONYMOUS is offered ──▶ Skipped
//! ```

use super::mechanism::Mechanism;

/// Where the server's side stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaslServer {
    /// There is no SASL layer: none is configured, or the client went on without it.
    Skipped,
    /// The client chooses.
    AwaitInit,
    /// The application judges.
    AwaitVerdict,
    /// The outcome was ok.
    Accepted,
    /// The outcome was another.
    Refused,
}

/// What an init means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerStep {
    /// Ask the application.
    Judge(Mechanism),
    /// The mechanism was not offered.
    Refuse,
    /// No init may come here.
    OutOfTurn,
}

impl SaslServer {
    pub(crate) fn on_init(&mut self, mechanism: &str, offered: &[Mechanism]) -> ServerStep {
        if *self != Self::AwaitInit {
            return ServerStep::OutOfTurn;
        }
        // EXTERNAL needs a client certificate, which nobody here looks at: offered or not, it is refused.
        let chosen = Mechanism::from_name(mechanism)
            .filter(|mechanism| *mechanism != Mechanism::External && offered.contains(mechanism));
        match chosen {
            Some(mechanism) => {
                *self = Self::AwaitVerdict;
                ServerStep::Judge(mechanism)
            }
            None => {
                *self = Self::Refused;
                ServerStep::Refuse
            }
        }
    }

    /// The client begins without SASL. Who may be anonymous need not say so.
    pub(crate) fn skip(&mut self, offered: &[Mechanism]) {
        if *self == Self::AwaitInit && offered.contains(&Mechanism::Anonymous) {
            *self = Self::Skipped;
        }
    }

    /// The application's verdict. `false` if none is awaited.
    pub(crate) fn judge(&mut self, accepted: bool) -> bool {
        if *self != Self::AwaitVerdict {
            return false;
        }
        *self = if accepted { Self::Accepted } else { Self::Refused };
        true
    }

    pub(crate) const fn is_done(self) -> bool {
        matches!(self, Self::Accepted | Self::Skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [Mechanism; 3] = [Mechanism::Mssbcbs, Mechanism::Anonymous, Mechanism::External];

    #[test]
    fn accepts_an_offered_mechanism() {
        let mut server = SaslServer::AwaitInit;
        assert_eq!(server.on_init("ANONYMOUS", &OFFERED), ServerStep::Judge(Mechanism::Anonymous));
        assert!(server.judge(true) && server.is_done());
        assert!(!server.judge(false), "judged once");
    }

    #[test]
    fn refuses_a_mechanism_that_is_unknown_not_offered_or_external() {
        for name in ["SCRAM-SHA-256", "PLAIN", "EXTERNAL", "anonymous", ""] {
            let mut server = SaslServer::AwaitInit;
            assert_eq!(server.on_init(name, &OFFERED), ServerStep::Refuse, "{name}");
            assert!(!server.is_done());
        }
    }

    #[test]
    fn is_skipped_before_the_init_and_where_anonymous_is_offered() {
        let mut server = SaslServer::AwaitInit;
        server.skip(&[Mechanism::Mssbcbs, Mechanism::Plain]);
        assert_eq!(server, SaslServer::AwaitInit);
        server.skip(&OFFERED);
        assert!(server.is_done());
        let mut server = SaslServer::Refused;
        server.skip(&OFFERED);
        assert!(!server.is_done());
    }

    #[test]
    fn refuses_a_second_init() {
        let mut server = SaslServer::AwaitInit;
        assert_eq!(server.on_init("MSSBCBS", &OFFERED), ServerStep::Judge(Mechanism::Mssbcbs));
        assert_eq!(server.on_init("MSSBCBS", &OFFERED), ServerStep::OutOfTurn);
    }
}
