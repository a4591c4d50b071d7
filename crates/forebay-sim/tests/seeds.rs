//! A few seeds in every test run; `cargo xtask crash` runs many.

use forebay_sim::disk::Fault;
use forebay_sim::{Plan, run};

#[test]
fn every_promise_is_kept_through_a_hundred_seeds_and_every_fault_strikes() {
    let mut struck = std::collections::BTreeMap::new();
    for seed in 0..100 {
        let outcome = run(&Plan::of(seed));
        assert_eq!(outcome.failure, None, "seed {seed}: cargo xtask crash makes it short");
        assert!(outcome.recoveries > 0, "seed {seed}");
        for (fault, count) in outcome.faults {
            *struck.entry(fault).or_insert(0) += count;
        }
    }
    for fault in Fault::ALL {
        assert!(struck.contains_key(&fault), "{fault:?} never struck");
    }
}
