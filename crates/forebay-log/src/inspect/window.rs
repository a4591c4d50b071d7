//! A file looked at from front to back, a piece of it in memory at a time.

use std::io;
use std::sync::Arc;

use crate::disk::File;

/// How much is read at a time.
const WINDOW_BYTES: usize = 256 * 1024;
/// What other bytes are compared with.
const ZEROS: [u8; 4096] = [0; 4096];

/// A piece of a file. What is asked for is read if it is not in it.
#[derive(Debug)]
pub(super) struct Window {
    file: Arc<dyn File>,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn new(file: Arc<dyn File>) -> io::Result<Self> {
        let length = file.len()?;
        Ok(Self { file, length, start: 0, bytes: Vec::new() })
    }

    /// The file's length in bytes when it was opened.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Up to `want` bytes from `at` on; fewer only where the file ends.
    pub(super) fn view(&mut self, at: u64, want: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let want = want.min(left);
        let from = match self.place(at, want) {
            Some(from) => from,
            None => {
                self.bytes.resize(want.max(WINDOW_BYTES.min(left)), 0);
                let read = self.file.read_at(at, &mut self.bytes)?;
                self.bytes.truncate(read);
                self.start = at;
                0
            }
        };
        let end = (from + want).min(self.bytes.len());
        Ok(self.bytes.get(from..end).unwrap_or_default())
    }

    /// Whether all bytes of a range are zeros.
    pub(super) fn is_zero(&mut self, from: u64, to: u64) -> io::Result<bool> {
        let mut at = from;
        while at < to {
            let want = usize::try_from(to - at).unwrap_or(usize::MAX).min(ZEROS.len());
            let bytes = self.view(at, want)?;
            if bytes.is_empty() {
                break;
            }
            if Some(bytes) != ZEROS.get(..bytes.len()) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    fn place(&self, at: u64, want: usize) -> Option<usize> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        (from + want <= self.bytes.len()).then_some(from)
    }
}
