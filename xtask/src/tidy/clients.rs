//! `docs/clients.md` says which test proves what for which client. A table that nobody checks is wishful thinking, so
//! each name in it must be a test's.

use super::Finding;
use super::tree::Tree;

/// Heading of a column, and where that client's tests are.
const SUITES: [(&str, &str); 10] = [
    ("Python", "interop/python/"),
    ("JavaScript", "interop/js/test/"),
    ("Go", "interop/go/"),
    ("Java", "interop/java/src/"),
    ("Rust", "interop/rust/tests/"),
    (".NET-shaped", "crates/forebay-gateway-amqp/tests/"),
    ("Qpid Proton", "interop/python/"),
    ("rhea", "interop/js/test/"),
    ("go-amqp", "interop/go/"),
    ("Qpid JMS", "interop/java/src/"),
];

/// Tables that begin with another heading tell something else.
const FIRST_COLUMN: &str = "behaviour";
const DOCUMENT: &str = "docs/clients.md";
const CURE: &str = "name a test that is there, or write `not exposed` and why";

/// Every cell of the tables names tests that exist, or says that the client does not expose the behaviour.
pub(super) fn every_cell_is_a_test(tree: &Tree) -> Vec<Finding> {
    let suites_exist = tree.files.iter().any(|file| file.path.starts_with("interop/"));
    let Some(document) = tree.file(DOCUMENT) else {
        let missing = Finding::whole(DOCUMENT, "there are suites and no table of what they prove", CURE);
        return if suites_exist { vec![missing] } else { Vec::new() };
    };
    let mut findings = Vec::new();
    let mut columns: Vec<&str> = Vec::new();
    let mut position = 0;
    for line in document.text.split_inclusive('\n') {
        let at = position;
        position += line.len();
        let Some(row) = line.trim().strip_prefix('|') else {
            columns.clear();
            continue;
        };
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        if columns.is_empty() {
            columns = cells;
            continue;
        }
        if cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':'))) {
            continue;
        }
        if columns.first() != Some(&FIRST_COLUMN) {
            continue;
        }
        for (heading, cell) in columns.iter().zip(&cells).skip(1) {
            let problem = match SUITES.iter().find(|(name, _)| name == heading) {
                None => Some(format!("no suite is known for the column '{heading}'")),
                Some((_, folder)) => wrong_cell(tree, folder, cell),
            };
            findings.extend(problem.map(|what| Finding::at(document, at, what, CURE)));
        }
        if cells.len() != columns.len() {
            findings.push(Finding::at(
                document,
                at,
                "the row has another number of cells than the heading",
                CURE,
            ));
        }
    }
    findings
}

fn wrong_cell(tree: &Tree, folder: &str, cell: &str) -> Option<String> {
    if cell.starts_with("not exposed") {
        return None;
    }
    let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return Some(format!("'{cell}' names no test"));
    }
    let is_there = |name: &&str| {
        // `Class.method` of Java, `module::test` of Rust: the last word is what the source has.
        let separator = if folder.contains("/java/") { "." } else { "::" };
        let name = name.rsplit(separator).next().unwrap_or(name);
        tree.files.iter().any(|file| file.path.starts_with(folder) && file.text.contains(name))
    };
    names.iter().find(|name| !is_there(name)).map(|name| format!("{folder} has no test `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: (&str, &str) =
        ("interop/python/test_send.py", "def test_a_single_event_is_read_back(hub):");
    const JS: (&str, &str) = ("interop/js/test/send.test.js", "test('a batch is read back', async () => {");

    fn findings(table: &str) -> Vec<usize> {
        let tree = Tree::of(&[PYTHON, JS, (DOCUMENT, table)]);
        every_cell_is_a_test(&tree).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn cells_name_tests_of_their_own_suite_or_say_why_there_is_none() {
        let head = "| behaviour | Python | JavaScript |\n|---|---|---|\n";
        let good = "| send | `test_a_single_event_is_read_back` | `a batch is read back` |\n\
                    | keys | not exposed | not exposed: it hashes by itself |\n";
        assert_eq!(findings(&format!("# Clients\n\n{head}{good}")), [0; 0]);
        for bad in [
            "| send | `test_that_is_not_there` | `a batch is read back` |\n",
            "| send | `a batch is read back` | `a batch is read back` |\n",
            "| send | `test_a_single_event_is_read_back`, `test_gone` | not exposed |\n",
            "| send | works | not exposed |\n",
            "| send | | not exposed |\n",
            "| send | not exposed |\n",
        ] {
            assert_eq!(findings(&format!("{head}{bad}")), [3], "{bad}");
        }
        assert_eq!(findings("| client | version |\n|---|---|\n| Python | 5 |\n"), [0; 0], "another table");
        assert_eq!(findings("| behaviour | Cobol |\n|---|---|\n| send | `x` |\n"), [3]);
    }

    #[test]
    fn suites_without_a_table_are_found() {
        assert_eq!(every_cell_is_a_test(&Tree::of(&[PYTHON])).len(), 1);
        assert_eq!(every_cell_is_a_test(&Tree::of(&[])), []);
    }
}
