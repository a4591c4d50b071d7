//! The promises of the fold: whatever is proposed in whatever order, folding it again gives the same, and nothing
//! that is folded breaks what holds of every catalogue.
//!
//! A failure prints its seed, and the entries that are left when all that do not matter are gone.
//! `PROPTEST_CASES` makes more logs than the usual 256.

mod generate;
mod invariants;
mod levels;
mod promises;
mod proposers;
