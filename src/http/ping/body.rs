//! Bodies of pings: whatever a program has printed.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt as _;

/// Kept of the beginning, and of the end, in bytes.
const END_BYTES: usize = 4096;
/// So much is read at most, and for so long: who sends more is heard all the same.
const READ_MAX: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// Both ends of what was sent, as far as it came.
#[derive(Debug)]
pub(super) struct Body(String);

impl Body {
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// The last line that says anything.
    pub(super) fn last_line(&self) -> Option<&str> {
        self.0.lines().map(str::trim).rfind(|line| !line.is_empty())
    }
}

/// Reads a body, whatever it holds. One that breaks off says what has come of it.
pub(super) async fn read(mut body: axum::body::Body) -> Body {
    let (mut head, mut tail) = (Vec::new(), VecDeque::new());
    let mut all = 0;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            all += data.len();
            let room = END_BYTES - head.len();
            let (first, rest) = data.split_at(data.len().min(room));
            head.extend_from_slice(first);
            tail.extend(&rest[rest.len().saturating_sub(END_BYTES)..]);
            tail.drain(..tail.len().saturating_sub(END_BYTES));
            if all > READ_MAX {
                break;
            }
        }
    };
    // What has come until then counts.
    drop(tokio::time::timeout(PATIENCE, reading).await);
    let left_out = all - head.len() - tail.len();
    let (head, tail) = (text(head), text(tail.into()));
    Body(match left_out {
        0 => head + &tail,
        bytes => format!("{head}\n[... {bytes} bytes left out ...]\n{tail}"),
    })
}

/// What is no text in it becomes `\u{fffd}`.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
