//! The promise, read from the system calls: between the first write that holds an event on a journal file and
//! the first write after it on the publisher's connection, that file was flushed. A flush counts if it began
//! after the write had returned, and returned 0 before the answer began.

use std::fmt;

use super::trace::Call;

/// Why an event's acknowledgement is not proven to rest on a flush.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// No socket read holds the token: which connection to watch is not known.
    NeverRead,
    /// No journal write holds the token: acknowledged from memory, or written past the calls that are traced.
    NeverWritten,
    /// The journal write did not succeed.
    WriteFailed { line: usize },
    /// Nothing was answered after the journal write.
    NeverAnswered { written: usize },
    /// Answered with no flush between.
    AnsweredUnflushed { written: usize, answered: usize },
    /// io_uring does IO that the trace does not show.
    Hidden { line: usize },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRead => f.write_str("no socket read in the trace holds it"),
            Self::NeverWritten => f.write_str("no write to a journal file holds it"),
            Self::WriteFailed { line } => write!(f, "the journal write on line {line} failed"),
            Self::NeverAnswered { written } => {
                write!(f, "journal write on line {written}, and nothing written to its connection after it")
            }
            Self::AnsweredUnflushed { written, answered } => write!(
                f,
                "journal write on line {written}, answer on line {answered}, and no fdatasync of that file that \
                 began and returned 0 between"
            ),
            Self::Hidden { line } => write!(f, "io_uring on line {line} hides IO from this check"),
        }
    }
}

/// Where the proof of one event stands in the trace (lines).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) written: usize,
    pub(crate) flush_began: usize,
    pub(crate) flush_ended: usize,
    pub(crate) answered: usize,
}

/// Follows the event whose body holds `token` through the calls.
pub(crate) fn prove(calls: &[Call], token: &str) -> Result<Proof, Breach> {
    if let Some(call) = calls.iter().find(|call| call.name.starts_with("io_uring")) {
        return Err(Breach::Hidden { line: call.begin });
    }
    let holds = |call: &&Call| call.arguments.contains(token);
    let read = calls
        .iter()
        .find(|call| call.is_read() && call.is_socket() && holds(call))
        .ok_or(Breach::NeverRead)?;
    let connection = read.target();
    let write = calls
        .iter()
        .find(|call| call.is_write() && is_journal(call) && holds(call))
        .ok_or(Breach::NeverWritten)?;
    let Some(written) = write.end.filter(|_| write.result.is_some_and(|bytes| bytes > 0)) else {
        return Err(Breach::WriteFailed { line: write.begin });
    };
    let answered = calls
        .iter()
        .find(|call| call.is_write() && call.target() == connection && call.begin > write.begin)
        .map(|call| call.begin)
        .ok_or(Breach::NeverAnswered { written })?;
    let journal = write.target();
    calls
        .iter()
        .filter(|call| call.is_flush() && call.target() == journal && call.result == Some(0))
        .filter_map(|call| Some((call.begin, call.end?)))
        .find(|(began, ended)| *began > written && *ended < answered)
        .map(|(flush_began, flush_ended)| Proof { written, flush_began, flush_ended, answered })
        .ok_or(Breach::AnsweredUnflushed { written, answered })
}

fn is_journal(call: &Call) -> bool {
    call.target().is_some_and(|path| path.contains("/journal/"))
}

#[cfg(test)]
mod tests {
    use super::super::trace::parse;
    use super::*;

    const READ: &str =
        "2 recvfrom(12<TCP:[127.0.0.1:5672->127.0.0.1:4]>, \"..tok-1..\", 65536, 0, NULL, NULL) = 80\n";
    const WRITE: &str = "3 pwritev(9</d/journal/01>, [{iov_base=\"hdr\", iov_len=3}, {iov_base=\"tok-1\", iov_len=5}], 2, 4096) = 8\n";
    const FLUSH: &str = "3 fdatasync(9</d/journal/01>) = 0\n";
    const ANSWER: &str =
        "2 sendto(12<TCP:[127.0.0.1:5672->127.0.0.1:4]>, \"ok\", 2, MSG_NOSIGNAL, NULL, 0) = 2\n";

    fn verdict(lines: &[&str]) -> Result<Proof, Breach> {
        prove(&parse(&lines.concat()).expect("a trace"), "tok-1")
    }

