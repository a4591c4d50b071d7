//! The `forebay` program: command line, wiring, telemetry.
//!
//! `forebay` alone is `forebay dev`. Everything that decides something lives in the crates below; what is here
//! chooses addresses, keys and folders, prints what a person needs, and stops in order.

mod cli;
mod commands;
mod config;
mod dev;
mod serve;
mod server;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command, LogCommand};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or_else(|| Command::Dev(Box::new(cli.dev)));
    // Tools say only what went wrong, since their standard output is for scripts; `serve` has a setting for it.
    let rules = match &command {
        Command::Serve(_) => None,
        Command::Dev(_) => Some(filter_or("info")),
        _ => Some(filter_or("warn")),
    };
    if let Some(rules) = rules {
        if !config::is_log_rules(&rules) {
            let found =
                format!("environment variable FOREBAY_LOG: found \"{rules}\"; {}", config::LOG_RULES_FIX);
            return commands::wrong_usage(&found);
        }
        telemetry(&rules);
    }
    let result = match command {
        Command::Dev(args) => dev::run(*args),
        Command::Serve(args) => serve::run(args),
        Command::Send(args) => on_runtime(commands::send::run(args)),
        Command::Tail(args) => on_runtime(commands::tail::run(args)),
        Command::Hub(command) => on_runtime(commands::manage::hub(command)),
        Command::Group(command) => on_runtime(commands::manage::group(command)),
        Command::Policy(command) => on_runtime(commands::manage::policy(command)),
        Command::Verify(args) => Ok(commands::verify::run(&args)),
        Command::Log(LogCommand::Dump(args)) => Ok(commands::log_dump::run(&args)),
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

/// The rules of `FOREBAY_LOG`, where it is set.
fn filter_or(default: &str) -> String {
    let asked = std::env::var("FOREBAY_LOG").ok();
    asked.filter(|rules| !rules.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// Log lines go to standard error.
fn telemetry(filter: &str) {
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_target(false)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
}

#[expect(clippy::print_stderr, reason = "the program's last word")]
fn fail(error: &anyhow::Error) {
    eprintln!("forebay: {error:#}");
}
