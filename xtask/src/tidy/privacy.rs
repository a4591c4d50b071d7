//! The repository stands for itself: it names no folder of the machine it was written on.

use super::Finding;
use super::mask::is_word;
use super::tree::Tree;

/// Spelled in parts, so that this file does not name them.
const PLACES: [&str; 5] = [
    concat!("../sha", "red"),
    concat!("/wo", "rk/"),
    concat!("/tmp", "/fb"),
    concat!("/ro", "ot/"),
    concat!("/opt/whe", "els"),
];

/// Where a private place is named in `text`. A path that merely ends in one (`docs/work/`) is not private.
fn named(text: &str) -> impl Iterator<Item = (usize, &'static str)> + '_ {
    PLACES.into_iter().flat_map(move |place| {
        text.match_indices(place).map(|(at, _)| at).filter_map(move |at| {
            let before = text[..at].bytes().next_back();
            let inside =
                before.is_some_and(|byte| is_word(byte) || matches!(byte, b'.' | b'/' | b'}' | b'-'));
            (!inside || place.starts_with("..")).then_some((at, place))
        })
    })
}

const CURE: &str =
    "cite docs/ or the standard; use a path inside the repository, or a temporary folder made at run time";

pub(super) fn no_private_place_in_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        findings
            .extend(named(&file.text).map(|(at, place)| {
                Finding::at(file, at, format!("names a private place (`{place}`)"), CURE)
            }));
    }
    findings
}

pub(super) fn no_private_place_in_commits(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, message) in &tree.commits {
        findings.extend(named(message).map(|(_, place)| {
            Finding::whole(
                format!("commit {id}"),
                format!("its message names a private place (`{place}`)"),
                CURE,
            )
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_place_is_found_in_any_text_file_and_in_commit_messages() {
        for place in PLACES {
            let text = format!("see\n`{place}x` for more");
            let mut tree = Tree::of(&[("README.md", &text)]);
            assert_eq!(no_private_place_in_files(&tree)[0].line, 2, "{place}");
            tree.commits.push(("abc1234".into(), text));
            assert_eq!(no_private_place_in_commits(&tree).len(), 1, "{place}");
        }
    }

    #[test]
    fn a_path_inside_the_repository_is_not_private() {
        let text = concat!("docs/wo", "rk/plan.md and https://example.org/wo", "rk/ and /wo", "rkshop");
        assert_eq!(no_private_place_in_files(&Tree::of(&[("README.md", text)])), []);
    }
}
