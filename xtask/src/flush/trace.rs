//! Reads what `strace -f -yy` writes: one system call a line, or two where another thread came between.
//!
//! ```text
//! 812 pwritev(9</d/journal/0000000000000001>, [{iov_base="…", iov_len=4096}], 1, 4096) = 4096
//! 812 fdatasync(9</d/journal/0000000000000001> <unfinished ...>
//! 813 sendto(12<TCP:[127.0.0.1:5672->127.0.0.1:40000]>, "\0\0\0\10…", 8, 0, NULL, 0) = 8
//! 812 <... fdatasync resumed>)            = 0
//! ```
//!
//! A call begins at the line that opens it and ends at the line that gives its result. strace prints in the
//! order in which it saw things, so line numbers are the order of events.

use std::collections::HashMap;

/// A system call that returned (or never did, if the trace ends inside it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The thread.
    pub(crate) thread: u32,
    pub(crate) name: String,
    /// The arguments as printed, the opening descriptor included.
    pub(crate) arguments: String,
    /// Line on which it began, from 1.
    pub(crate) begin: usize,
    /// Line on which its result stands.
    pub(crate) end: Option<usize>,
    /// What it returned; a failure is -1.
    pub(crate) result: Option<i64>,
}

impl Call {
    /// What the first argument, a descriptor, is open on: a path, `TCP:[…]`, `socket:[…]`.
    pub(crate) fn target(&self) -> Option<&str> {
        let rest = self.arguments.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let inside = rest.strip_prefix('<')?;
        // `TCP:[a->b]` has the closing sign inside; the target ends where an argument does.
        let end = inside.match_indices('>').map(|(at, _)| at).find(|at| {
            let after = inside[at + 1..].trim_start();
            !inside[..*at].ends_with('-') && (after.is_empty() || after.starts_with([',', ')', '(']))
        })?;
        Some(&inside[..end])
    }

    pub(crate) fn is_socket(&self) -> bool {
        let is_network = |target: &str| {
            let kind = target.split(':').next().unwrap_or_default();
            matches!(kind, "TCP" | "TCPv6" | "socket")
        };
        self.target().is_some_and(is_network)
    }

    pub(crate) fn is_write(&self) -> bool {
        matches!(
            self.name.as_str(),
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "sendto" | "sendmsg" | "sendmmsg"
        )
    }

    pub(crate) fn is_read(&self) -> bool {
        matches!(self.name.as_str(), "read" | "readv" | "recvfrom" | "recvmsg" | "recvmmsg")
    }

    pub(crate) fn is_flush(&self) -> bool {
        matches!(self.name.as_str(), "fdatasync" | "fsync")
    }
}

/// The calls of a trace, in the order in which they began.
pub(crate) fn parse(trace: &str) -> Result<Vec<Call>, String> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: HashMap<u32, usize> = HashMap::new();
    for (index, line) in trace.lines().enumerate() {
        let number = index + 1;
        let Some((thread, rest)) = split_thread(line) else {
            return Err(format!("line {number} begins with no thread id: {line}"));
        };
        // `+++ exited with 0 +++`, `--- SIGTERM {…} ---`
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some(at) = open.remove(&thread) else {
                // The call began before strace was attached to this thread.
                continue;
            };
            let after = resumed.split_once("resumed>").map_or("", |(_, after)| after);
            let (arguments, result) = split_result(after);
            calls[at].arguments.push_str(arguments);
            calls[at].end = Some(number);
            calls[at].result = result;
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else {
            return Err(format!("line {number} is no system call: {line}"));
        };
        let mut call = Call {
            thread,
            name: name.to_owned(),
            arguments: String::new(),
            begin: number,
            end: None,
            result: None,
        };
        if let Some(arguments) = arguments.strip_suffix("<unfinished ...>") {
            call.arguments = arguments.to_owned();
            open.insert(thread, calls.len());
        } else {
            let (arguments, result) = split_result(arguments);
            call.arguments = arguments.to_owned();
            call.end = Some(number);
            call.result = result;
        }
        calls.push(call);
    }
    Ok(calls)
}

/// `812 rest` or `[pid   812] rest`.
fn split_thread(line: &str) -> Option<(u32, &str)> {
    let line = line.trim_start();
    let (id, rest) = match line.strip_prefix("[pid") {
        Some(rest) => rest.split_once(']')?,
        None => line.split_once(' ')?,
    };
    Some((id.trim().parse().ok()?, rest.trim_start()))
}

