//! A folder of `<job>.last` files, and which of its jobs still live.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::heartbeat::{self, AHEAD_MAX, Flaw};
use super::show::cell;

/// What the file of a job is called, behind the job's name.
const SUFFIX: &str = ".last";

/// How a job is. The README lists these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Fresh,
    /// Silent for more than twice its interval.
    Stale,
    /// Expected, and it never wrote.
    NeverSeen,
    /// Its file says nothing that can be understood.
    Corrupt,
    /// Dated in the future: a clock is wrong.
    Future,
    /// It declares no interval, or one of nothing.
    NoInterval,
    /// Its file was there a moment ago.
    Vanished,
    /// Its file cannot be read.
    Unreadable,
}

impl Status {
    /// Every status, in the order of the README.
    pub const ALL: [Self; 8] = [
        Self::Fresh,
        Self::Stale,
        Self::NeverSeen,
        Self::Corrupt,
        Self::Future,
        Self::NoInterval,
        Self::Vanished,
        Self::Unreadable,
    ];

    /// Whether somebody must look.
    pub fn is_trouble(self) -> bool {
        !matches!(self, Self::Fresh) && !self.is_untold()
    }

    /// Whether nobody can tell how the job is.
    pub fn is_untold(self) -> bool {
        matches!(self, Self::Vanished | Self::Unreadable)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::NeverSeen => "never seen",
            Self::Corrupt => "corrupt",
            Self::Future => "in the future",
            Self::NoInterval => "no interval",
            Self::Vanished => "vanished",
            Self::Unreadable => "unreadable",
        })
    }
}

/// One job of a folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    pub job: String,
    pub status: Status,
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub age: Option<SignedDuration>,
    #[serde(rename = "interval_seconds", serialize_with = "seconds")]
    pub interval: Option<SignedDuration>,
    /// How many of its intervals it has been silent.
    pub ratio: Option<f64>,
}

fn seconds<S: serde::Serializer>(
    duration: &Option<SignedDuration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

/// Looks at every job of a folder, and at those that are expected there; by name.
///
/// An error says that the folder itself cannot be read. One that does not exist has no
/// jobs but those that are expected.
pub fn scan(folder: &Path, expected: &[String], now: Timestamp) -> io::Result<Vec<Job>> {
    let mut files: Vec<OsString> = Vec::new();
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                let name = entry?.file_name();
                if job_of(&name).is_some() {
                    files.push(name);
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut jobs: Vec<_> = files
        .iter()
        .filter_map(|file| Some(look(&folder.join(file), job_of(file)?, now)))
        .collect();
    let seen: BTreeSet<_> = jobs.iter().map(|job| job.job.as_str()).collect();
    let is_missing = |job: &&String| !seen.contains(job.as_str());
    let missing: Vec<_> = expected.iter().filter(is_missing).cloned().collect();
    jobs.extend(missing.into_iter().map(|job| of(job, Status::NeverSeen)));
    jobs.sort_by(|a, b| a.job.cmp(&b.job));
    Ok(jobs)
}

/// Whose file this is; nobody's if it is hidden, as those are that are being written. What
/// cannot be shown in a name is spelled out: a job that is called oddly dies like others.
fn job_of(file: &OsStr) -> Option<String> {
    let name = file.as_bytes().strip_suffix(SUFFIX.as_bytes())?;
    if name.is_empty() || name.starts_with(b".") {
        return None;
    }
    let mut job = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { job.extend(c.escape_unicode()) } else { job.push(c) }
        }
        for byte in chunk.invalid() {
            write!(job, "\\x{byte:02x}").expect("writing to a string cannot fail");
        }
    }
    Some(job)
}

/// Whether a job may be called so: it is the name of a file, and nothing else.
pub fn is_job(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.contains('/')
        && !name.chars().any(char::is_control)
}

/// What the file of a job is called.
pub fn file_name(job: &str) -> String {
    format!("{job}{SUFFIX}")
}

fn look(file: &Path, job: String, now: Timestamp) -> Job {
    let beat = match heartbeat::read(file, false) {
        Ok(beat) => beat,
        Err(Flaw::Missing) => return of(job, Status::Vanished),
        Err(Flaw::Unreadable(_)) => return of(job, Status::Unreadable),
        Err(Flaw::NoInterval(_)) => return of(job, Status::NoInterval),
        Err(Flaw::NotAFile | Flaw::Empty | Flaw::TooLong | Flaw::Corrupt(_)) => {
            return of(job, Status::Corrupt);
        }
    };
    let age = now.duration_since(beat.at);
    let Some(interval) = beat.interval else {
        return Job { age: Some(age), ..of(job, Status::NoInterval) };
    };
    let ratio = age.as_secs_f64() / interval.as_secs_f64();
    let status = if age < -AHEAD_MAX {
        Status::Future
    } else if age > interval.saturating_mul(2) {
        Status::Stale
    } else {
        Status::Fresh
    };
    Job { job, status, age: Some(age), interval: Some(interval), ratio: Some(ratio) }
}

