//! §2.7.8 End: end a session.

use super::Error;
use super::composite::composite;

composite! {
    /// §2.7.8, `00 53 17`.
    pub End = END "end" {
        /// Why, if something went wrong.
        optional error: Error,
    }
}
