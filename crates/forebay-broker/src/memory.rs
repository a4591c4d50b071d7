//! How much memory the process may hold for events on their way: the size of the byte budget.

use std::fs;

/// The most that is ever taken by default.
const BUDGET_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// What is taken where memory is tiny, or its size cannot be told.
const BUDGET_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// A quarter of the machine's memory, or of the control group's limit where that is less; at most 2 GiB.
pub(crate) fn budget_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_total(&text));
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    budget_of(machine, group)
}

fn budget_of(machine: Option<u64>, group: Option<u64>) -> u64 {
    let memory = machine.into_iter().chain(group).min().unwrap_or(0);
    (memory / 4).clamp(BUDGET_BYTES_MIN, BUDGET_BYTES_MAX)
}

/// `MemTotal` of proc(5)'s meminfo, in bytes.
fn mem_total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_a_quarter_within_bounds() {
        let gib = 1024 * 1024 * 1024;
        assert_eq!(budget_of(Some(4 * gib), None), gib);
        assert_eq!(budget_of(Some(64 * gib), None), BUDGET_BYTES_MAX);
        assert_eq!(budget_of(Some(64 * gib), Some(2 * gib)), gib / 2);
        assert_eq!(budget_of(Some(4 * gib), Some(u64::MAX)), gib);
        assert_eq!(budget_of(None, None), BUDGET_BYTES_MIN);
    }

    #[tokio::test]
    async fn a_budget_that_was_given_is_the_budget() {
        let options = crate::testing::options(None, crate::testing::dev(crate::DevKey::WellKnown));
        let given = crate::BrokerOptions { budget_bytes: Some(BUDGET_BYTES_MIN), ..options.clone() };
        let broker = crate::Broker::open(given).await.unwrap();
        assert_eq!(broker.budget().limit(), BUDGET_BYTES_MIN);
        let broker = crate::Broker::open(options).await.unwrap();
        assert_eq!(broker.budget().limit(), budget_bytes());
    }

    #[test]
    fn reads_the_kernels_table() {
        assert_eq!(mem_total("MemTotal:       24689152 kB\nMemFree: 1 kB\n"), Some(24_689_152 * 1024));
        assert_eq!(mem_total("nothing"), None);
    }
}
