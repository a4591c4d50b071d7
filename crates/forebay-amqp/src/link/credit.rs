//! Link credit (§2.6.7) as two values, one for each end of a link.
//!
//! ```text
//! link-credit(sender) = delivery-count(receiver) + link-credit(receiver) - delivery-count(sender)
//! ```
//!
//! Delivery counts are serial numbers: only their differences mean something.

/// What a receiver has granted, and believes the sender has used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReceiverCredit {
    delivery_count: u32,
    credit: u32,
    draining: bool,
    /// The highest delivery count ever allowed. Credit that is taken back may be in use already: what
    /// was sent under the higher grant is no fault of the sender.
    allowed_until: u32,
}

/// The peer sent a delivery that our credit did not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CreditExceeded;

impl ReceiverCredit {
    /// The sender's attach gives the first count.
    pub(crate) const fn on_attach(&mut self, initial_delivery_count: u32) {
        self.delivery_count = initial_delivery_count;
        self.allowed_until = initial_delivery_count.wrapping_add(self.credit);
    }

    pub(crate) const fn set(&mut self, credit: u32) {
        self.credit = credit;
        self.draining = false;
        self.allow();
    }

    const fn allow(&mut self) {
        let until = self.delivery_count.wrapping_add(self.credit);
        // A grant may be higher than any serial order can tell; then it is the highest.
        let higher = until.wrapping_sub(self.allowed_until).cast_signed() > 0;
        if higher || self.credit > i32::MAX.cast_unsigned() {
            self.allowed_until = until;
        }
    }

    /// From now on the sender is asked to use or give up what it has.
    pub(crate) const fn drain(&mut self) {
        self.draining = self.credit > 0;
    }

    /// A delivery begins. `Err` if there never was credit for it; it is counted all the same.
    pub(crate) const fn on_delivery(&mut self) -> Result<(), CreditExceeded> {
        let allowed =
            self.credit > 0 || self.delivery_count.wrapping_sub(self.allowed_until).cast_signed() < 0;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
        if allowed { Ok(()) } else { Err(CreditExceeded) }
    }

    /// The sender's flow: a count ahead of ours gives up credit. Returns whether a drain has ended.
    pub(crate) fn on_flow(&mut self, delivery_count: Option<u32>) -> bool {
        if let Some(theirs) = delivery_count {
            let given_up = theirs.wrapping_sub(self.delivery_count).cast_signed().max(0).cast_unsigned();
            self.delivery_count = self.delivery_count.wrapping_add(given_up);
            self.credit = self.credit.saturating_sub(given_up);
        }
        let drained = self.draining && self.credit == 0;
        if drained {
            self.draining = false;
        }
        drained
    }

    pub(crate) const fn credit(&self) -> u32 {
        self.credit
    }

    pub(crate) const fn delivery_count(&self) -> u32 {
        self.delivery_count
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }
}

/// What a sender may still send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SenderCredit {
    delivery_count: u32,
    credit: u32,
    draining: bool,
}

impl SenderCredit {
    /// Our count starts here, and our attach says so.
    pub(crate) const INITIAL_DELIVERY_COUNT: u32 = 0;

    /// The receiver's flow. Without a delivery-count it had not seen our attach; without a
    /// link-credit it says nothing about credit.
    pub(crate) fn on_flow(&mut self, delivery_count: Option<u32>, link_credit: Option<u32>, drain: bool) {
        self.draining = drain;
        let Some(granted) = link_credit else { return };
        let seen = delivery_count.unwrap_or(Self::INITIAL_DELIVERY_COUNT);
        // Negative if the receiver claims deliveries that we have not sent: believed as "all seen".
        let in_flight = self.delivery_count.wrapping_sub(seen).cast_signed().max(0).cast_unsigned();
        self.credit = granted.saturating_sub(in_flight);
    }

    /// A delivery is sent. `false`, and nothing changes, without credit.
    pub(crate) const fn spend(&mut self) -> bool {
        let Some(left) = self.credit.checked_sub(1) else { return false };
        self.credit = left;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        true
    }

    /// Gives up what is left, as a drain asks. Returns whether there was a drain to answer.
    pub(crate) const fn give_up(&mut self) -> bool {
        if !self.draining {
            return false;
        }
        self.delivery_count = self.delivery_count.wrapping_add(self.credit);
        self.credit = 0;
        true
    }

