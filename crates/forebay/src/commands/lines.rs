//! Lines of a file or of standard input, read by a thread of their own so that a connection lives on meanwhile.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::thread;

use anyhow::Context as _;
use tokio::sync::mpsc;

/// Lines that may be read ahead.
const AHEAD: usize = 1024;

/// Opens what `--file` names; `-`, and nothing, are standard input.
pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Box<dyn Read + Send>> {
    match path {
        Some(path) if path != Path::new("-") => {
            let file =
                File::open(path).with_context(|| format!("--file {}: cannot open it", path.display()))?;
            Ok(Box::new(file))
        }
        _ => Ok(Box::new(io::stdin())),
    }
}

/// Starts reading. A line is what stands before `\n` or `\r\n`; an empty one is one too.
pub(super) fn read(from: Box<dyn Read + Send>) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (lines, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let mut from = BufReader::with_capacity(64 * 1024, from);
        loop {
            let mut line = Vec::new();
            let read = from.read_until(b'\n', &mut line);
            let done = !matches!(read, Ok(bytes) if bytes > 0);
            let item = match read {
                Ok(0) => return,
                Ok(_) => Ok(without_line_end(line)),
                Err(error) => Err(error),
            };
            if lines.blocking_send(item).is_err() || done {
                return;
            }
        }
    });
    receiver
}

fn without_line_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_stands_between_line_ends() {
        let check = |text: &'static str, expected: &[&str]| {
            let mut receiver = read(Box::new(text.as_bytes()));
            let mut found = Vec::new();
            while let Some(line) = receiver.blocking_recv() {
                found.push(String::from_utf8(line.unwrap()).unwrap());
            }
            assert_eq!(found, expected, "{text:?}");
        };
        check("", &[]);
        check("a", &["a"]);
        check("a\nb\n", &["a", "b"]);
        check("a\r\n\r\nb\r", &["a", "", "b\r"]);
        check("\n", &[""]);
    }
}
