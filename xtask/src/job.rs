//! What a step is given: where the checkout is, which cargo profile to build with, what the caller asked for.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::report::Counts;
use crate::shell;

/// A cargo profile of the root manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    /// Quick to compile, fast enough for load: what CI uses for everything.
    Ci,
    Release,
    Dist,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Ci => "ci",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }

    /// Its folder in `target/`.
    pub(crate) fn folder(self) -> &'static str {
        if self == Self::Dev { "debug" } else { self.name() }
    }
}

/// One run of one step.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) root: PathBuf,
    pub(crate) profile: Profile,
    /// Rounds of the kill test; the step has its own default.
    pub(crate) cycles: Option<u32>,
    /// Seeds of the crash simulator; the step has its own default.
    pub(crate) seeds: Option<u32>,
    /// Seconds of each fuzz program; the step has its own default.
    pub(crate) seconds: Option<u32>,
    /// What stood after `--`, for the program that the step runs.
    pub(crate) rest: Vec<String>,
    /// What the runners counted.
    pub(crate) counts: Counts,
}

impl Job {
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// A command in the checkout.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `cargo WORDS`, with the profile that this run uses.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        command.args(words).args(["--profile", self.profile.name()]);
        command
    }

    /// Runs a command, shows what it prints, and counts the tests that its closing lines report.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        shell::run(command, |line| self.counts.read(line))
    }

    /// Builds the server and says where it is.
    ///
    /// In CI's profile it is built as the unit tests build it, so that nothing is compiled twice.
    /// `FOREBAY_BIN` names another one, already built.
    pub(crate) fn server(&mut self) -> Result<PathBuf> {
        if let Some(named) = std::env::var_os("FOREBAY_BIN") {
            return Ok(PathBuf::from(named));
        }
        let mut build = match self.profile {
            Profile::Ci => self.cargo(&["build", "--workspace", "--bins", "--tests"]),
            Profile::Dev | Profile::Release | Profile::Dist => self.cargo(&["build", "--package", "forebay"]),
        };
        self.run(&mut build).context("building the server")?;
        self.binary("forebay")
    }

    /// The server with the planted bug: it acknowledges without flushing. It is copied aside at once and the
    /// real one put back, so that no later step can pick it up.
    pub(crate) fn planted_server(&mut self) -> Result<PathBuf> {
        let mut build = self.cargo(&["build", "--package", "forebay", "--package", "forebay-log"]);
        build.args(["--bin", "forebay", "--features", concat!("forebay-log/planted-no", "-flush")]);
        self.run(&mut build).context("building the server with the planted bug")?;
        let folder = self.target().join("planted").join(self.profile.folder());
        std::fs::create_dir_all(&folder)?;
        let aside = folder.join("forebay");
        std::fs::copy(self.binary("forebay")?, &aside).context("copying the planted server aside")?;
        self.server()?;
        Ok(aside)
    }

    pub(crate) fn binary(&self, name: &str) -> Result<PathBuf> {
        let path = self.target().join(self.profile.folder()).join(name);
        ensure!(path.exists(), "{} was not built", path.display());
        Ok(path)
    }

    /// Makes sure that a program is there. On Debian as root it is installed; else the error names the cure.
    pub(crate) fn need(&mut self, program: &str, package: &str) -> Result<()> {
        if shell::exists(program) {
            return Ok(());
        }
        if !(shell::exists("apt-get") && shell::is_root()) {
            bail!("`{program}` is missing; install it (Debian: `apt-get install {package}`)");
        }
        self.install(package)?;
        ensure!(shell::exists(program), "`{package}` is installed and `{program}` is still missing");
        Ok(())
    }

    pub(crate) fn install(&mut self, package: &str) -> Result<()> {
        self.run(self.command("apt-get").args(["update", "-qq"])).context("updating the package list")?;
        let mut install = self.command("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends", package]);
        self.run(install.env("DEBIAN_FRONTEND", "noninteractive"))
            .with_context(|| format!("installing {package}"))
    }
}
