//! Any bytes for every decoder: builds the programs in `fuzz/`, runs them, and says what they found.
//!
//! They run without a sanitizer, so they need no nightly toolchain: nearly all of the code is safe Rust, and each property
//! bounds by itself what is allocated. What libFuzzer learns is kept in the target folder, and the corpora of the
//! repository are only read.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail, ensure};

use crate::job::Job;
use crate::shell;

/// How long each program runs, unless the caller says otherwise.
const SECONDS: u32 = 60;
/// An input that takes longer is a finding: all work is bounded by the input, and inputs are short.
const INPUT_SECONDS: u32 = 10;
const MINIMISE_SECONDS: u32 = 20;
const INPUT_BYTES_MAX: u32 = 4096;
/// A regression test that is longer than this is not printed; the input is a file beside it anyway.
const PRINTED_BYTES_MAX: usize = 600;

/// Runs all programs, or those whose names were given.
pub(crate) fn run(job: &mut Job) -> Result<()> {
    let folder = job.target().join("fuzz");
    let names = chosen(&programs(&job.root)?, &job.rest)?;
    need_cargo_fuzz(job)?;
    let mut build = job.command("cargo");
    build.args(["fuzz", "build", "--sanitizer", "none", "--target-dir"]).arg(&folder);
    if let [only] = names.as_slice() {
        build.arg(only);
    }
    job.run(&mut build).context("building the programs in fuzz/")?;

    let seconds = job.seconds.unwrap_or(SECONDS);
    let found = folder.join("found");
    std::fs::create_dir_all(&found)?;
    let runs = run_all(&names, &|name| Run::of(&job.root, &folder, name, seconds))?;
    println!("{}", table(&runs));
    let crashes: Vec<_> =
        runs.iter().filter_map(|run| run.crash.as_ref().map(|crash| (run, crash))).collect();
    for (run, crash) in &crashes {
        println!("{}", report(&run.name, crash, &job.root));
    }
    job.counts.passed += (runs.len() - crashes.len()) as u64;
    job.counts.failed += crashes.len() as u64;
    ensure!(crashes.is_empty(), "{} of {} programs found something", crashes.len(), runs.len());
    Ok(())
}

