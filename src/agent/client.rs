//! What every request of an agent to its server stands on.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use url::Url;

use crate::loopback::is_on_this_machine;

/// A client for one server, which may take so long for one exchange. `roots` are certificates
/// in PEM that are trusted besides the system's; fails if they cannot be read.
pub(super) fn client(
    server: &Url,
    timeout: Duration,
    roots: Option<&[u8]>,
) -> reqwest::Result<reqwest::ClientBuilder> {
    let mut client = reqwest::Client::builder().timeout(timeout);
    if is_on_this_machine(server) {
        client = client.no_proxy();
    }
    if server.scheme() == "http" {
        // Without TLS no certificates are needed, and some machines have none.
        client = client.tls_certs_only([]);
    } else if let Some(roots) = roots {
        client = client.tls_certs_merge(reqwest::Certificate::from_pem_bundle(roots)?);
    }
    Ok(client)
}

/// Whether a server was not reached because nobody here trusts its certificate.
pub(super) fn is_untrusted(error: &reqwest::Error) -> bool {
    let mut causes =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
            error.source()
        });
    // What rustls says is wrapped too deep, and differently each time, to be asked for.
    causes.any(|cause| cause.to_string().contains("peer certificate"))
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
