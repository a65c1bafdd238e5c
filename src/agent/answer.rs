//! What a server's answer to a report means.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::observation::brief;

/// Read of an answer, in bytes; what is longer is not teawatch's.
const ANSWER_MAX: usize = 16 * 1024;
/// Told of an answer, in bytes.
const TOLD_MAX: usize = 400;

/// What matters of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Where it points to.
    pub(super) location: Option<String>,
    /// For how long it wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// What follows from an answer; with the reason for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is on the server's disk.
    Taken,
    /// The server has read it, and will say the same again.
    Hopeless(String),
    /// The clocks differ.
    Clock { server_time: Timestamp, message: String },
    /// Nothing of this source is taken until somebody does something.
    NotThisSource(String),
    /// Something on the way does not like this report.
    NotThisOne(String),
    /// Nothing is taken now.
    Later(String),
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(rename = "accepted")]
    _accepted: u64,
    #[serde(rename = "duplicate")]
    _duplicate: bool,
}

#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
    #[serde(default)]
    hint: String,
    server_time: Option<i64>,
}

/// The body of an answer, as far as it may be teawatch's.
pub(super) async fn read(mut response: reqwest::Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            body.truncate(ANSWER_MAX);
            break;
        }
    }
    Ok(body)
}

/// What an answer means. Only what teawatch itself says is believed of a report: others
/// stand in its place at times, such as a proxy or the wrong server.
pub(super) fn judge(answer: &Answer) -> Meaning {
    let status = answer.status;
    if status.is_success() {
        return match serde_json::from_slice::<Accepted>(&answer.body) {
            Ok(_) => Meaning::Taken,
            Err(_) => Meaning::Later(of_another(answer)),
        };
    }
    let Ok(Refusal { error }) = serde_json::from_slice(&answer.body) else {
        let why = of_another(answer);
        return match status {
            StatusCode::BAD_REQUEST
            | StatusCode::FORBIDDEN
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Meaning::NotThisOne(why),
            _ => Meaning::Later(why),
        };
    };
    let why = if error.hint.is_empty() {
        told(&error.message)
    } else {
        told(&format!("{} ({})", error.message, error.hint))
    };
    match (status, error.code.as_str()) {
        (StatusCode::UNAUTHORIZED, "clock") => {
            let at = error.server_time.and_then(|at| Timestamp::from_second(at).ok());
            at.map_or_else(
                || Meaning::Later(why.clone()),
                |server_time| Meaning::Clock { server_time, message: why.clone() },
            )
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Meaning::NotThisSource(why),
        (StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY, _) => {
            Meaning::Hopeless(why)
        }
        (StatusCode::BAD_REQUEST, _) => Meaning::NotThisOne(why),
        _ => Meaning::Later(why),
    }
}

/// Of an answer that teawatch does not give.
fn of_another(answer: &Answer) -> String {
    match &answer.location {
        Some(location) if answer.status.is_redirection() => {
            told(&format!("it points to {location}: set `server` to where teawatch is"))
        }
        _ => "teawatch does not say so: is `server` its address, and does a proxy stand in \
              front of it?"
            .to_owned(),
    }
}

/// One short line, without what a terminal would obey.
fn told(words: &str) -> String {
    brief(words, TOLD_MAX).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
