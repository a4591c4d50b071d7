//! `docs/format.md` speaks of the formats as they are: it carries the sum of their sources.

use std::fs;
use std::path::Path;

#[test]
fn the_format_page_is_of_these_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = fs::read_dir(root.join("src/format"))
        .expect("listed")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.to_string_lossy().ends_with("_tests.rs"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 9, "{paths:?}");
    let mut sum = 0;
    for path in paths {
        let source = fs::read_to_string(&path).expect("read");
        let shipped = source.split("#[cfg(test)]\nmod tests").next().expect("a first part");
        sum = crc32c::crc32c_append(sum, shipped.as_bytes());
    }
    let page = fs::read_to_string(root.join("../../docs/format.md")).expect("docs/format.md is there");
    let line = format!("Sum of `crates/forebay-log/src/format`: `{sum:08x}`");
    assert!(
        page.contains(&line),
        "src/format has changed: bring docs/format.md up to date (and say there which version reads what), then \
         put this line into it:\n{line}"
    );
}