    #[test]
    fn written_flushed_answered_is_proof() {
        let proof = Proof { written: 2, flush_began: 3, flush_ended: 3, answered: 4 };
        assert_eq!(verdict(&[READ, WRITE, FLUSH, ANSWER]), Ok(proof));
    }

    #[test]
    fn an_answer_without_a_flush_is_found() {
        assert_eq!(
            verdict(&[READ, WRITE, ANSWER]),
            Err(Breach::AnsweredUnflushed { written: 2, answered: 3 })
        );
        assert_eq!(
            verdict(&[READ, WRITE, ANSWER, FLUSH]),
            Err(Breach::AnsweredUnflushed { written: 2, answered: 3 })
        );
    }

    #[test]
    fn a_flush_of_before_of_another_file_or_that_failed_does_not_count() {
        let other = "3 fdatasync(10</d/journal/02>) = 0\n";
        let failed = "3 fdatasync(9</d/journal/01>) = -1 EIO (Input/output error)\n";
        let segment = "3 fdatasync(11</d/logs/1/0/0.log>) = 0\n";
        for flush in [other, failed, segment] {
            let answered = Breach::AnsweredUnflushed { written: 2, answered: 4 };
            assert_eq!(verdict(&[READ, WRITE, flush, ANSWER]), Err(answered), "{flush}");
        }
        assert_eq!(
            verdict(&[READ, FLUSH, WRITE, ANSWER]),
            Err(Breach::AnsweredUnflushed { written: 3, answered: 4 })
        );
    }

    #[test]
    fn a_flush_must_begin_after_the_write_and_end_before_the_answer() {
        let begins = "4 fdatasync(9</d/journal/01> <unfinished ...>\n";
        let ends = "4 <... fdatasync resumed>)            = 0\n";
        let early = verdict(&[READ, begins, WRITE, ends, ANSWER]);
        assert_eq!(early, Err(Breach::AnsweredUnflushed { written: 3, answered: 5 }));
        let late = verdict(&[READ, WRITE, begins, ANSWER, ends]);
        assert_eq!(late, Err(Breach::AnsweredUnflushed { written: 2, answered: 4 }));
        let proof = Proof { written: 2, flush_began: 3, flush_ended: 4, answered: 5 };
        assert_eq!(verdict(&[READ, WRITE, begins, ends, ANSWER]), Ok(proof));
    }

    #[test]
    fn an_answer_that_began_while_the_flush_ran_is_found() {
        let flush_begins = "3 fdatasync(9</d/journal/01> <unfinished ...>\n";
        let answer_begins =
            "2 sendto(12<TCP:[127.0.0.1:5672->127.0.0.1:4]>, \"ok\", 2, 0, NULL, 0 <unfinished ...>\n";
        let flush_ends = "3 <... fdatasync resumed>)            = 0\n";
        let answer_ends = "2 <... sendto resumed>)            = 2\n";
        let verdict = verdict(&[READ, WRITE, flush_begins, answer_begins, flush_ends, answer_ends]);
        assert_eq!(verdict, Err(Breach::AnsweredUnflushed { written: 2, answered: 4 }));
    }

    #[test]
    fn another_connection_may_be_written_to_before_the_flush() {
        let other = "2 sendto(13<TCP:[127.0.0.1:5672->127.0.0.1:5]>, \"beat\", 4, 0, NULL, 0) = 4\n";
        assert!(verdict(&[READ, WRITE, other, FLUSH, ANSWER]).is_ok());
    }

    #[test]
    fn an_event_that_was_not_seen_whole_is_no_proof() {
        assert_eq!(verdict(&[WRITE, FLUSH, ANSWER]), Err(Breach::NeverRead));
        assert_eq!(verdict(&[READ, FLUSH, ANSWER]), Err(Breach::NeverWritten));
        assert_eq!(verdict(&[READ, WRITE, FLUSH]), Err(Breach::NeverAnswered { written: 2 }));
        let failed = "3 pwritev(9</d/journal/01>, [{iov_base=\"tok-1\", iov_len=5}], 1, 0) = -1 EIO (Input/output error)\n";
        assert_eq!(verdict(&[READ, failed, ANSWER]), Err(Breach::WriteFailed { line: 2 }));
        let ring = "3 io_uring_enter(7<anon_inode:[io_uring]>, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1\n";
        assert_eq!(verdict(&[READ, WRITE, ring, ANSWER]), Err(Breach::Hidden { line: 3 }));
    }
}
