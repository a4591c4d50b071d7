//! The table of steps, and how a run goes through it.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::job::{Job, Profile};
use crate::report::{Counts, Line, table};
use crate::{crash, flush, fuzz, interop, root, tidy};

/// Whether `cargo xtask test` runs a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InTest {
    Yes,
    /// With `--all`.
    All,
    No,
}

/// A step, or a longer form of one that counts as a suite of its own.
struct Step {
    /// As typed after `cargo xtask`.
    name: &'static str,
    about: &'static str,
    in_test: InTest,
    /// What the run differs in from the plain one.
    variant: fn(&mut Job),
    run: fn(&mut Job) -> Result<()>,
}

impl Step {
    /// A longer form of another step, which is asked for by that one's options.
    fn is_variant(&self) -> bool {
        self.name.contains(" --")
    }
}

const fn plain(_: &mut Job) {}

/// In the order in which `test` runs them: what fails fastest comes first.
const STEPS: [Step; 17] = [
    Step { name: "fmt", about: "check the formatting", in_test: InTest::Yes, variant: plain, run: fmt },
    Step {
        name: "tidy",
        about: "check the house rules",
        in_test: InTest::Yes,
        variant: plain,
        run: run_tidy,
    },
    Step { name: "clippy", about: "lint everything", in_test: InTest::Yes, variant: plain, run: clippy },
    Step { name: "unit", about: "run all Rust tests", in_test: InTest::Yes, variant: plain, run: unit },
    Step {
        name: "crash",
        about: "run the log through seeded accidents on a disk that fails (--seeds N, default 500)",
        in_test: InTest::Yes,
        variant: plain,
        run: crash::run,
    },
    Step {
        name: "crash planted",
        about: "plant known bugs in the log; the accidents must find each within 200 seeds",
        in_test: InTest::Yes,
        variant: plain,
        run: crash::planted,
    },
    Step {
        name: "interop python",
        about: "run the Python SDK and Qpid Proton against a server process",
        in_test: InTest::Yes,
        variant: plain,
        run: interop::python::interop,
    },
    Step {
        name: "interop js",
        about: "run the JavaScript SDK and rhea against a server process",
        in_test: InTest::Yes,
        variant: plain,
        run: interop::js::interop,
    },
    Step {
        name: "interop go",
        about: "run the Go SDK and go-amqp against a server process",
        in_test: InTest::Yes,
        variant: plain,
        run: interop::go::interop,
    },
    Step {
        name: "interop java",
        about: "run the Java SDK and Qpid JMS against a server process",
        in_test: InTest::Yes,
        variant: plain,
        run: interop::java::interop,
    },
    Step {
        name: "interop rust",
        about: "run the Rust SDK against a server process",
        in_test: InTest::Yes,
        variant: plain,
        run: interop::rust::interop,
    },
    Step {
        name: "flush",
        about: "trace the server's system calls: no acknowledgement leaves before its flush (--release: that binary)",
        in_test: InTest::Yes,
        variant: plain,
        run: flush::run,
    },
    Step {
        name: "kill",
        about: "kill the server in the middle of sends, restart, read everything back (--cycles N, default 5)",
        in_test: InTest::Yes,
        variant: plain,
        run: interop::kill,
    },
    Step {
        name: "fuzz",
        about: "give every decoder any bytes (--seconds N each, default 60; names of targets: only those)",
        in_test: InTest::All,
        variant: plain,
        run: fuzz::run,
    },
    Step {
        name: "flush --release",
        about: "the same on the release binary",
        in_test: InTest::All,
        variant: |job| job.profile = Profile::Release,
        run: flush::run,
    },
    Step {
        name: "kill --cycles 30",
        about: "the same, for longer",
        in_test: InTest::All,
        variant: |job| job.cycles = Some(30),
        run: interop::kill,
    },
    Step {
        name: "bench",
        about: "measure the figures of ARCHITECTURE.md",
        in_test: InTest::No,
        variant: plain,
        run: bench,
    },
];

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    /// Words before the first option.
    name: String,
    all: bool,
    release: bool,
    cycles: Option<u32>,
    seeds: Option<u32>,
    seconds: Option<u32>,
    rest: Vec<String>,
}

fn number(option: &str, word: Option<&String>) -> Result<u32> {
    let word = word.with_context(|| format!("{option} takes a number"))?;
    word.parse().with_context(|| format!("{option} {word} is no number"))
}

fn parse(words: &[String]) -> Result<Request> {
    let mut request = Request::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--" => {
                request.rest.extend(words.by_ref().cloned());
            }
            "--all" => request.all = true,
            "--release" => request.release = true,
            "--cycles" => request.cycles = Some(number(word, words.next())?),
            "--seconds" => request.seconds = Some(number(word, words.next())?),
            "--seeds" => request.seeds = Some(number(word, words.next())?),
            "-h" | "--help" => request.name = "help".into(),
            option if option.starts_with('-') => {
                bail!("unknown option {option}; `cargo xtask help` lists them")
            }
            word if request.name.is_empty() => word.clone_into(&mut request.name),
            word if request.name == "fuzz" => request.rest.push(word.to_owned()),
            word => request.name = format!("{} {word}", request.name),
        }
    }
    Ok(request)
}

