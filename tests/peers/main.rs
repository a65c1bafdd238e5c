//! Tests that need programs which are not ours: `cargo test --features peer-tests --test
//! peers`. `.ci/run` installs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests may panic, and look at the machine"
)]

mod agent;
