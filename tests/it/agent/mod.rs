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

use crate::support::{Host, SOURCE, signal, text, waiting};
