//! `forebay policy`.

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::Shown;
use super::api::{Api, hub_path, segment, text};
use super::place::ManageArgs;
use super::table::{sheet, table};

/// Make, list and delete shared access policies, and show or replace their keys
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay policy create devices --hub orders --rights send
  forebay policy list
  forebay policy keys devices --hub orders
  forebay policy regenerate devices --hub orders --key primary

Without --hub a policy is the namespace's and covers all its hubs.
Exit codes: 0 done, 1 it failed, 2 wrong usage.")]
pub(crate) struct PolicyCommand {
    #[command(subcommand)]
    task: PolicyTask,
    #[command(flatten)]
    manage: ManageArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyTask {
    /// Make a policy with two new keys
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        of: OfScope,
        /// What it allows; manage has the other two with it
        #[arg(long, value_delimiter = ',', required = true, value_name = "RIGHTS")]
        rights: Vec<Right>,
    },
    /// List policies
    List {
        #[command(flatten)]
        of: OfScope,
    },
    /// Show one policy, without its keys
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        of: OfScope,
    },
    /// Delete a policy
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        of: OfScope,
    },
    /// Show keys and connection strings
    Keys {
        /// The policy
        name: String,
        #[command(flatten)]
        of: OfScope,
    },
    /// Replace one of the two keys; the other one goes on working
    Regenerate {
        /// The policy
        name: String,
        #[command(flatten)]
        of: OfScope,
        /// Which key
        #[arg(long)]
        key: Slot,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Right {
    Send,
    Listen,
    Manage,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Slot {
    Primary,
    Secondary,
}

#[derive(Debug, Args)]
pub(super) struct OfScope {
    /// The hub, for a hub's policy
    #[arg(long, value_name = "NAME")]
    hub: Option<String>,
}

impl OfScope {
    fn path(&self) -> String {
        format!("{}/authorizationRules", self.hub.as_deref().map(hub_path).unwrap_or_default())
    }

    fn policy(&self, name: &str) -> String {
        format!("{}/{}", self.path(), segment(name))
    }

    fn quoted(&self) -> String {
        self.hub.as_ref().map_or_else(|| "the namespace".to_owned(), |hub| format!("hub '{hub}'"))
    }

    fn keys_hint(&self, name: &str) -> String {
        let hub = self.hub.as_ref().map(|hub| format!(" --hub {hub}")).unwrap_or_default();
        format!("`forebay policy keys {name}{hub}` shows its connection strings")
    }
}

impl PolicyCommand {
    pub(super) fn split(self) -> (ManageArgs, PolicyTask) {
        (self.manage, self.task)
    }
}

pub(super) async fn run(api: &Api, task: PolicyTask) -> anyhow::Result<Shown> {
    match task {
        PolicyTask::Create { name, of, rights } => {
            if api.exists(&of.policy(&name)).await? {
                bail!(
                    "{} has a policy '{name}' already; delete it first, or choose another name",
                    of.quoted()
                );
            }
            let policy =
                api.put(&of.policy(&name), &json!({ "properties": { "rights": words(&rights) } })).await?;
            Ok(Shown::new(
                format!("created policy '{name}' of {}; {}", of.quoted(), of.keys_hint(&name)),
                policy,
            ))
        }
        PolicyTask::List { of } => {
            let policies = api.list(&of.path()).await?;
            let rows = policies.iter().map(|policy| [text(&policy["name"]), rights(policy)]);
            Ok(Shown::new(table(["NAME", "RIGHTS"], rows), policies.into()))
        }
        PolicyTask::Show { name, of } => {
            let policy = api.get(&of.policy(&name)).await?;
            let rows = [("name", text(&policy["name"])), ("of", of.quoted()), ("rights", rights(&policy))];
            Ok(Shown::new(sheet(&rows), policy))
        }
        PolicyTask::Delete { name, of } => {
            if !api.delete(&of.policy(&name)).await? {
                bail!("{} has no policy '{name}'", of.quoted());
            }
            Ok(Shown::new(format!("deleted policy '{name}' of {}", of.quoted()), json!({ "deleted": name })))
        }
        PolicyTask::Keys { name, of } => {
            let keys = api.post(&format!("{}/listKeys", of.policy(&name)), None).await?;
            Ok(Shown::new(show_keys(&keys), keys))
        }
        PolicyTask::Regenerate { name, of, key } => {
            let which = match key {
                Slot::Primary => "PrimaryKey",
                Slot::Secondary => "SecondaryKey",
            };
            let path = format!("{}/regenerateKeys", of.policy(&name));
            let keys = api.post(&path, Some(&json!({ "keyType": which }))).await?;
            Ok(Shown::new(show_keys(&keys), keys))
        }
    }
}

/// Manage is only given with the other two (docs/reference/http.md §2.4).
fn words(rights: &[Right]) -> Vec<&'static str> {
    let manage = rights.contains(&Right::Manage);
    let all = [(Right::Listen, "Listen"), (Right::Manage, "Manage"), (Right::Send, "Send")];
    all.into_iter().filter(|(right, _)| manage || rights.contains(right)).map(|(_, word)| word).collect()
}

fn rights(policy: &Value) -> String {
    let words = policy["properties"]["rights"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    words.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn show_keys(keys: &Value) -> String {
    sheet(&[
        ("policy", text(&keys["keyName"])),
        ("primary key", text(&keys["primaryKey"])),
        ("secondary key", text(&keys["secondaryKey"])),
        ("primary connection string", text(&keys["primaryConnectionString"])),
        ("secondary connection string", text(&keys["secondaryConnectionString"])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manage_has_the_other_two_with_it() {
        assert_eq!(words(&[Right::Send]), ["Send"]);
        assert_eq!(words(&[Right::Send, Right::Listen]), ["Listen", "Send"]);
        assert_eq!(words(&[Right::Manage]), ["Listen", "Manage", "Send"]);
    }
}
