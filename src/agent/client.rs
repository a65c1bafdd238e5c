//! What every request of an agent to its server stands on.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use url::Url;

use crate::loopback::is_on_this_machine;

/// A client for one server, which may take so long for one exchange.
pub(super) fn client(server: &Url, timeout: Duration) -> reqwest::ClientBuilder {
    let mut client = reqwest::Client::builder().timeout(timeout);
    if is_on_this_machine(server) {
        client = client.no_proxy();
    }
    if server.scheme() == "http" {
        // Without TLS no certificates are needed, and some machines have none.
        client = client.tls_certs_only([]);
    }
    client
}

/// How long an answer asks us to wait, given in seconds or as a date. A date is measured
/// against the answer's own `Date`, so that no clock of ours is involved.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(text)?.duration_since(http_date(headers.get(DATE)?.to_str().ok()?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_as_seconds_and_as_a_date_of_the_server() {
        let wait = |list: &[(&'static str, &str)]| {
            let headers = list.iter();
            let headers =
                headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            retry_after(&headers.collect()).map(|wait| wait.as_secs())
        };
        let now = ("date", "Sun, 22 Nov 2026 02:40:00 GMT");
        let later = ("retry-after", "Sun, 22 Nov 2026 02:41:30 GMT");
        assert_eq!(wait(&[("retry-after", "120")]), Some(120));
        assert_eq!(wait(&[now, later]), Some(90));
        assert_eq!(wait(&[now, ("retry-after", "Sun, 22 Nov 2026 02:39:00 GMT")]), Some(0));
        assert_eq!(wait(&[later]), None, "without the server's clock a date says nothing");
        assert_eq!((wait(&[]), wait(&[now, ("retry-after", "soon")])), (None, None));
    }
}
