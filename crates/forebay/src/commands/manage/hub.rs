//! `forebay hub`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Shown;
use super::api::{Api, hub_path, text};
use super::place::ManageArgs;
use super::retention;
use super::table::{sheet, table};

/// Make, change, list and delete hubs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay hub create orders --partitions 8 --retention 7d
  forebay hub list
  forebay hub update orders --partitions 16
  forebay hub show orders --json
  forebay hub delete orders --yes

Exit codes: 0 done, 1 it failed, 2 wrong usage.")]
pub(crate) struct HubCommand {
    #[command(subcommand)]
    task: HubTask,
    #[command(flatten)]
    manage: ManageArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum HubTask {
    /// Make a hub
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: HubSettings,
    },
    /// Change a hub: more partitions, another retention
    Update {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: HubSettings,
    },
    /// List the hubs of the namespace
    List,
    /// Show one hub
    Show {
        /// Its name
        name: String,
    },
    /// Delete a hub with its events, consumer groups and policies
    Delete {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct HubSettings {
    /// Partitions, 1 to 2000; they can become more, never less [default: 4 for a new hub, else unchanged]
    #[arg(long, value_name = "N")]
    partitions: Option<u32>,
    /// How long events are kept, `24h` or `7d` [default: 24h for a new hub, else unchanged]
    #[arg(long, value_name = "TIME", value_parser = retention::parse)]
    retention: Option<u64>,
    /// A note of your own, up to 1,024 characters [default: none for a new hub, else unchanged]
    #[arg(long, value_name = "TEXT")]
    user_metadata: Option<String>,
}

impl HubSettings {
    fn body(&self) -> Value {
        let mut properties = json!({});
        if let Some(partitions) = self.partitions {
            properties["partitionCount"] = partitions.into();
        }
        if let Some(hours) = self.retention {
            properties["retentionDescription"] =
                json!({ "cleanupPolicy": "Delete", "retentionTimeInHours": hours });
        }
        if let Some(text) = &self.user_metadata {
            properties["userMetadata"] = text.as_str().into();
        }
        json!({ "properties": properties })
    }

    fn is_empty(&self) -> bool {
        self.partitions.is_none() && self.retention.is_none() && self.user_metadata.is_none()
    }
}

impl HubCommand {
    pub(super) fn split(self) -> (ManageArgs, HubTask) {
        (self.manage, self.task)
    }
}

pub(super) async fn run(api: &Api, task: HubTask) -> anyhow::Result<Shown> {
    match task {
        HubTask::Create { name, settings } => {
            if api.exists(&hub_path(&name)).await? {
                bail!("there is a hub '{name}' already; `forebay hub update {name}` changes it");
            }
            let hub = api.put(&hub_path(&name), &settings.body()).await?;
            Ok(Shown::new(format!("created hub '{name}'\n\n{}", show(&hub)), hub))
        }
        HubTask::Update { name, settings } => {
            if settings.is_empty() {
                bail!("nothing to change: give --partitions, --retention or --user-metadata");
            }
            // A PUT would make what is not there.
            api.get(&hub_path(&name)).await?;
            let hub = api.put(&hub_path(&name), &settings.body()).await?;
            Ok(Shown::new(format!("changed hub '{name}'\n\n{}", show(&hub)), hub))
        }
        HubTask::List => {
            let hubs = api.list("/eventhubs").await?;
            let text = table(["NAME", "PARTITIONS", "RETENTION", "CREATED"], hubs.iter().map(row));
            Ok(Shown::new(text, hubs.into()))
        }
        HubTask::Show { name } => {
            let hub = api.get(&hub_path(&name)).await?;
            let groups = api.list(&format!("{}/consumergroups", hub_path(&name))).await?;
            let names: Vec<_> = groups.iter().map(|group| text(&group["name"])).collect();
            Ok(Shown::new(format!("{}\ngroups      {}", show(&hub), names.join(", ")), hub))
        }
        HubTask::Delete { name, yes } => {
            // What is not there is said before anybody is asked.
            let missing = format!("there is no hub '{name}'; `forebay hub list` shows what there is");
            if !api.exists(&hub_path(&name)).await? {
                bail!(missing);
            }
            if !yes {
                confirm(&name)?;
            }
            if !api.delete(&hub_path(&name)).await? {
                bail!(missing);
            }
            Ok(Shown::new(format!("deleted hub '{name}' with its events"), json!({ "deleted": name })))
        }
    }
}

/// Events cannot be brought back, so a person is asked, and a script must say so.
fn confirm(name: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("deleting hub '{name}' deletes its events; add --yes");
    }
    write!(std::io::stderr(), "Delete hub '{name}' with all its events? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { bail!("nothing was deleted") }
}

fn row(hub: &Value) -> [String; 4] {
    let properties = &hub["properties"];
    [
        text(&hub["name"]),
        count(&properties["partitionCount"]),
        kept(properties),
        text(&properties["createdAt"]),
    ]
}

fn show(hub: &Value) -> String {
    let properties = &hub["properties"];
    let mut rows = vec![
        ("name", text(&hub["name"])),
        ("partitions", count(&properties["partitionCount"])),
        ("retention", kept(properties)),
        ("created", text(&properties["createdAt"])),
        ("updated", text(&properties["updatedAt"])),
    ];
    let metadata = text(&properties["userMetadata"]);
    if !metadata.is_empty() {
        rows.push(("metadata", metadata));
    }
    sheet(&rows)
}

fn count(value: &Value) -> String {
    value.as_u64().map_or_else(String::new, |count| count.to_string())
}

fn kept(properties: &Value) -> String {
    properties["retentionDescription"]["retentionTimeInHours"]
        .as_i64()
        .map_or_else(String::new, retention::show)
}
