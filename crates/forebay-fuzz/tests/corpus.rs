//! Every property holds for its corpus, and for all that ever broke it.
//!
//! `cargo xtask fuzz` begins with the same files, and says how to save what it finds among them.
#![expect(clippy::print_stderr, reason = "a panic says what broke, and not for which input")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use forebay_fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

/// The inputs saved for a target, in the order of their names.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder(kind).join(target)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("listed").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("an input is a file"))).collect()
}

/// Names the input that broke a property, whose panic comes before.
struct Named(PathBuf);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let name = self.0.file_name().unwrap_or_default();
            let target = self.0.parent().and_then(Path::file_name).unwrap_or_default();
            eprintln!("the input: fuzz/…/{}/{}", target.display(), name.display());
        }
    }
}

fn replay(kind: &str) -> usize {
    let mut replayed = 0;
    for target in TARGETS {
        for (path, bytes) in inputs(kind, target.name) {
            let named = Named(path);
            (target.check)(&bytes);
            drop(named);
            replayed += 1;
        }
    }
    replayed
}

#[test]
fn every_property_holds_for_its_corpus() {
    let replayed = replay("corpus");
    assert!(replayed >= 10 * TARGETS.len(), "only {replayed} inputs: the corpora are missing");
}

#[test]
fn what_once_broke_a_property_does_not_break_it_again() {
    assert!(replay("crashers") > 0, "the crashers are missing");
}

#[test]
fn every_property_holds_for_nothing_and_for_all_bytes() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for target in TARGETS {
        (target.check)(&[]);
        for first in 0..=u8::MAX {
            (target.check)(&[&[first], &all[..]].concat());
        }
    }
}

#[test]
fn targets_programs_and_corpora_are_the_same_and_small() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "each name is there once");
    let list = |name: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder(name)).expect("a folder of fuzz/");
        entries.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(list("corpus"), names);
    let programs: BTreeSet<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(list("fuzz_targets"), programs);
    assert!(list("crashers").is_subset(&names));
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).expect("fuzz/Cargo.toml");
    for name in &names {
        let program =
            std::fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).expect("a program");
        assert!(program.contains(&format!("\"{name}\"")), "{name} checks itself");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is a program of fuzz/Cargo.toml");
    }
    let bytes: usize =
        names.iter().flat_map(|name| inputs("corpus", name)).map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes <= 300 << 10, "{bytes} bytes of corpora: minimise them with `cargo fuzz cmin`");
}
