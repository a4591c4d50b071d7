//! §2.7.7 Detach: detach a link from its session.

use super::composite::composite;
use super::{Error, Handle};

composite! {
    /// §2.7.7, `00 53 16`.
    pub Detach = DETACH "detach" {
        /// The link.
        required handle: Handle,
        /// The link is gone for good; else it may be attached again.
        default(false) closed: bool,
        /// Why, if something went wrong.
        optional error: Error,
    }
}
