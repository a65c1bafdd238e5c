//! Starting a sandbox: bind, say where and as whom, serve.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::face::{Shared, serve};
use super::world::{ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, World};
use crate::clock::Clock;

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; a loopback address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many items a page has when nobody asks.
    pub page_size: usize,
    /// How many items a page has at most.
    pub max_page_size: usize,
}

impl Default for Options {
    /// Gitea's own port on loopback, and Gitea's own pages.
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 3000)), page_size: 30, max_page_size: 50 }
    }
}

/// Why a sandbox does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its tokens are known to everybody.
    #[error("the sandbox listens on loopback only, and {0} is elsewhere")]
    NotLoopback(SocketAddr),
    #[error("the sandbox cannot listen on {address}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("the sandbox stopped serving")]
    Serve(#[source] io::Error),
}

/// Where a sandbox is, and as whom it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Welcome {
    pub address: SocketAddr,
    /// The base address, without a slash at its end: what a client is configured with.
    pub url: String,
    /// `owner/name` of the repository that is there at the start.
    pub repository: &'static str,
    /// The page with its issues.
    pub issues_url: String,
    /// Where faults are ordered.
    pub admin_url: String,
    pub bot: &'static str,
    pub bot_token: &'static str,
    /// Who acts on the pages.
    pub human: &'static str,
    pub human_token: &'static str,
    pub reader: &'static str,
    pub reader_token: &'static str,
}

/// A sandbox that listens and does not serve yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    welcome: Welcome,
    world: Shared,
}

impl Bound {
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The model, to look at and to act in while it is served.
    pub fn world(&self) -> Shared {
        Arc::clone(&self.world)
    }

    /// Serves until `shutdown` is there.
    pub async fn run(
        self,
        clock: Clock,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        serve(self.listener, self.world, clock, shutdown).await.map_err(Error::Serve)
    }
}

/// Binds a sandbox with the world of [`World::demo`]. Prints nothing.
pub async fn bind(options: &Options) -> Result<Bound, Error> {
    let address = options.listen;
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback(address));
    }
    let bound = |source| Error::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bound)?;
    let address = listener.local_addr().map_err(bound)?;
    let mut world = World::demo();
    world.set_page_size(options.page_size, options.max_page_size);
    let url = format!("http://{address}");
    let welcome = Welcome {
        address,
        repository: "ops/alerts",
        issues_url: format!("{url}/ops/alerts/issues"),
        admin_url: format!("{url}/-/admin"),
        url,
        bot: "teawatch",
        bot_token: BOT_TOKEN,
        human: "alice",
        human_token: ALICE_TOKEN,
        reader: "bob",
        reader_token: BOB_TOKEN,
    };
    Ok(Bound { listener, welcome, world: Arc::new(Mutex::new(world)) })
}

/// Binds and serves; `welcome` is told where before the first request is taken.
pub async fn run(
    options: &Options,
    clock: Clock,
    welcome: impl FnOnce(&Welcome),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let bound = bind(options).await?;
    welcome(bound.welcome());
    bound.run(clock, shutdown).await
}
