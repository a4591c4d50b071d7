//! Events received and not yet handed to the caller: one buffer, and where each message lies in it.

use std::collections::VecDeque;
use std::ops::Range;

use crate::links::LinkIndex;

/// The buffer is given back to the allocator when it is empty and larger than this.
const IDLE_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    queue: VecDeque<Queued>,
}

/// One message in the inbox.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) link: LinkIndex,
    pub(crate) message: Range<usize>,
}

impl Inbox {
    pub(crate) fn push(&mut self, link: LinkIndex, message: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.queue.push_back(Queued { link, message: start..self.bytes.len() });
    }

    /// The oldest message. Its bytes stay until [`Self::reclaim`].
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.queue.pop_front()
    }

    pub(crate) fn message(&self, queued: &Queued) -> &[u8] {
        &self.bytes[queued.message.clone()]
    }

    /// Takes the room of what was popped back, if nothing else is held. Called before more is read.
    pub(crate) fn reclaim(&mut self) {
        if self.queue.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(IDLE_BYTES_MAX);
        }
    }
}
