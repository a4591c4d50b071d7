//! The deadlines of a connection: a table, and its minimum.

use crate::time::Instant;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The peer's open must have come.
    Handshake,
    /// Something must have come from the peer: twice the idle timeout we advertise.
    PeerIdle,
    /// Something must be sent: half of the idle timeout the peer advertised (§2.4.5).
    Heartbeat,
    /// The peer's close must have answered ours.
    Close,
}

impl Timer {
    const ALL: [Self; 4] = [Self::Handshake, Self::PeerIdle, Self::Heartbeat, Self::Close];
}

/// One optional deadline for each [`Timer`].
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.deadlines[timer as usize] = Some(at);
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(crate) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.deadlines[timer as usize].is_some()
    }

    /// Stops and tells one timer whose deadline has come.
    pub(crate) fn take_expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = Timer::ALL
            .into_iter()
            .find(|&timer| self.deadlines[timer as usize].is_some_and(|deadline| deadline <= now))?;
        self.stop(timer);
        Some(timer)
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }
}
