//! §2.7 Performatives, and §5.3.3 the bodies of SASL frames: what a frame's body begins with.

use alloc::boxed::Box;

use crate::error::{DecodeError, DecodeFault};
use crate::types::sasl::{SaslChallenge, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
use crate::types::{
    Attach, Begin, Close, Composite, DescriptorCode, Detach, Disposition, End, Flow, Open, Transfer,
};
use crate::violation::Violation;
use crate::wire::Reader;

/// One of the nine. The large ones that come once a link or connection are boxed; transfer, flow and
/// disposition are read without allocation.
#[derive(Clone, Debug, PartialEq)]
pub enum Performative<'a> {
    /// §2.7.1.
    Open(Box<Open>),
    /// §2.7.2.
    Begin(Box<Begin>),
    /// §2.7.3.
    Attach(Box<Attach>),
    /// §2.7.4.
    Flow(Flow),
    /// §2.7.5.
    Transfer(Transfer<'a>),
    /// §2.7.6.
    Disposition(Disposition),
    /// §2.7.7.
    Detach(Detach),
    /// §2.7.8.
    End(End),
    /// §2.7.9.
    Close(Close),
}

impl<'a> Performative<'a> {
    /// Reads a frame's body: the performative, and what follows it.
    ///
    /// # Errors
    /// [`Violation::UnknownPerformative`], [`Violation::Malformed`], [`Violation::PayloadNotAllowed`] if
    /// anything follows one that is no transfer.
    pub fn read(body: &'a [u8]) -> Result<(Self, &'a [u8]), Violation> {
        let mut reader = Reader::new(body);
        let code = match DescriptorCode::read(&mut reader) {
            Ok(code) => code,
            Err(error) => return Err(unknown_or_malformed(error, Violation::UnknownPerformative)),
        };
        let performative = match code {
            DescriptorCode::TRANSFER => {
                let transfer = Transfer::decode_list(&mut reader)?;
                return Ok((Self::Transfer(transfer), reader.rest()));
            }
            DescriptorCode::FLOW => Self::Flow(Flow::decode_list(&mut reader)?),
            DescriptorCode::DISPOSITION => Self::Disposition(Disposition::decode_list(&mut reader)?),
            DescriptorCode::OPEN => Self::Open(Box::new(Open::decode_list(&mut reader)?)),
            DescriptorCode::BEGIN => Self::Begin(Box::new(Begin::decode_list(&mut reader)?)),
            DescriptorCode::ATTACH => Self::Attach(Box::new(Attach::decode_list(&mut reader)?)),
            DescriptorCode::DETACH => Self::Detach(Detach::decode_list(&mut reader)?),
            DescriptorCode::END => Self::End(End::decode_list(&mut reader)?),
            DescriptorCode::CLOSE => Self::Close(Close::decode_list(&mut reader)?),
            _ => return Err(Violation::UnknownPerformative),
        };
        if !reader.is_empty() {
            return Err(Violation::PayloadNotAllowed);
        }
        Ok((performative, &[]))
    }

    /// The specification's name of it, for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Begin(_) => "begin",
            Self::Attach(_) => "attach",
            Self::Flow(_) => "flow",
            Self::Transfer(_) => "transfer",
            Self::Disposition(_) => "disposition",
            Self::Detach(_) => "detach",
            Self::End(_) => "end",
            Self::Close(_) => "close",
        }
    }
}

/// The body of a SASL frame (§5.3.3).
#[derive(Clone, Debug, PartialEq)]
pub enum SaslPerformative<'a> {
    /// §5.3.3.1.
    Mechanisms(SaslMechanisms),
    /// §5.3.3.2.
    Init(SaslInit<'a>),
    /// §5.3.3.3.
    Challenge(SaslChallenge<'a>),
    /// §5.3.3.4.
    Response(SaslResponse<'a>),
    /// §5.3.3.5.
    Outcome(SaslOutcome<'a>),
}

impl<'a> SaslPerformative<'a> {
    /// Reads a frame's body, which holds it and nothing else.
    ///
    /// # Errors
    /// [`Violation::UnknownSaslPerformative`], also for bytes after it, and [`Violation::Malformed`].
    pub fn read(body: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(body);
        let code = match DescriptorCode::read(&mut reader) {
            Ok(code) => code,
            Err(error) => return Err(unknown_or_malformed(error, Violation::UnknownSaslPerformative)),
        };
        let performative = match code {
            DescriptorCode::SASL_MECHANISMS => Self::Mechanisms(SaslMechanisms::decode_list(&mut reader)?),
            DescriptorCode::SASL_INIT => Self::Init(SaslInit::decode_list(&mut reader)?),
            DescriptorCode::SASL_CHALLENGE => Self::Challenge(SaslChallenge::decode_list(&mut reader)?),
            DescriptorCode::SASL_RESPONSE => Self::Response(SaslResponse::decode_list(&mut reader)?),
            DescriptorCode::SASL_OUTCOME => Self::Outcome(SaslOutcome::decode_list(&mut reader)?),
            _ => return Err(Violation::UnknownSaslPerformative),
        };
        if reader.is_empty() { Ok(performative) } else { Err(Violation::UnknownSaslPerformative) }
    }
}

fn unknown_or_malformed(error: DecodeError, unknown: Violation) -> Violation {
    match error.fault {
        DecodeFault::UnexpectedDescriptor => unknown,
        _ => Violation::Malformed(error.named("performative")),
    }
}
