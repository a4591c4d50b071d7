//! Sessions (§2.5): windows, handles, and the deliveries that are open on them.

pub(crate) mod deliveries;
mod rest;
pub(crate) mod state;
pub(crate) mod window;

use alloc::vec::Vec;

pub(crate) use rest::Rest;
pub(crate) use state::SessionState;

use self::deliveries::Deliveries;
use self::window::SessionWindow;
use crate::connection::Config;
use crate::connection::numbers::{OurNumbers, TheirNumbers};
use crate::connection::slab::Key;
use crate::error::Initiator;
use crate::types::Error;

/// Names a session of a connection. An id of an ended session is dead for ever: commands with it do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) Key);

/// One session, either role.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) state: SessionState,
    pub(crate) window: SessionWindow,

    // Numbers.
    /// Ours, once our begin is written.
    pub(crate) channel_out: Option<u16>,
    /// The peer's, once its begin is read.
    pub(crate) channel_in: Option<u16>,
    pub(crate) peer_handle_max: u32,
    pub(crate) handles_in: TheirNumbers,
    pub(crate) handles_out: OurNumbers,

    // Links and deliveries.
    /// All links, for names and for the end.
    pub(crate) links: Vec<u32>,
    pub(crate) incoming: Deliveries,
    pub(crate) outgoing: Deliveries,
    pub(crate) next_delivery_id: u32,
    pub(crate) rest: Rest,

    // Facts not yet written.
    pub(crate) begin_due: bool,
    pub(crate) flow_due: bool,
    /// Ranges that the peer decided without settling: we settle them.
    pub(crate) confirmations: Vec<(u32, u32)>,
    pub(crate) end_due: Option<Option<Error>>,
    /// Who had us end it.
    pub(crate) ended_by: Option<Initiator>,
    /// Links with something to write, in the order in which it came up.
    pub(crate) due_links: Vec<u32>,
    /// Whether the connection knows that this session has something to write.
    pub(crate) queued: bool,
}

impl Session {
    pub(crate) fn new(id: SessionId, state: SessionState, config: &Config) -> Self {
        Self {
            id,
            state,
            window: SessionWindow::new(config.session_incoming_window),
            channel_out: None,
            channel_in: None,
            peer_handle_max: u32::MAX,
            handles_in: TheirNumbers::default(),
            handles_out: OurNumbers::default(),
            links: Vec::new(),
            incoming: Deliveries::new(config.unsettled_max),
            outgoing: Deliveries::new(config.unsettled_max),
            next_delivery_id: 0,
            rest: Rest::default(),
            begin_due: true,
            flow_due: false,
            confirmations: Vec::new(),
            end_due: None,
            ended_by: None,
            due_links: Vec::new(),
            queued: false,
        }
    }

    /// Transfer frames that new deliveries may use: the window, less what an unfinished delivery takes.
    pub(crate) fn frames_sendable(&self, peer_max_frame_size: u32) -> u32 {
        self.window.sendable().saturating_sub(self.rest.frames(peer_max_frame_size))
    }
}

/// Notes that `first..=last`, decided by the peer, are to be settled; neighbours become one range.
pub(crate) fn confirm(confirmations: &mut Vec<(u32, u32)>, first: u32, last: u32) {
    match confirmations.last_mut() {
        Some((_, end)) if end.wrapping_add(1) == first => *end = last,
        _ => confirmations.push((first, last)),
    }
}
