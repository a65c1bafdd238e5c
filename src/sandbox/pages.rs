//! The pages for people: look at the issues, comment, close, reopen.
//!
//! They act as the human of the model, without a login: this is a sandbox on loopback.
//! Everything that is shown is escaped; texts are Markdown.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::face::Face;
use super::issues::{Event, EventKind, Issue};
use super::labels::Label;
use super::markdown::rendered;
use super::repository::Repository;
use super::world::World;

/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn tree() -> Router<Face> {
    Router::new()
        .route("/", get(repositories))
        .route("/-/sandbox.css", get(style))
        .route("/-/sandbox.js", get(script))
        .route("/{owner}/{name}", get(to_issues))
        .route("/{owner}/{name}/issues", get(issues))
        .route("/{owner}/{name}/issues/{number}", get(issue))
        .route("/{owner}/{name}/issues/{number}/comments", post(comment))
        .route("/{owner}/{name}/issues/{number}/close", post(close))
        .route("/{owner}/{name}/issues/{number}/reopen", post(reopen))
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("pages.css"))
}

async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("pages.js"))
}

async fn repositories(State(face): State<Face>) -> Response {
    let world = face.world();
    let body = html! {
        h1 { "Repositories" }
        ul .rows #repositories data-live="" {
            @for repository in world.repositories() {
                @let name = world.name_of(repository);
                @let open = repository.issues.values().filter(|issue| issue.is_open).count();
                li {
                    a .title href={ "/" (name) "/issues" } { (name) }
                    @if repository.archived { " " span .tag { "archived" } }
                    @if repository.private { " " span .tag { "private" } }
                    p .meta { (open) " open of " (repository.issues.len()) " issues" }
                }
            }
        }
    };
    page(&world, "Repositories", &body)
}

/// Leads nowhere but to a repository that is there: a name may decode to another's address.
async fn to_issues(
    State(face): State<Face>,
    Path((owner, name)): Path<(String, String)>,
) -> Response {
    let world = face.world();
    match world.repository(&format!("{owner}/{name}")) {
        Some(found) => Redirect::to(&format!("/{}/issues", world.name_of(found))).into_response(),
        None => missing(&world),
    }
}

async fn issues(
    State(face): State<Face>,
    Path((owner, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let world = face.world();
    let Some(repository) = world.repository(&format!("{owner}/{name}")) else {
        return missing(&world);
    };
    let full = world.name_of(repository);
    let query = query.unwrap_or_default();
    let shows_open = !query.split('&').any(|part| part == "state=closed");
    let (open, closed): (Vec<&Issue>, Vec<&Issue>) =
        repository.issues.values().rev().partition(|issue| issue.is_open);
    let tab = |is_open: bool, count: usize| {
        let (state, word) = if is_open { ("open", "Open") } else { ("closed", "Closed") };
        html! {
            a .tab .on[is_open == shows_open] href={ "/" (full) "/issues?state=" (state) } {
                (dot(is_open)) " " (count) " " (word)
            }
        }
    };
    let shown = if shows_open { &open } else { &closed };
    let body = html! {
        h1 { (full) }
        div #list data-live="" {
            nav .tabs { (tab(true, open.len())) (tab(false, closed.len())) }
            ul .rows {
                @if shown.is_empty() { li .empty { "No issues here." } }
                @for issue in shown { (row(&world, repository, &full, issue)) }
            }
        }
    };
    page(&world, &format!("{full}: issues"), &body)
}

fn row(world: &World, repository: &Repository, full: &str, issue: &Issue) -> Markup {
    let comments = issue.comments().count();
    html! {
        li {
            (dot(issue.is_open)) " "
            a .title href={ "/" (full) "/issues/" (issue.number) } { (issue.title) }
            (labels(repository, issue))
            p .meta {
                "#" (issue.number) " by " (world.login(issue.poster)) ", "
                (time(issue.created))
                @if comments == 1 { ", 1 comment" }
                @if comments > 1 { ", " (comments) " comments" }
            }
        }
    }
}

async fn issue(
    State(face): State<Face>,
    Path((owner, name, number)): Path<(String, String, u64)>,
) -> Response {
    let world = face.world();
    let full = format!("{owner}/{name}");
    let (Some(repository), Some(issue)) = (world.repository(&full), world.issue(&full, number))
    else {
        return missing(&world);
    };
    let full = world.name_of(repository);
    let here = format!("/{full}/issues/{number}");
    let human = world.human();
    let body = html! {
        p .crumbs { a href={ "/" (full) "/issues" } { (full) } }
        div #thread data-live="" {
            h1 { (issue.title) " " span .number { "#" (number) } }
            p .meta {
                @if issue.is_open { span .state .open { "Open" } }
                @else { span .state .closed { "Closed" } }
                " " b { (world.login(issue.poster)) } " opened this, " (time(issue.created))
                @if issue.is_locked { " " span .tag { "locked" } }
                (labels(repository, issue))
            }
            (said(world.login(issue.poster), issue.created, &issue.body))
            @for event in &issue.timeline { (entry(&world, repository, event)) }
        }
        form .write method="post" action={ (here) "/comments" } {
            label for="body" { "Write as " b { (human) } }
            textarea #body name="body" rows="4" required
                placeholder="A comment, or a command such as /ack 2h" {}
            button .primary { "Comment" }
        }
        form #state data-live="" method="post"
            action={ (here) @if issue.is_open { "/close" } @else { "/reopen" } } {
            button { @if issue.is_open { "Close issue" } @else { "Reopen issue" } }
        }
    };
    page(&world, &format!("{} #{number}", issue.title), &body)
}

