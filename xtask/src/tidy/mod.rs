//! The house rules that a machine can check. `cargo xtask tidy` prints what breaks them; `cargo test -p xtask`
//! fails on the same. Each finding says where, what, and the cure.
//!
//! A rule is a function from the tree to findings, tested beside its code on a snippet that it must find and
//! on the nearest one that it must not.

mod clients;
mod cores;
mod mask;
mod papers;
mod privacy;
mod refusals;
mod size;
mod statements;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use self::tree::{SourceFile, Tree};

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path from the root, or the commit.
    place: String,
    line: usize,
    what: String,
    cure: &'static str,
}

impl Finding {
    fn at(file: &SourceFile, position: usize, what: impl Into<String>, cure: &'static str) -> Self {
        Self { place: file.path.clone(), line: file.line(position), what: what.into(), cure }
    }

    fn whole(place: impl Into<String>, what: impl Into<String>, cure: &'static str) -> Self {
        Self { place: place.into(), line: 1, what: what.into(), cure }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    cure: {}", self.place, self.line, self.what, self.cure)
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule.
const RULES: [Rule; 16] = [
    cores::no_outside_world,
    cores::no_outside_dependencies,
    cores::threads_only_in_the_engine,
    statements::no_match_without_a_verdict,
    statements::nothing_left_to_do,
    statements::no_bare_allow,
    statements::no_memory_mapping,
    statements::unsafe_is_listed,
    size::ratchet,
    refusals::every_rule_is_named_in_a_test,
    papers::planted_bug_stays_planted,
    papers::format_is_locked,
    papers::each_crate_has_a_paragraph,
    clients::every_cell_is_a_test,
    privacy::no_private_place_in_files,
    privacy::no_private_place_in_commits,
];

/// What breaks a rule in the checkout at `root`, sorted by place.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.sort();
    findings.dedup();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let findings = check(&crate::root()).expect("the checkout can be read");
        let list: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{} findings\n{}", list.len(), list.join("\n"));
    }

    #[test]
    fn a_finding_says_where_what_and_the_cure() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", "fn f() {\n    todo!()\n}")]);
        let findings = statements::nothing_left_to_do(&tree);
        assert_eq!(
            findings[0].to_string(),
            "crates/a/src/lib.rs:2: `todo!` is left in the code\n    cure: write it, or open an issue and refuse with an error that says so"
        );
    }
}
