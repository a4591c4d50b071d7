//! Measures a Forebay server: start, idle memory, and CPU and rate of sending and reading over one connection.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use forebay_bench::load::{Load, Partitions, Reader, Sender};
use forebay_bench::process::{CpuTime, resident_bytes};
use forebay_bench::scratch::Scratch;
use forebay_bench::server_process::{Ready, ServerProcess};
use forebay_client::Target;
use serde::Serialize;

/// Measure a Forebay server over one connection.
///
/// With --server, starts the program on a fresh folder (flushing every event before it is acknowledged), measures how
/// long it takes to be ready and what memory it holds idle, then runs each mode against it. With --ready-file or
/// --connection-string a running server is measured.
///
/// Rates are events acknowledged, or read, per second. CPU is user and kernel time of the server process, read when
/// it has become quiet after the run, so that work it does behind the acknowledgement is counted.
#[derive(Debug, Parser)]
#[command(name = "load", after_help = EXAMPLES)]
struct Args {
    /// The forebay program to start [default: FOREBAY_BIN, unless a running server is named].
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Measure the server that wrote this ready file.
    #[arg(long, value_name = "F", conflicts_with_all = ["server", "connection_string"])]
    ready_file: Option<PathBuf>,
    /// Measure the server behind this connection string.
    #[arg(long, value_name = "STRING", conflicts_with = "server")]
    connection_string: Option<String>,
    /// Process id of a running server; without it there are no CPU figures.
    #[arg(long, value_name = "N", conflicts_with = "server")]
    pid: Option<u32>,
    /// What to run; may be given several times.
    #[arg(long, value_enum, default_values_t = [Mode::Single, Mode::Batch, Mode::Read])]
    mode: Vec<Mode>,
    /// Events per run.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// Bytes of an event's body.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    event_bytes: usize,
    /// Single events sent and not yet acknowledged.
    #[arg(long, value_name = "N", default_value_t = 500)]
    in_flight: u32,
    /// Events of a batch.
    #[arg(long, value_name = "N", default_value_t = 100)]
    batch_events: u32,
    /// Batches sent and not yet acknowledged.
    #[arg(long, value_name = "N", default_value_t = 20)]
    batches_in_flight: u32,
    /// Events that the reader has granted ahead, per partition.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    prefetch: u32,
    /// Load partition 0, or all partitions of the hub.
    #[arg(long, value_enum, default_value_t = Which::One)]
    partitions: Which,
    /// Seconds after which a run sends no more, or fails if it reads.
    #[arg(long, value_name = "S", default_value_t = 120)]
    time_limit: u64,
    /// With --server: when an event is acknowledged.
    #[arg(long, value_name = "LEVEL", default_value = "disk", value_parser = ["disk", "os", "memory"])]
    durability: String,
    /// With --server: starts to measure; the median is printed.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// Where the server's folder is made; must be on the disk to be measured [default: the temporary folder].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Names the server where no flag does.
const SERVER_VARIABLE: &str = "FOREBAY_BIN";

const EXAMPLES: &str = "\
Examples:
  load --server target/dist/forebay
  load --server target/dist/forebay --mode single --events 200000 --json
  load --ready-file ready.json --pid 4711 --mode batch --partitions all

A read run reads what a batch run of the same events has sent; without one, the hub is filled first.

Exit codes: 0 measured, 1 failed, 2 wrong usage.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// One event a transfer.
    Single,
    /// Batches.
    Batch,
    /// Read everything back.
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    One,
    All,
}

