//! What a data folder has against being opened, as an error says it: one fix, and who has it.

use std::fs;
use std::path::Path;

/// What was found and the fix. `told` is the folder's own text, which mostly ends with its fix.
pub(crate) fn explain(told: &str, folder: &Path) -> (String, String) {
    let (found, fix) = told.rsplit_once("; ").unwrap_or((told, "give a folder that this user may write"));
    let found = match holder(folder) {
        Some(process) => found.replacen("another process", &format!("another process ({process})"), 1),
        None => found.to_owned(),
    };
    (found, fix.to_owned())
}

/// The number of the process that holds a lock on a file of the folder (`/proc/locks`, proc(5): field 5 is the
/// process, field 6 `major:minor:inode`). Linux only; elsewhere nobody is named.
#[cfg(target_os = "linux")]
fn holder(folder: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;

    let files: Vec<u64> =
        fs::read_dir(folder).ok()?.flatten().filter_map(|file| Some(file.metadata().ok()?.ino())).collect();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let inode: u64 = fields.get(5)?.rsplit(':').next()?.parse().ok()?;
        // 0 or less is a process that cannot be seen from here.
        let process: u32 = fields.get(4)?.parse().ok().filter(|process| *process != 0)?;
        (*fields.get(1)? == "FLOCK" && files.contains(&inode)).then_some(process)
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Path) -> Option<u32> {
    None
}
