//! Makes a failing plan short: fewer steps, smaller numbers, the same promise broken.

use crate::{Plan, run};

/// Runs so many shorter plans at most.
const TRIES: usize = 3_000;

/// The shortest plan found that breaks the same promise as `plan`, which must break `promise`.
#[must_use]
pub fn shrink(plan: &Plan, promise: &str) -> Plan {
    let mut best = plan.clone();
    let mut tries = 0;
    let mut fails = |candidate: &Plan| {
        tries += 1;
        tries <= TRIES && run(candidate).failure.is_some_and(|failure| failure.promise == promise)
    };
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + size).min(candidate.steps.len()));
            if fails(&candidate) {
                best = candidate;
                shorter = true;
            } else {
                at += size;
            }
        }
        if !shorter || size > 1 {
            size /= 2;
        }
    }
    for at in 0..best.steps.len() {
        for number in 0..best.steps[at].numbers.len() {
            let old = best.steps[at].numbers[number];
            for smaller in [0, 1, old / 2].into_iter().filter(|smaller| *smaller < old) {
                let mut candidate = best.clone();
                candidate.steps[at].numbers[number] = smaller;
                if fails(&candidate) {
                    best = candidate;
                    break;
                }
            }
        }
    }
    best
}
