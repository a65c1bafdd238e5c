//! The stand-in Gitea, in this process, over real HTTP.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use teawatch::clock::Clock;
use teawatch::sandbox::{BOT_TOKEN, Fault, Issue, Shared, World};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::REPOSITORY;

/// A Gitea with the bot, people and one repository. Gone when dropped.
pub struct Gitea {
    world: Shared,
    pub url: String,
    /// Runs the server; blocking calls of a test do not hold it up.
    _runtime: Runtime,
}

impl Gitea {
    pub fn start() -> Self {
        Self::with(World::demo())
    }

    pub fn with(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let world: Shared = Arc::new(Mutex::new(world));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = teawatch::sandbox::serve(
            listener,
            Arc::clone(&world),
            Clock::system(),
            std::future::pending(),
        );
        runtime.spawn(serve);
        Self { world, url, _runtime: runtime }
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
