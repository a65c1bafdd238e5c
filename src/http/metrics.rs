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

use super::{App, health};
use crate::engine::{Core, Overview};

const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    state: String,
}

/// What is counted at the doors.
#[derive(Debug, Default)]
pub(super) struct Figures {
    reports: Family<Outcome, Counter>,
}

impl Figures {
    /// Counts a report: `taken`, `duplicate`, or the code of the error that it met.
    pub(super) fn count_report(&self, outcome: &'static str) {
        self.reports.get_or_create(&Outcome { outcome }).inc();
    }
}

/// Everything that is known, at this moment. 200 also when teawatch cannot do its work:
/// then `teawatch_ready` is 0.
pub(super) async fn show(State(App(app)): State<App>) -> Response {
    let (readiness, overview) = health::judge(&app, Core::overview).await;
    let mut registry = Registry::with_prefix("teawatch");
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "What runs here", build);
    let is_ready = gauge(usize::from(readiness.ready));
    registry.register("ready", "Whether reports are taken and Gitea takes what follows", is_ready);
    let refusing = gauge(app.outbox.borrow().refusing.len());
    registry.register("repositories_refusing", "Repositories that take nothing", refusing);
    let reports = app.figures.reports.clone();
    registry.register("reports", "Reports by what became of them", reports);
    if let Some(overview) = overview {
        register(&mut registry, &overview);
    }
    let mut figures = String::new();
    text::encode(&mut figures, &registry).expect("writing to a string cannot fail");
    ([(CONTENT_TYPE, FORMAT)], figures).into_response()
}

/// What the engine knows; nothing of it is there while the engine does not answer.
fn register(registry: &mut Registry, overview: &Overview) {
    let checks = family(&overview.checks);
    registry.register("checks", "Checks by status", checks);
    let alerts = family(&overview.phases);
    registry.register("alerts", "Alerts by phase", alerts);
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
