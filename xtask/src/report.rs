//! What is said at the end of a run: each step with its seconds and its tests, and every suite that was not
//! run, so that a green line never hides what it does not cover.

use std::fmt::Write as _;
use std::time::Duration;

/// Tests, as the runners' own closing lines count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Adds a line's numbers if it is a closing line of a runner: cargo's, pytest, Node's, Maven's. Go's has none
    /// that counts; there each test's own line does.
    pub(crate) fn read(&mut self, line: &str) {
        if !(self.read_go(line) || self.read_node(line) || self.read_maven(line)) {
            self.read_cargo_or_pytest(line);
        }
    }

    /// `--- PASS: TestName (0.12s)`, without the indent of a subtest.
    fn read_go(&mut self, line: &str) -> bool {
        let count = match line.strip_prefix("--- ").and_then(|rest| rest.split_once(": ")) {
            Some(("PASS", _)) => &mut self.passed,
            Some(("FAIL", _)) => &mut self.failed,
            Some(("SKIP", _)) => &mut self.skipped,
            _ => return false,
        };
        *count += 1;
        true
    }

    /// An information sign, then `pass 12`: one line a number.
    fn read_node(&mut self, line: &str) -> bool {
        let Some((what, number)) = line.strip_prefix("\u{2139} ").and_then(|rest| rest.split_once(' '))
        else {
            return false;
        };
        let Ok(number) = number.trim().parse::<u64>() else { return false };
        match what {
            "pass" => self.passed += number,
            "fail" | "cancelled" => self.failed += number,
            "skipped" | "todo" => self.skipped += number,
            _ => {}
        }
        true
    }

    /// `[INFO] Tests run: 12, Failures: 1, Errors: 0, Skipped: 2`; a class's own line goes on after that.
    fn read_maven(&mut self, line: &str) -> bool {
        let Some((_, numbers)) = line.split_once("] Tests run: ").filter(|(level, _)| level.starts_with('['))
        else {
            return false;
        };
        let parts: Vec<&str> = numbers.split(", ").collect();
        let parsed: Vec<u64> =
            parts.iter().filter_map(|part| part.rsplit(": ").next()?.trim().parse().ok()).collect();
        if let ([run, failures, errors, skipped], 4) = (&parsed[..], parts.len()) {
            self.failed += failures + errors;
            self.skipped += skipped;
            self.passed += run.saturating_sub(failures + errors + skipped);
        }
        true
    }

    fn read_cargo_or_pytest(&mut self, line: &str) {
        let line = line.trim().trim_matches('=').trim();
        let is_closing = line.starts_with("test result:")
            || (line.contains(" in ")
                && line.starts_with(|c: char| c.is_ascii_digit())
                && line.ends_with(['s', ')']));
        if !is_closing {
            return;
        }
        let words: Vec<_> = line.split(|c: char| c.is_whitespace() || c == ',' || c == ';').collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" | "error" | "errors" => self.failed += number,
                "ignored" | "skipped" | "xfailed" => self.skipped += number,
                _ => {}
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn show(self) -> String {
        match self {
            Self { passed: 0, failed: 0, skipped: 0 } => String::new(),
            Self { passed, failed, skipped: 0 } => format!("{passed} passed, {failed} failed"),
            Self { passed, failed, skipped } => {
                format!("{passed} passed, {failed} failed, {skipped} skipped")
            }
        }
    }
}

/// One step that ran.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) step: String,
    pub(crate) took: Duration,
    pub(crate) ok: bool,
    pub(crate) counts: Counts,
}

/// The closing table. `not_run`: names of suites, as typed after `cargo xtask`.
pub(crate) fn table(lines: &[Line], not_run: &[&str]) -> String {
    let mut text = String::from("\nstep                   seconds  result  tests\n");
    let mut total = Counts::default();
    for line in lines {
        total.add(line.counts);
        let verdict = if line.ok { "ok" } else { "FAILED" };
        let row = format!(
            "{:<22} {:>7.1}  {verdict:<6}  {}",
            line.step,
            line.took.as_secs_f64(),
            line.counts.show()
        );
        writeln!(text, "{}", row.trim_end()).expect("writing to a string");
    }
    for suite in not_run {
        writeln!(text, "not run: {suite} (`cargo xtask {suite}`)").expect("writing to a string");
    }
    let sum = total.show();
    if !sum.is_empty() {
        writeln!(text, "{sum}").expect("writing to a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_all_runners_are_counted_and_others_are_not() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 23 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.11s",
            "======= 3 failed, 57 passed, 2 skipped, 4 deselected in 81.20s (0:01:21) =======",
            "61 passed in 75.44s",
            "2 passed, 1 error in 0.10s",
            "5 passed the gate",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, Counts { passed: 23 + 57 + 61 + 2, failed: 2 + 3 + 1, skipped: 1 + 2 });

        let mut counts = Counts::default();
        for line in [
            "\u{2139} tests 9",
            "\u{2139} pass 6",
            "\u{2139} fail 1",
            "\u{2139} cancelled 0",
            "\u{2139} skipped 2",
            "\u{2139} duration_ms 812.4",
            "=== RUN   TestSend",
            "--- PASS: TestSend (0.20s)",
            "    --- PASS: TestSend/batch (0.10s)",
            "--- FAIL: TestRead (0.20s)",
            "--- SKIP: TestTls (0.00s)",
            "ok  \tforebay/interop\t12.3s",
            "[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 2.1 s - in SendTest",
            "[ERROR] Tests run: 10, Failures: 1, Errors: 1, Skipped: 1",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, Counts { passed: 6 + 1 + 7, failed: 1 + 1 + 2, skipped: 2 + 1 + 1 });
    }

    #[test]
    fn the_table_names_what_ran_and_what_did_not() {
        let counts = Counts { passed: 7, failed: 1, skipped: 0 };
        let line = Line { step: "unit".into(), took: Duration::from_millis(2_340), ok: false, counts };
        let text = table(&[line], &["bench"]);
        assert!(text.contains("unit                       2.3  FAILED  7 passed, 1 failed\n"), "{text}");
        assert!(text.contains("not run: bench (`cargo xtask bench`)\n"), "{text}");
        assert!(text.ends_with("\n7 passed, 1 failed\n"), "{text}");
    }
}
