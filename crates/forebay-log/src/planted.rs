//! Bugs on purpose: the crash simulator must find each of them, or it proves nothing.
//!
//! They are built in with the feature `planted-bugs` alone, which nothing enables but the command line of that check;
//! without it [`is`] is `false` at compile time. A bug is planted for one thread, so that runs beside it stay sound.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $bug:ident,)*) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $doc])* $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];
        }
    };
}

bugs! {
    /// A round is acknowledged without its flush.
    SkipFlush,
    /// A round is acknowledged, then flushed.
    AcknowledgeBeforeFlush,
    /// A write of a round that ended early counts as whole.
    IgnoreShortWrite,
    /// A new segment's name is not flushed.
    ForgetDirectorySync,
    /// A segment that is begun because another is full begins one number late.
    OffByOneAtRoll,
    /// After a start the last number is given again.
    ReuseNumber,
    /// Recovery holds nothing for acknowledged.
    CutBelowMark,
    /// Recovery goes on behind a round that is not whole, or not there.
    KeepBeyondHole,
    /// What recovery found is served from where it was found.
    ServeBeforeFlush,
    /// After a flush that failed, one that does not fail is believed.
    TrustAfterFailedFlush,
    /// A journal file is used again before its frames are in flushed segments.
    RecycleEarly,
    /// Rounds of a journal file's earlier life count.
    AcceptStaleGeneration,
    /// The durable mark passes rounds that are written and not flushed.
    MarkOutOfOrder,
    /// Expiry believes a clock that has jumped.
    ExpireOnClockJump,
}

#[cfg(feature = "planted-bugs")]
std::thread_local! {
    static PLANTED: core::cell::Cell<Option<Bug>> = const { core::cell::Cell::new(None) };
}

/// Plants a bug for this thread, or takes it out. `false`: bugs are not built in, and nothing happened.
pub fn plant(bug: Option<Bug>) -> bool {
    #[cfg(feature = "planted-bugs")]
    PLANTED.set(bug);
    #[cfg(not(feature = "planted-bugs"))]
    let _ = bug;
    cfg!(feature = "planted-bugs")
}

/// Whether this bug is planted here.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this bug is planted here: it is not.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
