//! A wrong setting: where it is, what was found, and the fix.

use std::fmt;
use std::path::PathBuf;

/// Problems that are told at once; who has more has the wrong file.
const SHOWN_MAX: usize = 20;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file, both counted from 1; columns in characters.
    File { path: PathBuf, line: usize, column: usize },
    /// The file, where no line of it can be named.
    WholeFile(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
    /// The table.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Place {
    /// Whether somebody wrote it down.
    pub(crate) fn is_given(&self) -> bool {
        *self != Self::Default
    }

    /// In the order of the file, and what is elsewhere behind it.
    fn order(&self) -> (u8, usize, usize) {
        match self {
            Self::File { line, column, .. } => (0, *line, *column),
            Self::WholeFile(_) => (1, 0, 0),
            Self::Variable(_) => (2, 0, 0),
            Self::Flag(_) => (3, 0, 0),
            Self::Default => (4, 0, 0),
        }
    }
}

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    /// The setting's name, or what stands in its place.
    pub(crate) setting: String,
    /// What was found.
    pub(crate) found: String,
    /// What to write instead.
    pub(crate) fix: String,
}

impl Problem {
    pub(crate) fn new(
        place: &Place,
        setting: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { place: place.clone(), setting: setting.into(), found: found.into(), fix: fix.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, setting, found, fix } = self;
        match place {
            Place::Default => write!(f, "{setting}: {found}; {fix}"),
            _ => write!(f, "{place}: {setting}: {found}; {fix}"),
        }
    }
}

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Debug)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// `Ok` when there are none.
    pub(crate) fn none_of(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by_key(|problem| problem.place.order());
        problems.dedup();
        Err(Self(problems))
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.0.as_slice() {
            return write!(f, "{problem}");
        }
        write!(f, "{} settings are wrong", self.0.len())?;
        for problem in self.0.iter().take(SHOWN_MAX) {
            write!(f, "\n  {problem}")?;
        }
        match self.0.len().checked_sub(SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

/// A text as it may stand in an error: short, and on one line.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect();
    if text.chars().count() > CHARS_MAX {
        short.push('…');
    }
    short
}
