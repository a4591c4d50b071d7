//! The side that offers mechanisms and judges (§5.3.2).
//!
//! ```text
//!  AwaitInit ── init, offered ──▶ AwaitVerdict ── accepted ──▶ Accepted
//!      │                               │
//!      └── init, not offered ──────────┴── refused ──▶ Refused
//! ```

use super::mechanism::Mechanism;

/// Where the server's side stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaslServer {
    /// No SASL layer is configured.
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
    fn refuses_a_second_init() {
        let mut server = SaslServer::AwaitInit;
        assert_eq!(server.on_init("MSSBCBS", &OFFERED), ServerStep::Judge(Mechanism::Mssbcbs));
        assert_eq!(server.on_init("MSSBCBS", &OFFERED), ServerStep::OutOfTurn);
    }
}
