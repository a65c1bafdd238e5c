//! The marks as small files, for whoever asks when nobody answers.
//!
//! A thread of its own copies what is new, at most once a second, so that a disk that hangs
//! holds up no task. It does not sync: marks that a power failure takes are old anyway.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::mark::{Board, Content};
use super::{Failure, Marks, Pace, Process, Report, Shown, State};

/// Where the files are, below the data directory.
const FOLDER: &str = "marks";
/// The file that says whose marks they are.
const PROCESS: &str = "process";

/// How long nothing is copied after a copy.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the last copy may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// No mark is longer, in bytes.
const FILE_MAX: u64 = 64 * 1024;

/// Whose marks they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    pub process: Process,
    pub started_at: Timestamp,
    /// The tasks that it has begun.
    tasks: BTreeMap<String, Pace>,
    /// When it ended and why, if it could still say so.
    pub ended: Option<(Timestamp, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alive {
    process: Process,
    at: Timestamp,
    paused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Success {
    process: Process,
    at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastError {
    process: Process,
    error: Failure,
}

/// Marks that are copied to files for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    marks: Marks,
    /// Nobody sends anything; it is closed at the end of the thread.
    done: Receiver<Infallible>,
}

impl Folder {
    /// Begins to copy the marks of this process into a folder below `data_dir`.
    pub fn start(marks: &Marks, data_dir: &Path) -> io::Result<Self> {
        let process = Process::own().map_err(io::Error::other)?;
        let folder = data_dir.join(FOLDER);
        let (finished, done) = channel();
        let (board, started_at) = (Arc::clone(&marks.board), marks.started_at);
        std::thread::Builder::new().name("marks".to_owned()).spawn(move || {
            // Gone with the thread, which shows that it is done.
            let _finished = finished;
            copy(&board, &folder, process, started_at);
        })?;
        Ok(Self { marks: marks.clone(), done })
    }
}

impl Drop for Folder {
    /// Copies what is new for the last time; a disk that hangs is not waited for.
    fn drop(&mut self) {
        self.marks.board.content().is_over = true;
        self.marks.board.news.notify_all();
        self.done.recv_timeout(PATIENCE).ok();
    }
}

fn copy(board: &Board, folder: &Path, process: Process, started_at: Timestamp) {
    loop {
        let mut content = board.content();
        while content.news.is_empty() && !content.is_changed && !content.is_over {
            content = board.news.wait(content).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        let now = content.clone();
        content.news.clear();
        content.is_changed = false;
        drop(content);
        let copied = write_all(folder, process, started_at, &now);
        let trouble = copied
            .err()
            .map(|error| format!("marks cannot be written to {}: {error}", folder.display()));
        let mut content = board.content();
        if trouble.is_some() {
            // All of it is new to the disk, whenever it takes something again.
            content.is_changed = true;
            content.news.extend(now.news);
        }
        match (&content.trouble, &trouble) {
            (None, Some(trouble)) => tracing::warn!("{trouble}"),
            (Some(_), None) => tracing::info!("marks can be written again"),
            _ => {}
        }
        content.trouble = trouble;
        if now.is_over {
            return;
        }
        drop(board.news.wait_timeout_while(content, PAUSE, |content| !content.is_over));
    }
}

fn write_all(
    folder: &Path,
    process: Process,
    started_at: Timestamp,
    content: &Content,
) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if content.is_changed {
        let tasks = content.tasks.iter().map(|(name, (pace, _))| (name.clone(), *pace)).collect();
        let owner = Owner { process, started_at, tasks, ended: content.ended.clone() };
        write(&folder.join(PROCESS), &owner)?;
    }
    let news = content.news.iter().filter_map(|name| Some((name, content.tasks.get(name)?)));
    for (name, (_, shown)) in news {
        let file = |kind: &str| folder.join(format!("{name}.{kind}"));
        if let Some(error) = shown.error.clone() {
            write(&file("error"), &LastError { process, error })?;
        }
        if let Some(at) = shown.success_at {
            write(&file("success"), &Success { process, at })?;
        }
        if let Some(at) = shown.alive_at {
            let (paused, note) = (shown.paused.clone(), shown.note.clone());
            write(&file("alive"), &Alive { process, at, paused, note })?;
        }
    }
    Ok(())
}

/// Writes a file in one step, so that no reader ever sees half of it.
fn write(path: &Path, mark: &impl Serialize) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let text = serde_json::to_vec(mark)?;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let written = opened
        .and_then(|mut file| file.write_all(&text))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // What is left of it is written over, if it cannot go now.
        drop(fs::remove_file(&unfinished));
    }
    written
}

/// What a process has left behind in its folder of marks.
#[derive(Debug)]
pub struct Left {
    /// `None`: no process ever left marks here.
    pub owner: Option<Owner>,
    /// Every task that it had begun, as it looks now.
    pub tasks: Vec<Report>,
}

impl Left {
    /// Reads the marks below `data_dir` and judges them. An error says what cannot be read.
    pub fn read(data_dir: &Path, now: Timestamp) -> Result<Self, String> {
        let folder = data_dir.join(FOLDER);
        let Some(owner) = read::<Owner>(&folder.join(PROCESS))? else {
            return Ok(Self { owner: None, tasks: Vec::new() });
        };
        let tasks = owner.tasks.iter().map(|(name, pace)| {
            let (shown, is_readable) = shown(&folder, name, owner.process);
            let state = match State::of(*pace, &shown, owner.started_at, now) {
                State::Stalled => State::Stalled,
                _ if !is_readable => State::Unknown,
                state => state,
            };
            Report::new(name.clone(), state, shown)
        });
        let tasks = tasks.collect();
        Ok(Self { owner: Some(owner), tasks })
    }
}

/// What a task of this process has shown, and whether all of it could be read. Marks of an
/// earlier process say nothing about this one.
fn shown(folder: &Path, name: &str, process: Process) -> (Shown, bool) {
    let mut is_readable = true;
    let mut shown = Shown::default();
    let file = |kind: &str| folder.join(format!("{name}.{kind}"));
    match read::<Alive>(&file("alive")) {
        Ok(mark) => {
            if let Some(mark) = mark.filter(|mark| mark.process == process) {
                (shown.alive_at, shown.paused) = (Some(mark.at), mark.paused);
                shown.note = mark.note;
            }
        }
        Err(_) => is_readable = false,
    }
    match read::<Success>(&file("success")) {
        Ok(mark) => {
            let mark = mark.filter(|mark| mark.process == process);
            shown.success_at = mark.map(|mark| mark.at);
        }
        Err(_) => is_readable = false,
    }
    match read::<LastError>(&file("error")) {
        Ok(mark) => {
            let mark = mark.filter(|mark| mark.process == process);
            shown.error = mark.map(|mark| mark.error);
        }
        Err(_) => is_readable = false,
    }
    (shown, is_readable)
}

/// Reads a file, if it is there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    let unreadable = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut text = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut text).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| unreadable(&error))
}
