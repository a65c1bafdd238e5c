//! Can a port be connected to?

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::connect::{connect, joined, split};
use super::{failure, success, with};
use crate::agent::settings::{positive, ten_seconds};
use crate::check::Observation;

/// The port of an address that names none.
const PORT: u16 = 8765;

/// A port. One that accepts and says nothing is well: nothing is sent, nothing read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    pub(crate) name: String,
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    pub(crate) timeout: jiff::SignedDuration,
    /// `host:port`, or a host alone for port 8765.
    pub(crate) address: String,
}

impl Tcp {
    pub(super) async fn look(&self, limit: Duration) -> Observation {
        let (host, port) = split(&self.address, PORT);
        let address = joined(host, port);
        let began = Instant::now();
        match tokio::time::timeout(limit, connect(host, port, limit)).await {
            Ok(Ok(stream)) => {
                drop(stream);
                let took = began.elapsed();
                let observation = success(format!("{address} accepts connections"));
                with(observation, "connect_seconds", took.as_secs_f64())
            }
            Ok(Err(error)) => failure(format!("cannot connect to {address}: {error}")),
            Err(_) => failure(format!("{address} did not answer within {limit:?}")),
        }
    }
}
