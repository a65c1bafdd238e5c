//! Tests that need programs which are not ours: `cargo test --features peer-tests --test
//! peers`. `.ci/run` installs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "tests may panic, print and look at the machine"
)]

mod agent;
mod alertmanager;
mod coming_from;
mod durability;
mod figures;
mod full_disk;
mod job_terminal;
mod schedules;
mod server_disk;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests stand on the rest of it")]
mod support;
mod systemd;
