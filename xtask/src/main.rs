//! The repository's own commands: `cargo xtask help` lists them, `cargo xtask test` runs what CI runs.
//!
//! To follow one: `steps` is the table of all steps, `job` what each of them is given, `shell` how a program
//! is run. `tidy` and `flush` are the two steps with logic of their own; the rest call other people's tools.
//! This crate decides nothing about the server and is no dependency of it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod crash;
mod flush;
mod fuzz;
mod interop;
mod job;
mod report;
mod shell;
mod steps;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The checkout that this tool was built from.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the root").to_path_buf()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match steps::run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
