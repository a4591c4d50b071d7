//! The files that the rules look at, and which part of each is test code.

use std::collections::BTreeSet;
use std::iter::once;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::mask::{close_of, mask, words};

/// What holds nothing of ours: folders, and the file `.git` of a linked worktree.
const SKIPPED: [&str; 6] = ["target", "node_modules", "__pycache__", ".git", ".work", ".pytest_cache"];

/// One text file.
pub(super) struct SourceFile {
    /// From the repository's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// For `.rs`: the text without comments and literals; else empty.
    pub(super) code: String,
    /// Parts of `code` that only tests see. The whole of a test file.
    tests: Vec<Range<usize>>,
}

impl SourceFile {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { mask(&text) } else { String::new() };
        let tests = if is_test_path(&path) { once(0..code.len()).collect() } else { test_regions(&code) };
        Self { path, text, code, tests }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// The code that only tests see.
    pub(super) fn test_code(&self) -> impl Iterator<Item = &str> {
        self.tests.iter().map(|range| &self.code[range.clone()])
    }

    /// The line of a position, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A checkout, or what a unit test says one holds.
pub(super) struct Tree {
    pub(super) files: Vec<SourceFile>,
    /// (abbreviated id, message) of each commit.
    pub(super) commits: Vec<(String, String)>,
}

impl Tree {
    /// Reads the checkout at `root`. Files that are not UTF-8 are left out: no rule is about them.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut found = Vec::new();
        walk(root, root, &mut found)?;
        found.sort();
        Ok(Self::new(found, commits(root)?))
    }

    fn new(found: Vec<(String, String)>, commits: Vec<(String, String)>) -> Self {
        let mut files: Vec<_> = found.into_iter().map(|(path, text)| SourceFile::new(path, text)).collect();
        mark_test_modules(&mut files);
        Self { files, commits }
    }

    /// A tree that a unit test makes up.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect(), Vec::new())
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(super) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The names of the crates in `crates/`.
    pub(super) fn crates(&self) -> BTreeSet<&str> {
        let manifest = |file: &'_ SourceFile| file.path.ends_with("/Cargo.toml");
        let files = self.files.iter().filter(|file| manifest(file));
        files.filter_map(|file| file.path.strip_prefix("crates/")?.split('/').next()).collect()
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            if let Ok(text) = String::from_utf8(bytes) {
                let inside = path.strip_prefix(root).expect("the walk stays below its root");
                found.push((inside.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    Ok(())
}

/// Every commit's message. A folder without history (an unpacked release) has none.
fn commits(root: &Path) -> Result<Vec<(String, String)>> {
    if !root.join(".git").exists() {
        return Ok(Vec::new());
    }
    let output = std::process::Command::new("git")
        .args(["log", "--format=%h%x00%B%x01"])
        .current_dir(root)
        .output()
        .context("running git log")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parts = text.split('\u{1}').filter_map(|commit| commit.trim_start().split_once('\0'));
    Ok(parts.map(|(id, message)| (id.to_owned(), message.to_owned())).collect())
}

/// Files that cargo compiles for tests, benchmarks and examples only, and modules named for tests.
fn is_test_path(path: &str) -> bool {
    let mut parts = path.split('/');
    let file = parts.next_back().unwrap_or_default();
    file == "tests.rs" || parts.any(|folder| matches!(folder, "tests" | "benches" | "examples"))
}

/// The items under `#[cfg(test)]` and `#[test]`, from the attribute to the closing brace.
fn test_regions(code: &str) -> Vec<Range<usize>> {
    let mut regions: Vec<Range<usize>> = Vec::new();
    let mut starts: Vec<_> =
        ["#[cfg(test)]", "#[test]"].iter().flat_map(|attribute| words(code, attribute)).collect();
    starts.sort_unstable();
    for start in starts {
        if regions.last().is_some_and(|last| last.contains(&start)) {
            continue;
        }
        let Some(length) = code[start..].find(['{', ';']) else { continue };
        let stop = start + length;
        let end =
            if code.as_bytes()[stop] == b'{' { close_of(code, stop).unwrap_or(code.len()) } else { stop + 1 };
        regions.push(start..end);
    }
    regions
}

/// `#[cfg(test)] mod name;` makes the whole of `name.rs` and `name/` test code.
fn mark_test_modules(files: &mut [SourceFile]) {
    let mut prefixes = Vec::new();
    for file in files.iter() {
        for code in file.test_code() {
            let Some(at) = words(code, "mod").next() else { continue };
            let Some((name, after)) =
                code[at + 3..].trim_start().split_once(|c: char| !c.is_alphanumeric() && c != '_')
            else {
                continue;
            };
            if code[..at].contains("#[cfg(test)]") && after.is_empty() && !name.is_empty() {
                prefixes.push(format!("{}{name}", module_folder(&file.path)));
            }
        }
    }
    for file in files.iter_mut() {
        let under = |prefix: &String| {
            file.path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if file.is_rust() && prefixes.iter().any(under) {
            file.tests = once(0..file.code.len()).collect();
        }
    }
}

/// Where a file's child modules live.
fn module_folder(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "mod.rs" | "lib.rs" | "main.rs" => format!("{folder}/"),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests_of(tree: &Tree, path: &str) -> String {
        tree.file(path).expect("in the tree").test_code().collect()
    }

    #[test]
    fn test_modules_test_folders_and_test_functions_are_test_code() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "fn real() {}\n#[cfg(test)]\nmod tests { fn fake() {} }\nfn more() {}"),
            ("crates/a/tests/all.rs", "fn outside() {}"),
            ("crates/a/src/b.rs", "#[cfg(test)]\nmod checks;\nfn real() {}"),
            ("crates/a/src/b/checks.rs", "fn fake() {}"),
            ("crates/a/src/c.rs", "#[test]\nfn promise() { fake() }\nfn real() {}"),
        ]);
        assert_eq!(tests_of(&tree, "crates/a/src/lib.rs"), "#[cfg(test)]\nmod tests { fn fake() {} }");
        assert_eq!(tests_of(&tree, "crates/a/tests/all.rs"), "fn outside() {}");
        assert_eq!(tests_of(&tree, "crates/a/src/b.rs"), "#[cfg(test)]\nmod checks;");
        assert_eq!(tests_of(&tree, "crates/a/src/b/checks.rs"), "fn fake() {}");
        assert_eq!(tests_of(&tree, "crates/a/src/c.rs"), "#[test]\nfn promise() { fake() }");
    }

    #[test]
    fn lines_count_from_one() {
        let tree = Tree::of(&[("a.rs", "one\ntwo\nthree")]);
        assert_eq!(tree.files[0].line(0), 1);
        assert_eq!(tree.files[0].line(4), 2);
        assert_eq!(tree.files[0].line(9), 3);
    }
}
