//! The doors to storage and the embedded commit log.
