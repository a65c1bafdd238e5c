//! The door for whoever stages a play: faults, time, pages and the deeds of people.
//!
//! JSON, for callers on this machine only:
//!
//! | request | what it does |
//! |---|---|
//! | `GET /-/admin/state` | repositories and issues, in short |
//! | `GET /-/admin/requests` | how many requests came of each kind, and the newest 1,000 |
//! | `DELETE /-/admin/requests` | forgets them |
//! | `GET /-/admin/faults` | the faults that are ordered |
//! | `POST /-/admin/faults` | orders one: `{"action":{"do":"do-and-hang-up"},"matcher":{"method":"POST","route":"issues"},"skip":0,"times":1}`; `"times":null` is until cleared |
//! | `DELETE /-/admin/faults` | clears them |
//! | `GET /-/admin/mishaps` | what is ordered to befall messages of webhooks |
//! | `POST /-/admin/mishaps` | orders one: `{"mishap":{"do":"delay","after_ms":500},"event_type":"issue_comment","skip":0,"times":1}` |
//! | `DELETE /-/admin/mishaps` | clears them; what they held back is sent |
//! | `GET /-/admin/deliveries` | the newest 1,000 messages of webhooks |
//! | `POST /-/admin/release` | lets stalled requests go on |
//! | `PUT /-/admin/page-size` | `{"default":30,"max":50}` |
//! | `PUT /-/admin/clock-offset` | `{"seconds":-3600}` |
//! | `POST /-/admin/deeds` | does what a person does: `{"deed":"close","user":"alice","repository":"ops/alerts","issue":1}` |
//!
//! The actions of faults are `refuse` (with `status`, 200 to 999, and perhaps `retry_after` in seconds
//! and `body`: `json`, `html` or `empty`), `hang-up`, `do-and-hang-up`, `stall`,
//! `do-and-stall`, `stall-and-do` (perhaps with `after_ms`) and `do-and-fail`. The mishaps are
//! `drop`, `double`, `delay` (with `after_ms`), `reorder` (the next message goes first) and
//! `replay` (once more, under another id).

use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router, middleware};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::deliveries::PostFault;
use super::face::Face;
use super::faults::Fault;
use super::line::Line;
use super::people::Missing;
use super::repository::Right;
use super::world::World;

pub(super) fn tree() -> Router<Face> {
    Router::new()
        .route("/-/admin/state", get(state))
        .route("/-/admin/requests", get(requests).delete(forget_requests))
        .route("/-/admin/faults", get(faults).post(order).delete(clear_faults))
        .route("/-/admin/mishaps", get(mishaps).post(order_mishap).delete(clear_mishaps))
        .route("/-/admin/deliveries", get(deliveries))
        .route("/-/admin/release", post(release))
        .route("/-/admin/page-size", put(set_page_size))
        .route("/-/admin/clock-offset", put(set_clock_offset))
        .route("/-/admin/deeds", post(act))
        .layer(middleware::from_fn(this_machine))
}

