//! Links (§2.6): what both roles share, and the two views through which they are used.

pub(crate) mod assembly;
pub(crate) mod credit;
mod receiver;
mod sender;
pub(crate) mod state;

use alloc::boxed::Box;
use alloc::string::String;

pub use receiver::Receiver;
pub use sender::{Outgoing, SendError, Sender, TrySendError};

use self::assembly::Assembly;
use self::credit::{ReceiverCredit, SenderCredit};
pub(crate) use self::state::LinkState;
use crate::connection::slab::Key;
use crate::error::Initiator;
use crate::session::SessionId;
use crate::types::{Attach, DeliveryCount, Error, Role};

/// Names a link of a connection. An id of a detached link is dead for ever: commands with it do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub(crate) Key);

/// Our side of the credit scheme.
#[derive(Debug)]
pub(crate) enum Credit {
    Sender(SenderCredit),
    Receiver(ReceiverCredit),
}

/// One link, either role.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) session: u32,
    pub(crate) name: String,
    pub(crate) state: LinkState,
    pub(crate) credit: Credit,
    /// Ours, once our attach is written.
    pub(crate) handle_out: Option<u32>,
    /// The peer's, once its attach is read.
    pub(crate) handle_in: Option<u32>,
    /// Largest delivery we take, in bytes.
    pub(crate) delivery_bytes_max: u64,
    /// Largest delivery the peer takes, in bytes; `None`: it sets no limit.
    pub(crate) peer_delivery_bytes_max: Option<u64>,
    /// A delivery of which more frames are to come.
    pub(crate) assembly: Option<Assembly>,

    // Facts not yet written.
    pub(crate) attach_due: Option<Box<Attach>>,
    pub(crate) flow_due: bool,
    pub(crate) detach_due: Option<Option<Error>>,
    /// Who had us detach.
    pub(crate) ended_by: Option<Initiator>,
    /// Whether the session knows that this link has something to write.
    pub(crate) queued: bool,
    /// What the peer sent, until the application answers.
    pub(crate) peer_attach: Option<Box<Attach>>,
}

impl Link {
    pub(crate) fn new(id: LinkId, session: u32, name: String, role: Role, state: LinkState) -> Self {
        Self {
            id,
            session,
            name,
            state,
            credit: match role {
                Role::Sender => Credit::Sender(SenderCredit::default()),
                Role::Receiver => Credit::Receiver(ReceiverCredit::default()),
            },
            handle_out: None,
            handle_in: None,
            delivery_bytes_max: 0,
            peer_delivery_bytes_max: None,
            assembly: None,
            attach_due: None,
            flow_due: false,
            detach_due: None,
            ended_by: None,
            queued: false,
            peer_attach: None,
        }
    }

    /// Our role.
    pub(crate) const fn role(&self) -> Role {
        match self.credit {
            Credit::Sender(_) => Role::Sender,
            Credit::Receiver(_) => Role::Receiver,
        }
    }

    /// Takes over what the peer's attach says about limits and counts.
    pub(crate) fn on_peer_attach(&mut self, attach: &Attach) {
        self.handle_in = Some(attach.handle.0);
        self.peer_delivery_bytes_max = attach.max_message_size.filter(|&bytes| bytes > 0);
        if let Credit::Receiver(credit) = &mut self.credit {
            credit.on_attach(attach.initial_delivery_count.map_or(0, DeliveryCount::get));
        }
    }
}

/// What a link looks like at one moment: for metrics and diagnosis.
#[derive(Debug, Clone, Copy)]
pub struct LinkSnapshot<'c> {
    /// The link's session.
    pub session: SessionId,
    /// Our role.
    pub role: Role,
    /// The link's name; unique for a direction of a session.
    pub name: &'c str,
    /// Whether both sides have attached and neither has detached.
    pub attached: bool,
    /// Deliveries that may still be sent: by us if we send, by the peer if it does.
    pub credit: u32,
    /// §2.6.7; a serial number.
    pub delivery_count: u32,
    /// Whether a drain is going on.
    pub draining: bool,
    /// Largest delivery the peer takes, in bytes; `None`: it sets no limit.
    pub peer_max_message_size: Option<u64>,
    /// Bytes held of a delivery that has not come whole.
    pub assembling_bytes: usize,
}
