//! Symbols: ASCII names from a constrained domain (§1.6.21).

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use core::fmt;

/// A symbolic name, ASCII only. Constants cost no allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(Cow<'static, str>);

/// The text given for a symbol has characters outside of ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a symbol is ASCII")]
pub struct NotAscii;

impl Symbol {
    /// A constant.
    ///
    /// # Panics
    /// If the text is not ASCII; in a `const`, that is at compile time.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.is_ascii(), "a symbol is ASCII");
        Self(Cow::Borrowed(text))
    }

    /// An owned copy of `text`.
    ///
    /// # Errors
    /// [`NotAscii`].
    pub fn new(text: &str) -> Result<Self, NotAscii> {
        if text.is_ascii() { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(NotAscii) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::ops::Deref for Symbol {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Symbol {
    type Error = NotAscii;

    fn try_from(text: String) -> Result<Self, NotAscii> {
        if text.is_ascii() { Ok(Self(Cow::Owned(text))) } else { Err(NotAscii) }
    }
}

impl TryFrom<&str> for Symbol {
    type Error = NotAscii;

    fn try_from(text: &str) -> Result<Self, NotAscii> {
        Self::new(text)
    }
}

impl PartialEq<str> for Symbol {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Symbol {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}", self.0)
    }
}
