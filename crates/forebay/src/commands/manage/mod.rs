//! `forebay hub`, `group` and `policy`: the catalogue of a server, over its management routes.
//!
//! `place` finds the server and the namespace, `api` asks and reads the answers, and each noun has a file with its flags
//! and its table. Nothing here knows more than what the routes say: they are the same that Azure's tools use.

mod api;
mod group;
mod hub;
mod place;
mod policy;
mod retention;
mod table;

pub(crate) use group::GroupCommand;
pub(crate) use hub::HubCommand;
pub(crate) use policy::PolicyCommand;

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use self::api::Api;
use self::place::ManageArgs;
use super::{is_closed_pipe, wrong_usage};

/// Runs a command against the server that its flags name.
pub(crate) async fn hub(command: HubCommand) -> anyhow::Result<ExitCode> {
    let (args, task) = command.split();
    run(args, async |api| hub::run(api, task).await).await
}

/// As [`hub`].
pub(crate) async fn group(command: GroupCommand) -> anyhow::Result<ExitCode> {
    let (args, task) = command.split();
    run(args, async |api| group::run(api, task).await).await
}

/// As [`hub`].
pub(crate) async fn policy(command: PolicyCommand) -> anyhow::Result<ExitCode> {
    let (args, task) = command.split();
    run(args, async |api| policy::run(api, task).await).await
}

async fn run(
    args: ManageArgs,
    task: impl AsyncFnOnce(&Api) -> anyhow::Result<Shown>,
) -> anyhow::Result<ExitCode> {
    let as_json = args.json;
    let place = match args.place() {
        Ok(place) => place,
        Err(problem) => return Ok(wrong_usage(&problem)),
    };
    let api = Api::new(place).await?;
    let shown = task(&api).await?;
    let mut out = std::io::stdout().lock();
    let written = if as_json { writeln!(out, "{:#}", shown.json) } else { writeln!(out, "{}", shown.text) };
    match written.map_err(anyhow::Error::from) {
        Err(error) if !is_closed_pipe(&error) => Err(error),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// What a command shows: one of the two.
struct Shown {
    /// For people.
    text: String,
    /// For scripts: what the server answered.
    json: Value,
}

impl Shown {
    fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json }
    }
}
