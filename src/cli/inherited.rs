//! What the one that started the server has handed to it: a socket, and the wish to be told.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context as _, bail};
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use crate::notify::Systemd;

/// What came from systemd, or who does as it does. By default nothing.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    /// Open already: while nobody serves, callers wait at it instead of being refused.
    socket: Option<TcpListener>,
    pub(super) systemd: Option<Systemd>,
}

impl Inherited {
    /// Takes over what was meant for this process.
    ///
    /// To be called while there is one thread: the variables of the socket are taken out of
    /// the environment, so that nobody after us believes that it is meant for them.
    pub(super) fn take(listen: SocketAddr) -> anyhow::Result<Self> {
        let socket = socket(&mut ListenFd::from_env())?;
        if let Some(socket) = &socket {
            judge(socket, listen)?;
        }
        Ok(Self { socket, systemd: Systemd::of_this_process() })
    }

    /// The socket to serve: the one that is open already, or else one that is bound now.
    pub(super) async fn door(
        &mut self,
        listen: SocketAddr,
    ) -> anyhow::Result<tokio::net::TcpListener> {
        let Some(socket) = self.socket.take() else {
            let bound = tokio::net::TcpListener::bind(listen).await;
            return bound.with_context(|| format!("cannot listen on {listen}"));
        };
        socket.set_nonblocking(true).context("cannot use the socket of systemd")?;
        tokio::net::TcpListener::from_std(socket).context("cannot use the socket of systemd")
    }
}

fn socket(sockets: &mut ListenFd) -> anyhow::Result<Option<TcpListener>> {
    if sockets.len() > 1 {
        bail!(
            "systemd handed over {} sockets, and teawatch has one door: leave one \
             `ListenStream=` in the .socket unit",
            sockets.len()
        );
    }
    sockets.take_tcp_listener(0).context(
        "systemd handed over something else than a TCP socket: the .socket unit needs \
         `ListenStream=` with an address and a port",
    )
}

fn judge(socket: &TcpListener, listen: SocketAddr) -> anyhow::Result<()> {
    let is_open = socket_acceptconn(socket).context("cannot tell what systemd handed over")?;
    if !is_open {
        bail!(
            "systemd handed over a connection instead of a socket that listens: the .socket \
             unit needs `Accept=no`"
        );
    }
    let address = socket.local_addr().context("cannot tell the address of systemd's socket")?;
    // Who may do what without a token was judged by the setting, and commands call there.
    if address != listen {
        bail!(
            "systemd's socket listens on {address}, but `listen` is {listen}: say the same in \
             the .socket unit and in the configuration"
        );
    }
    Ok(())
}
