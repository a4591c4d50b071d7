//! Each rule of the protocol that the AMQP core enforces is a variant of its `Violation`, and each is named in
//! a test: a rule that no test breaks on purpose is a rule that nobody has seen work.

use super::Finding;
use super::mask::{close_of, words};
use super::tree::{SourceFile, Tree};

const HOME: &str = "crates/forebay-amqp/";

pub(super) fn every_rule_is_named_in_a_test(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = || tree.rust().filter(|file| file.path.starts_with(HOME));
    for file in ours() {
        for (name, at) in violations(file) {
            let named = ours().any(|file| file.test_code().any(|code| words(code, name).next().is_some()));
            if !named {
                findings.push(Finding::at(
                    file,
                    at,
                    format!("no test of forebay-amqp names `Violation::{name}`"),
                    "write a test that breaks the rule and asserts this variant",
                ));
            }
        }
    }
    findings
}

/// The variants of `enum Violation` in a file, and where they stand.
fn violations(file: &SourceFile) -> Vec<(&str, usize)> {
    let Some(start) = words(&file.code, "enum Violation").find(|at| !file.is_test(*at)) else {
        return Vec::new();
    };
    let Some(open) = file.code[start..].find('{').map(|length| start + length) else { return Vec::new() };
    let end = close_of(&file.code, open).unwrap_or(file.code.len());
    variants(&file.code[open + 1..end - 1]).into_iter().map(|(name, at)| (name, open + 1 + at)).collect()
}

/// The names at the top level of an enum's body: what stands before a field list, a discriminant or a comma.
fn variants(body: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let rest = &body[at..];
        let first = rest.chars().next().expect("at is inside the body");
        if first == '#' {
            let open = at + rest.find('[').expect("an attribute has brackets");
            at = close_of(body, open).unwrap_or(body.len());
        } else if first.is_alphabetic() {
            let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
            found.push((name, at));
            at = next_variant(body, at + name.len());
        } else {
            at += first.len_utf8();
        }
    }
    found
}

/// Past the comma that ends the variant whose name ends at `at`.
fn next_variant(body: &str, mut at: usize) -> usize {
    while let Some(length) = body[at..].find([',', '(', '{', '[']) {
        at += length;
        if body.as_bytes()[at] == b',' {
            return at + 1;
        }
        at = close_of(body, at).unwrap_or(body.len());
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: (&str, &str) = (
        "crates/forebay-amqp/src/violation.rs",
        "/// Docs.\n#[derive(Debug)]\npub enum Violation {\n    #[error(\"x\")]\n    FrameTooSmall { size: u32 },\n    \
         /// Docs, with a Comma.\n    BadOrder(u8, u8),\n    Late,\n}\npub enum Other { Unnamed }\n",
    );

    #[test]
    fn the_variants_are_read_from_the_source() {
        let tree = Tree::of(&[RULES]);
        let names: Vec<_> = violations(&tree.files[0]).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["FrameTooSmall", "BadOrder", "Late"]);
    }

    #[test]
    fn a_rule_that_no_test_names_is_found_where_it_stands() {
        let tests = (
            "crates/forebay-amqp/tests/rules.rs",
            "fn t() { f(Violation::FrameTooSmall { size: 4 }); g(Late) }",
        );
        let findings = every_rule_is_named_in_a_test(&Tree::of(&[RULES, tests]));
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].place.as_str(), findings[0].line), (RULES.0, 7));
    }

    #[test]
    fn naming_a_rule_in_shipped_code_is_not_a_test() {
        let code = ("crates/forebay-amqp/src/x.rs", "fn f() { Violation::FrameTooSmall; BadOrder; Late }");
        assert_eq!(every_rule_is_named_in_a_test(&Tree::of(&[RULES, code])).len(), 3);
    }
}