fn said(who: &str, at: Timestamp, text: &str) -> Markup {
    html! {
        article {
            header { b { (who) } " " (time(at)) }
            div .text { (rendered(text)) }
        }
    }
}

fn entry(world: &World, repository: &Repository, event: &Event) -> Markup {
    let who = world.login(event.user);
    let note = match &event.kind {
        EventKind::Comment => {
            return html! {
                div id={ "issuecomment-" (event.id) } { (said(who, event.created, &event.body)) }
            };
        }
        EventKind::Close => html! { "closed this" },
        EventKind::Reopen => html! { "reopened this" },
        EventKind::Title { old, new } => {
            html! { "changed the title from " s { (old) } " to " b { (new) } }
        }
        EventKind::Label { label, added } => html! {
            @if *added { "added" } @else { "removed" } " the label "
            @if let Some(label) = repository.labels.get(label) { (tag(label)) } @else { "(gone)" }
        },
        EventKind::Assignee { user, added } => html! {
            @if *added { "assigned " } @else { "unassigned " } b { (world.login(*user)) }
        },
        EventKind::Milestone { old, new } => {
            let title = |id: &Option<u64>| {
                let milestone = id.and_then(|id| repository.milestones.get(&id));
                milestone.map_or("(none)", |milestone| milestone.title.as_str())
            };
            html! { "changed the milestone from " (title(old)) " to " b { (title(new)) } }
        }
        EventKind::Lock => html! { "locked this" },
        EventKind::Unlock => html! { "unlocked this" },
    };
    html! { p .event { b { (who) } " " (note) ", " (time(event.created)) } }
}

async fn comment(
    State(face): State<Face>,
    Path((owner, name, number)): Path<(String, String, u64)>,
    body: Bytes,
) -> Response {
    let text = url::form_urlencoded::parse(&body)
        .find(|(name, _)| name == "body")
        .map(|(_, text)| text.into_owned())
        .unwrap_or_default();
    let now = face.clock.now();
    let mut world = face.world();
    if text.trim().is_empty() && world.issue(&format!("{owner}/{name}"), number).is_some() {
        return back(&owner, &name, number);
    }
    let human = world.human().to_owned();
    match world.comment_as(&human, &format!("{owner}/{name}"), number, &text, now) {
        Ok(_) => back(&owner, &name, number),
        Err(_) => missing(&world),
    }
}

async fn close(state: State<Face>, path: Path<(String, String, u64)>) -> Response {
    turn(&state, path, World::close_as)
}

async fn reopen(state: State<Face>, path: Path<(String, String, u64)>) -> Response {
    turn(&state, path, World::reopen_as)
}

type Deed = fn(&mut World, &str, &str, u64, Timestamp) -> Result<(), super::people::Missing>;

fn turn(
    face: &Face,
    Path((owner, name, number)): Path<(String, String, u64)>,
    deed: Deed,
) -> Response {
    let now = face.clock.now();
    let mut world = face.world();
    let human = world.human().to_owned();
    match deed(&mut world, &human, &format!("{owner}/{name}"), number, now) {
        Ok(()) => back(&owner, &name, number),
        Err(_) => missing(&world),
    }
}

fn back(owner: &str, name: &str, number: u64) -> Response {
    Redirect::to(&format!("/{owner}/{name}/issues/{number}")).into_response()
}

fn labels(repository: &Repository, issue: &Issue) -> Markup {
    html! {
        @for label in issue.labels.iter().filter_map(|id| repository.labels.get(id)) {
            " " (tag(label))
        }
    }
}

/// A label, in the one of sixteen shades that is nearest to its colour: the policy of the
/// pages allows no styles of their own.
fn tag(label: &Label) -> Markup {
    let shade = label.color.get(..6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let hue = shade.map_or("grey", hue);
    html! { span class={ "label " (hue) } { (label.name) } }
}

/// The name of a colour's hue.
fn hue(color: u32) -> &'static str {
    let [_, red, green, blue] = color.to_be_bytes();
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most - least < 40 {
        "grey"
    } else if red == most && green > red / 2 && green > blue {
        "yellow"
    } else if red == most && blue > red / 2 {
        "purple"
    } else if red == most {
        "red"
    } else if green == most {
        "green"
    } else if red > blue / 2 {
        "purple"
    } else {
        "blue"
    }
}

fn dot(is_open: bool) -> Markup {
    html! {
        @if is_open { span .dot .open title="open" {} }
        @else { span .dot .closed title="closed" {} }
    }
}

fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}

fn missing(world: &World) -> Response {
    let body = html! { h1 { "Not found" } p { a href="/" { "All repositories" } } };
    (StatusCode::NOT_FOUND, page(world, "Not found", &body)).into_response()
}

fn page(world: &World, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/-/sandbox.css";
                script src="/-/sandbox.js" defer {}
            }
            body {
                header .top {
                    a .brand href="/" { "sandbox" }
                    span .hint { "a stand-in for Gitea" }
                    span .who { "signed in as " b { (world.human()) } }
                }
                main { (body) }
            }
        }
    };
    let headers = [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")];
    (headers, Html(page.into_string())).into_response()
}
