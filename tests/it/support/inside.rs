//! The real doors and the real engine, in this process, over a store and a clock that a
//! test can turn.

use std::time::Duration;

use jiff::Timestamp;
use teawatch::alert::Salt;
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::engine::{Core, Ended, Engine, Feed, start};
use teawatch::http::{self, App, Proofs, Told};
use teawatch::reconcile::Bell;
use teawatch::signature::Master;
use teawatch::store::{Memory, Store};
use teawatch::tasks::Marks;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};

use super::{MASTER, PATIENCE, SALT};

/// How often tasks say that they are alive: also by a clock that is turned far at once.
const BEAT: Duration = Duration::from_millis(20);

/// Doors and engine without an outbox.
pub struct Inside {
    pub url: String,
    pub engine: Engine,
    pub ended: oneshot::Receiver<Ended>,
    pub marks: Marks,
    pub app: App,
    runtime: Runtime,
}

impl Inside {
    /// Starts both. `memory` is the store, `clock` everybody's time.
    pub fn start(memory: &Memory, clock: &Clock, settings: Settings) -> Self {
        Self::hooked(memory, clock, settings, None)
    }

    /// The same, and Gitea's webhooks are taken that are signed with this.
    pub fn hooked(
        memory: &Memory,
        clock: &Clock,
        settings: Settings,
        secret: Option<&str>,
    ) -> Self {
        let hooks =
            secret.map(|secret| Proofs { secrets: vec![secret.into()], authorization: None });
        let doors = |doors: &mut http::Settings| doors.hooks = hooks;
        Self::over(memory.clone(), clock, settings, doors)
    }

    /// The same over any store, and with doors that are changed by `change`.
    pub fn over(
        mut store: impl Store + 'static,
        clock: &Clock,
        settings: Settings,
        change: impl FnOnce(&mut http::Settings),
    ) -> Self {
        let (salt, instance) = (Salt::new(SALT), "0123456789abcdef".to_owned());
        let mut core = Core::load(&mut store, settings, salt, None, instance, clock.now()).unwrap();
        let marks = Marks::new(clock.clone()).beating(BEAT);
        let (_, outbox) = watch::channel(teawatch::outbox::Status::default());
        let (_, reconcile) = watch::channel(teawatch::reconcile::Status::default());
        let (_, shortage) = watch::channel(None);
        let mut doors = http::Settings {
            masters: vec![Master::parse(MASTER).unwrap()],
            auto: true,
            allow: [].into(),
            deny: [].into(),
            generations: [].into(),
            window: jiff::SignedDuration::from_mins(5),
            body_timeout: Duration::from_secs(30),
            unproven_bytes: 64 * 1024 * 1024,
            report_bytes: 1024 * 1024,
            limits: teawatch::observation::Limits::default(),
            alertmanager: http::alertmanager::Settings {
                bytes: 4 << 20,
                per_alert: false,
                repeat_interval: jiff::SignedDuration::from_hours(4),
                watchdogs: [].into(),
                watchdog_interval: jiff::SignedDuration::from_hours(4),
            },
            hooks: None,
            hook_bytes: 1024 * 1024,
            read_token: None,
            write_token: None,
            pause_max: jiff::SignedDuration::from_mins(10),
            page: true,
            gitea_url: "http://gitea.test/".to_owned(),
            public_url: None,
            fire_callers: vec!["chronos".to_owned()],
        };
        change(&mut doors);
        core.address_by(doors.ping_uuids());
        let started = start(core, Box::new(store), clock.clone(), &marks).unwrap();
        let outbox_figures = teawatch::outbox::Figures::default();
        let board = marks.clone();
        let told =
            Told { outbox, outbox_figures, reconcile, shortage, marks: board, watchers: &[] };
        let app = App::new(started.engine.clone(), told, Bell::default(), clock.clone(), doors);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let doors = http::doors(app.clone());
        runtime.spawn(async move { axum::serve(listener, doors).await });
        Self { url, engine: started.engine, ended: started.ended, marks, app, runtime }
    }

    /// Sends a report that must be taken.
    #[track_caller]
    pub fn report(&self, report: &super::Report) {
        let answer = super::Letter::of(report).send_to(&self.url);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What an outbox is fed that takes the place of another.
    pub fn feed(&self) -> UnboundedReceiver<Feed> {
        self.runtime.block_on(self.engine.feed()).unwrap()
    }

    /// Runs `work` on the state, as a door does.
    pub fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> T {
        self.runtime.block_on(self.engine.ask(work)).unwrap()
    }

    /// Where its tasks run.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Cuts off everything but the engine, wherever it is, and then ends the engine: as a kill
    /// between two commits does.
    pub fn kill(self) {
        let Self { engine, ended, app, runtime, .. } = self;
        runtime.shutdown_timeout(PATIENCE);
        drop(app);
        engine.stop();
        ended.blocking_recv().unwrap();
    }

    /// Waits for the engine's end.
    pub fn end(&mut self) -> Ended {
        self.runtime.block_on(&mut self.ended).unwrap()
    }
}

/// A clock that stands still at the time at which it was made.
pub fn stopped_clock() -> Clock {
    let at = Timestamp::now();
    Clock::from_fn(move || at)
}
