//! Statements that the compiler accepts and a reader should not have to.

use super::Finding;
use super::mask::{close_of, words};
use super::tree::Tree;

/// `matches!(…);` on its own computes a verdict and drops it: in a test, a promise that cannot fail.
pub(super) fn no_match_without_a_verdict(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for at in words(&file.code, "matches!") {
            let before =
                file.code[..at].trim_end().trim_end_matches("std::").trim_end_matches("core::").trim_end();
            let begins_a_statement = before.is_empty() || before.ends_with([';', '{', '}']);
            let Some(open) = file.code[at..].find(['(', '[', '{']) else { continue };
            let Some(end) = close_of(&file.code, at + open) else { continue };
            if begins_a_statement && file.code[end..].trim_start().starts_with(';') {
                findings.push(Finding::at(
                    file,
                    at,
                    "a `matches!(…);` statement checks nothing",
                    "write `assert!(matches!(…))`, or use the verdict",
                ));
            }
        }
    }
    findings
}

pub(super) fn nothing_left_to_do(tree: &Tree) -> Vec<Finding> {
    const CURE: &str = "write it, or open an issue and refuse with an error that says so";
    let mut findings = Vec::new();
    for file in tree.rust() {
        for word in ["todo!", "unimplemented!"] {
            findings.extend(
                words(&file.code, word)
                    .map(|at| Finding::at(file, at, format!("`{word}` is left in the code"), CURE)),
            );
        }
    }
    findings
}

/// `expect` fails when the lint no longer fires. `allow` does not, so it must at least say why it is right where
/// `expect` cannot be: in a macro, or in a module that several test programs share.
pub(super) fn no_bare_allow(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for at in words(&file.code, "allow") {
            let after = &file.code[at + "allow".len()..];
            let opens = after.trim_start().starts_with('(');
            let says_why = after.split_once(')').is_some_and(|(inside, _)| inside.contains("reason"));
            let start = file.code[..at].rfind(['\n', ';', '}']).map_or(0, |end| end + 1);
            let head: String = file.code[start..at].split_whitespace().collect();
            let is_attribute = head.starts_with("#[") || head.starts_with("#![");
            let directly =
                head == "#[" || head == "#![" || (head.contains("cfg_attr(") && head.ends_with(','));
            if opens && !says_why && is_attribute && directly {
                findings.push(Finding::at(
                    file,
                    at,
                    "a lint is lifted with a bare `allow`",
                    "write `#[expect(lint, reason = \"…\")]`, or obey the lint",
                ));
            }
        }
    }
    findings
}

/// A mapped file turns a read error into a signal and hides writes from the order that we promise.
pub(super) fn no_memory_mapping(tree: &Tree) -> Vec<Finding> {
    const CURE: &str = "read and write through the `Disk` trait";
    let mut findings = Vec::new();
    for file in tree.rust() {
        for word in ["mmap", "memmap", "memmap2", "mmap64", "MmapOptions", "Mmap", "MmapMut"] {
            findings.extend(
                words(&file.code, word)
                    .map(|at| Finding::at(file, at, format!("`{word}` maps memory to a file"), CURE)),
            );
        }
    }
    for manifest in tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        findings.extend(
            manifest
                .text
                .match_indices("memmap")
                .map(|(at, _)| Finding::at(manifest, at, "a dependency maps memory to files", CURE)),
        );
    }
    findings
}

/// `unsafe` stands only in files that UNSAFE.md lists, and UNSAFE.md lists no file without it.
pub(super) fn unsafe_is_listed(tree: &Tree) -> Vec<Finding> {
    let list = tree.file("UNSAFE.md");
    let names = |path: &str| list.is_some_and(|list| words(&list.text, path).next().is_some());
    let mut findings = Vec::new();
    for file in tree.rust() {
        match (words(&file.code, "unsafe").next(), names(&file.path)) {
            (Some(at), false) => findings.push(Finding::at(
                file,
                at,
                "`unsafe` in a file that UNSAFE.md does not list",
                "do without, or list the file in UNSAFE.md with the proof",
            )),
            (None, true) => findings.push(Finding::whole(
                "UNSAFE.md",
                format!("lists {}, which has no `unsafe`", file.path),
                "strike it from the list",
            )),
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Tree) -> Vec<Finding>, source: &str) -> Vec<usize> {
        rule(&Tree::of(&[("crates/a/src/lib.rs", source)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_verdict_that_nobody_reads_is_found() {
        for bad in [
            "fn f() { matches!(x, Some(_)); }",
            "fn f() { g();\n matches!(\n x, Some(_)\n ); }",
            "fn f() { std::matches!(x, (1, 2)); }",
            "fn f() { if a { b } matches!(x, Y {..} if z()); }",
        ] {
            assert_eq!(found(no_match_without_a_verdict, bad).len(), 1, "{bad}");
        }
        for good in [
            "fn f() { assert!(matches!(x, Some(_))); }",
            "fn f() -> bool { matches!(x, Some(_)) }",
            "fn f() { let a = matches!(x, Some(_)); }",
            "fn f() { return matches!(x, Some(_)); }",
            "fn f() { g(\"; matches!(x);\"); } // ; matches!(x);",
            "fn f() { a && matches!(x, 1); }",
        ] {
            assert_eq!(found(no_match_without_a_verdict, good), [0; 0], "{good}");
        }
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(
            found(nothing_left_to_do, "fn f() {\n    todo!()\n}\nfn g() { unimplemented!(\"x\") }"),
            [2, 4]
        );
        assert_eq!(found(nothing_left_to_do, "// todo!\nfn f() { g(\"todo!\") }"), [0; 0]);
    }

    #[test]
    fn a_lint_is_lifted_with_a_reason_or_not_at_all() {
        let at_line_1 = |source| found(no_bare_allow, source) == [1];
        assert!(at_line_1("#[allow(dead_code)] fn f() {}"));
        assert!(at_line_1("#![allow(dead_code)]"));
        assert!(at_line_1("#[cfg_attr(test, allow(dead_code))] fn f() {}"));
        assert_eq!(found(no_bare_allow, "#![allow(dead_code, reason = \"x (y)\")]"), [0; 0]);
        assert_eq!(found(no_bare_allow, "#[expect(dead_code, reason = \"x\")] fn f() { allow(x) }"), [0; 0]);
    }

    #[test]
    fn memory_mapping_is_found_in_code_and_manifests() {
        assert_eq!(found(no_memory_mapping, "use rustix::mm::mmap;"), [1]);
        assert_eq!(found(no_memory_mapping, "// mmap is not used"), [0; 0]);
        let tree = Tree::of(&[("Cargo.toml", "[dependencies]\nmemmap2 = \"1\"")]);
        assert_eq!(no_memory_mapping(&tree)[0].line, 2);
    }

    #[test]
    fn unsafe_and_its_list_agree() {
        let code = ("crates/a/src/lib.rs", "fn f() {\n    unsafe { g() }\n}");
        assert_eq!(unsafe_is_listed(&Tree::of(&[code])).len(), 1);
        let list = ("UNSAFE.md", "- `crates/a/src/lib.rs`: why");
        assert_eq!(unsafe_is_listed(&Tree::of(&[code, list])), []);
        let safe = ("crates/a/src/lib.rs", "#![deny(unsafe_code)] // unsafe");
        assert_eq!(unsafe_is_listed(&Tree::of(&[safe])), []);
        assert_eq!(unsafe_is_listed(&Tree::of(&[safe, list])).len(), 1);
    }
}
