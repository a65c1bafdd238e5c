//! The agent: what it sees of a host, what it prints, and what arrives.

mod beat;
mod enroll;
mod folder;
mod heartbeat;
mod job;
mod job_ends;
mod job_streams;
mod limits;
mod ping;
mod ping_answers;
mod ping_flags;
mod plugin;
mod probes;
mod repeat;
mod report;
mod sender;
mod settings;
mod spool;
mod tls;
mod web;
mod whole;

use rustix::process::Signal;

use crate::support::{Host, SOURCE, signal, text, waiting};

/// Whether this process, and so each that it starts, ignores a signal: what `nohup` ignores,
/// say, no program below it is killed by.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    mask >> (signal.as_raw() - 1) & 1 == 1
}
