//! A check as Healthchecks shows it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Managed;
use crate::check::{CheckId, Definition, Flip, Kind, Labels, Rhythm, Status};
use crate::engine::{CheckView, is_slug};

/// What addresses of this server begin with. Ends in a slash.
#[derive(Debug)]
pub(super) struct Base(String);

impl Base {
    /// As it is configured, or else as the caller has called it.
    pub(super) fn of(public_url: Option<&str>, host: Option<&str>) -> Self {
        let called = || format!("http://{}/", host.unwrap_or("localhost"));
        Self(public_url.map_or_else(called, str::to_owned))
    }
}

/// The slug by which a check is pinged: its own, or its name where that is one.
pub(super) fn slug_of<'a>(id: &'a CheckId, definition: &'a Definition) -> &'a str {
    let name = Some(id.name()).filter(|name| is_slug(name));
    definition.slug.as_deref().or(name).unwrap_or_default()
}

/// Labels as tags, separated by spaces. A space in one would end it.
fn tags_of(labels: &Labels) -> String {
    let tag = |(name, value): (&str, &str)| {
        let tag = if value.is_empty() { name.to_owned() } else { format!("{name}={value}") };
        tag.replace(char::is_whitespace, "_")
    };
    labels.iter().map(tag).collect::<Vec<_>>().join(" ")
}

/// A check that is defined.
pub(super) fn shown(managed: &Managed, Base(base): &Base) -> Value {
    let Managed { view, definition, uuid, .. } = managed;
    let id = CheckId::new(&view.source, &view.name);
    let uuid = uuid.map_or_else(String::new, |uuid| uuid.to_string());
    let own = format!("{base}api/v3/checks/{uuid}");
    let is_up = matches!(view.status, Status::Up | Status::Late);
    let keywords = definition.keywords.clone().unwrap_or_default();
    let mut shown = json!({
        "name": view.name,
        "slug": slug_of(&id, definition),
        "tags": tags_of(&definition.labels),
        "desc": definition.description,
        "grace": definition.schedule.grace.as_secs(),
        "n_pings": view.results,
        "status": status(view.status),
        "started": !view.runs.is_empty(),
        "last_ping": view.last_seen.map(second),
        "next_ping": view.due_at.filter(|_| is_up).map(second),
        "manual_resume": definition.manual_resume,
        "methods": if definition.post_only { "POST" } else { "" },
        "subject": "",
        "subject_fail": "",
        "start_kw": keywords.start.join(","),
        "success_kw": keywords.success.join(","),
        "failure_kw": keywords.failure.join(","),
        "filter_subject": false,
        "filter_body": false,
        "filter_http_body": definition.keywords.is_some(),
        "filter_default_fail": keywords.or_failure,
        "uuid": uuid,
        "ping_url": format!("{base}ping/{uuid}"),
        "update_url": own,
        "pause_url": format!("{own}/pause"),
        "resume_url": format!("{own}/resume"),
        "channels": "",
    });
    if let Some(took) = view.last_run.and_then(|run| run.took) {
        shown["last_duration"] = took.as_secs().into();
    }
    match &definition.schedule.rhythm {
        Some(Rhythm::Every(interval)) => shown["timeout"] = interval.as_secs().into(),
        Some(Rhythm::At(slots)) => {
            shown["schedule"] = slots.expression().into();
            shown["tz"] = slots.zone().into();
        }
        None => {}
    }
    shown
}

/// What is not known is never taken for well.
fn status(status: Status) -> &'static str {
    match status {
        Status::Up => "up",
        Status::Late => "grace",
        Status::Down | Status::Unknown => "down",
        Status::NeverSeen => "new",
        Status::Paused => "paused",
    }
}

/// What is kept of pings, the newest first: the last result, the last log, and the starts of
/// runs that go on. Only results are counted, and who has sent them is not kept.
pub(super) fn pings(view: &CheckView) -> Vec<Value> {
    let ping = |kind: &str, at: Timestamp, took: Option<SignedDuration>| {
        json!({
            "type": kind,
            "date": second(at),
            "n": 0,
            "scheme": "http",
            "remote_addr": "",
            "method": "",
            "ua": "",
            "rid": null,
            "duration": took.map(|took| took.as_secs_f64()),
        })
    };
    let result = view.latest.as_ref().map(|latest| {
        let kind = match latest.kind {
            Kind::Success => "success",
            Kind::Failure => "fail",
            Kind::Start => "start",
            Kind::Unknown | Kind::Log => "log",
        };
        // Of runs the time is kept less finely.
        let is_its = |at: Timestamp| at.as_millisecond() == latest.at.as_millisecond();
        let last = view.last_run.filter(|last| is_its(last.at.get()));
        let mut ping = ping(kind, latest.at, last.and_then(|last| last.took));
        ping["n"] = view.results.into();
        ping["rid"] = last.and_then(|last| last.rid).map(|rid| rid.to_string()).into();
        (latest.at, ping)
    });
    let starts = view.runs.iter().map(|run| {
        let mut ping = ping("start", run.began_at.get(), None);
        ping["rid"] = run.rid.map(|rid| rid.to_string()).into();
        (run.began_at.get(), ping)
    });
    let logged = view.logged.as_ref().map(|logged| logged.at.get());
    let logged = logged.map(|at| (at, ping("log", at, None)));
    let mut pings: Vec<_> = result.into_iter().chain(logged).chain(starts).collect();
    pings.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    pings.into_iter().map(|(_, ping)| ping).collect()
}

/// One turn of a check.
pub(super) fn flip(flip: &Flip) -> Value {
    json!({ "timestamp": second(flip.at.get()), "up": u8::from(flip.is_up) })
}

/// A time to the second, in the form that Healthchecks has.
pub(super) fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}
