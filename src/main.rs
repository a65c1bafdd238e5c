//! Parses the command line, runs the command, and turns its end into an exit code.
//!
//! The only file that ends the process.

use std::io::Write as _;
use std::process::ExitCode;

use teawatch::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::read(std::env::args_os())).unwrap_or_else(|error| {
        // Without standard error there is nobody left to tell.
        drop(writeln!(std::io::stderr(), "teawatch: {error:#}"));
        ExitCode::FAILURE
    })
}
