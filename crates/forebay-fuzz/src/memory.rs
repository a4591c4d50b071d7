//! How much memory a piece of work holds at its peak.
//!
//! Every program that links this crate counts what its threads allocate. So a property can say "a multiple of the
//! input and no more", which is what keeps a few bytes from a socket from taking the machine.
#![expect(
    unsafe_code,
    reason = "an allocator that counts is a GlobalAlloc, which is an unsafe trait; UNSAFE.md"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes held now, less those freed that other threads allocated; and the most since the last reset.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

fn count(allocated: usize, freed: usize) {
    // A thread that is being torn down is not counted.
    let _ = HELD.try_with(|held| {
        let (now, peak) = held.get();
        let now = now.wrapping_add_unsigned(allocated).wrapping_sub_unsigned(freed);
        held.set((now, peak.max(now)));
    });
}

// SAFETY: every method hands its arguments unchanged to `System`, which keeps the trait's contract, and returns
// what `System` returns. Counting touches only a thread-local `Cell` that is initialised at compile time, so it
// neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises about `layout` are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: `pointer` came from `System`, by `alloc` or `realloc`, with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, layout.size());
        // SAFETY: `pointer` came from `System` with this `layout`, and `new_size` is as the caller promises.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does `work` and gives its result and the most bytes that it held at once, its result included.
pub fn peak_of<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let (before, _) = HELD.get();
    HELD.set((before, before));
    let result = work();
    let (_, peak) = HELD.get();
    (result, usize::try_from(peak.wrapping_sub(before)).unwrap_or_default())
}

/// Does `work`, which may hold `spare` bytes and `factor` bytes for each byte of the `input` that it reads.
///
/// # Panics
/// If it held more.
pub fn within<R>(input: usize, factor: usize, spare: usize, work: impl FnOnce() -> R) -> R {
    let (result, peak) = peak_of(work);
    let limit = input * factor + spare;
    assert!(peak <= limit, "{peak} bytes were held for {input} bytes of input, the bound is {limit}");
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_counts_what_was_freed_again_and_what_grew() {
        let (kept, peak) = peak_of(|| {
            drop(vec![0_u8; 10_000]);
            let mut kept = Vec::with_capacity(10);
            kept.extend_from_slice(&[1_u8; 500]);
            kept
        });
        assert_eq!(kept.len(), 500);
        assert!((10_000..11_000).contains(&peak), "{peak}");
        assert_eq!(peak_of(|| ()).1, 0);
    }

    #[test]
    #[should_panic(expected = "the bound is 1100")]
    fn work_that_holds_more_than_its_bound_is_found() {
        within(100, 10, 100, || vec![0_u8; 1_101]);
    }
}
