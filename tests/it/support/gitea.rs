//! The stand-in Gitea, in this process, over real HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use teawatch::clock::Clock;
use teawatch::sandbox::{BOT_TOKEN, Fault, Issue, Shared, World};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{REPOSITORY, bound};

/// A Gitea with the bot, people and one repository. Gone when dropped.
pub struct Gitea {
    world: Shared,
    pub url: String,
    /// Runs the server; blocking calls of a test do not hold it up. None while it is away.
    runtime: Option<Runtime>,
}

impl Gitea {
    pub fn start() -> Self {
        Self::with(World::demo())
    }

    pub fn with(world: World) -> Self {
        let world: Shared = Arc::new(Mutex::new(world));
        let (runtime, address) = serve(&world, "127.0.0.1:0");
        Self { world, url: format!("http://{address}/"), runtime: Some(runtime) }
    }

    /// Nobody listens at its address any more; what it knows stays.
    pub fn go_away(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(super::PATIENCE);
        }
    }

    pub fn is_away(&self) -> bool {
        self.runtime.is_none()
    }

    /// Listens again, at the same address.
    pub fn come_back(&mut self) {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        self.runtime = Some(serve(&self.world, address).0);
    }

    /// The token of the bot.
    pub fn token(&self) -> &'static str {
        BOT_TOKEN
    }

    /// The model, to look at and to act in.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn order(&self, fault: Fault) {
        self.world().order(fault);
    }

    /// All issues of the repository, oldest first.
    pub fn issues(&self) -> Vec<Issue> {
        let world = self.world();
        let mut issues: Vec<_> = world.issues(REPOSITORY).cloned().collect();
        issues.sort_by_key(|issue| issue.number);
        issues
    }

    pub fn issue(&self, number: u64) -> Issue {
        self.world().issue(REPOSITORY, number).unwrap().clone()
    }

    /// The texts of the comments on an issue, oldest first.
    pub fn comments(&self, number: u64) -> Vec<String> {
        self.issue(number).comments().map(|comment| comment.body.clone()).collect()
    }

    /// How many issues are open.
    pub fn open(&self) -> usize {
        self.issues().iter().filter(|issue| issue.is_open).count()
    }

    pub fn now(&self) -> Timestamp {
        #[allow(clippy::disallowed_methods, reason = "tests may read the clock")]
        Timestamp::now()
    }
}

fn serve(world: &Shared, address: &str) -> (Runtime, SocketAddr) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = bound(|| runtime.block_on(TcpListener::bind(address)));
    let address = listener.local_addr().unwrap();
    let world = Arc::clone(world);
    let never = std::future::pending();
    runtime.spawn(teawatch::sandbox::serve(listener, world, Clock::system(), never));
    (runtime, address)
}
