//! Nothing else means anything unless this holds.

use forebay_sim::{Plan, run, run_traced};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        let plan = Plan::of(seed);
        let (first, second) = (run_traced(&plan, true), run_traced(&plan, true));
        assert!(first.trace.0.len() > 20, "seed {seed}: a trace of {} lines", first.trace.0.len());
        for (at, (one, other)) in first.trace.0.iter().zip(&second.trace.0).enumerate() {
            assert_eq!(one, other, "seed {seed}, line {at}");
        }
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_beside_other_runs() {
    let alone: Vec<_> = (0..20).map(|seed| run(&Plan::of(seed)).trace.1).collect();
    let beside: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..20).map(|seed| scope.spawn(move || run(&Plan::of(seed)).trace.1)).collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    assert_eq!(alone, beside);
}

#[test]
fn different_seeds_give_different_traces() {
    let mut sums: Vec<_> = (0..50).map(|seed| run(&Plan::of(seed)).trace.1).collect();
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), 50);
}
