//! Decisions of the log, pure: state in, input in, outcome out. Time and results of input and output are arguments.

pub(crate) mod catalog;
pub(crate) mod clock_watch;
pub(crate) mod commit;
pub(crate) mod mark;
pub(crate) mod memory;
pub(crate) mod partition;
pub(crate) mod recovery;
pub(crate) mod segments;
pub(crate) mod sizes;
pub(crate) mod tail;