    pub(crate) const fn credit(&self) -> u32 {
        self.credit
    }

    pub(crate) const fn delivery_count(&self) -> u32 {
        self.delivery_count
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_starts_without_credit() {
        let mut credit = SenderCredit::default();
        assert!(!credit.spend());
        credit.on_flow(None, Some(1), false);
        assert!(credit.spend());
        assert!(!credit.spend());
        assert_eq!(credit.delivery_count(), 1);
    }

    #[test]
    fn deliveries_in_flight_count_against_the_credit_of_a_flow() {
        let mut credit = SenderCredit::default();
        credit.on_flow(Some(0), Some(10), false);
        assert!((0..6).all(|_| credit.spend()));
        credit.on_flow(Some(4), Some(10), false);
        assert_eq!(credit.credit(), 8);
        credit.on_flow(Some(0), Some(3), false);
        assert_eq!(credit.credit(), 0, "less than what is in flight is nothing");
    }

    #[test]
    fn a_flow_without_credit_changes_none() {
        let mut credit = SenderCredit::default();
        credit.on_flow(Some(0), Some(10), false);
        credit.on_flow(Some(0), None, false);
        assert_eq!(credit.credit(), 10);
    }

    #[test]
    fn a_receiver_that_claims_unsent_deliveries_gains_nothing() {
        let mut credit = SenderCredit::default();
        credit.on_flow(Some(50), Some(10), false);
        assert_eq!(credit.credit(), 10);
    }

    #[test]
    fn a_drain_gives_up_what_is_left_once() {
        let mut credit = SenderCredit::default();
        credit.on_flow(Some(0), Some(10), false);
        assert!(!credit.give_up(), "nobody asked");
        credit.on_flow(Some(0), Some(10), true);
        assert!(credit.spend());
        assert!(credit.give_up());
        assert_eq!((credit.credit(), credit.delivery_count()), (0, 10));
    }

    #[test]
    fn counts_wrap() {
        let mut credit = SenderCredit { delivery_count: u32::MAX, ..SenderCredit::default() };
        credit.on_flow(Some(u32::MAX), Some(3), false);
        assert!(credit.spend() && credit.spend());
        assert_eq!(credit.delivery_count(), 1);
        credit.on_flow(Some(u32::MAX), Some(3), false);
        assert_eq!(credit.credit(), 1);

        let mut granted = ReceiverCredit::default();
        granted.on_attach(u32::MAX);
        granted.set(3);
        granted.on_delivery().expect("credit");
        assert_eq!((granted.delivery_count(), granted.credit()), (0, 2));
    }

    #[test]
    fn accepts_what_was_granted_and_refuses_one_more() {
        let mut credit = ReceiverCredit::default();
        credit.set(2);
        assert!(credit.on_delivery().is_ok() && credit.on_delivery().is_ok());
        assert_eq!(credit.on_delivery(), Err(CreditExceeded));
    }

    #[test]
    fn what_was_sent_before_credit_was_taken_back_is_no_fault() {
        let mut credit = ReceiverCredit::default();
        credit.set(5);
        credit.set(0);
        assert!((0..5).all(|_| credit.on_delivery().is_ok()));
        assert_eq!((credit.on_delivery(), credit.credit()), (Err(CreditExceeded), 0));
    }

    #[test]
    fn a_drained_sender_moves_the_count_ahead() {
        let mut credit = ReceiverCredit::default();
        credit.set(10);
        credit.on_delivery().expect("credit");
        credit.drain();
        assert!(credit.is_draining());
        assert!(credit.on_flow(Some(10)));
        assert_eq!((credit.credit(), credit.is_draining()), (0, false));
        assert!(!credit.on_flow(Some(10)), "the drain has ended once");
    }

    #[test]
    fn a_count_behind_ours_is_a_flow_that_crossed_a_delivery() {
        let mut credit = ReceiverCredit::default();
        credit.set(10);
        credit.on_delivery().expect("credit");
        credit.on_flow(Some(0));
        assert_eq!((credit.delivery_count(), credit.credit()), (1, 9));
    }

    #[test]
    fn draining_without_credit_is_no_drain() {
        let mut credit = ReceiverCredit::default();
        credit.drain();
        assert!(!credit.is_draining());
    }
}
