//! Measures the bare floor of this machine: what flushing events before acknowledging them costs at the very least.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use forebay_bench::floor::{client, server};
use forebay_bench::process::CpuTime;
use forebay_bench::scratch::Scratch;
use serde::Serialize;

/// Measure the least CPU that a server can spend on durable events on this machine.
///
/// Starts a bare TCP server as a process of its own: it copies each event once, takes its CRC-32C, commits many
/// events with one write and one fdatasync to one preallocated file, then acknowledges. Prints the CPU seconds
/// (user and kernel) of that process per million events. A Forebay figure from `load` is to be read against this.
#[derive(Debug, Parser)]
#[command(name = "floor", after_help = EXAMPLES)]
struct Args {
    #[command(subcommand)]
    command: Option<Role>,
    #[command(flatten)]
    measure: Measure,
}

const EXAMPLES: &str = "\
Examples:
  floor                                      the three standard shapes
  floor --event-bytes 1024 --in-flight 500   one shape
  floor --json --events 2000000              for a script

Exit codes: 0 measured, 1 failed, 2 wrong usage.";

#[derive(Debug, clap::Args)]
struct Measure {
    /// Events per shape.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Bytes of an event: measure this one shape instead of the standard ones.
    #[arg(long, requires = "in_flight")]
    event_bytes: Option<usize>,
    /// Events sent and not yet acknowledged: goes with --event-bytes.
    #[arg(long, requires = "event_bytes")]
    in_flight: Option<u64>,
    /// Where the file is laid; must be on the disk that is to be measured [default: the temporary folder].
    #[arg(long)]
    dir: Option<PathBuf>,
    /// One JSON object per shape and line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The server alone: prints its address, serves one connection, exits.
    #[command(hide = true)]
    Serve {
        /// The file to write.
        #[arg(long)]
        journal: PathBuf,
        /// Its length.
        #[arg(long, default_value_t = 256 * 1024 * 1024)]
        journal_bytes: u64,
    },
}

/// One measured shape.
#[derive(Debug, Serialize)]
struct Figure {
    shape: &'static str,
    events: u64,
    event_bytes: usize,
    in_flight: u64,
    events_per_second: f64,
    server_cpu: CpuTime,
    server_cpu_seconds_per_million: f64,
    /// Whether the file lay on a memory file system, where a flush costs nothing.
    flushes_are_free: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    match args.command {
        Some(Role::Serve { journal, journal_bytes }) => serve(&journal, journal_bytes)?,
        None => measure(&args.measure)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(path: &std::path::Path, bytes: u64) -> Result<()> {
    let journal = server::Journal::create(path, bytes)?;
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
    writeln!(std::io::stdout().lock(), "{}", listener.local_addr()?)?;
    let (stream, _) = listener.accept().context("cannot accept")?;
    server::serve(stream, journal)?;
    Ok(())
}

fn measure(args: &Measure) -> Result<()> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = Scratch::inside(&dir, "floor")?;
    let mut out = std::io::stdout().lock();
    if scratch.is_memory() && !args.json {
        writeln!(
            out,
            "warning: {} lies in memory, flushes are free there: give --dir on a disk",
            dir.display()
        )?;
    }
    let shapes: Vec<(&'static str, usize, u64)> = match (args.event_bytes, args.in_flight) {
        (Some(event_bytes), Some(in_flight)) => vec![("custom", event_bytes, in_flight)],
        _ => vec![
            ("1 KB, 500 in flight", 1024, 500),
            ("1 KB, 5,000 in flight", 1024, 5_000),
            ("100 bytes, 50,000 in flight", 100, 50_000),
        ],
    };
    for (name, event_bytes, in_flight) in shapes {
        let shape = client::Shape { events: args.events, event_bytes, in_flight };
        let figure = measure_shape(name, shape, &scratch)?;
        if args.json {
            serde_json::to_writer(&mut out, &figure)?;
            writeln!(out)?;
        } else {
            writeln!(
                out,
                "{:<30} {:>10.0} events/s   server CPU {:.3} s per million (user {:.2} s, kernel {:.2} s)",
                figure.shape,
                figure.events_per_second,
                figure.server_cpu_seconds_per_million,
                figure.server_cpu.user_seconds,
                figure.server_cpu.kernel_seconds,
            )?;
        }
    }
    Ok(())
}

fn measure_shape(name: &'static str, shape: client::Shape, scratch: &Scratch) -> Result<Figure> {
    let mut child = FloorServer::spawn(scratch)?;
    let pid = child.process.id();
    let mut readings = Vec::with_capacity(2);
    let run = client::run(child.address, shape, |_| {
        readings.push(CpuTime::of(pid)?);
        Ok(())
    })?;
    let status = child.process.wait().context("cannot wait for the floor server")?;
    ensure!(status.success(), "the floor server ended with {status}");
    ensure!(run.acknowledged == shape.events, "{} of {} acknowledged", run.acknowledged, shape.events);
    let [before, after] = readings[..] else { anyhow::bail!("two readings expected") };
    let server_cpu = after - before;
    Ok(Figure {
        shape: name,
        events: shape.events,
        event_bytes: shape.event_bytes,
        in_flight: shape.in_flight,
        events_per_second: shape.events as f64 / run.elapsed.as_secs_f64(),
        server_cpu,
        server_cpu_seconds_per_million: server_cpu.per_million(shape.events),
        flushes_are_free: scratch.is_memory(),
    })
}

/// The server as a child process; killed if the measurement fails.
#[derive(Debug)]
struct FloorServer {
    process: Child,
    address: SocketAddr,
}

impl FloorServer {
    fn spawn(scratch: &Scratch) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own path")?;
        let mut process = Command::new(program)
            .arg("serve")
            .arg("--journal")
            .arg(scratch.path().join("journal"))
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the floor server")?;
        let stdout = process.stdout.take().expect("stdout was asked for as a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("cannot read the floor server's address")?;
        let address =
            line.trim().parse().with_context(|| format!("the floor server said {line:?}, not an address"))?;
        Ok(Self { process, address })
    }
}

impl Drop for FloorServer {
    fn drop(&mut self) {
        // It has ended already unless the measurement failed; then both calls may fail, and nothing follows from it.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
