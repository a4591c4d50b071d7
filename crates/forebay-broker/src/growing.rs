//! A list that only grows, and is read without a lock while it does.
//!
//! Elements lie in buckets of 1, 2, 4, … that are made when they are needed and never move, so a reference to one stays
//! good, and a reader pays two loads more than for a slice.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Buckets: enough for 65,535 elements.
const BUCKETS: usize = 16;

/// The list.
#[derive(Debug)]
pub(crate) struct Growing<T> {
    /// Elements that readers see; each is in its place before it counts.
    len: AtomicU32,
    buckets: [OnceLock<Box<[OnceLock<T>]>>; BUCKETS],
    /// One growth at a time.
    growth: Mutex<()>,
}

impl<T> Growing<T> {
    pub(crate) fn new() -> Self {
        Self { len: AtomicU32::new(0), buckets: [const { OnceLock::new() }; BUCKETS], growth: Mutex::new(()) }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        if index >= self.len() {
            return None;
        }
        let (bucket, offset) = place(index)?;
        self.buckets.get(bucket)?.get()?.get(offset)?.get()
    }

    /// Makes elements until there are `len`; with as many or more it does nothing. If one cannot be made, those before
    /// it stay.
    pub(crate) fn grow<E>(&self, len: u32, mut make: impl FnMut(u32) -> Result<T, E>) -> Result<(), E> {
        let _one = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        for index in self.len()..len {
            let Some((bucket, offset)) = place(index) else { break };
            let bucket = self.buckets[bucket]
                .get_or_init(|| (0..1_usize << bucket).map(|_| OnceLock::new()).collect());
            let element = make(index)?;
            bucket[offset].get_or_init(|| element);
            self.len.store(index + 1, Ordering::Release);
        }
        Ok(())
    }
}

/// In which bucket, and where in it.
fn place(index: u32) -> Option<(usize, usize)> {
    let number = index.checked_add(1)?;
    let bucket = usize::try_from(number.ilog2()).ok()?;
    let offset = usize::try_from(number).ok()? - (1 << bucket);
    (bucket < BUCKETS).then_some((bucket, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn what_is_there_stays_where_it_is_while_the_list_grows() {
        let list = Growing::new();
        let same = |index| Ok::<u32, Infallible>(index);
        list.grow(1, same).unwrap();
        let first: *const u32 = list.get(0).unwrap();
        list.grow(2_000, same).unwrap();
        list.grow(5, same).unwrap();
        assert_eq!(list.len(), 2_000);
        assert!(std::ptr::eq(first, list.get(0).unwrap()));
        assert!((0..2_000).all(|index| list.get(index) == Some(&index)));
        assert_eq!(list.get(2_000), None);
        assert_eq!(list.get(u32::MAX), None);
    }

    #[test]
    fn an_element_that_cannot_be_made_ends_the_growth_and_the_next_goes_on_there() {
        let list = Growing::new();
        assert_eq!(list.grow(4, |index| if index < 2 { Ok(index) } else { Err("no") }), Err("no"));
        assert_eq!((list.len(), list.get(1), list.get(2)), (2, Some(&1), None));
        assert_eq!(list.grow(4, |index| Ok::<u32, &str>(index * 10)), Ok(()));
        assert_eq!((list.get(1), list.get(3)), (Some(&1), Some(&30)));
    }

    #[test]
    fn readers_see_whole_elements_while_others_grow_the_list() {
        let list = Growing::new();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (1..=2_000).for_each(|len| list.grow(len, Ok::<u32, Infallible>).unwrap()));
            }
            scope.spawn(|| {
                while list.len() < 2_000 {
                    let len = list.len();
                    assert!((0..len).all(|index| list.get(index) == Some(&index)));
                }
            });
        });
    }
}
