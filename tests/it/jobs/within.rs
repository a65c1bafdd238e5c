//! Jobs in this process: the real engine over a real store, the real runner and doors, by a
//! clock that a test can turn.

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use teawatch::alert::Salt;
use teawatch::clock::Clock;
use teawatch::engine::{self, settings::Settings};
use teawatch::gitea::{Network, NetworkOptions};
use teawatch::job::{Draft, RENEWED};
use teawatch::jobs::{self, ARMING_TIMEOUT, Choice, Morning, Runner, Seat, Tools, keep};
use teawatch::notify::DeadMan;
use teawatch::outbox::{self, Courier, Host, TokenProbe, Worker};
use teawatch::reconcile::Poke;
use teawatch::store::Sled;
use teawatch::tasks::{BEAT, Marks, Pace};
use tokio_util::sync::CancellationToken;

use super::CALLER;
use crate::support::{Inside, SALT, eventually};

/// How often a scheduler looks by itself.
pub(super) const EVERY: Duration = Duration::from_millis(3);

/// Longer than any step of a clock that is turned: else nobody seems to be looking.
pub(super) const GAP: SignedDuration = SignedDuration::from_hours(12);

pub(super) struct Within {
    pub(super) inside: Inside,
    pub(super) runner: Runner,
}

impl Within {
    /// Begins, with what is in `data`. `switch` is the address of the dead man's switch.
    pub(super) fn start(data: &Path, clock: &Clock, choice: Choice, switch: &str) -> Self {
        // Tasks that beat by another clock than is turned would all seem to have stalled.
        let marks = Marks::new(Clock::system());
        let mark = marks.task("scheduler", Pace::of_turns(BEAT));
        let within = Self::without_scheduler(data, clock, choice, switch, marks);
        let runner = within.runner.clone();
        let scheduler = Arc::clone(runner.scheduler());
        let seat = Seat { runner, stop: CancellationToken::new(), mark };
        within.inside.runtime().spawn(async move { keep(&*scheduler, seat, EVERY).await });
        within
    }

    /// The same with nobody yet who keeps the scheduler at work.
    pub(super) fn without_scheduler(
        data: &Path,
        clock: &Clock,
        choice: Choice,
        switch: &str,
        marks: Marks,
    ) -> Self {
        let mut store = None;
        eventually("the store is free", || {
            store = Sled::open(data, 1 << 20).ok();
            store.is_some()
        });
        let engine = Settings { absence_gap: GAP, ..Settings::default() };
        let inside = Inside::over(store.unwrap(), clock, engine, |doors| {
            doors.fire_callers = vec![CALLER.to_owned()];
        });
        let runner = Runner::new(tools(data, clock, &inside, marks, switch), &settings(""), choice);
        inside.app.run_jobs(runner.clone());
        Self { inside, runner }
    }

    /// Makes a job, which must be taken. Returns its id.
    #[track_caller]
    pub(super) fn add(&self, draft: serde_json::Value) -> String {
        let draft: Draft = serde_json::from_value(draft).unwrap();
        let job = self.inside.ask(move |core, now| core.add_job(&draft, now)).unwrap();
        self.runner.changed();
        job.id.to_string()
    }

    /// Ends it as a kill does. Its store can be opened again.
    pub(super) fn kill(self) {
        let Self { inside, runner } = self;
        drop(runner);
        inside.kill();
    }
}

/// A clock that stands still until it is turned, by so many seconds.
pub(super) fn turned() -> (Clock, Arc<AtomicI64>) {
    let (began, passed) = (Timestamp::now(), Arc::new(AtomicI64::new(0)));
    let turned = Arc::clone(&passed);
    let since = move || SignedDuration::from_secs(turned.load(Ordering::Relaxed));
    (Clock::from_fn(move || began + since()), passed)
}

/// How jobs are run where a test says nothing else.
pub(super) fn settings(provider: &str) -> jobs::Settings {
    jobs::Settings {
        provider: provider.to_owned(),
        every: SignedDuration::try_from(EVERY).unwrap(),
        backstop: SignedDuration::from_mins(10),
        parallel: 8,
        renewed: RENEWED,
        arming_url: None,
        arming_timeout: ARMING_TIMEOUT,
        callback_url: None,
        secret: None,
    }
}

fn tools(data: &Path, clock: &Clock, inside: &Inside, marks: Marks, switch: &str) -> Tools {
    teawatch::gitea::install_crypto();
    let engine = inside.engine.clone();
    let network = Network::new(&NetworkOptions {
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        extra_roots: None,
        tls: false,
        proxies: false,
    });
    let base = "http://127.0.0.1:1/".parse().unwrap();
    let worker = Worker {
        ledger: engine.clone(),
        host: Host::new(&base, &"token".into(), Arc::new(network.unwrap()), None).unwrap(),
        settings: outbox::Settings::default(),
        salt: Salt::new(SALT),
        clock: clock.clone(),
        courier: Courier::default(),
        dice: || 0,
    };
    let hour = Duration::from_secs(3_600);
    let switch = DeadMan::new(switch.parse().unwrap(), hour, DeadMan::TIMEOUT, false).unwrap();
    Tools {
        engine,
        clock: clock.clone(),
        marks,
        data_dir: data.to_owned(),
        token: Arc::new(TokenProbe::new(Arc::new(worker), Vec::new(), SignedDuration::ZERO)),
        poke: Poke::default(),
        dead_man: Some(Arc::new(switch)),
        morning: Morning::new(|| ready(Err(engine::Error::Stopped))),
    }
}
