//! Who holds a port, for the error that says it is busy. Linux only; elsewhere nobody is named.

use std::fs;

/// `name (process N)` of who listens on a TCP port, if it can be seen from here.
pub(crate) fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, port).map(str::to_owned))?;
    let link = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) else {
            continue;
        };
        let Ok(handles) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = handles
            .flatten()
            .any(|handle| fs::read_link(handle.path()).is_ok_and(|to| to.as_os_str() == link.as_str()));
        if holds {
            let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {pid})", command.trim()));
        }
    }
    None
}

/// The inode of the listening socket in a table of `/proc/net` (proc(5): local address is field 2 in
/// hexadecimal, state field 4 with 0A for listening, inode field 10).
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let local = fields.get(1)?.rsplit(':').next()?;
        let matches = u16::from_str_radix(local, 16).ok()? == port && *fields.get(3)? == "0A";
        matches.then(|| fields.get(9).copied()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::listening_inode;

    #[test]
    fn reads_the_listening_socket_not_a_connected_one() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1628 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0\n   \
                     1: 0100007F:1628 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0\n";
        assert_eq!(listening_inode(table, 5672), Some("222"));
        assert_eq!(listening_inode(table, 5673), None);
    }
}
