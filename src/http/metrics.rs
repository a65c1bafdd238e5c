//! Figures for Prometheus and whoever reads its format.
//!
//! What is counted of the state is read when it is asked for; only what passes the doors is
//! counted as it passes.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::{App, health, hooks};
use crate::engine::{self, Core, Engine, Inventory};
use crate::outbox;
use crate::tasks::{Marks, State as TaskState};

const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    event: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Task {
    task: String,
    state: String,
}

/// What can become of a report: it is taken, or the code of the error that it meets.
const OUTCOMES: [&str; 16] = [
    "taken",
    "duplicate",
    "unproven",
    "clock",
    "generation",
    "denied",
    "reserved",
    "other_source",
    "incomplete",
    "too_slow",
    "crowded",
    "too_long",
    "bad_body",
    "too_many",
    "busy",
    "no_room",
];

/// The same of a message of Alertmanager's.
const MESSAGE_OUTCOMES: [&str; 12] = [
    "taken",
    "unproven",
    "generation",
    "denied",
    "reserved",
    "incomplete",
    "too_slow",
    "too_long",
    "bad_body",
    "too_many",
    "busy",
    "no_room",
];

/// The same of a ping. Who has no key is not told apart from who names no check.
const PING_OUTCOMES: [&str; 8] =
    ["taken", "ignored", "missing", "ambiguous", "bad_query", "too_many", "busy", "no_room"];

/// The same of a message of Gitea's.
const DELIVERY_OUTCOMES: [&str; 11] = [
    "taken",
    "duplicate",
    "unproven",
    "off",
    "incomplete",
    "too_slow",
    "crowded",
    "too_long",
    "bad_body",
    "too_many",
    "busy",
];

/// What is counted at the doors.
#[derive(Debug)]
pub(super) struct Figures {
    reports: Family<Outcome, Counter>,
    messages: Family<Outcome, Counter>,
    pings: Family<Outcome, Counter>,
    deliveries: Family<Delivered, Counter>,
    crowded: Counter,
}

impl Default for Figures {
    fn default() -> Self {
        let reports = Family::default();
        // Every series is there from the start, so that a first time is a change.
        for outcome in OUTCOMES {
            drop(reports.get_or_create(&Outcome { outcome }));
        }
        let messages = Family::default();
        for outcome in MESSAGE_OUTCOMES {
            drop(messages.get_or_create(&Outcome { outcome }));
        }
        let pings = Family::default();
        for outcome in PING_OUTCOMES {
            drop(pings.get_or_create(&Outcome { outcome }));
        }
        let deliveries = Family::default();
        for event in hooks::KINDS {
            for outcome in DELIVERY_OUTCOMES {
                drop(deliveries.get_or_create(&Delivered { event, outcome }));
            }
        }
        Self { reports, messages, pings, deliveries, crowded: Counter::default() }
    }
}

