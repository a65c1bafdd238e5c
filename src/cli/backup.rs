//! `teawatch backup`: everything that a running server knows, in one file.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context as _, anyhow, bail};
use reqwest::Response;

use super::call::{Server, done};
use super::{ConfigArgs, output};
use crate::config::Caller;
use crate::store::{self, Dump, Header};

/// What stands for standard output.
const STDOUT: &str = "-";

/// Pieces of an answer that may wait to be checked.
const PIECES: usize = 16;

/// Write a backup of everything while the server runs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to; `-` is standard output
    #[arg(value_name = "FILE", default_value = "teawatch.backup")]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { file, force, config } = args;
    let server = Server::new(Caller::load(&config.sources())?)?;
    let runtime = super::runtime_small()?;
    if file.as_os_str() == STDOUT {
        runtime.block_on(async { print(server.read(PATH).await?).await })?;
        return done();
    }
    free(&file, force)?;
    let answer = runtime.block_on(server.read(PATH))?;
    let unfinished = Unfinished::of(&file)?;
    let shown = unfinished.0.display().to_string();
    runtime.block_on(unfinished.write(answer)).with_context(|| format!("cannot write {shown}"))?;
    // What the disk gives back is what counts.
    let mut written = File::open(&unfinished.0).with_context(|| format!("cannot read {shown}"))?;
    let (header, records) = check(&mut written)?;
    free(&file, force)?;
    unfinished.finish(&file).with_context(|| format!("cannot write {}", file.display()))?;
    output::print(&format!("{}: {}\n", file.display(), words(&header, records)))?;
    done()
}

/// The door of the server.
const PATH: &str = "api/v1/backup";

/// A backup in words.
pub(super) fn words(header: &Header, records: u64) -> String {
    let (commit, origin) = (header.commit, &header.origin);
    format!(
        "{records} records of the store {}, generation {}, after its commit {commit}",
        origin.instance, origin.generation
    )
}

/// Confirms that nothing is lost if the file is written.
fn free(file: &Path, force: bool) -> anyhow::Result<()> {
    if !force && file.symlink_metadata().is_ok() {
        bail!("{} is there already; `--force` replaces it", file.display());
    }
    Ok(())
}

/// Reads a whole backup.
fn check(from: &mut dyn io::Read) -> Result<(Header, u64), store::Error> {
    let dump = Dump::open(from)?;
    let header = dump.header.clone();
    Ok((header, dump.read(&mut |_, _, _| Ok(()))?))
}

/// Prints an answer and checks it on its way: what was printed counts only if this went well.
async fn print(mut answer: Response) -> anyhow::Result<()> {
    let (pieces, received) = sync_channel::<Vec<u8>>(PIECES);
    let checked = std::thread::spawn(move || check(&mut Pieces { received, rest: Vec::new() }));
    let mut stdout = io::stdout().lock();
    while let Some(piece) = answer.chunk().await.context("the backup broke off")? {
        stdout.write_all(&piece).context("cannot write to standard output")?;
        // Who no longer listens has found an error, and says so below.
        drop(pieces.send(piece.into()));
    }
    stdout.flush().context("cannot write to standard output")?;
    drop(pieces);
    let checked = checked.join().map_err(|_| anyhow!("the backup could not be checked"))?;
    checked.context("what was written cannot be used")?;
    Ok(())
}

/// What is received piece by piece, to be read as one.
struct Pieces {
    received: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.received.recv() {
                Ok(piece) => self.rest = piece,
                Err(_) => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest.drain(..length);
        Ok(length)
    }
}

/// A file beside the one that it becomes; gone when dropped.
struct Unfinished(PathBuf);

impl Unfinished {
    fn of(file: &Path) -> anyhow::Result<Self> {
        let mut name = file.file_name().context("the file has no name")?.to_owned();
        name.push(".unfinished");
        Ok(Self(file.with_file_name(name)))
    }

    async fn write(&self, mut answer: Response) -> anyhow::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.0)?;
        // One that was left unfinished has the mode that it was made with.
        file.set_permissions(Permissions::from_mode(0o600))?;
        while let Some(piece) = answer.chunk().await.context("the backup broke off")? {
            file.write_all(&piece)?;
        }
        file.sync_all()?;
        Ok(())
    }

    fn finish(&self, file: &Path) -> io::Result<()> {
        fs::rename(&self.0, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Unfinished {
    /// After [`Self::finish`] there is none.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}
