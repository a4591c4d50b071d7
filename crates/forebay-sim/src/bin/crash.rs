//! Runs the crash simulator over many seeds, and shows what breaks as a test that is ready to be kept.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use forebay_log::planted::{Bug, plant};
use forebay_sim::shrink::shrink;
use forebay_sim::{Failure, Plan, run};

/// Run the log through seeded accidents on a disk that fails, and hold it against a model.
#[derive(Debug, Parser)]
#[command(name = "crash")]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; each seed runs on one.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Run one plan, as a failure prints it, and show its trace.
    #[arg(long)]
    plan: Option<String>,
    /// Plant each known bug in turn, and count the seeds it takes to find it: the median of five searches.
    #[arg(long)]
    planted: bool,
    /// Show failures as they are, without making them shorter.
    #[arg(long)]
    long: bool,
}

#[derive(Debug, Default)]
struct Sum {
    faults: BTreeMap<String, u64>,
    acknowledged: u64,
    recoveries: u64,
    operations: u64,
    failed: Vec<(u64, Failure)>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // What panics is a failure with a plan; the plain message on the terminal would come many times.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(text) = &args.plan {
        return one(text);
    }
    if args.planted {
        return checker(args.threads);
    }
    let start = Instant::now();
    let sum = all(&args);
    println!(
        "{} seeds from {}: {} recoveries, {} acknowledged batches checked, {} disk operations, {:.1} s",
        args.seeds,
        args.from,
        sum.recoveries,
        sum.acknowledged,
        sum.operations,
        start.elapsed().as_secs_f64()
    );
    for (fault, count) in &sum.faults {
        println!("  {fault:<14} {count}");
    }
    for (seed, failure) in sum.failed.iter().take(5) {
        let plan = Plan::of(*seed);
        let (plan, failure) = if args.long {
            (plan, failure.clone())
        } else {
            let short = shrink(&plan, failure.promise);
            let failure = run(&short).failure.unwrap_or_else(|| failure.clone());
            (short, failure)
        };
        println!("\nseed {seed} broke: {}\n  {}\n", failure.promise, failure.seen);
        println!("#[test]\nfn seed_{seed}() {{\n    keeps(\n        \"{plan}\",\n    );\n}}");
    }
    if sum.failed.is_empty() {
        println!("every promise was kept");
        return ExitCode::SUCCESS;
    }
    let seeds: Vec<u64> = sum.failed.iter().map(|(seed, _)| *seed).collect();
    println!("\n{} seeds failed: {seeds:?}", seeds.len());
    ExitCode::FAILURE
}

/// A search gives up after so many seeds, and the check has failed.
const SEEDS_MAX: u64 = 200;
/// Searches for each bug; each has seeds of its own.
const SEARCHES: u64 = 5;

/// Whether every planted bug is found.
fn checker(threads: usize) -> ExitCode {
    if !plant(None) {
        println!("this program has no bugs built in; `cargo xtask crash` builds one that has");
        return ExitCode::FAILURE;
    }
    let (found, next) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    plant(Some(*bug));
                    let searches: Vec<_> = (0..SEARCHES).map(search).collect();
                    found.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{bug:?}"), searches);
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{:<24} {:>6}  {:<24} first broken promise", "planted bug", "median", "seeds to find");
    let mut all_found = true;
    for bug in Bug::ALL {
        let searches = found.get(&format!("{bug:?}")).cloned().unwrap_or_default();
        let mut seeds: Vec<u64> = searches.iter().map(|search| search.0).collect();
        let promise = searches.iter().find_map(|search| search.1).unwrap_or("none");
        let each = seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        seeds.sort_unstable();
        let median = seeds.get(seeds.len() / 2).copied().unwrap_or(u64::MAX);
        println!("{:<24} {median:>6}  {each:<24} {promise}", format!("{bug:?}"));
        all_found &= searches.iter().all(|search| search.1.is_some());
    }
    if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many seeds it took, and which promise broke.
fn search(number: u64) -> (u64, Option<&'static str>) {
    for count in 0..SEEDS_MAX {
        let plan = Plan::of(1_000_000 + number * SEEDS_MAX + count);
        if let Some(failure) = run(&plan).failure {
            return (count + 1, Some(failure.promise));
        }
    }
    (SEEDS_MAX, None)
}

fn one(text: &str) -> ExitCode {
    let plan: Plan = match text.parse() {
        Ok(plan) => plan,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = forebay_sim::run_traced(&plan, true);
    for line in &outcome.trace.0 {
        println!("{line}");
    }
    println!("{:#?}", outcome.failure);
    if outcome.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(args: &Args) -> Sum {
    let (sum, next) = (Mutex::new(Sum::default()), AtomicU64::new(args.from));
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.from + args.seeds {
                        return;
                    }
                    let outcome = run(&Plan::of(seed));
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    for (fault, count) in outcome.faults {
                        *sum.faults.entry(format!("{fault:?}")).or_default() += count;
                    }
                    sum.acknowledged += outcome.acknowledged;
                    sum.recoveries += outcome.recoveries;
                    sum.operations += outcome.operations;
                    sum.failed.extend(outcome.failure.map(|failure| (seed, failure)));
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.failed.sort_by_key(|(seed, _)| *seed);
    sum
}
