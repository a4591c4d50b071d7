//! The table "spec section → file" of `src/lib.rs` against the tree.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under `folder`, as a path from there, and its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let folder = root().join(folder);
    let mut files = Vec::new();
    walk(&folder, &mut files);
    files.sort();
    let name = |path: &Path| path.strip_prefix(&folder).expect("below").to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (name(path), fs::read_to_string(path).expect("a file"))).collect()
}

/// The files that the table names, in its order.
fn table() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("a file");
    let rows = lib.lines().filter(|line| line.starts_with("//! | "));
    rows.flat_map(|row| {
        row.split('`').filter(|cell| cell.ends_with(".rs")).map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_table_of_sections_names_files_that_are_there() {
    for file in table() {
        assert!(
            root().join("src").join(&file).is_file(),
            "src/lib.rs: the table names {file}, which is gone"
        );
    }
}

#[test]
fn every_file_of_the_codec_is_in_the_table_of_sections() {
    let table = table();
    // Helpers that no section of the specification speaks of.
    let helpers = ["wire/reader.rs"];
    for (file, _) in sources("src") {
        let codec = ["wire/", "types/", "frame/"].iter().any(|layer| file.starts_with(layer));
        let is_part = codec && !file.ends_with("mod.rs") && !file.contains("tests");
        if is_part && !helpers.contains(&file.as_str()) {
            assert!(table.contains(&file), "src/lib.rs: {file} is missing in the table of sections");
        }
    }
}

#[test]
fn every_file_of_the_codec_says_its_section() {
    for (file, text) in sources("src") {
        let codec = ["wire/", "types/", "frame/"].iter().any(|layer| file.starts_with(layer));
        if codec && !file.contains("tests") && !file.ends_with("reader.rs") {
            assert!(text.contains('§') || text.contains("Part"), "src/{file} names no section");
        }
    }
}
