//! `forebay group`.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Shown;
use super::api::{Api, hub_path, segment, text};
use super::place::ManageArgs;
use super::table::{sheet, table};

/// Make, list and delete consumer groups
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay group create billing --hub orders
  forebay group list --hub orders
  forebay group delete billing --hub orders

Exit codes: 0 done, 1 it failed, 2 wrong usage.")]
pub(crate) struct GroupCommand {
    #[command(subcommand)]
    task: GroupTask,
    #[command(flatten)]
    manage: ManageArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum GroupTask {
    /// Make a consumer group
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        of: OfHub,
        /// A note of your own, up to 1,024 characters
        #[arg(long, value_name = "TEXT")]
        user_metadata: Option<String>,
    },
    /// List the consumer groups of a hub
    List {
        #[command(flatten)]
        of: OfHub,
    },
    /// Show one consumer group
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        of: OfHub,
    },
    /// Delete a consumer group; `$Default` stays
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        of: OfHub,
    },
}

#[derive(Debug, Args)]
pub(super) struct OfHub {
    /// The hub
    #[arg(long, value_name = "NAME")]
    hub: String,
}

impl OfHub {
    fn path(&self) -> String {
        format!("{}/consumergroups", hub_path(&self.hub))
    }

    fn group(&self, name: &str) -> String {
        format!("{}/{}", self.path(), segment(name))
    }
}

impl GroupCommand {
    pub(super) fn split(self) -> (ManageArgs, GroupTask) {
        (self.manage, self.task)
    }
}

pub(super) async fn run(api: &Api, task: GroupTask) -> anyhow::Result<Shown> {
    match task {
        GroupTask::Create { name, of, user_metadata } => {
            if api.exists(&of.group(&name)).await? {
                bail!("hub '{}' has a consumer group '{name}' already", of.hub);
            }
            let metadata = user_metadata.map_or(json!({}), |text| json!({ "userMetadata": text }));
            let group = api.put(&of.group(&name), &json!({ "properties": metadata })).await?;
            Ok(Shown::new(format!("created consumer group '{name}' of hub '{}'", of.hub), group))
        }
        GroupTask::List { of } => {
            let groups = api.list(&of.path()).await?;
            let rows = groups.iter().map(|group| {
                let properties = &group["properties"];
                [text(&group["name"]), text(&properties["createdAt"]), text(&properties["userMetadata"])]
            });
            Ok(Shown::new(table(["NAME", "CREATED", "METADATA"], rows), groups.into()))
        }
        GroupTask::Show { name, of } => {
            let group = api.get(&of.group(&name)).await?;
            Ok(Shown::new(show(&group, &of.hub), group))
        }
        GroupTask::Delete { name, of } => {
            if !api.delete(&of.group(&name)).await? {
                bail!("hub '{}' has no consumer group '{name}'", of.hub);
            }
            Ok(Shown::new(
                format!("deleted consumer group '{name}' of hub '{}'", of.hub),
                json!({ "deleted": name }),
            ))
        }
    }
}

fn show(group: &Value, hub: &str) -> String {
    let properties = &group["properties"];
    sheet(&[
        ("name", text(&group["name"])),
        ("hub", hub.to_owned()),
        ("created", text(&properties["createdAt"])),
        ("updated", text(&properties["updatedAt"])),
        ("metadata", text(&properties["userMetadata"])),
    ])
}
