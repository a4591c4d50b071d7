//! Who may do what: shared access signatures to grants.
