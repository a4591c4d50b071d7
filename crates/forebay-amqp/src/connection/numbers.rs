//! Channel and handle numbers (§2.4, §2.6.2). Each side numbers its own, so there are two tables:
//! what the peer's numbers mean, and which of ours are taken.

use alloc::vec::Vec;

/// What a number of the peer's stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Never used: whoever refers to it breaks a rule.
    Unused,
    /// The place of a session or link in its slab.
    Live(u32),
    /// Ended or detached. Late frames are dropped, not punished: Python sends detaches after its end.
    Retired,
}

/// The peer's numbers. Grows to the highest in use, which the caller bounds beforehand.
#[derive(Debug, Default)]
pub(crate) struct TheirNumbers {
    slots: Vec<Slot>,
}

impl TheirNumbers {
    pub(crate) fn get(&self, number: u32) -> Slot {
        self.slots.get(number as usize).copied().unwrap_or(Slot::Unused)
    }

    pub(crate) fn assign(&mut self, number: u32, index: u32) {
        let at = number as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, Slot::Unused);
        }
        self.slots[at] = Slot::Live(index);
    }

    pub(crate) fn retire(&mut self, number: u32) {
        if let Some(slot) = self.slots.get_mut(number as usize) {
            *slot = Slot::Retired;
        }
    }
}

/// Our numbers: a bit for each, lowest free first.
#[derive(Debug, Default)]
pub(crate) struct OurNumbers {
    words: Vec<u64>,
}

impl OurNumbers {
    /// Takes `preferred` if it is free, else the lowest free number; `None` if all up to `max` are taken.
    pub(crate) fn take(&mut self, preferred: Option<u32>, max: u32) -> Option<u32> {
        let number = preferred
            .filter(|&number| number <= max && !self.is_taken(number))
            .or_else(|| self.lowest_free())
            .filter(|&number| number <= max)?;
        let word = (number / 64) as usize;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % 64);
        Some(number)
    }

    pub(crate) fn give_back(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut((number / 64) as usize) {
            *word &= !(1 << (number % 64));
        }
    }

    fn is_taken(&self, number: u32) -> bool {
        self.words.get((number / 64) as usize).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    fn lowest_free(&self) -> Option<u32> {
        let word = self.words.iter().position(|&word| word != u64::MAX).unwrap_or(self.words.len());
        let bit = self.words.get(word).map_or(0, |word| word.trailing_ones());
        u32::try_from(word).ok()?.checked_mul(64)?.checked_add(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_preferred_number_else_the_lowest_free_one() {
        let mut ours = OurNumbers::default();
        assert_eq!(ours.take(Some(7), 255), Some(7));
        assert_eq!(ours.take(Some(7), 255), Some(0));
        assert_eq!(ours.take(None, 255), Some(1));
        ours.give_back(0);
        assert_eq!(ours.take(None, 255), Some(0));
    }

    #[test]
    fn refuses_a_number_past_the_maximum_and_accepts_the_maximum() {
        let mut ours = OurNumbers::default();
        let taken: Vec<_> = core::iter::from_fn(|| ours.take(None, 129)).collect();
        assert_eq!(taken, (0..=129).collect::<Vec<_>>());
        assert_eq!(ours.take(Some(200), 129), None);
    }

    #[test]
    fn a_retired_number_is_told_from_an_unused_one() {
        let mut theirs = TheirNumbers::default();
        theirs.assign(3, 9);
        assert_eq!(
            (theirs.get(3), theirs.get(2), theirs.get(4)),
            (Slot::Live(9), Slot::Unused, Slot::Unused)
        );
        theirs.retire(3);
        theirs.retire(1_000);
        assert_eq!((theirs.get(3), theirs.get(1_000)), (Slot::Retired, Slot::Unused));
    }
}
