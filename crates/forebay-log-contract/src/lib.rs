//! The promises of the storage doors as tests, generic over who stands behind them.
//!
//! An engine implements [`Harness`] and calls [`contract_tests!`](crate::contract_tests) once for each of its kinds; every sentence becomes a test of
//! its own. A sentence speaks of what callers may rely on, never of files.
//!
//! This crate never opens a file and never reads the machine's clock.

use forebay_log::{ControlLog, Millis, PartitionLogs};

mod clock;
pub mod control;
pub mod logs;
pub mod partitions;
mod support;

pub use clock::ManualClock;
pub use support::{Answers, Bell, append, append_all, batch, batch_of, block_on, bodies, read_bodies};

/// One kind of engine to be held to the contract.
pub trait Harness {
    /// The engine.
    type Engine: PartitionLogs + ControlLog;

    /// A fresh engine without logs.
    fn engine(&self) -> &Self::Engine;

    /// Lets time go by, on both clocks.
    fn advance(&self, by: Millis);

    /// Does now what the engine does in the background in its time: expiry, for one.
    fn maintain(&self);

    /// Makes an engine forget what it has in memory, if it can read it from elsewhere. A no-op otherwise.
    fn cool_down(&self) {}
}

/// Makes a module `$name` with one test a sentence; `$harness` is an expression that makes a fresh [`Harness`].
#[macro_export]
macro_rules! contract_tests {
    ($name:ident, $harness:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "the harness may name what its module names")]
            use super::*;
            $crate::contract_tests!(@each $harness,
                partitions: numbers_are_dense_and_in_order_of_acceptance,
                partitions: answers_come_in_order_and_after_the_mark_has_moved,
                partitions: events_come_back_as_they_were_appended,
                partitions: a_read_from_the_middle_of_a_batch_begins_with_that_batch,
                partitions: a_read_gives_at_least_one_batch_however_large,
                partitions: a_read_outside_of_the_bounds_says_what_they_are,
                partitions: several_threads_append_and_every_event_is_there_once,
                partitions: a_source_is_asked_when_a_round_begins,
                partitions: a_source_that_is_announced_twice_is_emptied_once,
                partitions: whoever_waits_is_called_once_when_the_event_can_be_read,
                partitions: a_wait_for_what_is_there_is_not_registered,
                partitions: a_cancelled_wait_is_not_called,
                partitions: an_expected_number_that_is_not_next_refuses_the_batch,
                partitions: an_empty_or_too_large_batch_is_refused_at_once,
                partitions: enqueued_times_never_go_back,
                partitions: a_partition_never_written_has_empty_bounds,
                partitions: bounds_tell_the_last_event,
                partitions: trimming_moves_the_first_event_and_nothing_else,
                partitions: seeking_finds_the_first_event_at_or_after_a_time,
                partitions: expired_events_go_and_numbers_go_on,
                partitions: events_within_retention_stay,
                partitions: a_reader_that_expiry_overtakes_gets_a_definite_answer,
                logs: creating_again_changes_nothing,
                logs: a_log_of_impossible_size_is_refused,
                logs: growth_keeps_what_is_there,
                logs: a_deleted_log_is_gone_for_every_holder,
                logs: a_deleted_logs_id_is_not_used_again,
                logs: the_list_of_logs_is_what_was_made_and_not_deleted,
                logs: deleting_while_appending_answers_everyone,
                logs: partitions_do_not_mix,
                logs: a_new_policy_holds_for_old_events,
                logs: the_control_log_is_there_and_cannot_be_deleted,
                control: a_follower_sees_every_entry_once_and_in_order,
                control: session_entries_take_no_sequence_number,
                control: a_follower_from_the_middle_starts_there,
                control: a_follower_is_woken_by_an_append,
                control: an_append_of_many_entries_keeps_their_order,
                control: the_newest_snapshot_comes_back,
                control: a_snapshot_of_the_future_is_refused,
                control: following_from_what_was_truncated_is_refused,
            );
        }
    };
    (@each $harness:expr, $($room:ident: $sentence:ident,)*) => {
        $(
            #[test]
            fn $sentence() {
                $crate::$room::$sentence(&$harness);
            }
        )*
    };
}
