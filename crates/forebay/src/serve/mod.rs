//! `forebay serve`: a server for others. Durable, with generated keys, and nothing unencrypted beyond this machine
//! unless the configuration says so.

mod args;
mod block;
mod certificate;
mod keys;
mod plan;
mod tls;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use forebay_broker::OpenError;

pub(crate) use args::ServeArgs;

use crate::commands::wrong_usage;
use crate::config::{Config, Problem, Problems, Sources};
use crate::server::{self, Announcement};
use keys::KeyFiles;

/// Runs the server until it is told to stop. A wrong setting is told before anything is opened, and exits with 2.
pub(crate) fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let sources =
        Sources { file: args.config.as_deref(), variables: std::env::vars_os().collect(), flags: args.flags };
    let loaded = match Config::load(&sources) {
        Ok(loaded) => loaded,
        Err(problems) => return Ok(wrong_usage(&problems)),
    };
    let config = loaded.config;
    crate::telemetry(&config.log);
    let tls = match config.tls.as_ref().map(|files| tls::load(files, now())).transpose() {
        Ok(tls) => tls,
        Err(wrong) => {
            let problem = Problem::new(config.place(wrong.setting), wrong.setting, wrong.found, wrong.fix);
            return Ok(wrong_usage(&Problems::from(problem)));
        }
    };
    let missing = tls.as_ref().map_or_else(Vec::new, |tls| tls.missing_names(&config));
    for warning in loaded.warnings.iter().chain(tls.iter().flat_map(|tls| &tls.warnings)).chain(&missing) {
        tracing::warn!("{warning}");
    }
    let plan = plan::plan(&config, tls.as_ref());
    let served = server::run(plan, async |serving| {
        let keys = KeyFiles::new(&config, serving);
        let connection_string = keys.write(&serving.broker.credentials())?;
        tokio::spawn(keys.follow(Arc::downgrade(serving.broker)));
        let block = block::Block { config: &config, serving }.to_string();
        Ok(Announcement { connection_string, block })
    });
    served.map_err(|error| at_its_setting(error, &config))
}

/// What the folder has against being opened belongs to the setting that names it.
fn at_its_setting(error: anyhow::Error, config: &Config) -> anyhow::Error {
    match error.downcast::<OpenError>() {
        Ok(error @ OpenError::Folder(_)) => {
            let (found, fix) = server::folder::explain(&error.to_string(), &config.data);
            anyhow::Error::new(Problems::from(Problem::new(config.place("data"), "data", found, fix)))
        }
        Ok(OpenError::Setup(text)) => {
            let file = config.file().map_or(String::new(), |file| format!("{}: ", file.display()));
            anyhow::anyhow!(
                "{file}the configuration does not fit what is in {}: {text}",
                config.data.display()
            )
        }
        Ok(error) => error.into(),
        Err(error) => error,
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
