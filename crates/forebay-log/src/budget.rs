//! The process's byte budget: one bound over everything that holds bytes for a while.
//!
//! Parts reserve *before* they take bytes in, and give back by dropping the reservation. Reserving is two atomic
//! operations; each part's use is a metric.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who holds bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Buffers of connections, in and out.
    Connections,
    /// Deliveries whose frames have not all come.
    SplitDeliveries,
    /// Events that publishers have written and the log has not taken yet.
    Gathering,
    /// Batches on their way to the log's mark.
    Submitted,
    /// Recent batches in memory: pinned until they are in a segment, cached after.
    TailCache,
    /// Inflated copies of compressed batches.
    Inflated,
}

impl Part {
    /// All parts, in the order of their metrics.
    pub const ALL: [Self; 6] = [
        Self::Connections,
        Self::SplitDeliveries,
        Self::Gathering,
        Self::Submitted,
        Self::TailCache,
        Self::Inflated,
    ];

    /// The part's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::SplitDeliveries => "split_deliveries",
            Self::Gathering => "gathering",
            Self::Submitted => "submitted",
            Self::TailCache => "tail_cache",
            Self::Inflated => "inflated",
        }
    }
}

/// A bound in bytes, shared by all parts.
#[derive(Debug)]
pub struct ByteBudget {
    limit: u64,
    used: AtomicU64,
    parts: [AtomicU64; Part::ALL.len()],
}

impl ByteBudget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0), parts: Default::default() })
    }

    /// The bound.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What all parts hold together. Forced reservations may take it past the bound.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What one part holds.
    #[must_use]
    pub fn used_by(&self, part: Part) -> u64 {
        self.part(part).load(Ordering::Relaxed)
    }

    /// `bytes` for `part`, or `None` at the bound.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, part: Part, bytes: u64) -> Option<Reservation> {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let after = used.checked_add(bytes).filter(|after| *after <= self.limit)?;
            match self.used.compare_exchange_weak(used, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => used = now,
            }
        }
        self.part(part).fetch_add(bytes, Ordering::Relaxed);
        Some(Reservation { budget: Arc::clone(self), part, bytes })
    }

    /// `bytes` for `part` whatever the bound: for what is already in memory and cannot be refused any more.
    pub fn force(self: &Arc<Self>, part: Part, bytes: u64) -> Reservation {
        self.charge(part, bytes);
        Reservation { budget: Arc::clone(self), part, bytes }
    }

    /// As [`ByteBudget::force`], for holders that count for themselves and call [`ByteBudget::refund`].
    pub fn charge(&self, part: Part, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.part(part).fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back what [`ByteBudget::charge`] took.
    pub fn refund(&self, part: Part, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.part(part).fetch_sub(bytes, Ordering::Relaxed);
    }

    fn part(&self, part: Part) -> &AtomicU64 {
        &self.parts[part as usize]
    }
}

/// Bytes held; given back on drop.
#[derive(Debug)]
#[must_use = "dropping a reservation gives its bytes back"]
pub struct Reservation {
    budget: Arc<ByteBudget>,
    part: Part,
    bytes: u64,
}

impl Reservation {
    /// How many bytes are held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `bytes` more, or changes nothing and says `false` at the bound.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let Some(mut more) = self.budget.reserve(self.part, bytes) else { return false };
        more.bytes = 0;
        self.bytes += bytes;
        true
    }

    /// Makes it `bytes`, whatever the bound: for what is already in memory.
    pub fn set(&mut self, bytes: u64) {
        match bytes.checked_sub(self.bytes) {
            None => self.shrink_to(bytes),
            Some(0) => {}
            Some(more) => {
                self.budget.charge(self.part, more);
                self.bytes = bytes;
            }
        }
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        if let Some(excess) = self.bytes.checked_sub(bytes) {
            self.budget.refund(self.part, excess);
            self.bytes = bytes;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.refund(self.part, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_and_everything_comes_back() {
        let budget = ByteBudget::new(100);
        let first = budget.reserve(Part::Connections, 60).expect("fits");
        assert!(budget.reserve(Part::TailCache, 41).is_none());
        let mut second = budget.reserve(Part::TailCache, 40).expect("fits exactly");
        assert!(!second.grow(1));
        assert_eq!((budget.used(), budget.used_by(Part::TailCache)), (100, 40));
        second.shrink_to(10);
        assert!(second.grow(5));
        assert_eq!((second.bytes(), budget.used()), (15, 75));
        let forced = budget.force(Part::Submitted, 1000);
        assert_eq!(budget.used(), 1075);
        drop((first, second, forced));
        assert_eq!(budget.used(), 0);
        assert!(Part::ALL.iter().all(|part| budget.used_by(*part) == 0));
    }

    #[test]
    fn a_huge_request_is_refused_and_does_not_wrap() {
        let budget = ByteBudget::new(100);
        let _held = budget.force(Part::Submitted, 50);
        assert!(budget.reserve(Part::Connections, u64::MAX).is_none());
    }
}