/// Does what the words ask for. Whether all went well.
pub(crate) fn run(words: &[String]) -> Result<bool> {
    let request = parse(words)?;
    if request.name.is_empty() || request.name == "help" {
        print!("{}", help());
        return Ok(true);
    }
    let is_test = request.name == "test";
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let profile = match (request.release, is_test || is_ci) {
        (true, _) => Profile::Release,
        (false, true) => Profile::Ci,
        (false, false) => Profile::Dev,
    };
    let wanted = |step: &Step| match step.in_test {
        _ if !is_test => step.name == request.name,
        InTest::Yes => true,
        InTest::All => request.all,
        InTest::No => false,
    };
    if !is_test && !STEPS.iter().any(wanted) {
        bail!("there is no step `{}`; `cargo xtask help` lists them", request.name);
    }
    let Request { cycles, seeds, seconds, .. } = request;
    let rest = request.rest.clone();
    let job = Job { root: root(), profile, cycles, seeds, seconds, rest, counts: Counts::default() };
    let lines: Vec<_> =
        STEPS.iter().filter(|step| wanted(step)).map(|step| perform(step, job.clone())).collect();
    let not_run: Vec<_> = STEPS.iter().filter(|step| !wanted(step)).map(|step| step.name).collect();
    println!("{}", table(&lines, if is_test { &not_run } else { &[] }));
    Ok(lines.iter().all(|line| line.ok))
}

fn perform(step: &Step, mut job: Job) -> Line {
    println!("\n=== {} ({})", step.name, step.about);
    (step.variant)(&mut job);
    let start = Instant::now();
    let outcome = (step.run)(&mut job);
    let took = start.elapsed();
    if let Err(error) = &outcome {
        println!("{} FAILED: {error:#}", step.name);
    }
    println!("--- {}: {:.1} s", step.name, took.as_secs_f64());
    Line { step: step.name.to_owned(), took, ok: outcome.is_ok(), counts: job.counts }
}

fn help() -> String {
    let mut text =
        String::from("cargo xtask STEP [options] [-- options of the program that the step runs]\n\n");
    let mut row = |name: &str, about: &str| text.push_str(&format!("  {name:<18} {about}\n"));
    row("test", "run everything that CI runs (--all: the long suites too)");
    for step in STEPS.iter().filter(|step| !step.is_variant()) {
        row(step.name, step.about);
    }
    row("help", "print this");
    text
}

fn fmt(job: &mut Job) -> Result<()> {
    let mut command = job.command("cargo");
    command.args(["fmt", "--all", "--check"]);
    job.run(&mut command).context("the cure: `cargo fmt --all`")
}

fn run_tidy(job: &mut Job) -> Result<()> {
    let findings = tidy::check(&job.root)?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

fn clippy(job: &mut Job) -> Result<()> {
    let mut command = job.cargo(&["clippy", "--workspace", "--all-targets"]);
    command.args(&job.rest);
    job.run(&mut command)
}

fn unit(job: &mut Job) -> Result<()> {
    // `--no-fail-fast`: one failing crate must not hide the next.
    let mut command = job.cargo(&["test", "--workspace", "--no-fail-fast"]);
    if !job.rest.is_empty() {
        command.arg("--").args(&job.rest);
    }
    job.run(&mut command)
}

/// The figures: the server, and the two programs of `forebay-bench`, all as they are shipped.
fn bench(job: &mut Job) -> Result<()> {
    job.profile = Profile::Dist;
    let mut build = job.cargo(&["build", "--package", "forebay", "--package", "forebay-bench"]);
    job.run(&mut build)?;
    let server = job.binary("forebay")?;
    for program in ["floor", "load"] {
        let mut command = job.command(job.binary(program)?);
        command.env("FOREBAY_BIN", &server).args(&job.rest);
        job.run(&mut command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<Request> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_make_a_name_and_options_stand_anywhere() {
        let asked = request("interop python --release -- -k order --all").expect("a request");
        assert_eq!((asked.name.as_str(), asked.release, asked.all), ("interop python", true, false));
        assert_eq!(asked.rest, ["-k", "order", "--all"]);
        assert_eq!(request("kill --cycles 9").expect("a request").cycles, Some(9));
        assert_eq!(request("test --all").map(|asked| asked.all).ok(), Some(true));
        assert_eq!(request("crash --seeds 20").expect("a request").seeds, Some(20));
        let fuzz = request("fuzz log_frame --seconds 5 amqp_value").expect("a request");
        assert_eq!((fuzz.name.as_str(), fuzz.seconds), ("fuzz", Some(5)));
        assert_eq!(fuzz.rest, ["log_frame", "amqp_value"]);
        assert!(request("kill --cycles many").is_err());
        assert!(request("crash --seeds").is_err());
        assert!(request("test --quick").is_err());
    }

    #[test]
    fn a_step_that_does_not_exist_is_an_error_and_help_names_every_one() {
        assert!(run(&["tset".to_owned()]).is_err());
        let text = help();
        for step in STEPS.iter().filter(|step| !step.is_variant()) {
            assert!(text.contains(&format!("  {:<18} ", step.name)), "{}", step.name);
        }
    }
}
