//! What the kernel has booked for a process: CPU time from `/proc/<pid>/stat`, memory from `/proc/<pid>/status`.

use std::fs;
use std::ops::Sub;

use anyhow::{Context, Result};
use serde::Serialize;

/// CPU seconds of a whole process, all threads, dead ones included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CpuTime {
    pub user_seconds: f64,
    pub kernel_seconds: f64,
}

impl CpuTime {
    /// Reads the CPU time of process `pid` so far. Its resolution is one clock tick (10 ms on most machines).
    pub fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let stat = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {path}: is process {pid} still running?"))?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        parse_stat(&stat, ticks_per_second).with_context(|| format!("{path} has an unknown form: {stat:?}"))
    }

    /// User and kernel together, in seconds.
    pub fn total_seconds(self) -> f64 {
        self.user_seconds + self.kernel_seconds
    }

    /// The same work scaled to a million events.
    pub fn per_million(self, events: u64) -> f64 {
        self.total_seconds() * 1e6 / events as f64
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user_seconds: self.user_seconds - earlier.user_seconds,
            kernel_seconds: self.kernel_seconds - earlier.kernel_seconds,
        }
    }
}

/// Resident memory of process `pid` now, in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_resident(&status).with_context(|| format!("{path} has no VmRSS line"))
}

/// Fields 14 and 15 of proc(5) "stat". The second field is the program's name in parentheses and may itself hold
/// spaces and parentheses, so counting starts after the last `)`.
fn parse_stat(stat: &str, ticks_per_second: u64) -> Option<CpuTime> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<u64>().ok()? as f64 / ticks_per_second as f64);
    Some(CpuTime { user_seconds: seconds()?, kernel_seconds: seconds()? })
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_spaces_and_parentheses() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 1 2 3";
        let cpu = parse_stat(stat, 100).unwrap();
        assert_eq!(cpu, CpuTime { user_seconds: 2.5, kernel_seconds: 0.5 });
        assert_eq!(cpu.per_million(500_000), 6.0);
    }

    #[test]
    fn a_cut_stat_line_is_no_figure() {
        assert_eq!(parse_stat("42 (x) S 1 42", 100), None);
        assert_eq!(parse_stat("", 100), None);
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t    2048 kB\nVmData: 1 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_used_memory() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(CpuTime::of(pid).unwrap().total_seconds() >= 0.0);
    }
}
