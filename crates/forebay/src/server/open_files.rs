//! File handles: a connection takes one, and so does a segment. The usual soft limit of 1,024 is for programs that
//! use select(2), which we do not.

/// Raises the soft limit to the hard one. Where that is not allowed the server runs with what it has, and says so.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        let current = limit.current.unwrap_or(u64::MAX);
        tracing::warn!("the limit of open files stays at {current}: {error}; raise it with `ulimit -n`");
    }
}

#[cfg(not(unix))]
pub(crate) fn raise() {}