impl Figures {
    /// Counts a report: `taken`, `duplicate`, or the code of the error that it met.
    pub(super) fn count_report(&self, outcome: &'static str) {
        self.reports.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a message of Alertmanager's, likewise.
    pub(super) fn count_message(&self, outcome: &'static str) {
        self.messages.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a ping, likewise.
    pub(super) fn count_ping(&self, outcome: &'static str) {
        self.pings.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a body that had to make room for others, whatever it was.
    pub(super) fn count_crowded(&self) {
        self.crowded.inc();
    }

    /// Counts a message of Gitea's, likewise.
    pub(super) fn count_delivery(&self, event: &'static str, outcome: &'static str) {
        self.deliveries.get_or_create(&Delivered { event, outcome }).inc();
    }
}

/// Everything that is known, at this moment. 200 also when teawatch cannot do its work:
/// then `teawatch_ready` is 0.
pub(super) async fn show(State(App(app)): State<App>) -> Response {
    let (readiness, inventory) = health::judge(&app, Core::inventory).await;
    let mut registry = Registry::with_prefix("teawatch");
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "What runs here", build);
    let is_ready = gauge(usize::from(readiness.ready));
    registry.register("ready", "Whether reports are taken and Gitea takes what follows", is_ready);
    let refusing = gauge(app.told.outbox.borrow().refusing.len());
    registry.register("repositories_refusing", "Repositories that take nothing", refusing);
    let reports = app.figures.reports.clone();
    registry.register("reports", "Reports by what became of them", reports);
    let messages = app.figures.messages.clone();
    let help = "Messages of Alertmanager by what became of them";
    registry.register("alertmanager_messages", help, messages);
    let pings = app.figures.pings.clone();
    registry.register("pings", "Pings by what became of them", pings);
    let deliveries = app.figures.deliveries.clone();
    let help = "Messages of Gitea's webhooks by what became of them at the door";
    registry.register("deliveries", help, deliveries);
    let help = "Bodies of callers who had proven nothing that had to make room for others";
    registry.register("crowded_bodies", help, app.figures.crowded.clone());
    register_engine(&mut registry, &app.engine);
    register_outbox(&mut registry, &app.told.outbox_figures);
    register_tasks(&mut registry, &app.told.marks);
    if let Some(inventory) = inventory {
        register_inventory(&mut registry, &inventory);
    }
    let mut figures = String::new();
    text::encode(&mut figures, &registry).expect("writing to a string cannot fail");
    ([(CONTENT_TYPE, FORMAT)], figures).into_response()
}

/// What the engine counts; it is there also while the engine does not answer.
fn register_engine(registry: &mut Registry, engine: &Engine) {
    let figures = engine.figures().clone();
    let engine::Figures { waiting, turns, commits, absences, absent, .. } = figures;
    let help = "Commands that wait for the engine";
    registry.register("queue_commands", help, waiting);
    let help = "What the commands hold that wait for the engine";
    registry.register_with_unit("queue", help, Unit::Bytes, gauge(engine.waiting_bytes()));
    registry.register("turns", "Turns that the engine has made", turns);
    let help = "How long the disk took for a commit";
    registry.register_with_unit("commit", help, Unit::Seconds, commits);
    let help = "Times in which teawatch was not looking: stopped, asleep, stalled";
    registry.register("absences", help, absences);
    let help = "How long teawatch was not looking";
    registry.register_with_unit("absent", help, Unit::Seconds, absent);
    let help = "Effects that Gitea has confirmed: issues opened, closed, reopened, written to";
    registry.register("effects_confirmed", help, figures.confirmed);
    let help = "Messages of Gitea's webhooks by what came of them";
    registry.register("delivery_outcomes", help, figures.outcomes);
    let help = "Comments on issues of ours by what came of them";
    registry.register("comments", help, figures.comments);
    let help = "Runs of jobs by how they ended";
    registry.register("job_runs", help, figures.runs);
}

/// What the outbox counts.
fn register_outbox(registry: &mut Registry, figures: &outbox::Figures) {
    let answers = figures.answers.clone();
    registry.register("gitea_answers", "Answers of Gitea, by the class of their status", answers);
    let help = "Looks for effects that may have been carried out";
    registry.register("looks", help, figures.looks.clone());
}

/// How the tasks in the background are: each has a series for every state.
fn register_tasks(registry: &mut Registry, marks: &Marks) {
    let family = Family::<Task, Gauge>::default();
    for report in marks.report() {
        for state in TaskState::ALL {
            let task = Task { task: report.name.clone(), state: state.to_string() };
            family.get_or_create(&task).set(i64::from(state == report.state));
        }
    }
    registry.register("tasks", "Whether a task is in this state", family);
}

/// What the engine knows; nothing of it is there while the engine does not answer.
fn register_inventory(registry: &mut Registry, overview: &Inventory) {
    let checks = family(&overview.checks);
    registry.register("checks", "Checks by status; one that is late is up", checks);
    let alerts = family(&overview.phases);
    registry.register("alerts", "Alerts by phase", alerts);
    let help = "Silences by pattern that hold";
    registry.register("silences", help, gauge(overview.silences));
    let help = "Maintenance windows that hold";
    registry.register("maintenance_windows", help, gauge(overview.windows));
    registry.register("jobs", "Jobs by state", family(&overview.jobs));
    let effects = family(&overview.outbox);
    registry.register("effects", "What Gitea has not confirmed, by how far it has come", effects);
    let oldest = overview.oldest_effect.map(|at| overview.at.duration_since(at));
    let age = Gauge::<f64, AtomicU64>::default();
    age.set(oldest.map_or(0.0, |age| age.as_secs_f64()));
    let help = "Age of the oldest of them, 0 without any";
    registry.register_with_unit("oldest_effect_age", help, Unit::Seconds, age);
}

fn family<T: ToString>(counts: &[(T, usize)]) -> Family<Named, Gauge> {
    let family = Family::<Named, Gauge>::default();
    for (state, count) in counts {
        let state = Named { state: state.to_string() };
        family.get_or_create(&state).set(number(*count));
    }
    family
}

fn gauge(count: usize) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(number(count));
    gauge
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
