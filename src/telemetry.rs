//! What the process says about itself: logs to stderr, as text or JSON.
//!
//! It knows no entity; whoever logs names the fields. Messages of the `log` crate come
//! out the same way, because sled tells of failed syncs there and nowhere else.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people; in colour on a terminal.
    Text,
    /// One object per line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the log filter `{filter}` makes no sense")]
    Filter { filter: String, source: ParseError },
    #[error("logging is set up already")]
    Again(#[source] TryInitError),
}

/// Starts logging, once per process.
///
/// `filter` is a level (`info`), or a list of them by module (`info,sled=warn`).
pub fn init(filter: &str, format: Format) -> Result<(), Error> {
    let levels = EnvFilter::try_new(filter)
        .map_err(|source| Error::Filter { filter: filter.to_owned(), source })?;
    let subscriber =
        fmt().with_env_filter(levels).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match format {
        Format::Text => subscriber.finish().try_init(),
        Format::Json => subscriber.json().finish().try_init(),
    }
    .map_err(Error::Again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_makes_no_sense_is_named() {
        let error = init("teawatch=loud", Format::Text).unwrap_err();
        insta::assert_snapshot!(error, @"the log filter `teawatch=loud` makes no sense");
    }
}
