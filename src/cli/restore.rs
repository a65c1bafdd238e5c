//! `teawatch restore`: a new store, made from a backup.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::backup::words;
use super::call::done;
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::engine;
use crate::store::{self, Schema};

/// What stands for standard input.
const STDIN: &str = "-";

/// Make a new store from a backup
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file that `teawatch backup` wrote; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { file, config } = args;
    let data_dir = Caller::load(&config.sources())?.data_dir;
    let mut from: Box<dyn io::Read> = if file.as_os_str() == STDIN {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&file).with_context(|| format!("cannot read {}", file.display()))?)
    };
    let id = super::serve::random_id()?;
    let (header, records) =
        store::restore(&mut from, &data_dir, Schema::PRESENT, &mut |tree, key, value| {
            engine::renew(&id, tree, key, value)
        })
        .with_context(|| format!("cannot restore {}", file.display()))?;
    output::print(&format!(
        "{}: {}\nIt is now the store {id}, generation {}. Before `teawatch serve` starts on it, \
         make sure that the server it was made from is stopped for good.\n",
        data_dir.display(),
        words(&header, records),
        header.origin.generation + 1
    ))?;
    done()
}
