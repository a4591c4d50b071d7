//! The `forebay` program: command line, wiring, telemetry.
//!
//! `forebay` alone is `forebay dev`. Everything that decides something lives in the crates below; what is here
//! chooses addresses, keys and folders, prints what a person needs, and stops in order.

mod cli;
mod commands;
mod dev;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry(cli.command.as_ref());
    let result = match cli.command.unwrap_or_else(|| Command::Dev(Box::new(cli.dev))) {
        Command::Dev(args) => dev::run(*args),
        Command::Send(args) => on_runtime(commands::send::run(args)),
        Command::Tail(args) => on_runtime(commands::tail::run(args)),
        Command::Hub(command) => on_runtime(commands::manage::hub(command)),
        Command::Group(command) => on_runtime(commands::manage::group(command)),
        Command::Policy(command) => on_runtime(commands::manage::policy(command)),
        Command::Healthcheck(args) => on_runtime(commands::healthcheck::run(args)),
    };
    result.unwrap_or_else(|error| {
        fail(&error);
        ExitCode::FAILURE
    })
}

/// Tools need one thread; the server makes its own runtime.
fn on_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Log lines go to standard error; `FOREBAY_LOG` chooses them. Tools say only what went wrong, since their
/// standard output is for scripts.
fn telemetry(command: Option<&Command>) {
    let default = if matches!(command, None | Some(Command::Dev(_))) { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FOREBAY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
}

#[expect(clippy::print_stderr, reason = "the program's last word")]
fn fail(error: &anyhow::Error) {
    eprintln!("forebay: {error:#}");
}
