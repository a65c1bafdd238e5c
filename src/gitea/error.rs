//! Why a request failed, and the answers to what its caller must know.
//!
//! No message repeats its source: whoever reports an error prints the chain.

use std::error::Error as StdError;
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;

use super::meaning::{self, Aftermath, Concern, Operation};
use super::transport::TransportError;

/// What most of this module returns.
pub type Result<T> = std::result::Result<T, Error>;

/// How much is kept of what a server says about its refusal.
pub const MESSAGE_LIMIT_CHARS: usize = 200;

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} ({method} {path})", operation.verb())]
pub struct Error {
    /// What was asked for.
    pub operation: Operation,
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The server's clock when it answered, if it did.
    pub date: Option<Timestamp>,
    #[source]
    pub(super) cause: Box<Cause>,
}

/// What stood in the way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The request was not sent, since it would have gone elsewhere than meant.
    #[error("`{segment}` cannot be part of an address")]
    Address { segment: String },
    /// There was no answer, or not all of one.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server answered no.
    #[error("the answer was {status}{}", after_colon(message))]
    Refused {
        status: StatusCode,
        /// What the server said, cut and cleaned, for people only.
        message: String,
        /// Where a redirect leads, if to the same host.
        location: Option<String>,
        retry_after: Option<Duration>,
    },
    /// The server answered yes, in words that are not Gitea's.
    #[error("the answer is {what}, not JSON: is this address a Gitea?")]
    Foreign { status: StatusCode, what: &'static str },
    /// The server answered yes, with something other than what was asked for.
    #[error("the answer makes no sense")]
    Unreadable {
        status: StatusCode,
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server answered yes, but could not load what it answers with.
    #[error("the answer is an empty husk")]
    Hollow { status: StatusCode },
    /// A list without an end.
    #[error("the list goes on for more than {limit} pages")]
    TooManyPages { limit: u32 },
}

fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl Error {
    /// What stood in the way.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Whether the request may have been carried out, in whole or in part.
    pub fn aftermath(&self) -> Aftermath {
        match &*self.cause {
            _ if self.operation.is_read() => Aftermath::Nothing,
            Cause::Address { .. }
            | Cause::Transport(TransportError::Unreachable(_) | TransportError::Tls(_))
            | Cause::TooManyPages { .. } => Aftermath::Nothing,
            Cause::Refused { status, .. } => meaning::aftermath(self.operation, *status),
            Cause::Transport(TransportError::NoAnswer(_) | TransportError::TooLong { .. })
            | Cause::Foreign { .. }
            | Cause::Unreadable { .. }
            | Cause::Hollow { .. } => Aftermath::Unknown,
        }
    }

    /// Whom or what the failure concerns.
    pub fn concern(&self) -> Concern {
        match &*self.cause {
            Cause::Address { .. } | Cause::TooManyPages { .. } => Concern::Thing,
            Cause::Transport(TransportError::Unreachable(_) | TransportError::Tls(_))
            | Cause::Foreign { .. } => Concern::Target,
            Cause::Refused { status, location, .. } => {
                meaning::concern(self.operation, *status, location.as_deref())
            }
            Cause::Transport(TransportError::NoAnswer(_) | TransportError::TooLong { .. })
            | Cause::Unreadable { .. }
            | Cause::Hollow { .. } => Concern::Transient,
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match &*self.cause {
            Cause::Refused { status, .. }
            | Cause::Foreign { status, .. }
            | Cause::Unreadable { status, .. }
            | Cause::Hollow { status } => Some(*status),
            Cause::Address { .. } | Cause::Transport(_) | Cause::TooManyPages { .. } => None,
        }
    }

    /// Whether the answer was 404. What is missing then, [`Error::concern`] says.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(StatusCode::NOT_FOUND)
    }

    /// Whether the answer was longer than any that is read.
    pub fn is_too_long(&self) -> bool {
        matches!(*self.cause, Cause::Transport(TransportError::TooLong { .. }))
    }

    /// What the server said about its refusal, for people; empty if it said nothing.
    pub fn message(&self) -> &str {
        match &*self.cause {
            Cause::Refused { message, .. } => message,
            _ => "",
        }
    }

    /// How long the server asks us to wait. Not limited: it may say a day.
    pub fn retry_after(&self) -> Option<Duration> {
        match &*self.cause {
            Cause::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why a client could not be made. Settings are to blame, or the machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    #[error(
        "the address must be http:// or https:// with a host, and hold no user, query or fragment"
    )]
    Address,
    #[error("the token holds characters that no token has")]
    Token,
    #[error("the extra root certificates cannot be read as PEM")]
    Certificates(#[source] reqwest::Error),
    #[error("there is no certificate among the extra root certificates")]
    NoCertificates,
    #[error("cannot prepare for TLS: are the system's root certificates installed?")]
    Network(#[source] reqwest::Error),
}

/// The gist of an error's body for people: `message` of a JSON object, the title of a page,
/// or the first line of a text.
pub(super) fn gist(body: &[u8]) -> String {
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    if let Some(serde_json::Value::Object(object)) = json {
        let message = object.get("message").and_then(serde_json::Value::as_str);
        return tidy(message.unwrap_or_default());
    }
    // Whatever is said beyond this is not a gist.
    let text = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]);
    let text = text.trim_start();
    if !text.starts_with('<') {
        return tidy(text.lines().next().unwrap_or_default());
    }
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    tidy(title.map_or("an HTML page", |(title, _)| title))
}

/// One clean line of at most [`MESSAGE_LIMIT_CHARS`].
pub(super) fn tidy(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MESSAGE_LIMIT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gist_of_a_refusal_is_one_clean_line() {
        assert_eq!(gist(br#"{"message":"not found","url":"x"}"#), "not found");
        assert_eq!(gist(br#"{"errors":null}"#), "");
        assert_eq!(gist(b""), "");
        assert_eq!(gist(b"404 page not found\nreally\n"), "404 page not found");
        assert_eq!(gist(b"<html><title>502 Bad\nGateway</title>"), "502 Bad Gateway");
        assert_eq!(gist(b"<!DOCTYPE html>\n<p>no"), "an HTML page");
        assert_eq!(gist(b"a\x1b[31mb\xffc"), "a [31mb\u{fffd}c");
        assert_eq!(gist("é".repeat(500).as_bytes()).chars().count(), MESSAGE_LIMIT_CHARS);
    }
}
