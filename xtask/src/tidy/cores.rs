//! A core decides and does nothing else: no clock, no chance, no files, no runtime, no threads. That is what
//! lets one seed reproduce a whole run.

use super::Finding;
use super::mask::words;
use super::tree::{SourceFile, Tree};

const CORES: [&str; 5] =
    ["forebay-amqp", "forebay-auth", "forebay-event", "forebay-log", "forebay-namespace"];

/// What a core may not name, why, and the files that are the exception.
struct Ban {
    words: &'static [&'static str],
    kind: &'static str,
    cure: &'static str,
    except: &'static [&'static str],
}

const BANS: [Ban; 5] = [
    Ban {
        words: &["Instant::now", "SystemTime", "UNIX_EPOCH", "clock_gettime", "rustix::time"],
        kind: "a clock",
        cure: "take the time as an argument",
        except: &["crates/forebay-log/src/clock.rs"],
    },
    Ban {
        words: &["getrandom", "rand::", "thread_rng", "RandomState", "DefaultHasher"],
        kind: "chance",
        cure: "take the random value, or a seeded stream, as an argument",
        except: &[],
    },
    Ban {
        words: &["std::fs", "File::open", "File::create", "OpenOptions::new().read", "rustix::fs"],
        kind: "the file system",
        cure: "go through the `Disk` trait",
        except: &["crates/forebay-log/src/disk/os.rs", "crates/forebay-log/src/disk/os/"],
    },
    Ban {
        words: &["TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs", "std::env", "std::process"],
        kind: "the outside world",
        cure: "let the shell ask, and hand the answer in as an argument",
        except: &["crates/forebay-log/src/disk/os.rs", "crates/forebay-log/src/disk/os/"],
    },
    Ban {
        words: &["tokio::", "async_std::", "smol::", "futures_executor"],
        kind: "a runtime",
        cure: "return what is to be done, or a plain future",
        except: &[],
    },
];

/// Crates that bring one of the above with them. Tests may use what they like.
const BANNED_DEPENDENCIES: [&str; 6] = ["tokio", "rand", "getrandom", "async-std", "smol", "chrono"];

fn core_of(file: &SourceFile) -> Option<&'static str> {
    let name = file.path.strip_prefix("crates/")?.split('/').next()?;
    CORES.into_iter().find(|core| *core == name)
}

fn is_one_of(file: &SourceFile, places: &[&str]) -> bool {
    places.iter().any(|place| file.path == *place || (place.ends_with('/') && file.path.starts_with(place)))
}

/// Every use of `word` in the shipped code of a core.
fn uses<'a>(file: &'a SourceFile, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    words(&file.code, word).filter(|at| !file.is_test(*at))
}

pub(super) fn no_outside_world(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(core) = core_of(file) else { continue };
        for ban in BANS.iter().filter(|ban| !is_one_of(file, ban.except)) {
            for word in ban.words {
                findings.extend(uses(file, word).map(|at| {
                    Finding::at(
                        file,
                        at,
                        format!("{core} is a core and names {} (`{word}`)", ban.kind),
                        ban.cure,
                    )
                }));
            }
        }
    }
    findings
}

pub(super) fn threads_only_in_the_engine(tree: &Tree) -> Vec<Finding> {
    const CURE: &str =
        "the engine in crates/forebay-log/src/engine owns the threads; yield the work to it as a value";
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(core) = core_of(file) else { continue };
        if is_one_of(file, &["crates/forebay-log/src/engine/", "crates/forebay-log/src/engine.rs"]) {
            continue;
        }
        for word in ["std::thread", "thread::spawn", "thread::sleep", "thread::Builder"] {
            findings.extend(
                uses(file, word)
                    .map(|at| Finding::at(file, at, format!("{core} is a core and names `{word}`"), CURE)),
            );
        }
    }
    findings
}

