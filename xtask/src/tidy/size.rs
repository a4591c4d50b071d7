//! A file that grows past a few screens is one that everyone comes to fear. The list below may only shrink.

use super::Finding;
use super::tree::Tree;

const LINES_MAX: usize = 600;

/// Files that are over the limit today, and how long they are. Entries go down or go away.
const RATCHET: [(&str, usize); 0] = [];

pub(super) fn ratchet(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let listed = RATCHET.iter().find(|(path, _)| *path == file.path).map(|(_, lines)| *lines);
        if lines > listed.unwrap_or(LINES_MAX) {
            findings.push(Finding::whole(
                &file.path,
                format!("{lines} lines, the limit is {}", listed.unwrap_or(LINES_MAX)),
                "split it along a seam in the subject",
            ));
        } else if listed.is_some_and(|listed| lines < listed) {
            findings.push(Finding::whole(
                &file.path,
                format!("shrank to {lines} lines and is still listed with more"),
                "lower its entry in xtask/src/tidy/size.rs, or strike it",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_at_most_600_lines() {
        let at_the_limit = "\n".repeat(600);
        let over = "\n".repeat(601);
        assert_eq!(ratchet(&Tree::of(&[("crates/a/src/lib.rs", &at_the_limit)])), []);
        assert_eq!(ratchet(&Tree::of(&[("crates/a/src/lib.rs", &over)])).len(), 1);
        assert_eq!(ratchet(&Tree::of(&[("docs/long.md", &over)])), []);
    }
}
