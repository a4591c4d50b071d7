//! §2.7.9 Close: close a connection.

use super::Error;
use super::composite::composite;

composite! {
    /// §2.7.9, `00 53 18`.
    pub Close = CLOSE "close" {
        /// Why, if something went wrong.
        optional error: Error,
    }
}
