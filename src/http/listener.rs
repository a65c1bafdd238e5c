//! How connections are taken, and how that ends.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Whoever has just been connected when the end comes has this long to say what it wants: who
/// is cut off before that hears nothing at all, and curl does not try again then.
const LINGER: Duration = Duration::from_millis(250);

/// A socket from which connections are taken until the end. Later ones wait in it, for the
/// next process that has it.
#[derive(Debug)]
pub struct Accepting {
    listener: TcpListener,
    stop: CancellationToken,
}

impl Accepting {
    pub fn new(listener: TcpListener, stop: CancellationToken) -> Self {
        Self { listener, stop }
    }

    /// Resolves when the connections that were taken are to end, each after its request.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let stop = self.stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(LINGER).await;
        }
    }
}

impl Listener for Accepting {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => pending().await,
            accepted = Listener::accept(&mut self.listener) => accepted,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
