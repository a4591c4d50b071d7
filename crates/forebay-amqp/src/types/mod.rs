//! x
/// c
pub mod condition;
