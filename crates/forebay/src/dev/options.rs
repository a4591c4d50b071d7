//! The flags of `forebay dev`, checked against each other.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use forebay_broker::{BrokerOptions, Declared, DevKey, DevMode, Durability, Mode};

use super::emulator::EmulatorConfig;
use crate::cli::{DevArgs, DurabilityArg};
use crate::server::listeners::{self, Named, Otherwise, Wish};
use crate::server::{Hangup, Plan, Protocol};

/// Events kept in memory without `--data`, in bytes.
const MEMORY_BYTES_DEFAULT: u64 = 512 * 1024 * 1024;
/// Less would not hold one event of the greatest size in each of the default partitions.
const MEMORY_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// What `forebay dev` was asked for, consistent.
#[derive(Debug)]
pub(crate) struct DevOptions {
    pub(crate) data: Option<PathBuf>,
    pub(crate) durability: Durability,
    pub(crate) memory_bytes: u64,
    pub(crate) addresses: Vec<IpAddr>,
    /// As given to `--listen`.
    pub(crate) listen: Option<String>,
    pub(crate) amqp_port: u16,
    pub(crate) http_port: u16,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) key: DevKey,
    /// By `--emulator-config`.
    pub(crate) declared: Option<Declared>,
    pub(crate) auto_create: bool,
    pub(crate) clock_skew_seconds: u64,
    pub(crate) stop_timeout: Duration,
}

impl TryFrom<DevArgs> for DevOptions {
    type Error = anyhow::Error;

    fn try_from(args: DevArgs) -> anyhow::Result<Self> {
        let durability = durability(args.data.is_some(), args.durability)?;
        if args.data.is_some() && args.memory_bytes.is_some() {
            bail!("--memory-bytes bounds events kept without a folder; leave it out with --data");
        }
        let memory_bytes = args.memory_bytes.unwrap_or(MEMORY_BYTES_DEFAULT);
        if memory_bytes < MEMORY_BYTES_MIN {
            bail!("--memory-bytes {memory_bytes} is too small; give at least {MEMORY_BYTES_MIN}");
        }
        let addresses = listeners::addresses(args.listen.as_deref())?;
        let beyond_this_machine = addresses.iter().any(|address| !address.is_loopback());
        let key = if args.generate_key || (beyond_this_machine && !args.allow_well_known_key) {
            DevKey::Generated
        } else if args.allow_well_known_key {
            DevKey::WellKnownAsked
        } else {
            DevKey::WellKnown
        };
        let declared = match &args.emulator_config {
            Some(path) => {
                let config = EmulatorConfig::read(path)?;
                if let Some(warning) = config.warning() {
                    tracing::warn!("{}: {warning}", path.display());
                }
                Some(config.declared)
            }
            None => None,
        };
        Ok(Self {
            data: args.data,
            durability,
            memory_bytes,
            addresses,
            listen: args.listen,
            amqp_port: args.amqp_port,
            http_port: args.http_port,
            ready_file: args.ready_file,
            key,
            auto_create: match declared {
                Some(_) => args.auto_create,
                None => !args.no_auto_create,
            },
            declared,
            clock_skew_seconds: args.clock_skew,
            stop_timeout: Duration::from_secs(args.stop_timeout),
        })
    }
}

impl DevOptions {
    /// What the server is to do.
    pub(crate) fn plan(&self) -> Plan {
        let wish = |protocol, port, flag| Wish {
            protocol,
            addresses: self.addresses.clone(),
            port,
            named: Named::flag(flag),
            otherwise: Otherwise::Fail,
            tls: None,
            offer_plain: true,
        };
        Plan {
            listeners: vec![
                wish(Protocol::Amqp, self.amqp_port, "--amqp-port"),
                wish(Protocol::Http, self.http_port, "--http-port"),
            ],
            broker: self.broker(),
            ready_file: self.ready_file.clone(),
            stop_timeout: self.stop_timeout,
            stop_timeout_name: "--stop-timeout",
            hangup: Hangup::Stops,
        }
    }

    fn broker(&self) -> BrokerOptions {
        BrokerOptions {
            data: self.data.clone(),
            durability: self.durability,
            memory_bytes: self.memory_bytes,
            budget_bytes: None,
            auto_create: self.auto_create,
            clock_skew_seconds: self.clock_skew_seconds,
            mode: Mode::Dev(DevMode { key: self.key, declared: self.declared.clone() }),
        }
    }
}

fn durability(has_data: bool, asked: Option<DurabilityArg>) -> anyhow::Result<Durability> {
    Ok(match (has_data, asked) {
        (true, None | Some(DurabilityArg::Disk)) => Durability::Disk,
        (true, Some(DurabilityArg::Os)) => Durability::Os,
        (false, None | Some(DurabilityArg::Memory)) => Durability::Memory,
        (true, Some(DurabilityArg::Memory)) => {
            bail!("--durability memory keeps nothing in a folder; leave out --data, or use --durability os")
        }
        (false, Some(DurabilityArg::Disk | DurabilityArg::Os)) => {
            bail!("--durability disk and os need a folder; add --data DIR")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_follows_the_folder_and_other_combinations_name_the_fix() {
        assert_eq!(durability(true, None).unwrap(), Durability::Disk);
        assert_eq!(durability(true, Some(DurabilityArg::Os)).unwrap(), Durability::Os);
        assert_eq!(durability(false, None).unwrap(), Durability::Memory);
        assert!(
            durability(true, Some(DurabilityArg::Memory))
                .unwrap_err()
                .to_string()
                .contains("leave out --data")
        );
        assert!(durability(false, Some(DurabilityArg::Disk)).unwrap_err().to_string().contains("--data DIR"));
    }

    fn parse(args: &[&str]) -> anyhow::Result<DevOptions> {
        use clap::Parser;
        DevOptions::try_from(crate::cli::Cli::try_parse_from([&["forebay"], args].concat())?.dev)
    }

    #[test]
    fn beyond_loopback_the_well_known_key_must_be_asked_for() {
        assert_eq!(parse(&[]).unwrap().key, DevKey::WellKnown);
        assert_eq!(parse(&["--listen", "127.0.0.1"]).unwrap().key, DevKey::WellKnown);
        assert_eq!(parse(&["--listen", "0.0.0.0"]).unwrap().key, DevKey::Generated);
        assert_eq!(
            parse(&["--listen", "0.0.0.0", "--allow-well-known-key"]).unwrap().key,
            DevKey::WellKnownAsked
        );
        assert_eq!(parse(&["--generate-key"]).unwrap().key, DevKey::Generated);
    }

    #[test]
    fn flags_that_contradict_each_other_are_errors() {
        assert!(parse(&["--data", "d", "--memory-bytes", "99999999"]).is_err());
        assert!(parse(&["--memory-bytes", "1"]).is_err());
    }
}