/// `args) = 5`, `args)     = -1 EIO (Input/output error)`, `args) = ?`: the arguments and the number.
fn split_result(text: &str) -> (&str, Option<i64>) {
    // The last `) = `: buffers may hold the like, and stand before it.
    let Some((arguments, result)) = text.rmatch_indices(')').find_map(|(at, _)| {
        let result = text[at + 1..].trim_start().strip_prefix('=')?;
        Some((&text[..at], result.trim_start()))
    }) else {
        return (text, None);
    };
    let number = result.split([' ', '<']).next().unwrap_or_default();
    let parsed = number
        .strip_prefix("0x")
        .map_or_else(|| number.parse().ok(), |hex| i64::from_str_radix(hex, 16).ok());
    (arguments, parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Call {
        let mut calls = parse(line).expect("a trace");
        assert_eq!(calls.len(), 1, "{line}");
        calls.remove(0)
    }

    #[test]
    fn a_call_on_one_line_begins_and_ends_there() {
        let call = one(r#"812   pwrite64(9</d/journal/0000000000000001>, "a) = 7, \"x\"", 4096, 0) = 4096"#);
        assert_eq!((call.thread, call.name.as_str()), (812, "pwrite64"));
        assert_eq!((call.begin, call.end, call.result), (1, Some(1), Some(4096)));
        assert_eq!(call.target(), Some("/d/journal/0000000000000001"));
        assert!(call.arguments.contains("a) = 7"));
    }

    #[test]
    fn a_call_over_two_lines_begins_at_the_first_and_ends_at_the_second() {
        let trace = "812 fdatasync(9</d/journal/1> <unfinished ...>\n\
                     813 sendto(12<TCP:[127.0.0.1:5672->127.0.0.1:4]>, \"x\", 1, 0, NULL, 0) = 1\n\
                     812 <... fdatasync resumed>)            = 0\n";
        let calls = parse(trace).expect("a trace");
        assert_eq!(calls.len(), 2);
        assert_eq!((calls[0].begin, calls[0].end, calls[0].result), (1, Some(3), Some(0)));
        assert_eq!(calls[0].target(), Some("/d/journal/1"));
        assert_eq!((calls[1].begin, calls[1].end), (2, Some(2)));
    }

    #[test]
    fn a_read_shows_its_bytes_on_the_line_that_resumes_it() {
        let trace = "7 recvfrom(12<TCP:[127.0.0.1:5672->127.0.0.1:4]>,  <unfinished ...>\n\
                     7 <... recvfrom resumed>\"token-1\", 65536, 0, NULL, NULL) = 7\n";
        let calls = parse(trace).expect("a trace");
        assert!(calls[0].arguments.contains("token-1"));
        assert!(calls[0].is_read() && calls[0].is_socket());
    }

    #[test]
    fn failures_questions_signals_and_exits_are_understood() {
        assert_eq!(one("1 fdatasync(9</d/journal/1>) = -1 EIO (Input/output error)").result, Some(-1));
        assert_eq!(one("1 fdatasync(9</d/journal/1>) = ?").result, None);
        let quiet = "1 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---\n1 +++ exited with 0 +++\n";
        assert_eq!(parse(quiet), Ok(Vec::new()));
        assert_eq!(one("[pid   44] close(3</etc/passwd>) = 0").thread, 44);
        assert!(parse("no thread here").is_err());
    }

    #[test]
    fn every_way_in_which_strace_names_a_descriptor_is_read() {
        for (argument, expected) in [
            ("9</a b/journal/1>, \"x\", 1", "/a b/journal/1"),
            (
                "12<TCP:[127.0.0.1:5672->127.0.0.1:40000]>, [{iov_base=\"\", iov_len=0}], 1",
                "TCP:[127.0.0.1:5672->127.0.0.1:40000]",
            ),
            ("12<TCPv6:[[::1]:5672->[::1]:40000]>, \"\", 0, 0, NULL, 0", "TCPv6:[[::1]:5672->[::1]:40000]"),
            ("12<socket:[81234]>, \"\", 0", "socket:[81234]"),
        ] {
            let call = one(&format!("1 write({argument}) = 1"));
            assert_eq!(call.target(), Some(expected), "{argument}");
        }
        assert!(one("1 writev(12<TCPv6:[[::1]:5672->[::1]:40000]>, [], 0) = 1").is_socket());
        assert!(!one("1 write(1<pipe:[9]>, \"x\", 1) = 1").is_socket());
        assert_eq!(one("1 io_uring_setup(8, {flags=0}) = 3").target(), None);
    }
}
