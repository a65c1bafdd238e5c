//! What comes with every answer besides its content.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// An answer that says yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    pub value: T,
    pub status: StatusCode,
    /// The server's clock when it answered, whole seconds. Times that are sent to Gitea are
    /// derived from it, never from a clock of ours.
    pub date: Option<Timestamp>,
}

impl<T> Answer<T> {
    /// The same answer with another content.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: change(self.value), status: self.status, date: self.date }
    }
}

/// The `Date` of an answer, if it has a readable one.
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(header::DATE)?.to_str().ok()?)
}

/// How long the server asks us to wait, given in seconds or as a date. A date is measured
/// against the answer's own `Date`, so that no clock of ours is involved.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(text)?.duration_since(date(headers)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_of_the_server() {
        let wait = |list: &[(&'static str, &str)]| retry_after(&headers(list));
        assert_eq!(wait(&[("retry-after", "120")]), Some(Duration::from_secs(120)));
        let now = ("date", "Sun, 22 Nov 2026 02:40:00 GMT");
        let later = ("retry-after", "Sun, 22 Nov 2026 02:41:30 GMT");
        assert_eq!(wait(&[now, later]), Some(Duration::from_secs(90)));
        let earlier = ("retry-after", "Sun, 22 Nov 2026 02:39:00 GMT");
        assert_eq!(wait(&[now, earlier]), Some(Duration::ZERO));
        assert_eq!(wait(&[later]), None, "without the server's clock a date says nothing");
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "-5")]), None);
    }
}
