//! What a process uses, as `/proc` tells it. Linux only.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Resident memory of this process, in KiB.
pub(super) fn resident_kb() -> io::Result<u64> {
    resident_kb_at("/proc/self/status")
}

/// Resident memory of another process, in KiB.
pub(super) fn resident_kb_of(pid: u32) -> io::Result<u64> {
    resident_kb_at(&format!("/proc/{pid}/status"))
}

fn resident_kb_at(path: &str) -> io::Result<u64> {
    Ok(field(&fs::read_to_string(path)?, "VmRSS:").unwrap_or(0))
}

/// Open sockets of any kind.
pub(super) fn sockets() -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir("/proc/self/fd")? {
        // The descriptor of the listing itself is gone by now.
        let target = fs::read_link(entry?.path()).unwrap_or_default();
        count += usize::from(target.to_string_lossy().starts_with("socket:"));
    }
    Ok(count)
}

/// Threads.
pub(super) fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Processor time of all threads, those that ended included, in clock ticks of 10 ms (`USER_HZ` is 100 wherever Linux
/// shows it).
pub(super) fn cpu_ticks() -> io::Result<u64> {
    cpu_ticks_at("/proc/self/stat")
}

/// The same of another process.
pub(super) fn cpu_ticks_of(pid: u32) -> io::Result<u64> {
    cpu_ticks_at(&format!("/proc/{pid}/stat"))
}

fn cpu_ticks_at(path: &str) -> io::Result<u64> {
    let stat = fs::read_to_string(path)?;
    // The name in brackets may hold anything; utime and stime are the 12th and 13th field after it.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let times = after.split_whitespace().skip(11).take(2);
    Ok(times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}

/// Counts voluntary context switches of all threads, those that ended included as of the last look at them.
#[derive(Debug, Default)]
pub(super) struct Switches {
    threads: BTreeMap<u64, u64>,
    ended: u64,
}

impl Switches {
    /// Looks at every thread; returns the sum.
    pub(super) fn look(&mut self) -> io::Result<u64> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir("/proc/self/task")? {
            let entry = entry?;
            let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            threads.insert(thread, voluntary(&entry.path()).unwrap_or(0));
        }
        let gone = |thread: &u64| !threads.contains_key(thread);
        self.ended +=
            self.threads.iter().filter(|(thread, _)| gone(thread)).map(|(_, count)| count).sum::<u64>();
        self.threads = threads;
        Ok(self.ended + self.threads.values().sum::<u64>())
    }
}

/// `None`: the thread has ended meanwhile.
fn voluntary(task: &Path) -> Option<u64> {
    field(&fs::read_to_string(task.join("status")).ok()?, "voluntary_ctxt_switches:")
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_number_after_its_name() {
        let status =
            "Name:\tx\nVmRSS:\t  1234 kB\nnonvoluntary_ctxt_switches:\t9\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(1234));
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(7));
        assert_eq!(field(status, "VmSwap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_threads_and_memory() {
        assert!(threads().unwrap() >= 1);
        assert!(resident_kb().unwrap() > 0);
        assert!(Switches::default().look().unwrap() > 0);
        let before = sockets().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(sockets().unwrap() > before);
        drop(socket);
    }
}
