//! Where requests leave and answers arrive.
//!
//! A [`Transport`] carries one request to one server and says what became of it. It knows
//! nothing of Gitea. [`super::Network`] is the real one; a simulation can stand in its place.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// Carries requests to a server.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends `request`, once, and waits for its whole answer.
    ///
    /// An implementation has a time limit of its own, does not repeat the request, and hands
    /// out redirects like any other answer.
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, TransportError>> {
        (**self).call(request)
    }
}

/// What went wrong on the way, told apart by what the server may have seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// There was no connection (refused, no route, no such name), so nothing was sent.
    #[error("the server cannot be reached")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// There was no trustworthy connection, so nothing was sent.
    #[error("the server's TLS is not trusted")]
    Tls(#[source] Box<dyn StdError + Send + Sync>),
    /// The request may have arrived; its answer did not, or not whole.
    #[error("the answer did not arrive")]
    NoAnswer(#[source] Box<dyn StdError + Send + Sync>),
    /// The request was answered, at greater length than we read.
    #[error("the answer is longer than {limit} bytes")]
    TooLong { limit: usize },
}
