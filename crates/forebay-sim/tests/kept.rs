//! Seeds that once failed, as short as the simulator could make them. Each says what was wrong.

use forebay_sim::run;

fn keeps(plan: &str) {
    let outcome = run(&plan.parse().expect("a plan"));
    assert_eq!(outcome.failure, None, "{plan}");
}

/// The folder of a partition was there, so nobody flushed its name again: its maker had been killed before the flush.
#[test]
fn a_folder_made_by_a_killed_process_gets_a_durable_name() {
    keeps("12 disk; append 1; round; append; full 1; advance; round; fault 1 11; snapshot; advance 31000");
}

/// The same, where the flush of the name had failed.
#[test]
fn a_folder_whose_flush_failed_gets_a_durable_name() {
    keeps("99 disk; control; fault 3 1; snapshot; round; maintain; maintain");
}

/// A removal was not durable; the file came back and another segment held its events: it was called an orphan.
#[test]
fn a_segment_that_was_never_recorded_is_removed_though_it_comes_back() {
    keeps(
        "66 os; append; round; background; append 1; round; advance 31000; full 1; append; round; maintain; close",
    );
    keeps(
        "87 disk; append; append 0 1; fault 0 3; round; append; advance; close; cut; full 1; append; round; maintain; \
         close",
    );
}

/// At the `os` level a flush of the journal had failed; the next one did not, and a snapshot was put on its strength.
#[test]
fn after_a_failed_flush_of_the_journal_no_later_one_is_believed() {
    keeps("1000854 os; control; fault 2 1; meanwhile; delete; snapshot; snapshot; cut");
}

/// The header of the last round that was acknowledged rotted; the mark in the round behind it tells, and nobody looked.
#[test]
fn a_round_that_is_missing_just_below_the_mark_is_reported() {
    keeps("96 disk; append; round; idle; rot");
    keeps("434 disk; append; round; control; round; rot");
    keeps("572 disk; control; round; idle; rot");
}

/// Journal files that could not be renamed were forgotten; when none was left a round waited for ever.
#[test]
fn journal_files_that_could_not_be_renamed_are_tried_again() {
    keeps(
        "1 disk; burst 0 0 4; fault 6 4; fault 6 7; fault 6 7; background; full; burst 0 0 6; fault 6 7; background; \
         full; burst 0 0 3; fault 6 9; fault 6 11; background; full; burst 0 0 6; fault 3 12; fault 6 9; background; \
         full; burst 0 0 3; fault 6 0; fault 6 10; background; full; burst 0 0 7; fault 6 10; background; full; \
         burst 0 0 4; fault 3 0; fault 3 3; background; full; burst 0 0 6; fault 3 3; fault 6 3; background; full; \
         burst 0 0 4; fault 6 14; fault 6 6; background; full; burst 0 0 7; fault 6 2; fault 3 11; fault 6 1; background",
    );
}

/// Not the log's fault but the model's: what was acknowledged while the background was at work is flushed a second after
/// the background looks again.
#[test]
fn the_os_level_flushes_a_second_after_it_has_looked() {
    keeps(
        "200107 os; delete; advance; delete; create 1; create; append 0 1; round; jump 2160; background; advance 30500; \
         append 0 1; create; fault 9 17; fault 2 11; append 1; burst 0 1 3; append 0 1; round; fault 4 1; trim; \
         background; meanwhile 5; fault 2 2; append; advance 650000; advance; snapshot; cut",
    );
}

/// The flush of the manifest had failed, the next start read it from memory and went on behind it, and power went.
#[test]
fn a_manifest_that_was_only_read_is_written_again() {
    keeps("99 disk; fault 2; create");
    keeps("246 disk; cut; fault 2; grow");
}
