//! Publish, subscribe and namespace changes over the storage doors.
