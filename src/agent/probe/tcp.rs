//! Can a port be connected to?

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::net::TcpStream;

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
        let address = with_port(&self.address);
        let began = Instant::now();
        match tokio::time::timeout(limit, TcpStream::connect(&address)).await {
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

fn with_port(address: &str) -> String {
    let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
    });
    if has_port {
        return address.to_owned();
    }
    let is_bare_v6 = address.contains(':') && !address.starts_with('[');
    if is_bare_v6 { format!("[{address}]:{PORT}") } else { format!("{address}:{PORT}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_an_address_without_a_port_means_8765() {
        assert_eq!(with_port("localhost"), "localhost:8765");
        assert_eq!(with_port("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(with_port("::1"), "[::1]:8765");
        assert_eq!(with_port("[::1]"), "[::1]:8765");
        assert_eq!(with_port("[::1]:80"), "[::1]:80");
    }
}
