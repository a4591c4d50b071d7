//! The command line. The flags of `dev` are what tests and scripts lean on: they stay.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::healthcheck::HealthcheckArgs;
use crate::commands::log_dump::LogDumpArgs;
use crate::commands::manage::{GroupCommand, HubCommand, PolicyCommand};
use crate::commands::send::SendArgs;
use crate::commands::tail::TailArgs;
use crate::commands::verify::VerifyArgs;
use crate::serve::ServeArgs;

/// A self-hosted Event Hubs in one binary.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) dev: DevArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve on this machine, for development and tests (what `forebay` alone does)
    Dev(Box<DevArgs>),
    /// Serve others: durable, encrypted, with generated keys, as a configuration file says
    Serve(ServeArgs),
    /// Send events to a hub
    Send(SendArgs),
    /// Show the events of a hub as they come
    Tail(TailArgs),
    /// Make, change, list and delete hubs
    Hub(HubCommand),
    /// Make, list and delete consumer groups
    Group(GroupCommand),
    /// Make, list and delete shared access policies, and show or replace their keys
    Policy(PolicyCommand),
    /// Check a data folder from end to end while no server has it open
    Verify(VerifyArgs),
    /// Look into a data folder while no server has it open
    #[command(subcommand)]
    Log(LogCommand),
    /// Exit with 0 only when a server serves
    Healthcheck(HealthcheckArgs),
}

/// `forebay log`.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show frames, batches, records and control entries as they are stored, keys redacted
    Dump(LogDumpArgs),
}

/// Flags of `forebay dev`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay                              memory only, the well-known development key
  forebay dev --data ./data            events survive restarts and power cuts
  forebay dev --emulator-config Config.json
  forebay dev --data ./data --amqp-port 0 --http-port 0 --ready-file ready.json --generate-key")]
pub(crate) struct DevArgs {
    /// Folder for events and settings; without it everything is lost on exit
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// When an event is acknowledged: after the flush, after the write, or at once
    /// [default: disk with --data, memory without]
    #[arg(long, value_enum)]
    pub(crate) durability: Option<DurabilityArg>,

    /// Bound of the events kept in memory without --data, such as 1GiB; the oldest go first
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory_bytes: Option<u64>,

    /// Address to listen on [default: both loopback addresses]
    #[arg(long, value_name = "HOST")]
    pub(crate) listen: Option<String>,

    /// AMQP port; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 5672)]
    pub(crate) amqp_port: u16,

    /// HTTP port; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 5300)]
    pub(crate) http_port: u16,

    /// Written, whole, once every listener serves: addresses and connection string as JSON
    #[arg(long, value_name = "F")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Use a random key instead of the well-known one, and keep it with the data
    #[arg(long)]
    pub(crate) generate_key: bool,

    /// Refuse hubs and consumer groups that do not exist instead of making them
    #[arg(long)]
    pub(crate) no_auto_create: bool,

    /// Make hubs and consumer groups on first use also with --emulator-config
    #[arg(long, conflicts_with = "no_auto_create")]
    pub(crate) auto_create: bool,

    /// Hubs and consumer groups from a Config.json of Microsoft's emulator; others are then refused
    #[arg(long, value_name = "FILE")]
    pub(crate) emulator_config: Option<PathBuf>,

    /// Accept the well-known key also beyond this machine
    #[arg(long, conflicts_with = "generate_key")]
    pub(crate) allow_well_known_key: bool,

    /// Seconds that a client's clock may be behind before its token counts as expired
    #[arg(long, value_name = "S", default_value_t = forebay_auth::CLOCK_SKEW_SECONDS)]
    pub(crate) clock_skew: u64,

    /// Seconds to finish what was taken before stopping anyway
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub(crate) stop_timeout: u64,
}

fn bytes(text: &str) -> Result<u64, &'static str> {
    crate::config::bytes_of(text)
        .ok_or("give a number of bytes, or one with a unit (KiB, MiB, GiB), such as 512MiB")
}

/// `--durability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityArg {
    /// Acknowledged after the flush: survives a power cut
    Disk,
    /// Acknowledged after the write: survives a killed process, not a power cut
    Os,
    /// Memory only: lost on exit
    Memory,
}
