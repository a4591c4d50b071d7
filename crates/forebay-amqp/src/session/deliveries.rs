//! Deliveries whose fate is open (§2.6.12), one table for each direction of a session.
//!
//! Ids are contiguous, so the table is a ring that starts at the oldest open delivery:
//!
//! ```text
//!  base                                  base + len
//!   │ open │ accepted │ gone │ open │ …  │
//!          └──── due ────┘                 decided by us, disposition not yet written
//! ```
//!
//! Settling is a fact noted in the ring; ten of them become one disposition when facts are written.
//! A disposition's range is clamped to the ring before anything walks it (§2.7.6): `first=0,
//! last=2^31` over three open deliveries is three steps.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::ops::RangeInclusive;

use crate::types::DeliveryState;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq)]
enum Fate {
    /// Neither side has settled it.
    Open,
    /// We have decided; the disposition is due. The common outcome needs no box.
    Accepted,
    /// As [`Fate::Accepted`], with any other outcome.
    Other(Box<DeliveryState>),
    /// Settled, or never open.
    Gone,
}

#[derive(Debug)]
struct Entry {
    link: u32,
    fate: Fate,
}

/// Why a delivery cannot enter the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTracked {
    /// Its id is that of a delivery before it.
    IdReused,
    /// The table would pass its bound.
    Full,
}

/// The open deliveries of one direction.
#[derive(Debug)]
pub(crate) struct Deliveries {
    base: u32,
    ring: VecDeque<Entry>,
    /// First and last id that may be decided and unwritten.
    due: Option<(u32, u32)>,
    len_max: usize,
}

impl Deliveries {
    pub(crate) fn new(len_max: u32) -> Self {
        Self { base: 0, ring: VecDeque::new(), due: None, len_max: len_max as usize }
    }

    /// Ids from the oldest open delivery to the newest, open or not.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Deliveries that may still enter, if the next one has this id.
    pub(crate) fn room(&self, next: u32) -> u32 {
        let span = if self.ring.is_empty() { 0 } else { next.wrapping_sub(self.base) };
        u32::try_from(self.len_max).unwrap_or(u32::MAX).saturating_sub(span)
    }

    /// An unsettled delivery begins; one that is sent settled needs no place. Ids may skip ahead: over
    /// settled deliveries, and because some senders number them by transfer frames.
    pub(crate) fn push(&mut self, id: u32, link: u32) -> Result<(), NotTracked> {
        if self.ring.is_empty() {
            self.base = id;
        }
        let offset = id.wrapping_sub(self.base).cast_signed();
        let offset = usize::try_from(offset)
            .ok()
            .filter(|&offset| offset >= self.ring.len())
            .ok_or(NotTracked::IdReused)?;
        if offset >= self.len_max {
            return Err(NotTracked::Full);
        }
        self.ring.resize_with(offset, || Entry { link, fate: Fate::Gone });
        self.ring.push_back(Entry { link, fate: Fate::Open });
        Ok(())
    }

