//! Who waits for a partition's committed mark, sorted by what they wait for.

use crate::types::Sequence;

/// Waiters in ascending order; one advance of the mark takes a prefix, to be woken outside of the lock.
#[derive(Debug)]
pub(crate) struct Waiters<W> {
    sorted: Vec<(Sequence, W)>,
}

impl<W> Waiters<W> {
    pub(crate) const fn new() -> Self {
        Self { sorted: Vec::new() }
    }

    /// `who` waits until the mark is above `above`.
    pub(crate) fn register(&mut self, above: Sequence, who: W) {
        let at = self.sorted.partition_point(|(other, _)| *other <= above);
        self.sorted.insert(at, (above, who));
    }

    /// The mark is at `next`: moves everyone who waited for less to `woken`, in order.
    pub(crate) fn advance(&mut self, next: Sequence, woken: &mut Vec<W>) {
        let due = self.sorted.partition_point(|(above, _)| *above < next);
        woken.extend(self.sorted.drain(..due).map(|(_, who)| who));
    }

    /// Everyone, whatever they wait for: the partition is going away.
    pub(crate) fn take_all(&mut self, woken: &mut Vec<W>) {
        woken.extend(self.sorted.drain(..).map(|(_, who)| who));
    }

    /// Forgets whoever `is_it` says.
    pub(crate) fn remove(&mut self, is_it: impl Fn(&W) -> bool) {
        self.sorted.retain(|(_, who)| !is_it(who));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advance_takes_those_it_passed_in_order_and_once() {
        let mut waiters = Waiters::new();
        for (above, who) in [(5, 'e'), (1, 'a'), (3, 'c'), (1, 'b'), (9, 'z')] {
            waiters.register(Sequence(above), who);
        }
        let mut woken = Vec::new();
        waiters.advance(Sequence(1), &mut woken);
        assert!(woken.is_empty(), "a mark of 1 has no event 1");
        waiters.advance(Sequence(4), &mut woken);
        assert_eq!(woken, ['a', 'b', 'c']);
        waiters.remove(|who| *who == 'z');
        waiters.advance(Sequence(100), &mut woken);
        assert_eq!(woken, ['a', 'b', 'c', 'e']);
    }

    #[test]
    fn a_partition_that_goes_away_wakes_all() {
        let mut waiters = Waiters::new();
        waiters.register(Sequence(7), 'x');
        let mut woken = Vec::new();
        waiters.take_all(&mut woken);
        waiters.advance(Sequence(100), &mut woken);
        assert_eq!(woken, ['x']);
    }
}
