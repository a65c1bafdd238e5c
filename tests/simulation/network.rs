//! The wire between the outbox and Gitea: calls go in, and wait until somebody says what
//! becomes of them.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use teawatch::gitea::{Transport, TransportError};
use teawatch::sandbox::Request;
use tokio::sync::oneshot;

/// What comes of a call.
pub type Answer = Result<http::Response<Vec<u8>>, TransportError>;

/// A request that was sent, and who waits for the answer.
#[derive(Debug)]
pub struct Call {
    pub request: Request,
    pub caller: oneshot::Sender<Answer>,
}

/// A handle to the wire.
#[derive(Debug, Clone, Default)]
pub struct Network(Arc<Mutex<Vec<Call>>>);

impl Network {
    /// What was sent since this was asked last.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Transport for Network {
    fn call(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Answer> {
        let (caller, answered) = oneshot::channel();
        self.0.lock().unwrap().push(Call { request: request.into(), caller });
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(no_answer())) })
    }
}

pub fn no_answer() -> TransportError {
    TransportError::NoAnswer(Box::new(io::Error::other("nothing came back")))
}

pub fn unreachable() -> TransportError {
    TransportError::Unreachable(Box::new(io::Error::other("no connection")))
}
