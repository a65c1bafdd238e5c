//! Gitea's certificate: for how long it is good.
//!
//! The client says whether it is trusted; this one only reads its dates, from what Gitea
//! shows to whoever begins to speak with it.

use jiff::Timestamp;
use url::{Host, Url};

use super::finding::{Findings, State};
use crate::agent::{Validity, shown_certificate};
use crate::config;
use crate::gitea::{Cause, Error, TransportError};

const CHECK: &str = "certificate";

/// With fewer days left than this it expires soon, and with less than this part of its life:
/// some live for a week.
const SOON: (f64, f64) = (14.0, 1.0 / 3.0);

/// The same where nobody can wait any more.
const AT_ONCE: (f64, f64) = (2.0, 1.0 / 10.0);

/// Tells for how long a certificate that is trusted is good.
pub(super) async fn look_at(gitea: &config::Gitea, now: Timestamp, findings: &mut Findings) {
    match validity(gitea).await {
        Some(validity) => judge(validity, now, findings),
        // There may be a proxy on the way.
        None => findings.well(CHECK, "it is trusted; when it ends cannot be seen from here"),
    }
}

/// Whether Gitea's certificate is not trusted because of its dates, which is told then.
pub(super) async fn is_why(
    gitea: &config::Gitea,
    error: &Error,
    now: Timestamp,
    findings: &mut Findings,
) -> bool {
    if !matches!(error.cause(), Cause::Transport(TransportError::Tls(_))) {
        return false;
    }
    match validity(gitea).await.filter(|it| now < it.begins || it.ends < now) {
        Some(validity) => {
            judge(validity, now, findings);
            true
        }
        None => false,
    }
}

async fn validity(gitea: &config::Gitea) -> Option<Validity> {
    let (host, port) = place(&gitea.url)?;
    let limit = gitea.connect_timeout.unsigned_abs();
    let certificate = shown_certificate((&host, port), &host, limit).await.ok()?;
    Validity::read(&certificate)
}

/// Host and port, without the brackets of an address.
fn place(url: &Url) -> Option<(String, u16)> {
    let host = match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    Some((host, url.port_or_known_default()?))
}

fn judge(validity: Validity, now: Timestamp, findings: &mut Findings) {
    const RENEW: &str = "renew it, or see why that does not happen by itself";
    let (Validity { begins, ends }, left) = (validity, validity.days_left(now));
    let is_below = |(days, part): (f64, f64)| left < days.min(validity.days() * part);
    let expires = format!("it expires in {left:.1} days, at {ends}");
    if now < begins {
        let says = format!("it is not good before {begins}");
        findings.fault(CHECK, says, "set the clock of this machine, or have Gitea show another");
    } else if left < 0.0 {
        findings.fault(CHECK, format!("it expired at {ends}"), RENEW);
    } else if is_below(AT_ONCE) {
        findings.fault(CHECK, expires, RENEW);
    } else if is_below(SOON) {
        findings.add(State::Warning, CHECK, expires, RENEW);
    } else {
        findings.well(CHECK, format!("it is trusted, and good for {left:.0} days"));
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// How a certificate of so many days is judged with so many hours left.
    fn judged(days: i64, hours: i64) -> String {
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let validity = Validity { begins: at(0), ends: at(days * 24) };
        let mut findings = Findings::default();
        judge(validity, at(days * 24 - hours), &mut findings);
        let text = findings.text();
        text.split_whitespace().next().unwrap().to_owned()
    }

    #[test]
    fn a_certificate_is_renewed_in_time_however_long_it_lives() {
        for (days, soon, at_once) in [(365, 14 * 24, 48), (90, 14 * 24, 48), (6, 48, 14), (1, 8, 2)]
        {
            assert_eq!(judged(days, soon), "ok", "{days}");
            assert_eq!(judged(days, soon - 1), "warning", "{days}");
            assert_eq!(judged(days, at_once + 1), "warning", "{days}");
            assert_eq!(judged(days, at_once), if days > 6 { "warning" } else { "FAULT" }, "{days}");
            assert_eq!(judged(days, at_once - 1), "FAULT", "{days}");
            assert_eq!(judged(days, -1), "FAULT", "{days}");
            // Not yet.
            assert_eq!(judged(days, days * 24 + 1), "FAULT", "{days}");
        }
    }

    #[test]
    fn an_address_in_brackets_is_found_without_them() {
        let place = |url: &str| place(&url.parse().unwrap()).unwrap();
        assert_eq!(place("https://[::1]:3000/git/"), ("::1".to_owned(), 3000));
        assert_eq!(place("https://git.example/"), ("git.example".to_owned(), 443));
    }
}
