//! How long is the certificate of a TLS port good for?

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::certificate::{Validity, shown};
use super::connect::{joined, split};
use super::{failure, success, unknown, with};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// The port of an address that names none.
const PORT: u16 = 443;

/// A port that speaks TLS from its first byte on. Only the dates of its certificate are
/// judged, not who signed it: many watch certificates of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: SignedDuration,
    /// `host:port`, or a host alone for port 443.
    pub(crate) address: String,
    /// The name that the server is asked for, if it is not the host of the address.
    #[serde(default)]
    pub(crate) server_name: Option<String>,
    /// Good for fewer days than this is a failure.
    #[serde(default = "fourteen")]
    pub(crate) min_days: f64,
}

pub(crate) fn fourteen() -> f64 {
    14.0
}

impl Tls {
    pub(super) async fn look(&self, limit: Duration, now: Timestamp) -> Observation {
        let (host, port) = split(&self.address, PORT);
        let address = joined(host, port);
        let name = self.server_name.as_deref().unwrap_or(host);
        match shown((host, port), name, limit).await {
            Ok(certificate) => judge(&address, &certificate, self.min_days, now),
            Err(why) => failure(format!("{address} {why}")),
        }
    }
}

/// Judges a certificate's dates.
pub(super) fn judge(whose: &str, certificate: &[u8], min_days: f64, now: Timestamp) -> Observation {
    let Some(validity) = Validity::read(certificate) else {
        return unknown(format!("the certificate of {whose} cannot be read"));
    };
    let (Validity { begins, ends }, days) = (validity, validity.days_left(now));
    let observation = if now < begins {
        failure(format!("the certificate of {whose} is not good before {begins}"))
    } else if days < 0.0 {
        failure(format!("the certificate of {whose} expired at {ends}"))
    } else if days < min_days {
        failure(format!("the certificate of {whose} expires in {days:.1} days, at {ends}"))
    } else {
        success(format!("the certificate of {whose} is good for {days:.0} days"))
    };
    with(observation, "certificate_days", days)
}
