//! The session window (§2.5.6) as a value: how many transfer *frames* each side may still send.
//!
//! ```text
//! ours:   next-incoming-id ──── incoming-window ────▶   what we let the peer send; refilled at half
//! theirs: next-outgoing-id ──── remote-incoming-window ────▶   what the peer lets us send
//! ```
//!
//! Ids wrap. The peer's next-outgoing-id is taken as it comes: Python counts messages there, not
//! frames (docs/reference/amqp.md §1.5), so it proves nothing.

/// Both directions of a session's window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionWindow {
    next_incoming_id: u32,
    incoming: u32,
    incoming_max: u32,
    next_outgoing_id: u32,
    remote_incoming: u32,
}

/// The peer sent a transfer frame that our window did not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowExceeded;

impl SessionWindow {
    /// Where our transfer ids start. Event Hubs itself starts at 1; nothing depends on it.
    pub(crate) const FIRST_OUTGOING_ID: u32 = 0;

    /// A session whose begin we have not yet seen from the peer: nothing may be sent.
    pub(crate) const fn new(incoming_max: u32) -> Self {
        Self {
            next_incoming_id: 0,
            incoming: incoming_max,
            incoming_max,
            next_outgoing_id: Self::FIRST_OUTGOING_ID,
            remote_incoming: 0,
        }
    }

    /// The peer's begin: where its ids start, and what it lets us send.
    pub(crate) const fn on_begin(&mut self, next_outgoing_id: u32, incoming_window: u32) {
        self.next_incoming_id = next_outgoing_id;
        self.remote_incoming = incoming_window;
    }

    /// A transfer frame came. `Err` if the window was used up; the frame is counted all the same.
    pub(crate) const fn on_transfer(&mut self) -> Result<(), WindowExceeded> {
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        match self.incoming.checked_sub(1) {
            Some(left) => {
                self.incoming = left;
                Ok(())
            }
            None => Err(WindowExceeded),
        }
    }

    /// Whether the peer should be told of a fresh window.
    pub(crate) const fn refill_due(&self) -> bool {
        self.incoming <= self.incoming_max / 2
    }

    /// Opens our window in full, for the flow that is written now.
    pub(crate) const fn refill(&mut self) {
        self.incoming = self.incoming_max;
    }

    /// The peer's flow (§2.5.6): `remote-incoming-window = next-incoming-id(flow) +
    /// incoming-window(flow) - next-outgoing-id`. Without a next-incoming-id the peer had not seen
    /// our begin. Returns whether a shut window has opened.
    pub(crate) fn on_flow(
        &mut self,
        next_incoming_id: Option<u32>,
        incoming_window: u32,
        next_outgoing_id: u32,
    ) -> bool {
        self.next_incoming_id = next_outgoing_id;
        let seen = next_incoming_id.unwrap_or(Self::FIRST_OUTGOING_ID);
        // Negative if the peer claims frames that we have not sent: believed as "all seen".
        let in_flight = self.next_outgoing_id.wrapping_sub(seen).cast_signed().max(0).cast_unsigned();
        let was_shut = self.remote_incoming == 0;
        self.remote_incoming = incoming_window.saturating_sub(in_flight);
        was_shut && self.remote_incoming > 0
    }

    /// Transfer frames we may send now.
    pub(crate) const fn sendable(&self) -> u32 {
        self.remote_incoming
    }

    /// `frames` transfer frames were written; at most [`Self::sendable`].
    pub(crate) const fn on_sent(&mut self, frames: u32) {
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(frames);
        self.remote_incoming = self.remote_incoming.saturating_sub(frames);
    }

    pub(crate) const fn next_incoming_id(&self) -> u32 {
        self.next_incoming_id
    }

    pub(crate) const fn incoming(&self) -> u32 {
        self.incoming
    }

    pub(crate) const fn next_outgoing_id(&self) -> u32 {
        self.next_outgoing_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(incoming_max: u32, peer_next_outgoing: u32, peer_window: u32) -> SessionWindow {
        let mut window = SessionWindow::new(incoming_max);
        window.on_begin(peer_next_outgoing, peer_window);
        window
    }

    #[test]
    fn nothing_may_be_sent_before_the_peers_begin() {
        assert_eq!(SessionWindow::new(10).sendable(), 0);
    }

    #[test]
    fn accepts_a_full_window_and_refuses_one_frame_more() {
        let mut window = begun(4, 0, 0);
        assert!((0..4).all(|_| window.on_transfer().is_ok()));
        assert_eq!(window.on_transfer(), Err(WindowExceeded));
        assert_eq!(window.next_incoming_id(), 5, "a frame too many is counted all the same");
    }

    #[test]
    fn a_refill_is_due_at_half() {
        let mut window = begun(4, 0, 0);
        window.on_transfer().expect("in the window");
        assert!(!window.refill_due());
        window.on_transfer().expect("in the window");
        assert!(window.refill_due());
        window.refill();
        assert_eq!((window.incoming(), window.refill_due()), (4, false));
    }

    #[test]
    fn a_window_of_one_is_refilled_after_every_frame() {
        let mut window = begun(1, 0, 0);
        assert!(!window.refill_due());
        window.on_transfer().expect("in the window");
        assert!(window.refill_due());
    }

    #[test]
    fn frames_in_flight_count_against_the_window_of_a_flow() {
        let mut window = begun(4, 0, 10);
        window.on_sent(6);
        assert!(!window.on_flow(Some(4), 10, 0), "it was not shut");
        assert_eq!(window.sendable(), 8, "two frames are in flight");
    }

    #[test]
    fn a_flow_tells_when_a_shut_window_opens() {
        let mut window = begun(4, 0, 2);
        window.on_sent(2);
        assert_eq!(window.sendable(), 0);
        assert!(!window.on_flow(Some(0), 2, 0), "both frames are still in flight");
        assert!(window.on_flow(Some(1), 2, 0));
        assert_eq!(window.sendable(), 1);
    }

    #[test]
    fn a_window_that_shrinks_below_what_is_in_flight_is_zero() {
        let mut window = begun(4, 0, 10);
        window.on_sent(6);
        window.on_flow(Some(0), 3, 0);
        assert_eq!(window.sendable(), 0);
    }

    #[test]
    fn a_peer_that_claims_unsent_frames_gains_nothing() {
        let mut window = begun(4, 0, 10);
        window.on_flow(Some(1_000), 5, 0);
        assert_eq!(window.sendable(), 5);
    }

    #[test]
    fn ids_wrap() {
        let mut window = begun(10, u32::MAX, 0);
        window.next_outgoing_id = u32::MAX - 1;
        window.on_flow(Some(u32::MAX - 1), 5, u32::MAX);
        window.on_sent(4);
        assert_eq!(window.next_outgoing_id(), 2);
        window.on_flow(Some(u32::MAX), 5, u32::MAX);
        assert_eq!(window.sendable(), 2, "MAX, 0 and 1 are in flight");
        window.on_transfer().expect("in the window");
        assert_eq!(window.next_incoming_id(), 0);
    }

    #[test]
    fn without_a_next_incoming_id_all_sent_frames_are_in_flight() {
        let mut window = begun(4, 0, 10);
        window.on_sent(3);
        window.on_flow(None, 10, 0);
        assert_eq!(window.sendable(), 7);
    }
}
