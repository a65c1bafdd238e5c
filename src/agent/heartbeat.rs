//! Heartbeat files: `heartbeat.json`, `<job>.last`, or a bare number of seconds.
//!
//! Readers take what writers of all kinds leave behind: a time as seconds since 1970 or
//! after RFC 3339, with more keys or fewer. What is no heartbeat is told apart by what is
//! wrong with it, and never ignored.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// The longest heartbeat, in bytes. A file beyond it is not one, whatever it begins with.
pub const BYTES_MAX: u64 = 64 * 1024;

/// A heartbeat may be dated this far ahead: clocks of two hosts are never quite the same.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_secs(5);

/// Under which keys the time may stand, the first first.
const TIME_KEYS: [&str; 5] = ["timestamp", "time", "at", "last", "updated_at"];
/// And the interval in seconds.
const INTERVAL_KEYS: [&str; 2] = ["interval_seconds", "interval"];

/// What a heartbeat says.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    pub at: Timestamp,
    /// How often its writer means to write it.
    pub interval: Option<SignedDuration>,
    /// Everything else that it holds.
    pub rest: serde_json::Map<String, Value>,
}

/// Why a file is no heartbeat.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    #[error("there is no such file")]
    Missing,
    #[error("it is a directory or a device, not a file")]
    NotAFile,
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {BYTES_MAX} bytes, which no heartbeat is")]
    TooLong,
    #[error("it is no heartbeat: {0}")]
    Corrupt(&'static str),
    /// An interval of nothing or less says nothing about when it is stale.
    #[error("it declares an interval of {0} s")]
    NoInterval(f64),
    /// Nothing was learned about the heartbeat.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
}

impl Beat {
    /// What it holds besides the time, one line for each.
    pub fn details(&self) -> String {
        let lines = self.rest.iter().map(|(key, value)| format!("{key}: {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Reads the content of a heartbeat file.
    pub fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::Corrupt("it is not text"))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Flaw::Empty);
        }
        if let Some(at) = text.parse().ok().and_then(epoch) {
            return Ok(Self { at, interval: None, rest: serde_json::Map::new() });
        }
        let Ok(Value::Object(mut rest)) = serde_json::from_str(text) else {
            return Err(Flaw::Corrupt("it is neither a number nor a JSON object"));
        };
        let time = TIME_KEYS.iter().find_map(|key| rest.remove(*key));
        let at = match time {
            Some(Value::Number(number)) => number.as_f64().and_then(epoch),
            Some(Value::String(text)) => {
                text.parse().ok().or_else(|| text.trim().parse().ok().and_then(epoch))
            }
            Some(_) | None => None,
        };
        let at = at.ok_or(Flaw::Corrupt("it holds no time"))?;
        let interval = match INTERVAL_KEYS.iter().find_map(|key| rest.remove(*key)) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let seconds = value.as_f64().ok_or(Flaw::Corrupt("its interval is no number"))?;
                let interval = SignedDuration::try_from_secs_f64(seconds);
                let interval = interval.ok().filter(SignedDuration::is_positive);
                Some(interval.ok_or(Flaw::NoInterval(seconds))?)
            }
        };
        Ok(Self { at, interval, rest })
    }
}

/// Reads a heartbeat file. With `use_mtime` the time of its last change counts where it
/// holds no time of its own.
pub fn read(path: &Path, use_mtime: bool) -> Result<Beat, Flaw> {
    let of_io = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Flaw::Missing,
        _ => Flaw::Unreadable(error),
    };
    // Opening a pipe would wait for its other end, and opening a device may do anything.
    if !fs::metadata(path).map_err(of_io)?.is_file() {
        return Err(Flaw::NotAFile);
    }
    // It may be another one by now.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(nonblock).open(path).map_err(of_io)?;
    let found = file.metadata().map_err(of_io)?;
    if !found.is_file() {
        return Err(Flaw::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(of_io)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(Flaw::TooLong);
    }
    match Beat::parse(&bytes) {
        Err(Flaw::Empty | Flaw::Corrupt(_)) if use_mtime => {
            let changed = found.modified().map_err(Flaw::Unreadable)?;
            let at = Timestamp::try_from(changed).map_err(|_| Flaw::Corrupt("its date is none"))?;
            Ok(Beat { at, interval: None, rest: serde_json::Map::new() })
        }
        result => result,
    }
}

/// What a writer puts into a heartbeat. Keys without a value are left out.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    pub pid: u32,
    /// Seconds since 1970.
    pub timestamp: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub status: String,
}

/// Writes a heartbeat in one step, so that no reader ever sees half of it, over the one
/// before. Folders that are missing are made.
pub fn write(path: &Path, written: &Written) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Others read it: whoever watches may be another user.
    let readable = fs::Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .prefix(".hb_")
        .suffix(".tmp")
        .permissions(readable)
        .tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(written)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A path whose `~/` stands for the home of whoever runs this.
pub fn expand(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// So many seconds after 1970.
fn epoch(seconds: f64) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> String {
        match Beat::parse(text.as_bytes()) {
            Ok(Beat { at, interval, rest }) => {
                let every = interval.map_or(String::new(), |every| format!(" every {every:#}"));
                format!("{at}{every} {}", Value::Object(rest))
            }
            Err(flaw) => flaw.to_string(),
        }
    }

    #[test]
    fn every_shape_of_a_heartbeat_is_read() {
        for (text, said) in [
            ("1700000000", "2023-11-14T22:13:20Z {}"),
            (" 1700000000.5\n", "2023-11-14T22:13:20.5Z {}"),
            (r#"{"timestamp":1700000000,"cycle":7}"#, r#"2023-11-14T22:13:20Z {"cycle":7}"#),
            (r#"{"timestamp":"2023-11-14T22:13:20Z"}"#, "2023-11-14T22:13:20Z {}"),
            (r#"{"at":"1700000000"}"#, "2023-11-14T22:13:20Z {}"),
            (
                r#"{"job":"a","timestamp":1700000000,"interval_seconds":300}"#,
                r#"2023-11-14T22:13:20Z every 5m {"job":"a"}"#,
            ),
        ] {
            assert_eq!(parse(text), said, "{text}");
        }
    }

    #[test]
    fn r10_what_is_no_heartbeat_is_told_apart() {
        for (text, said) in [
            ("", "it is empty"),
            (" \n", "it is empty"),
            (
                "{\"timestamp\":17000",
                "it is no heartbeat: it is neither a number nor a JSON object",
            ),
            ("[1]", "it is no heartbeat: it is neither a number nor a JSON object"),
            ("{}", "it is no heartbeat: it holds no time"),
            ("nan", "it is no heartbeat: it is neither a number nor a JSON object"),
            ("1e300", "it is no heartbeat: it is neither a number nor a JSON object"),
            (r#"{"timestamp":true}"#, "it is no heartbeat: it holds no time"),
            (r#"{"timestamp":1,"interval":"x"}"#, "it is no heartbeat: its interval is no number"),
            (r#"{"timestamp":1,"interval":0}"#, "it declares an interval of 0 s"),
            (r#"{"timestamp":1,"interval":-5}"#, "it declares an interval of -5 s"),
        ] {
            assert_eq!(parse(text), said, "{text}");
        }
        assert!(matches!(Beat::parse(b"\xff\xfe"), Err(Flaw::Corrupt("it is not text"))));
    }
}
