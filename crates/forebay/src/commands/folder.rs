//! A data folder that no server has open, and the names that its control log gives to what is in it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use forebay_event::BatchRef;
use forebay_log::disk::os::read_only::ReadOnlyDisk;
use forebay_log::inspect::{Folder, InspectError, Item};
use forebay_log::{LogId, PartitionId, Sequence};
use forebay_namespace::{DEFAULT_NAMESPACE, Hub, HubId, Position, State, Verdict, codec, snapshot};

/// Opens a folder for looking: nothing of it can be written.
pub(super) fn open(path: &Path) -> Result<Folder, InspectError> {
    Folder::open(Arc::new(ReadOnlyDisk), path)
}

/// What the control log says, as far as it can be read.
pub(super) struct Names(State);

impl Names {
    /// Folds the newest snapshot and the entries behind it. Where they cannot be read the fold ends: names are a help to
    /// whoever reads a report, and damage is the report's to tell.
    pub(super) fn read(folder: &Folder) -> Result<Self, InspectError> {
        let newest = folder.control_snapshot()?;
        let decoded =
            newest.and_then(|newest| Some((snapshot::decode(&newest.bytes).ok()?, newest.position)));
        let (mut state, mut next) = decoded.unwrap_or_else(|| (State::new(), Sequence::ZERO));
        folder.frames(PartitionId::CONTROL, next, &mut |item| match item {
            Item::Frame(frame) if frame.fault.is_none() => {
                let Ok(batch) = BatchRef::parse(frame.batch) else { return ControlFlow::Break(()) };
                for record in batch.records() {
                    let folded = record.ok().and_then(|record| {
                        let sequence = frame.base.plus(u64::from(record.offset_delta));
                        fold(&mut state, &mut next, sequence, record.value.unwrap_or_default())
                    });
                    if folded.is_none() {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        })?;
        Ok(Self(state))
    }

    /// A partition as a person knows it: `orders/3`, with its namespace where that is another than the default one.
    pub(super) fn of(&self, id: PartitionId) -> String {
        if id == PartitionId::CONTROL {
            return "the control log".to_owned();
        }
        match self.0.hub(HubId(id.log.0)) {
            Some(hub) => format!("{}/{}", hub_name(hub), id.index),
            None => format!("log {}, partition {}", id.log, id.index),
        }
    }

    /// Every log that is a hub.
    pub(super) fn hub(&self, log: LogId) -> Option<String> {
        self.0.hub(HubId(log.0)).map(hub_name)
    }

    /// What `[NAMESPACE/]HUB/N` names.
    pub(super) fn find(&self, text: &str) -> anyhow::Result<PartitionId> {
        let (hub, index) = text.rsplit_once('/').context("a partition is written HUB/N, such as orders/0")?;
        let index: u32 = index.parse().with_context(|| format!("'{index}' is no partition's number"))?;
        let (namespace, hub) = hub.split_once('/').unwrap_or((DEFAULT_NAMESPACE, hub));
        let Some(view) = self.0.namespace(namespace) else {
            bail!("there is no namespace '{namespace}' in the folder")
        };
        let Some(found) = view.hub(hub) else {
            let perhaps =
                view.similar_hub(hub).map(|name| format!(" (perhaps '{name}'?)")).unwrap_or_default();
            bail!("there is no hub '{hub}' in the folder{perhaps}; `forebay log dump --data DIR` lists them");
        };
        if index >= found.partitions {
            bail!("the hub '{}' has partitions 0 to {}", found.name, found.partitions - 1);
        }
        Ok(PartitionId { log: LogId(found.id.0), index })
    }
}

fn hub_name(hub: &Hub) -> String {
    match hub.namespace.as_str() {
        DEFAULT_NAMESPACE => hub.name.clone(),
        namespace => format!("{namespace}/{}", hub.name),
    }
}

/// Folds one entry, if it is the next; `None` where that is not possible.
fn fold(state: &mut State, next: &mut Sequence, sequence: Sequence, body: &[u8]) -> Option<()> {
    if sequence < *next {
        return Some(());
    }
    // The position of a durable entry counts from 1.
    let position = Position::in_log(sequence.0 + 1);
    let entry = codec::decode(body).ok()?;
    if sequence > *next || state.position().is_some_and(|last| last >= position) {
        return None;
    }
    *next = sequence.plus(1);
    match forebay_namespace::apply(state, position, &entry) {
        Verdict::TooNew { .. } => None,
        _ => Some(()),
    }
}
