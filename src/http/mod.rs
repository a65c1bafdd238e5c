//! The doors: one file per inbound format, and what they share.
//!
//! A handler takes an extractor that proves who is calling, makes one call into the
//! engine, and answers once the disk has it. No rule about alerts is here, and nothing
//! past the doors knows JSON shapes, headers or status codes.

pub mod alertmanager;
mod api;
mod auth;
mod backup;
mod body;
mod definitions;
mod error;
mod fire;
mod health;
mod hooks;
mod jobs;
mod listener;
mod manage;
mod metrics;
mod night;
mod page;
mod panics;
mod ping;
mod rate;
mod reports;
mod room;
mod silences;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use jiff::SignedDuration;
use tokio::sync::watch;
use tower::make::Shared;
use tower::{Service, ServiceExt as _, service_fn};

pub use self::error::ApiError;
pub use self::health::Watch;
pub use self::hooks::Proofs;
pub use self::listener::Accepting;
use self::metrics::Figures;
use self::rate::Rates;
use self::room::Room;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::jobs::Runner;
use crate::observation::Limits;
use crate::outbox;
use crate::reconcile::{self, Bell};
use crate::signature::{Master, Secret};
use crate::tasks::Marks;

/// Everything that a door needs.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    told: Told,
    clock: Clock,
    settings: Settings,
    rates: Rates,
    room: Room,
    figures: Figures,
    /// Rung when Gitea has told something.
    bell: Bell,
    /// What runs jobs, once it does.
    jobs: OnceLock<Runner>,
}

/// What the others tell of themselves.
#[derive(Debug, Clone)]
pub struct Told {
    pub outbox: watch::Receiver<outbox::Status>,
    pub outbox_figures: outbox::Figures,
    pub reconcile: watch::Receiver<reconcile::Status>,
    /// Why the disk has no room for reports, in words.
    pub shortage: watch::Receiver<Option<String>>,
    /// How the tasks in the background are.
    pub marks: Marks,
    /// The tasks that only tell others of teawatch: it does its work without them.
    pub watchers: &'static [&'static str],
}

/// How the doors are to be kept.
#[derive(Debug)]
pub struct Settings {
    /// The newest first; two may live at once while one is replaced.
    pub masters: Vec<Master>,
    /// Whether a source that is not in `allow` may report.
    pub auto: bool,
    pub allow: BTreeSet<String>,
    pub deny: BTreeSet<String>,
    /// The generation of a source's secret, where it is not the first.
    pub generations: BTreeMap<String, u64>,
    /// How far a signature's time may be from ours.
    pub window: SignedDuration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// What may be held of bodies whose senders have proven nothing so far, in bytes.
    pub unproven_bytes: usize,
    /// The largest body of a report, in bytes.
    pub report_bytes: usize,
    pub limits: Limits,
    pub alertmanager: alertmanager::Settings,
    /// Without them Gitea is told that nobody listens.
    pub hooks: Option<Proofs>,
    /// The largest body of a message of Gitea's, in bytes.
    pub hook_bytes: usize,
    /// Without one, everybody who can connect may read.
    pub read_token: Option<Secret>,
    /// Without one, everybody who can connect may write.
    pub write_token: Option<Secret>,
    /// While something waits, a pause of Gitea's that is longer keeps teawatch from its work.
    pub pause_max: SignedDuration,
    /// Whether the page for people answers everybody who can connect.
    pub page: bool,
    /// Where Gitea is, for links to issues. Ends in a slash.
    pub gitea_url: String,
    /// Where these doors are for everybody, if that is known. Ends in a slash.
    pub public_url: Option<String>,
    /// Who may say that a job is due.
    pub fire_callers: Vec<String>,
}

impl App {
    /// Puts together what the doors need.
    pub fn new(engine: Engine, told: Told, bell: Bell, clock: Clock, settings: Settings) -> Self {
        let (rates, figures) = (Rates::default(), Figures::default());
        let room = Room::new(settings.unproven_bytes);
        let jobs = OnceLock::new();
        Self(Arc::new(Inner { engine, told, clock, settings, rates, room, figures, bell, jobs }))
    }

    /// Jobs are run from now on. Before that whoever fires one is told to come back.
    pub fn run_jobs(&self, runner: Runner) {
        // There is one runner in a process.
        self.0.jobs.set(runner).ok();
    }
}

/// All doors, as [`axum::serve()`] takes them. Starts nothing and binds nothing.
pub fn doors(
    app: App,
) -> Shared<
    impl Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static,
> {
    let others = router(app.clone());
    Shared::new(service_fn(move |request: Request| {
        let (app, others) = (app.clone(), others.clone());
        async move {
            let method = request.method().clone();
            let answer = async {
                // There are more of these than of all else, and little else is to be done for
                // each: to look for their door among all would be a sixth of their price.
                if ping::is_addressed(&request) {
                    return ping::create(&app, request).await;
                }
                let Ok(answer) = others.oneshot(request).await;
                answer
            };
            Ok(panics::answered(&method, answer).await)
        }
    }))
}

/// All doors but that of pings. No layer is around them, which every request would pay for:
/// bodies are limited where they are read, by the setting of each door.
fn router(app: App) -> Router {
    Router::new()
        .route("/api/v1/reports", post(reports::create))
        .route("/api/v1/alertmanager", post(alertmanager::create))
        .route("/api/v1/alerts", get(api::alerts))
        .route(
            "/api/v1/checks",
            get(api::checks).post(definitions::add).patch(definitions::amend).delete(api::forget),
        )
        .route("/api/v1/check", get(api::check))
        .route("/api/v1/pauses", post(definitions::pause).delete(definitions::resume))
        .route("/api/v1/addresses", get(definitions::address))
        .route("/api/v1/backup", get(backup::make))
        .route("/api/v1/deliveries", get(api::deliveries))
        .route("/api/v1/outbox", get(api::outbox))
        .route("/api/v1/outbox/{seq}", get(api::outbox_entry).delete(api::drop_entry))
        .route("/api/v1/outbox/{seq}/retry", post(api::retry_entry))
        .route("/api/v1/report", get(night::show).post(night::file))
        .route("/api/v1/silences", get(silences::list).post(silences::create))
        .route("/api/v1/silences/{number}", delete(silences::expire))
        .route("/api/v1/endpoints/{name}/external", post(ping::gatus::push))
        .route("/webhooks/gitea", post(hooks::create))
        .route("/webhooks/fire_due", post(fire::create))
        .route("/api/cron/fire", post(fire::create))
        .route("/api/v1/scheduler", get(jobs::health))
        .route("/api/v1/scheduler/pause", post(jobs::pause_all))
        .route("/api/v1/scheduler/resume", post(jobs::resume_all))
        .nest("/api/v1/jobs", jobs::doors())
        .route("/api/push/{key}/{*name}", any(ping::push))
        .route("/", get(page::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .nest("/api/v3", manage::doors())
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::unknown_method)
        .with_state(app)
}