/// The programs that there are, by name.
fn programs(root: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(root.join("fuzz/fuzz_targets")).context("listing fuzz/fuzz_targets")?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn chosen(all: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("there is no fuzz target `{unknown}`; there are {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all.to_vec() } else { wanted.to_vec() })
}

fn need_cargo_fuzz(job: &mut Job) -> Result<()> {
    let is_there = |job: &Job| {
        let mut ask = job.command("cargo");
        ask.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    };
    if !is_there(job) {
        let mut install = job.command("cargo");
        job.run(install.args(["install", "cargo-fuzz", "--locked"])).context("installing cargo-fuzz")?;
        ensure!(
            is_there(job),
            "cargo-fuzz is installed and `cargo fuzz` still fails: is ~/.cargo/bin on the path?"
        );
    }
    ensure!(
        shell::exists("c++") || shell::exists("g++") || shell::exists("clang++"),
        "libFuzzer is C++ and there is no compiler; install one (Debian: `apt-get install g++`)"
    );
    Ok(())
}

/// What came of one program.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    name: String,
    runs: u64,
    /// Points of the program that the corpus reaches, and that all inputs of this run reached.
    reached_before: u64,
    reached: u64,
    crash: Option<Crash>,
}

/// An input that broke a property.
#[derive(Debug, PartialEq, Eq)]
struct Crash {
    /// The panic's own lines.
    said: String,
    path: PathBuf,
    input: Vec<u8>,
}

/// Runs as many at a time as there are cores, in order.
fn run_all(names: &[String], one: &(impl Fn(&str) -> Result<Run> + Sync)) -> Result<Vec<Run>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = Mutex::new(names.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores.min(names.len()) {
            scope.spawn(|| {
                while let Some((place, name)) = next.lock().expect("nothing panics here").next() {
                    let run = one(name);
                    done.lock().expect("nothing panics here").push((place, run));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nothing panics here");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, run)| run).collect()
}

impl Run {
    fn of(root: &Path, folder: &Path, name: &str, seconds: u32) -> Result<Self> {
        let learnt = folder.join("learnt").join(name);
        std::fs::create_dir_all(&learnt)?;
        let mut command = Command::new(binary(folder, name)?);
        command.arg(&learnt);
        for kind in ["corpus", "crashers"] {
            let inputs = root.join("fuzz").join(kind).join(name);
            if inputs.is_dir() {
                command.arg(inputs);
            }
        }
        let found = folder.join("found").join(format!("{name}-"));
        command.args([
            format!("-max_total_time={seconds}"),
            format!("-timeout={INPUT_SECONDS}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            "-print_final_stats=1".to_owned(),
            format!("-artifact_prefix={}", found.display()),
        ]);
        println!("{name} …");
        let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {name}"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let mut run = read(name, &text);
        match written(&text) {
            Some(path) if !output.status.success() => {
                let path = minimised(folder, name, path);
                let input = std::fs::read(&path)?;
                run.crash = Some(Crash { said: said(&text), path, input });
            }
            _ => ensure!(output.status.success(), "{name} failed ({}):\n{text}", output.status),
        }
        Ok(run)
    }
}

/// The program, below the folder of whatever target it was built for.
fn binary(folder: &Path, name: &str) -> Result<PathBuf> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path().join("release").join(name);
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!("`{name}` was not built: is it a [[bin]] of fuzz/Cargo.toml?")
}

/// The numbers of libFuzzer's lines, `#12 INITED cov: 34 ft: …` and `stat::number_of_executed_units: 56`.
fn read(name: &str, text: &str) -> Run {
    let mut run = Run { name: name.to_owned(), ..Run::default() };
    for line in text.lines() {
        if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
            run.runs = runs.trim().parse().unwrap_or_default();
        }
        let mut words = line.split_whitespace();
        if line.starts_with('#')
            && words.any(|word| word == "cov:")
            && let Some(reached) = words.next().and_then(|number| number.parse().ok())
        {
            if line.contains("INITED") {
                run.reached_before = reached;
            }
            run.reached = reached;
        }
    }
    run
}

/// Where libFuzzer says that it saved the input.
fn written(text: &str) -> Option<PathBuf> {
    text.lines().find_map(|line| Some(PathBuf::from(line.split_once("Test unit written to ")?.1)))
}

/// The panic's message, or what libFuzzer says of an input that is slow or holds too much.
fn said(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let start = panic.or_else(|| lines.iter().position(|line| line.contains("ERROR: libFuzzer")));
    let said = &lines[start.unwrap_or(lines.len())..];
    let end = said.iter().position(|line| line.starts_with("note:") || line.starts_with("stack backtrace"));
    said[..end.unwrap_or(said.len()).min(12)].join("\n")
}

/// A shorter input that breaks the property too, if one is soon found.
fn minimised(folder: &Path, name: &str, path: PathBuf) -> PathBuf {
    let shorter = folder.join("found").join(format!("{name}-minimised"));
    let Ok(program) = binary(folder, name) else { return path };
    let mut command = Command::new(program);
    command.arg(&path).args([
        "-minimize_crash=1".to_owned(),
        format!("-max_total_time={MINIMISE_SECONDS}"),
        format!("-exact_artifact_path={}", shorter.display()),
    ]);
    // An old one of another run would be taken for this one's.
    let _ = std::fs::remove_file(&shorter);
    let _ = command.stdin(Stdio::null()).output();
    if shorter.is_file() { shorter } else { path }
}

fn table(runs: &[Run]) -> String {
    let mut text = format!("{:<24} {:>12} {:>8} {:>8}\n", "target", "runs", "reached", "new");
    for run in runs {
        let (before, new) = (run.reached_before, run.reached.saturating_sub(run.reached_before));
        let verdict = if run.crash.is_some() { "  FOUND SOMETHING" } else { "" };
        let _ = writeln!(text, "{:<24} {:>12} {before:>8} {new:>8}{verdict}", run.name, run.runs);
    }
    text
}

/// What broke, and the test that fails until it is mended.
fn report(name: &str, crash: &Crash, root: &Path) -> String {
    let sum = crash
        .input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let saved = root.join("fuzz/crashers").join(name).join(format!("{sum:016x}"));
    let mut text = format!("\n{name} does not hold for {} bytes:\n{}\n", crash.input.len(), crash.said);
    let _ = writeln!(text, "keep it, and it fails in every test run until it is mended:");
    let folder = saved.parent().unwrap_or(root);
    let _ =
        writeln!(text, "  mkdir -p {} && cp {} {}", folder.display(), crash.path.display(), saved.display());
    let _ = writeln!(text, "  cargo test -p forebay-fuzz");
    if crash.input.len() <= PRINTED_BYTES_MAX {
        let _ = writeln!(
            text,
            "or as a test of its own:\n\n#[test]\nfn {name}_holds_for_{sum:016x}() {{\n    forebay_fuzz::check(\"{name}\", b\"{}\");\n}}",
            crash.input.escape_ascii()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Seed: 1\n#5\tINITED cov: 12 ft: 13 corp: 4/9b exec/s: 0 rss: 30Mb\n#90\tNEW    cov: 20 ft: 30 corp: 5/19b\n\
thread '<unnamed>' (7) panicked at crates/a/src/b.rs:3:5:\nassertion failed: it holds\nnote: run with a backtrace\n\
artifact_prefix='x/'; Test unit written to x/frame-crash-0a\nstat::number_of_executed_units: 91\n";

    #[test]
    fn what_the_fuzzer_says_is_read() {
        let run = read("frame", LOG);
        assert_eq!((run.runs, run.reached_before, run.reached), (91, 12, 20));
        assert_eq!(written(LOG), Some(PathBuf::from("x/frame-crash-0a")));
        assert!(said(LOG).ends_with("assertion failed: it holds"), "{}", said(LOG));
        assert_eq!(read("frame", ""), Run { name: "frame".to_owned(), ..Run::default() });
        assert_eq!((written(""), said("")), (None, String::new()));
    }

    #[test]
    fn a_finding_is_told_with_the_test_that_keeps_it() {
        let crash = Crash { said: "it broke".into(), path: "found/x".into(), input: b"a\"\n\xff".to_vec() };
        let text = report("frame", &crash, Path::new("root"));
        assert!(text.contains("cp found/x root/fuzz/crashers/frame/"), "{text}");
        assert!(text.contains("forebay_fuzz::check(\"frame\", b\"a\\\"\\n\\xff\");"), "{text}");
        let run = Run { name: "frame".into(), runs: 7, crash: Some(crash), ..Run::default() };
        assert!(table(&[run]).contains("FOUND SOMETHING"));
    }

    #[test]
    fn a_target_is_chosen_by_its_name_or_all_are_run() {
        let all = programs(&crate::root()).expect("the checkout has them");
        assert!(all.len() >= 15 && all.contains(&"log_frame".to_owned()), "{all:?}");
        assert_eq!(chosen(&all, &[]).expect("all"), all);
        assert_eq!(chosen(&all, &["log_frame".to_owned()]).expect("one"), ["log_frame"]);
        assert!(chosen(&all, &["log_frames".to_owned()]).is_err());
    }

    #[test]
    fn programs_run_beside_each_other_and_are_told_in_order() {
        let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let runs =
            run_all(&names, &|name| Ok(Run { name: name.to_owned(), ..Run::default() })).expect("all ran");
        assert_eq!(runs.iter().map(|run| run.name.clone()).collect::<Vec<_>>(), names);
        assert!(run_all(&names, &|name| if name == "7" { bail!("no") } else { Ok(Run::default()) }).is_err());
    }
}