#[derive(Debug, Serialize)]
struct Report {
    /// As the server says it; absent where only a connection string is known.
    version: Option<String>,
    durability: Option<String>,
    /// Whether the server's folder lay on a memory file system, where a flush costs nothing.
    flushes_are_free: bool,
    /// Median, in milliseconds.
    exec_to_ready_ms: Option<f64>,
    exec_to_ready_ms_all: Vec<f64>,
    idle_rss_bytes: Option<u64>,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    mode: Mode,
    events: u64,
    event_bytes: usize,
    /// Messages in flight; of a read, the prefetch.
    in_flight: u32,
    batch_events: u32,
    partitions: Which,
    seconds: f64,
    events_per_second: f64,
    server_cpu: Option<CpuTime>,
    server_cpu_seconds_per_million: Option<f64>,
    client_cpu_seconds_per_million: f64,
    server_rss_bytes: Option<u64>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let mut report = Report {
        version: None,
        durability: None,
        flushes_are_free: false,
        exec_to_ready_ms: None,
        exec_to_ready_ms_all: Vec::new(),
        idle_rss_bytes: None,
        runs: Vec::new(),
    };
    let running = args.ready_file.is_some() || args.connection_string.is_some();
    let program = args.server.clone().or_else(|| std::env::var_os(SERVER_VARIABLE).map(PathBuf::from));
    if !running && program.is_none() {
        let missing = "give --server PATH, --ready-file F or --connection-string STRING";
        Args::command().error(ErrorKind::MissingRequiredArgument, missing).exit()
    }
    let scratch = Scratch::inside(&args.dir.clone().unwrap_or_else(std::env::temp_dir), "load")?;
    let server = match &program {
        Some(program) if !running => {
            report.flushes_are_free = scratch.is_memory();
            Some(measure_starts(program, &args, &scratch, &mut report)?)
        }
        _ => None,
    };
    let (target, pid) = match (&server, &args.ready_file, &args.connection_string) {
        (Some(server), ..) => (describe(&server.ready, &mut report)?, Some(server.pid())),
        (None, Some(path), _) => (describe(&Ready::read(path)?, &mut report)?, args.pid),
        (None, None, Some(string)) => (string.parse()?, args.pid),
        (None, None, None) => unreachable!("one of them names a server"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut filled = false;
    for &mode in &args.mode {
        if mode == Mode::Read && !filled {
            runtime.block_on(fill(&args, &target))?;
        }
        filled |= mode != Mode::Single;
        let run = runtime.block_on(measure(mode, &args, &target, pid))?;
        if !args.json {
            print_run(&run)?;
        }
        report.runs.push(run);
    }
    if let Some(server) = server {
        server.stop()?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        print_start(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(ready: &Ready, report: &mut Report) -> Result<Target> {
    report.version = Some(ready.version.clone());
    report.durability = Some(ready.durability.clone());
    Ok(ready.connection_string.parse()?)
}

/// Starts the program several times, each on a folder of its own; the last one is kept running.
fn measure_starts(
    program: &std::path::Path,
    args: &Args,
    scratch: &Scratch,
    report: &mut Report,
) -> Result<ServerProcess> {
    for number in 1.. {
        let folder = scratch.path().join(format!("start-{number}"));
        let server = ServerProcess::start(program, &folder, &args.durability)?;
        report.exec_to_ready_ms_all.push(server.exec_to_ready.as_secs_f64() * 1e3);
        if number < args.starts {
            server.stop()?;
            continue;
        }
        // What the start itself needed has been given back by then, or never will be.
        thread::sleep(Duration::from_secs(1));
        report.idle_rss_bytes = Some(resident_bytes(server.pid())?);
        let mut sorted = report.exec_to_ready_ms_all.clone();
        sorted.sort_by(f64::total_cmp);
        report.exec_to_ready_ms = sorted.get(sorted.len() / 2).copied();
        return Ok(server);
    }
    unreachable!("numbers do not end")
}

impl Args {
    fn load(&self, mode: Mode) -> Load {
        Load {
            events: self.events,
            event_bytes: self.event_bytes,
            in_flight: if mode == Mode::Single { self.in_flight } else { self.batches_in_flight },
            batch_events: if mode == Mode::Single { 1 } else { self.batch_events },
            partitions: match self.partitions {
                Which::One => Partitions::One,
                Which::All => Partitions::All,
            },
            prefetch: self.prefetch,
            time_limit: Duration::from_secs(self.time_limit),
        }
    }
}

/// Runs of batches and of reading share a hub.
fn hub_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Single => "load-single",
        Mode::Batch | Mode::Read => "load-batch",
    }
}

async fn fill(args: &Args, target: &Target) -> Result<()> {
    let mut sender = Sender::open(target, hub_of(Mode::Read), args.load(Mode::Batch)).await?;
    let done = sender.run().await?;
    ensure!(done.events == args.events, "only {} of {} events were sent in time", done.events, args.events);
    sender.close().await
}

async fn measure(mode: Mode, args: &Args, target: &Target, pid: Option<u32>) -> Result<Run> {
    let load = args.load(mode);
    let own = std::process::id();
    let (server_before, own_before, done, own_after);
    if mode == Mode::Read {
        let mut reader = Reader::open(target, hub_of(mode), load).await?;
        (server_before, own_before) = (pid.map(CpuTime::of).transpose()?, CpuTime::of(own)?);
        done = reader.run().await.context("reading")?;
        own_after = CpuTime::of(own)?;
        reader.close().await?;
    } else {
        let mut sender = Sender::open(target, hub_of(mode), load).await?;
        (server_before, own_before) = (pid.map(CpuTime::of).transpose()?, CpuTime::of(own)?);
        done = sender.run().await.context("sending")?;
        own_after = CpuTime::of(own)?;
        sender.close().await?;
    }
    ensure!(done.events > 0, "nothing was done within the time limit");
    let server_cpu = match (pid, server_before) {
        (Some(pid), Some(before)) => Some(quiet(pid)? - before),
        _ => None,
    };
    Ok(Run {
        mode,
        events: done.events,
        event_bytes: args.event_bytes,
        in_flight: if mode == Mode::Read { load.prefetch } else { load.in_flight },
        batch_events: load.batch_events,
        partitions: args.partitions,
        seconds: done.elapsed.as_secs_f64(),
        events_per_second: done.events as f64 / done.elapsed.as_secs_f64(),
        server_cpu,
        server_cpu_seconds_per_million: server_cpu.map(|cpu| cpu.per_million(done.events)),
        client_cpu_seconds_per_million: (own_after - own_before).per_million(done.events),
        server_rss_bytes: pid.map(resident_bytes).transpose()?,
    })
}

/// The server's CPU time once it has used none for a second; at most half a minute is waited.
fn quiet(pid: u32) -> Result<CpuTime> {
    let start = Instant::now();
    let mut last = CpuTime::of(pid)?;
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = CpuTime::of(pid)?;
        if now == last || start.elapsed() > Duration::from_secs(30) {
            return Ok(now);
        }
        last = now;
    }
}

fn print_run(run: &Run) -> Result<()> {
    let what = match run.mode {
        Mode::Single => format!("send, one a transfer, {} in flight", run.in_flight),
        Mode::Batch => format!("send, batches of {}, {} in flight", run.batch_events, run.in_flight),
        Mode::Read => format!("read, prefetch {}", run.in_flight),
    };
    let server = match (run.server_cpu, run.server_cpu_seconds_per_million) {
        (Some(cpu), Some(per_million)) => format!(
            "server CPU {per_million:.3} s per million (user {:.2} s, kernel {:.2} s)",
            cpu.user_seconds, cpu.kernel_seconds
        ),
        _ => "server CPU unknown".to_owned(),
    };
    writeln!(
        std::io::stdout(),
        "{what:<38} {:>10.0} events/s   {server}   client {:.3}",
        run.events_per_second,
        run.client_cpu_seconds_per_million
    )?;
    Ok(())
}

fn print_start(report: &Report) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if let (Some(ready), Some(idle)) = (report.exec_to_ready_ms, report.idle_rss_bytes) {
        writeln!(out, "exec to ready {ready:.1} ms (median of {})", report.exec_to_ready_ms_all.len())?;
        writeln!(out, "idle memory   {:.1} MiB resident", idle as f64 / (1024.0 * 1024.0))?;
    }
    if report.flushes_are_free {
        writeln!(
            out,
            "warning: the server's folder lay in memory, flushes are free there: give --dir on a disk"
        )?;
    }
    Ok(())
}