fn of(job: String, status: Status) -> Job {
    Job { job, status, age: None, interval: None, ratio: None }
}

/// The panel: every job, the worst first, as a table in Markdown.
pub fn panel(jobs: &[Job]) -> String {
    let mut text = "| job | status | age | interval | ratio |\n|---|---|---|---|---|\n".to_owned();
    for cells in rows(jobs, usize::MAX) {
        let cells = cells.map(|text| cell(&text));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// The first `max` lines of it, for a terminal.
pub fn plain_panel(jobs: &[Job], max: usize) -> String {
    let head = ["JOB", "STATUS", "AGE", "INTERVAL", "RATIO"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(rows(jobs, max)).collect();
    let wide = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let wides = [0, 1, 2, 3, 4].map(|column| wide(column).unwrap_or(0));
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(wides).map(|(cell, wide)| format!("{cell:wide$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text: String = rows.iter().map(line).collect();
    if let more @ 1.. = jobs.len().saturating_sub(max) {
        writeln!(text, "and {more} more").expect("writing to a string cannot fail");
    }
    text
}

fn rows(jobs: &[Job], max: usize) -> impl Iterator<Item = [String; 5]> {
    let mut jobs: Vec<_> = jobs.iter().collect();
    jobs.sort_by_key(|job| (job.status == Status::Fresh, job.job.as_str()));
    let shown = |duration: Option<SignedDuration>| duration.map_or("-".to_owned(), human);
    jobs.into_iter().take(max).map(move |job| {
        let name = job.job.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let ratio = job.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1}"));
        [name, job.status.to_string(), shown(job.age), shown(job.interval), ratio]
    })
}

/// A duration as people say it: its two largest units, rounded down.
fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let sign = if duration.is_negative() { "-" } else { "" };
    let seconds = seconds.abs();
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min")];
    let parts = units.into_iter().chain([(seconds % 60, "s")]);
    let parts: Vec<_> = parts.skip_while(|(count, _)| *count == 0).take(2).collect();
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect();
    if parts.is_empty() { "0 s".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r75_durations_are_said_as_people_say_them() {
        let said = |seconds| human(SignedDuration::from_secs(seconds));
        let expected = ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d", "2 d 3 h"];
        let seconds = [0, 59, 60, 61, 3_600, 3_661, 86_400, 2 * 86_400 + 3 * 3_600 + 59];
        assert_eq!(seconds.map(said), expected);
        assert_eq!(said(-90), "-1 min 30 s");
    }

    #[test]
    fn r67_every_file_has_a_job_also_one_that_is_called_oddly() {
        let job = |name: &[u8]| job_of(OsStr::from_bytes(name));
        assert_eq!(job(b"db_backup.last").as_deref(), Some("db_backup"));
        assert_eq!(job(b"a\xff\xfeb.last").as_deref(), Some("a\\xff\\xfeb"));
        assert_eq!(job(b"two\nlines.last").as_deref(), Some("two\\u{a}lines"));
        for nobodys in [&b".last"[..], b".hb_x.tmp.last", b"job.txt", b"job.last.tmp"] {
            assert_eq!(job(nobodys), None);
        }
    }

    #[test]
    fn r72_the_panel_has_job_status_age_interval_and_ratio_and_the_worst_come_first() {
        let seconds = |seconds| Some(SignedDuration::from_secs(seconds));
        let fresh = Job {
            job: "a".to_owned(),
            status: Status::Fresh,
            age: seconds(90),
            interval: seconds(300),
            ratio: Some(0.3),
        };
        let odd = "`b` [x](http://y) <i> \\| _c_".to_owned();
        let jobs = [fresh, of(odd, Status::NeverSeen)];
        insta::assert_snapshot!(panel(&jobs), @r"
        | job | status | age | interval | ratio |
        |---|---|---|---|---|
        | \`b\` \[x\](http://y) \<i> \\\| \_c\_ | never seen | - | - | - |
        | a | fresh | 1 min 30 s | 5 min | 0.3 |
        ");
        insta::assert_snapshot!(plain_panel(&jobs, 2), @r"
        JOB                           STATUS      AGE         INTERVAL  RATIO
        `b` [x](http://y) <i> \| _c_  never seen  -           -         -
        a                             fresh       1 min 30 s  5 min     0.3
        ");
        insta::assert_snapshot!(plain_panel(&jobs, 1), @r"
        JOB                           STATUS      AGE  INTERVAL  RATIO
        `b` [x](http://y) <i> \| _c_  never seen  -    -         -
        and 1 more
        ");
    }
}
