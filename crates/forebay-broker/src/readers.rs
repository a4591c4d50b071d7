//! Readers' places: who may read a partition through a group, and who is put out by whom.
//!
//! A claim is a session entry of the control log, so every node agrees on the order. On one node it touches no disk.
//! Whoever is superseded is told by the fold, before the newcomer is admitted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forebay_log::{ControlEntry, ControlLog, EntryClass};
use forebay_namespace::receiver::{ClaimReceiver, ReleaseReceiver};
use forebay_namespace::{Entry, HubId, NodeId, ProposalId, ReceiverId, SeatRef, codec};

use crate::hub::{Hub, Partition};

/// Learns that a reader has lost its place.
pub trait ReaderListener: Send + Sync {
    /// `reader` has lost its place. Must not block.
    fn lost(&self, reader: u64, lost: Lost);
}

/// Why a reader lost its place; the texts are for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Another reader took it.
    Superseded(String),
    /// Its hub or consumer group was deleted.
    Gone(String),
}

/// What a reader wants.
#[expect(missing_debug_implementations, reason = "a group of borrowed arguments")]
pub struct ReaderWish<'a> {
    /// The hub.
    pub hub: &'a Hub,
    /// The consumer group.
    pub group: &'a str,
    /// The partition.
    pub partition: &'a Partition,
    /// Its epoch, if it wants to be alone.
    pub epoch: Option<i64>,
    /// The name that the client gave it, for messages.
    pub name: Option<String>,
}

impl ReaderWish<'_> {
    fn seat(&self) -> SeatRef {
        SeatRef { hub: HubId(self.hub.id.0), group: self.group.to_owned(), partition: self.partition.index() }
    }
}

/// All readers of this node.
pub(crate) struct Readers {
    control: Arc<dyn ControlLog>,
    live: Mutex<HashMap<u64, Live>>,
    next: AtomicU64,
}

struct Live {
    listener: Arc<dyn ReaderListener>,
    reader: u64,
    /// What it reads, as errors name it: `hub|group`.
    entity: String,
    lost: Arc<OnceLock<Lost>>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("live", &self.lock().len()).finish_non_exhaustive()
    }
}

impl Readers {
    pub(crate) fn new(control: Arc<dyn ControlLog>) -> Arc<Self> {
        Arc::new(Self { control, live: Mutex::default(), next: AtomicU64::new(1) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a reader, so that it hears what becomes of it from the moment its claim is folded. The entry still
    /// has to be proposed; dropping the claim gives the place up.
    pub(crate) fn prepare(
        self: &Arc<Self>,
        wish: &ReaderWish<'_>,
        listener: Arc<dyn ReaderListener>,
        reader: u64,
    ) -> (ReaderClaim, ClaimReceiver) {
        let link = self.next.fetch_add(1, Ordering::Relaxed);
        let receiver = ReceiverId { node: NodeId::default(), link };
        let lost = Arc::new(OnceLock::new());
        let entity = format!("{}|{}", wish.hub.name, wish.group);
        self.lock().insert(link, Live { listener, reader, entity, lost: Arc::clone(&lost) });
        let seat = wish.seat();
        let claim =
            ClaimReceiver { receiver, seat: seat.clone(), epoch: wish.epoch, name: wish.name.clone() };
        (ReaderClaim { readers: Arc::clone(self), receiver, seat, lost }, claim)
    }

    /// A reader has lost its place.
    pub(crate) fn lose(&self, receiver: ReceiverId, lost: Lost) {
        self.lose_with(receiver, |_| lost);
    }

    /// A reader has lost its place because its hub or its group was deleted.
    pub(crate) fn lose_entity(&self, receiver: ReceiverId) {
        // The wording that SDKs look for has the name in the middle.
        self.lose_with(receiver, |live| {
            let entity = &live.entity;
            Lost::Gone(format!("The messaging entity '{entity}' could not be found: it was deleted."))
        });
    }

    fn lose_with(&self, receiver: ReceiverId, why: impl FnOnce(&Live) -> Lost) {
        let Some(live) = self.lock().remove(&receiver.link) else { return };
        let lost = why(&live);
        // The first reason stays.
        let _later = live.lost.set(lost.clone());
        live.listener.lost(live.reader, lost);
    }

    /// Also for a claim whose verdict nobody waited for: it may have been folded, or will be, before this entry.
    fn release(&self, receiver: ReceiverId, seat: SeatRef) {
        let was_live = self.lock().remove(&receiver.link).is_some();
        if was_live {
            let proposal = ProposalId(crate::random::u128());
            let entry = Entry::new(proposal, receiver.node, 0, ReleaseReceiver { receiver, seat });
            // Nobody waits for it: the place is free once it is folded.
            drop(
                self.control
                    .append(vec![ControlEntry { class: EntryClass::Session, body: codec::encode(&entry) }]),
            );
        }
    }
}

/// A reader's place. Dropping it gives the place up.
#[derive(Debug)]
pub struct ReaderClaim {
    readers: Arc<Readers>,
    receiver: ReceiverId,
    seat: SeatRef,
    lost: Arc<OnceLock<Lost>>,
}

impl ReaderClaim {
    /// Why the place is lost already, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<&Lost> {
        self.lost.get()
    }
}

impl Drop for ReaderClaim {
    fn drop(&mut self) {
        self.readers.release(self.receiver, self.seat.clone());
    }
}