pub(super) fn no_outside_dependencies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for core in CORES {
        let Some(manifest) = tree.file(&format!("crates/{core}/Cargo.toml")) else { continue };
        let mut in_dependencies = false;
        let mut position = 0;
        for line in manifest.text.split_inclusive('\n') {
            let entry = line.trim();
            if entry.starts_with('[') {
                in_dependencies = entry == "[dependencies]" || entry.starts_with("[target.");
            } else if in_dependencies {
                let name = entry.split(['.', '=', ' ']).next().unwrap_or_default();
                if BANNED_DEPENDENCIES.contains(&name) {
                    findings.push(Finding::at(
                        manifest,
                        position,
                        format!("{core} is a core and depends on `{name}`"),
                        "move what needs it into the shell; a core takes time, chance and results of IO as arguments",
                    ));
                }
            }
            position += line.len();
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_core_names_no_clock_no_chance_no_file_and_no_runtime() {
        for bad in [
            "fn f() { let _ = std::time::Instant::now(); }",
            "use std::time::SystemTime;",
            "fn f() { getrandom::fill(&mut [0]); }",
            "use std::collections::hash_map::RandomState;",
            "use std::fs;",
            "fn f() { std::fs::read(\"x\"); }",
            "async fn f() { tokio::spawn(g()); }",
            "fn f() { std::env::var(\"HOME\"); }",
            "fn f() { std::net::TcpStream::connect(a); }",
        ] {
            let source = format!("//! Docs.\n{bad}");
            let tree = Tree::of(&[("crates/forebay-amqp/src/x.rs", &source)]);
            assert!(!no_outside_world(&tree).is_empty(), "not found: {bad}");
            assert_eq!(no_outside_world(&tree)[0].line, 2, "{bad}");
        }
    }

    #[test]
    fn shells_tests_prose_and_the_two_named_files_may() {
        for path in [
            "crates/forebay-gateway-amqp/src/x.rs",
            "crates/forebay-amqp/tests/x.rs",
            "crates/forebay-log/src/disk/os.rs",
        ] {
            let tree = Tree::of(&[(path, "fn f() { std::fs::read(\"x\"); }")]);
            assert_eq!(no_outside_world(&tree), [], "{path}");
        }
        let clock = Tree::of(&[("crates/forebay-log/src/clock.rs", "fn f() { SystemTime::now(); }")]);
        assert_eq!(no_outside_world(&clock), []);
        let prose =
            "// no Instant::now here\nfn f() { g(\"std::fs\"); }\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert_eq!(no_outside_world(&Tree::of(&[("crates/forebay-amqp/src/x.rs", prose)])), []);
        let own = "use crate::time::Instant;\nfn f(now: Instant) -> std::net::IpAddr {}";
        assert_eq!(no_outside_world(&Tree::of(&[("crates/forebay-amqp/src/x.rs", own)])), []);
    }

    #[test]
    fn threads_live_in_the_engine() {
        let source = "fn f() {\n    std::thread::spawn(|| ());\n}";
        let outside = Tree::of(&[("crates/forebay-log/src/reader.rs", source)]);
        assert_eq!(lines(&threads_only_in_the_engine(&outside)), [2, 2]);
        let engine = Tree::of(&[("crates/forebay-log/src/engine/commit.rs", source)]);
        assert_eq!(threads_only_in_the_engine(&engine), []);
    }

    #[test]
    fn a_core_depends_on_no_runtime_but_its_tests_may() {
        let bad = "[dependencies]\nthiserror.workspace = true\ntokio.workspace = true\n";
        let tree = Tree::of(&[("crates/forebay-log/Cargo.toml", bad)]);
        assert_eq!(lines(&no_outside_dependencies(&tree)), [3]);
        let good = "[dependencies]\ncrc32c = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n";
        assert_eq!(no_outside_dependencies(&Tree::of(&[("crates/forebay-log/Cargo.toml", good)])), []);
    }
}
