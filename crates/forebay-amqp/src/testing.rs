//! Two ends, virtual time, and bytes cut where the test wants.