/// Refuses callers from elsewhere.
async fn this_machine(
    ConnectInfo(line): ConnectInfo<Line>,
    request: axum::extract::Request,
    next: middleware::Next,
) -> Result<Response, StatusCode> {
    if line.peer.ip().is_loopback() {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}

async fn state(State(face): State<Face>) -> Json<Value> {
    let world = face.world();
    let repositories: Vec<Value> = world
        .repositories()
        .map(|repository| {
            let name = world.name_of(repository);
            let issues: Vec<Value> = repository
                .issues
                .values()
                .map(|issue| {
                    json!({
                        "id": issue.id,
                        "number": issue.number,
                        "state": if issue.is_open { "open" } else { "closed" },
                        "title": issue.title,
                        "body": issue.body,
                        "poster": world.login(issue.poster),
                        "labels": world.labels_of(&name, issue.number),
                        "comments": issue.comments().map(|comment| json!({
                            "id": comment.id,
                            "user": world.login(comment.user),
                            "body": comment.body,
                        })).collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!({
                "id": repository.id, "name": name, "archived": repository.archived,
                "has_issues": repository.has_issues, "issues": issues,
            })
        })
        .collect();
    Json(json!({ "repositories": repositories }))
}

async fn requests(State(face): State<Face>) -> Json<Value> {
    let world = face.world();
    let counts: Vec<Value> = world
        .counts()
        .map(|(method, route, count)| json!({ "method": method, "route": route, "count": count }))
        .collect();
    let log: Vec<_> = world.log().collect();
    Json(json!({ "counts": counts, "log": log }))
}

async fn forget_requests(State(face): State<Face>) -> StatusCode {
    face.world().forget_requests();
    StatusCode::NO_CONTENT
}

async fn faults(State(face): State<Face>) -> Json<Value> {
    Json(json!(face.world().faults()))
}

async fn order(State(face): State<Face>, Json(fault): Json<Fault>) -> StatusCode {
    if !fault.is_possible() {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    face.world().order(fault);
    StatusCode::CREATED
}

async fn clear_faults(State(face): State<Face>) -> StatusCode {
    face.world().clear_faults();
    StatusCode::NO_CONTENT
}

async fn mishaps(State(face): State<Face>) -> Json<Value> {
    Json(json!(face.world().mishaps()))
}

async fn order_mishap(State(face): State<Face>, Json(fault): Json<PostFault>) -> StatusCode {
    face.world().order_mishap(fault);
    StatusCode::CREATED
}

async fn clear_mishaps(State(face): State<Face>) -> StatusCode {
    face.world().clear_mishaps();
    StatusCode::NO_CONTENT
}

async fn deliveries(State(face): State<Face>) -> Json<Value> {
    let world = face.world();
    let deliveries = world.deliveries().map(|delivery| {
        json!({
            "id": delivery.id, "hook": delivery.hook, "url": delivery.url,
            "event_type": delivery.event_type, "payload": delivery.payload,
        })
    });
    Json(json!(deliveries.collect::<Vec<_>>()))
}

async fn release(State(face): State<Face>) -> StatusCode {
    face.release();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageSize {
    default: usize,
    max: usize,
}

async fn set_page_size(State(face): State<Face>, Json(size): Json<PageSize>) -> StatusCode {
    face.world().set_page_size(size.default, size.max);
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOffset {
    seconds: i64,
}

async fn set_clock_offset(State(face): State<Face>, Json(offset): Json<ClockOffset>) -> StatusCode {
    face.world().set_clock_offset(SignedDuration::from_secs(offset.seconds));
    StatusCode::NO_CONTENT
}

async fn act(State(face): State<Face>, Json(deed): Json<Deed>) -> Response {
    let now = face.clock.now();
    match deed.done(&mut face.world(), now) {
        Ok(made) => Json(json!({ "made": made })).into_response(),
        Err(missing) => {
            (StatusCode::NOT_FOUND, Json(json!({ "error": missing.to_string() }))).into_response()
        }
    }
}

/// What a person does. Repositories are named `owner/name`.
#[derive(Debug, Deserialize)]
#[serde(tag = "deed", rename_all = "kebab-case", deny_unknown_fields)]
enum Deed {
    Open { user: String, repository: String, title: String, body: String },
    Comment { user: String, repository: String, issue: u64, body: String },
    Close { user: String, repository: String, issue: u64 },
    Reopen { user: String, repository: String, issue: u64 },
    EditTitle { user: String, repository: String, issue: u64, title: String },
    EditBody { user: String, repository: String, issue: u64, body: String },
    Lock { user: String, repository: String, issue: u64, locked: bool },
    AddLabel { user: String, repository: String, issue: u64, label: String },
    RemoveLabel { user: String, repository: String, issue: u64, label: String },
    DeleteIssue { repository: String, issue: u64 },
    Touch { repository: String, issue: u64 },
    SetZero { repository: String, issue: u64, zero: bool },
    AddRepository { owner: String, name: String },
    RenameRepository { repository: String, name: String },
    TransferRepository { repository: String, to: String },
    DeleteRepository { repository: String },
    Archive { repository: String, archived: bool },
    SetEmpty { repository: String, empty: bool },
    SetPrivate { repository: String, private: bool },
    SetUnits { repository: String, issues: bool, pulls: bool },
    SetRights { repository: String, user: String, right: Option<Right> },
    AddMilestone { repository: String, title: String },
    AddUser { user: String },
    RenameUser { user: String, login: String },
    AddToken { user: String, token: String, scopes: Vec<String> },
    RevokeToken { token: String },
}

impl Deed {
    /// Does it. What is made tells its number or id.
    fn done(&self, world: &mut World, now: Timestamp) -> Result<Option<u64>, Missing> {
        let done = match self {
            Self::Open { user, repository, title, body } => {
                return world.open_as(user, repository, title, body, now).map(Some);
            }
            Self::Comment { user, repository, issue, body } => {
                return world.comment_as(user, repository, *issue, body, now).map(Some);
            }
            Self::AddRepository { owner, name } => {
                return world.add_repository(owner, name).map(Some);
            }
            Self::AddMilestone { repository, title } => {
                return world.add_milestone(repository, title, now).map(Some);
            }
            Self::AddUser { user } => return Ok(Some(world.add_user(user))),
            Self::Close { user, repository, issue } => {
                world.close_as(user, repository, *issue, now)
            }
            Self::Reopen { user, repository, issue } => {
                world.reopen_as(user, repository, *issue, now)
            }
            Self::EditTitle { user, repository, issue, title } => {
                world.edit_title_as(user, repository, *issue, title, now)
            }
            Self::EditBody { user, repository, issue, body } => {
                world.edit_body_as(user, repository, *issue, body, now)
            }
            Self::Lock { user, repository, issue, locked } => {
                world.lock_issue(user, repository, *issue, *locked, now)
            }
            Self::AddLabel { user, repository, issue, label } => {
                world.add_label_as(user, repository, *issue, label, now)
            }
            Self::RemoveLabel { user, repository, issue, label } => {
                world.remove_label_as(user, repository, *issue, label, now)
            }
            Self::DeleteIssue { repository, issue } => world.delete_issue(repository, *issue),
            Self::Touch { repository, issue } => world.touch(repository, *issue, now),
            Self::SetZero { repository, issue, zero } => world.set_zero(repository, *issue, *zero),
            Self::RenameRepository { repository, name } => {
                world.rename_repository(repository, name)
            }
            Self::TransferRepository { repository, to } => {
                world.transfer_repository(repository, to)
            }
            Self::DeleteRepository { repository } => world.delete_repository(repository),
            Self::Archive { repository, archived } => world.archive(repository, *archived),
            Self::SetEmpty { repository, empty } => world.set_empty(repository, *empty),
            Self::SetPrivate { repository, private } => world.set_private(repository, *private),
            Self::SetUnits { repository, issues, pulls } => {
                world.set_units(repository, *issues, *pulls)
            }
            Self::SetRights { repository, user, right } => {
                world.set_rights(repository, user, *right)
            }
            Self::RenameUser { user, login } => world.rename_user(user, login),
            Self::AddToken { user, token, scopes } => {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                world.add_token(user, token, &scopes)
            }
            Self::RevokeToken { token } => {
                world.revoke_token(token);
                Ok(())
            }
        };
        done.map(|()| None)
    }
}