    /// We decide the fate of open deliveries of `link`. Returns whether a disposition is due.
    pub(crate) fn decide(&mut self, link: u32, first: u32, last: u32, state: &DeliveryState) -> bool {
        let Some(range) = self.clamp(first, last) else { return false };
        let mut touched: Option<(usize, usize)> = None;
        for offset in range {
            let entry = &mut self.ring[offset];
            if entry.link != link || entry.fate != Fate::Open {
                continue;
            }
            entry.fate = match state {
                DeliveryState::Accepted => Fate::Accepted,
                other => Fate::Other(Box::new(other.clone())),
            };
            touched = Some((touched.map_or(offset, |(low, _)| low), offset));
        }
        let Some((low, high)) = touched else { return false };
        let (low, high) = (self.id_at(low), self.id_at(high));
        self.due = Some(match self.due {
            None => (low, high),
            Some((due_low, due_high)) => (earlier(due_low, low), later(due_high, high)),
        });
        true
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// Hands over what we decided as the fewest ranges of equal outcome, and forgets it.
    pub(crate) fn take_due(&mut self, mut write: impl FnMut(u32, u32, &DeliveryState)) {
        let Some((low, high)) = self.due.take() else { return };
        let Some(range) = self.clamp(low, high) else { return };
        // The run being put together: its first and last offset, and its outcome.
        let mut run: Option<(usize, usize, Fate)> = None;
        for offset in range {
            let entry = &mut self.ring[offset];
            let decided = match entry.fate {
                Fate::Accepted | Fate::Other(_) => core::mem::replace(&mut entry.fate, Fate::Gone),
                Fate::Open | Fate::Gone => continue,
            };
            match &mut run {
                Some((_, end, fate)) if *end + 1 == offset && *fate == decided => *end = offset,
                _ => {
                    if let Some((start, end, fate)) = run.replace((offset, offset, decided)) {
                        write(self.id_at(start), self.id_at(end), outcome(&fate));
                    }
                }
            }
        }
        if let Some((start, end, fate)) = run {
            write(self.id_at(start), self.id_at(end), outcome(&fate));
        }
        self.trim();
    }

    /// The peer settles a range: hands over the runs that were open, and forgets them.
    pub(crate) fn settled_by_peer(&mut self, first: u32, last: u32, mut settled: impl FnMut(u32, u32)) {
        let Some(range) = self.clamp(first, last) else { return };
        let mut run: Option<(usize, usize)> = None;
        for offset in range {
            let was_open = core::mem::replace(&mut self.ring[offset].fate, Fate::Gone) == Fate::Open;
            match &mut run {
                Some((_, end)) if was_open && *end + 1 == offset => *end = offset,
                _ if was_open => {
                    if let Some((start, end)) = run.replace((offset, offset)) {
                        settled(self.id_at(start), self.id_at(end));
                    }
                }
                _ => {}
            }
        }
        if let Some((start, end)) = run {
            settled(self.id_at(start), self.id_at(end));
        }
        self.trim();
    }

    /// The link is gone: nobody will settle what is open on it. What is decided is still written.
    pub(crate) fn forget_link(&mut self, link: u32) {
        for entry in self.ring.iter_mut().filter(|entry| entry.link == link && entry.fate == Fate::Open) {
            entry.fate = Fate::Gone;
        }
        self.trim();
    }

    /// Offsets of the ring inside `first..=last`, both as serial numbers (RFC 1982). `None` also if
    /// `last` lies before `first`.
    fn clamp(&self, first: u32, last: u32) -> Option<RangeInclusive<usize>> {
        let span = last.wrapping_sub(first).cast_signed();
        let low = i64::from(first.wrapping_sub(self.base).cast_signed());
        let high = low + i64::from(span);
        let newest = i64::try_from(self.ring.len()).ok()? - 1;
        let (low, high) = (low.max(0), high.min(newest));
        (span >= 0 && low <= high).then_some(())?;
        Some(usize::try_from(low).ok()?..=usize::try_from(high).ok()?)
    }

    fn id_at(&self, offset: usize) -> u32 {
        // Offsets stay below `len_max`, a u32.
        #[expect(clippy::cast_possible_truncation, reason = "the ring is never longer than a u32 counts")]
        let offset = offset as u32;
        self.base.wrapping_add(offset)
    }

    fn trim(&mut self) {
        while self.ring.front().is_some_and(|entry| entry.fate == Fate::Gone) {
            self.ring.pop_front();
            self.base = self.base.wrapping_add(1);
        }
    }
}

/// The earlier of two ids in serial order.
const fn earlier(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() <= 0 { a } else { b }
}

/// The later of two ids in serial order.
const fn later(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() >= 0 { a } else { b }
}

fn outcome(fate: &Fate) -> &DeliveryState {
    match fate {
        Fate::Other(state) => state,
        Fate::Accepted | Fate::Open | Fate::Gone => &DeliveryState::Accepted,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const LINK: u32 = 4;
    const OTHER_LINK: u32 = 9;

    fn open(ids: impl IntoIterator<Item = u32>) -> Deliveries {
        let mut deliveries = Deliveries::new(1_000);
        for id in ids {
            deliveries.push(id, LINK).expect("in order and within the bound");
        }
        deliveries
    }

    fn due(deliveries: &mut Deliveries) -> Vec<(u32, u32, DeliveryState)> {
        let mut ranges = Vec::new();
        deliveries.take_due(|first, last, state| ranges.push((first, last, state.clone())));
        ranges
    }

    fn settled(deliveries: &mut Deliveries, first: u32, last: u32) -> Vec<(u32, u32)> {
        let mut ranges = Vec::new();
        deliveries.settled_by_peer(first, last, |first, last| ranges.push((first, last)));
        ranges
    }

    #[test]
    fn ten_settles_become_one_range_in_any_order() {
        let mut deliveries = open(0..10);
        for id in [3, 1, 0, 2, 9, 8, 7, 4, 6, 5] {
            assert!(deliveries.decide(LINK, id, id, &DeliveryState::Accepted));
        }
        assert_eq!(due(&mut deliveries), [(0, 9, DeliveryState::Accepted)]);
        assert_eq!((deliveries.len(), deliveries.is_due()), (0, false));
    }

    #[test]
    fn ranges_break_at_holes_and_at_other_outcomes() {
        let mut deliveries = open(0..8);
        for (id, state) in [
            (0, DeliveryState::Accepted),
            (1, DeliveryState::Released),
            (2, DeliveryState::Released),
            (4, DeliveryState::Accepted),
            (5, DeliveryState::Accepted),
        ] {
            deliveries.decide(LINK, id, id, &state);
        }
        assert_eq!(
            due(&mut deliveries),
            [
                (0, 0, DeliveryState::Accepted),
                (1, 2, DeliveryState::Released),
                (4, 5, DeliveryState::Accepted)
            ]
        );
        assert_eq!(deliveries.len(), 5, "3 is open, so the ring starts there");
    }

    #[test]
    fn a_delivery_is_settled_once_and_only_by_its_own_link() {
        let mut deliveries = open(0..2);
        deliveries.push(2, OTHER_LINK).expect("in order");
        assert!(!deliveries.decide(OTHER_LINK, 0, 1, &DeliveryState::Accepted));
        assert!(deliveries.decide(LINK, 0, 2, &DeliveryState::Accepted));
        assert!(!deliveries.decide(LINK, 0, 2, &DeliveryState::Released));
        assert_eq!(due(&mut deliveries), [(0, 1, DeliveryState::Accepted)]);
        assert!(!deliveries.decide(LINK, 0, 1, &DeliveryState::Accepted), "both are gone");
    }

    #[test]
    fn a_range_as_wide_as_the_wire_allows_is_clamped_to_what_is_open() {
        let mut deliveries = open(5..8);
        assert_eq!(settled(&mut deliveries, 0, i32::MAX.cast_unsigned()), [(5, 7)]);
        assert_eq!(settled(&mut deliveries, 0, i32::MAX.cast_unsigned()), []);
    }

    #[test]
    fn a_range_whose_end_lies_before_its_start_is_empty() {
        let mut deliveries = open(0..3);
        assert_eq!(settled(&mut deliveries, 0, u32::MAX), []);
        assert_eq!(settled(&mut deliveries, 2, 1), []);
        assert_eq!(settled(&mut deliveries, 1, 1), [(1, 1)]);
    }

    #[test]
    fn ids_and_ranges_wrap() {
        let mut deliveries = open([u32::MAX - 1, u32::MAX, 0, 1]);
        deliveries.decide(LINK, u32::MAX, 0, &DeliveryState::Accepted);
        assert_eq!(due(&mut deliveries), [(u32::MAX, 0, DeliveryState::Accepted)]);
        assert_eq!(settled(&mut deliveries, u32::MAX - 5, 100), [(u32::MAX - 1, u32::MAX - 1), (1, 1)]);
        assert_eq!(deliveries.len(), 0);
    }

    #[test]
    fn accepts_as_many_as_the_bound_and_refuses_one_more() {
        let mut deliveries = Deliveries::new(3);
        for id in 0..3 {
            deliveries.push(id, LINK).expect("within the bound");
        }
        assert_eq!(deliveries.room(3), 0);
        assert_eq!(deliveries.push(3, LINK), Err(NotTracked::Full));
        settled(&mut deliveries, 0, 0);
        assert_eq!(deliveries.push(3, LINK), Ok(()));
    }

    #[test]
    fn refuses_a_reused_id_and_accepts_a_gap() {
        let mut deliveries = open(0..3);
        assert_eq!(deliveries.push(1, LINK), Err(NotTracked::IdReused));
        assert_eq!(deliveries.push(2, LINK), Err(NotTracked::IdReused));
        assert_eq!(deliveries.push(10, LINK), Ok(()));
        assert_eq!(settled(&mut deliveries, 0, 100), [(0, 2), (10, 10)]);
    }

    #[test]
    fn a_jump_ahead_costs_no_more_than_the_bound() {
        let mut deliveries = open(0..1);
        assert_eq!(deliveries.push(1_000_000, LINK), Err(NotTracked::Full));
        assert_eq!(deliveries.len(), 1);
    }

    #[test]
    fn room_shrinks_with_the_ids_that_are_skipped() {
        let mut deliveries = Deliveries::new(10);
        assert_eq!(deliveries.room(7), 10);
        deliveries.push(7, LINK).expect("room");
        assert_eq!((deliveries.room(8), deliveries.room(16), deliveries.room(17)), (9, 1, 0));
        assert_eq!(deliveries.push(17, LINK), Err(NotTracked::Full));
        assert_eq!(deliveries.push(16, LINK), Ok(()));
    }

    #[test]
    fn a_lost_link_takes_its_open_deliveries_along_but_not_its_decisions() {
        let mut deliveries = open(0..3);
        deliveries.push(3, OTHER_LINK).expect("in order");
        deliveries.decide(LINK, 1, 1, &DeliveryState::Accepted);
        deliveries.forget_link(LINK);
        assert_eq!(due(&mut deliveries), [(1, 1, DeliveryState::Accepted)]);
        assert_eq!(settled(&mut deliveries, 0, 3), [(3, 3)]);
    }

    #[test]
    fn what_the_peer_settles_first_needs_no_disposition() {
        let mut deliveries = open(0..3);
        deliveries.decide(LINK, 0, 2, &DeliveryState::Accepted);
        assert_eq!(settled(&mut deliveries, 1, 1), [], "it was decided, not open");
        assert_eq!(due(&mut deliveries), [(0, 0, DeliveryState::Accepted), (2, 2, DeliveryState::Accepted)]);
    }

    #[test]
    fn a_decision_after_the_peer_settled_an_older_one_is_not_lost() {
        let mut deliveries = open(0..6);
        deliveries.decide(LINK, 0, 0, &DeliveryState::Accepted);
        settled(&mut deliveries, 0, 2);
        deliveries.decide(LINK, 5, 5, &DeliveryState::Accepted);
        assert_eq!(due(&mut deliveries), [(5, 5, DeliveryState::Accepted)]);
    }
}
