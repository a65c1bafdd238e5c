//! The page for people: whether teawatch does its work, and what is in trouble.
//!
//! It needs nothing from elsewhere and runs no script. Whatever was sent by others is
//! escaped where it is put in, and isolated, so that a name that is written from right
//! to left turns nothing around.

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::health::{self, Readiness};
use super::{ApiError, App};
use crate::engine::{AlertRow, Core, Overview};
use crate::tasks;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Everything at a glance, as HTML. 200 also when teawatch cannot do its work: the page
/// says so to people, and `/readyz` to machines.
pub(super) async fn show(State(App(app)): State<App>) -> Result<Response, ApiError> {
    if !app.settings.page {
        return Err(ApiError::PageClosed);
    }
    let (readiness, overview) = health::judge(&app, Core::overview).await;
    let page = page(&readiness, overview.as_ref(), &app.settings.gitea_url);
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Html(page.into_string())).into_response())
}

fn page(readiness: &Readiness, overview: Option<&Overview>, gitea_url: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "teawatch" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header {
                    h1 { "teawatch" }
                    span .soft { (env!("CARGO_PKG_VERSION")) }
                }
                main {
                    (state(readiness))
                    (compared(readiness))
                    @if let Some(overview) = overview {
                        (alerts(overview, gitea_url))
                        (counts("Checks", &overview.checks))
                        (counts("Outbox", &overview.outbox))
                    }
                    (tasks(&readiness.tasks))
                    @if let Some(overview) = overview {
                        p .soft { "As of " (time(overview.at)) "." }
                    }
                }
            }
        }
    }
}

fn state(readiness: &Readiness) -> Markup {
    let Readiness { ready, reasons, notes, is_trouble, .. } = readiness;
    let (class, head) = match (ready, is_trouble) {
        (true, _) => ("good", "Ready"),
        (false, true) => ("bad", "Not ready"),
        (false, false) => ("mild", "Not known yet"),
    };
    html! {
        section class=(class) {
            h2 { (head) }
            @if *ready { p { "Reports are taken, and Gitea takes what follows." } }
            @else { (sentences(reasons)) }
            @if !notes.is_empty() {
                h3 { "To look at" }
                (sentences(notes))
            }
        }
    }
}

/// When it was last read what people did to issues.
fn compared(readiness: &Readiness) -> Markup {
    html! {
        @for (repository, compared) in &readiness.reconcile {
            p .soft {
                "Issues in " bdi { (repository) } " were last compared "
                @if let Some(at) = compared.succeeded_at { "at " (time(at)) "." }
                @else { "before the start." }
            }
        }
    }
}

fn sentences(sentences: &[String]) -> Markup {
    html! { ul { @for sentence in sentences { li { bdi { (sentence) } } } } }
}

fn alerts(overview: &Overview, gitea_url: &str) -> Markup {
    html! {
        section {
            h2 { "Alerts" }
            @if overview.alerts.is_empty() { p .soft { "None is pending, firing or recovering." } }
            @else {
                ol {
                    @for alert in &overview.alerts { (row(alert, gitea_url)) }
                }
            }
            @if overview.more_alerts > 0 { p { "… and " (overview.more_alerts) " more." } }
        }
    }
}

fn row(alert: &AlertRow, gitea_url: &str) -> Markup {
    let AlertRow { title, phase, since, summary, repository, issue, is_row, silenced } = alert;
    html! {
        li {
            p {
                span class={ "tag " (phase) } { (phase) } " "
                bdi .title { (title) }
            }
            @if !summary.is_empty() { p { bdi { (summary) } } }
            @if let Some(silenced) = silenced { p { bdi { (silenced.sentence()) "." } } }
            p .soft {
                "since " (time(*since))
                @if let Some(number) = issue {
                    ", " a href={ (gitea_url) (repository) "/issues/" (number) } {
                        (repository) "#" (number)
                    }
                } @else if *is_row {
                    ", in the overflow issue of " (repository)
                }
            }
        }
    }
}

fn counts<T: ToString>(title: &str, counts: &[(T, usize)]) -> Markup {
    html! {
        section {
            h2 { (title) }
            dl {
                @for (what, number) in counts {
                    div { dt { (what.to_string()) } dd { (number) } }
                }
            }
        }
    }
}

/// In the colours of alerts.
fn class(state: tasks::State) -> &'static str {
    use tasks::State::{Failing, NeverRan, Paused, Stalled, Unknown, Well};
    match state {
        Well => "recovering",
        Failing | Stalled => "firing",
        Paused | NeverRan | Unknown => "pending",
    }
}

fn tasks(tasks: &[tasks::Report]) -> Markup {
    html! {
        section {
            h2 { "Tasks" }
            ul {
                @for task in tasks {
                    li { (task.name) ": " strong class=(class(task.state)) { (task.state) } }
                }
            }
        }
    }
}

fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}
