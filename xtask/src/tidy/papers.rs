//! Manifests and documents that must agree with the code.

use super::Finding;
use super::mask::words;
use super::tree::Tree;

/// Spelled in parts, so that this file does not name them.
const PLANTED: [&str; 2] = [concat!("planted-no", "-flush"), concat!("planted-", "bugs")];

/// The features that build bugs in are declared, off, in one place, and enabled in none: only the command lines of the
/// checks that must fail on them may name them.
pub(super) fn planted_bug_stays_planted(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_setting = |path: &str| path.ends_with(".toml") || path.starts_with(".ci/");
    for file in tree.files.iter().filter(|file| is_setting(&file.path)) {
        let mut position = 0;
        for line in file.text.split_inclusive('\n') {
            let said: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            for planted in PLANTED {
                let declared =
                    file.path == "crates/forebay-log/Cargo.toml" && said == format!("{planted}=[]");
                if said.contains(planted) && !declared {
                    findings.push(Finding::at(
                        file,
                        position,
                        format!("enables `{planted}`, which builds in bugs that lose acknowledged events"),
                        "take it out; only `cargo xtask flush` and `cargo xtask crash` build with it",
                    ));
                }
            }
            position += line.len();
        }
    }
    findings
}

/// docs/format.md carries a sum over `forebay-log`'s format code; a test of that crate compares them.
pub(super) fn format_is_locked(tree: &Tree) -> Vec<Finding> {
    const CURE: &str =
        "run `cargo test -p forebay-log --test format_doc` and write the line that it asks for";
    let has_code = tree.rust().any(|file| file.path.starts_with("crates/forebay-log/src/format"));
    let Some(doc) = tree.file("docs/format.md") else {
        let missing = Finding::whole("docs/format.md", "the format has code and no document", CURE);
        return if has_code { vec![missing] } else { Vec::new() };
    };
    let locked = doc.text.lines().any(|line| {
        line.starts_with("Sum of `crates/forebay-log/src/format`")
            && line.split(|c: char| !c.is_ascii_hexdigit()).any(|part| part.len() == 8)
    });
    if locked {
        Vec::new()
    } else {
        vec![Finding::whole("docs/format.md", "no line locks it to the code", CURE)]
    }
}

/// A paragraph, heading, table row or list item of ARCHITECTURE.md begins with each crate's name.
pub(super) fn each_crate_has_a_paragraph(tree: &Tree) -> Vec<Finding> {
    let architecture = tree.file("ARCHITECTURE.md").map_or("", |file| file.text.as_str());
    let begins: Vec<_> =
        architecture.lines().map(|line| line.trim_start_matches(['#', '*', '-', '|', '`', ' '])).collect();
    let has = |name: &str| {
        begins.iter().any(|line| {
            line.starts_with(name)
                && words(line, name).next() == Some(0)
                && !line[name.len()..].starts_with('-')
        })
    };
    tree.crates()
        .into_iter()
        .filter(|name| !has(name))
        .map(|name| {
            Finding::whole(
                "ARCHITECTURE.md",
                format!("no paragraph begins with `{name}`"),
                "say what the crate is, its invariant, and what it never does",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planted_bug_may_be_declared_and_not_enabled() {
        for planted in PLANTED {
            let declared = format!("[features]\n# Skips the flush.\n{planted} = []\n");
            let tree = Tree::of(&[("crates/forebay-log/Cargo.toml", &declared)]);
            assert_eq!(planted_bug_stays_planted(&tree), []);
            for (path, bad) in [
                (
                    "crates/forebay-log/Cargo.toml",
                    format!("[features]\ndefault = [\"{planted}\"]\n{planted} = []\n"),
                ),
                (
                    "crates/forebay/Cargo.toml",
                    format!("[dependencies]\nforebay-log = {{ features = [\"{planted}\"] }}\n"),
                ),
                (".cargo/config.toml", format!("[alias]\nrun = \"run -F forebay-log/{planted}\"\n")),
            ] {
                let findings = planted_bug_stays_planted(&Tree::of(&[(path, &bad)]));
                assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2], "{path}");
            }
        }
    }

    #[test]
    fn the_format_document_carries_the_sum_of_its_code() {
        let code = ("crates/forebay-log/src/format/frame.rs", "");
        assert_eq!(format_is_locked(&Tree::of(&[code])).len(), 1);
        assert_eq!(
            format_is_locked(&Tree::of(&[code, ("docs/format.md", "# Format\nno such line")])).len(),
            1
        );
        let locked = ("docs/format.md", "# Format\nSum of `crates/forebay-log/src/format`: `01234cde`");
        assert_eq!(format_is_locked(&Tree::of(&[code, locked])), []);
    }

    #[test]
    fn each_crate_has_its_own_paragraph() {
        let crates = [("crates/forebay/Cargo.toml", ""), ("crates/forebay-log/Cargo.toml", "")];
        let with = |text| {
            let mut files = crates.to_vec();
            files.push(("ARCHITECTURE.md", text));
            each_crate_has_a_paragraph(&Tree::of(&files)).len()
        };
        assert_eq!(with(""), 2);
        assert_eq!(with("forebay-log is mentioned\nand `forebay` inside a line"), 1);
        assert_eq!(with("### `forebay-log`\nText.\n\n- **`forebay`** (the program): text."), 0);
    }
}
