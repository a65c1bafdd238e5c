//! The Gitea client against what real servers answered, and against a network that fails.
//!
//! `fixtures/gitea/<version>/` holds recorded exchanges: a request, what came back.
//! `EXPECTED.txt` beside them says for each what the client must make of it. Recorded for no
//! version, and so tested with answers of our own or not at all: `GET /repositories/{id}`,
//! `null` in place of a list, 408, 413, 429, 502 to 504, a close that loses a race, a zero
//! object.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use teawatch::gitea::{
    Aftermath, Answer, Cause, Client, Concern, Error, Issue, IssueState, Label, LabelId, MAX_PAGES,
    Network, NetworkOptions, Result, StateFilter, Transport, TransportError, Walk,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Exchange, fixtures, recorded};

const TOKEN: &str = "s3cret-token";

/// Answers with what it was given, in order, and keeps what it was asked.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<http::Response<Vec<u8>>>>,
    asked: Mutex<Vec<http::Request<Vec<u8>>>>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = http::Response<Vec<u8>>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| format!("{} {}", request.method(), request.uri())).collect()
    }
}

impl Transport for Script {
    fn call(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> BoxFuture<'_, std::result::Result<http::Response<Vec<u8>>, TransportError>> {
        self.asked.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        async { answer.ok_or_else(|| TransportError::NoAnswer("the script has ended".into())) }
            .boxed()
    }
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> http::Response<Vec<u8>> {
    http::Response::builder().status(status).body(body.into()).unwrap()
}

fn client(script: &Arc<Script>) -> Client {
    let base = "http://127.0.0.1:3300".parse().unwrap();
    Client::new(base, TOKEN.into(), Arc::clone(script)).unwrap()
}

fn issue(id: i64) -> Value {
    json!({"id": id, "number": id, "title": "t", "state": "open", "pull_request": null,
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z"})
}

// What real servers answered.

/// Makes, with the client, the request that was recorded. Gives the gist of its answer.
async fn repeat(client: &Client, exchange: &Exchange) -> Result<String> {
    let path = exchange.path.strip_prefix("/api/v1/").unwrap();
    let segments: Vec<_> = path.split('/').collect();
    let string = |name: &str| exchange.body[name].as_str().map(str::to_owned);
    let ids = || exchange.body["labels"].as_array().into_iter().flatten().filter_map(Value::as_i64);
    let id = |text: &str| text.parse::<i64>().unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    match (exchange.method.as_str(), segments.as_slice()) {
        ("GET", ["user"]) => gist(client.user().await, |user| user.login.clone()),
        ("GET", ["version"]) => gist(client.version().await, ToString::to_string),
        ("GET", ["settings", "api"]) => {
            gist(client.settings().await, |settings| format!("{settings:?}"))
        }
        ("GET", ["repos", owner, name]) => {
            gist(client.repository(*owner, *name).get().await, |repository| {
                let (archived, issues) = (repository.archived, repository.has_own_issues());
                format!("{} archived={archived} issues={issues}", repository.full_name)
            })
        }
        ("GET", ["repos", owner, name, "assignees"]) => {
            gist(client.repository(*owner, *name).assignees().await, |users| {
                users.iter().map(|user| user.login.clone()).collect::<Vec<_>>().join(" ")
            })
        }
        ("POST", ["repos", owner, name, "issues"]) => {
            let create = client.issues(*owner, *name).create(string("title").unwrap_or_default());
            let create = create.body(string("body").unwrap_or_default()).labels(ids().map(LabelId));
            let assignees = exchange.body["assignees"].as_array().into_iter().flatten();
            let create = create.assignees(assignees.filter_map(Value::as_str));
            gist(create.send().await, issue_gist)
        }
        ("GET", ["repos", owner, name, "issues"]) => {
            let query = url::form_urlencoded::parse(exchange.query.as_bytes());
            let query: BTreeMap<_, _> = query.collect();
            let mut list = client.issues(*owner, *name).list();
            if let Some(login) = query.get("created_by") {
                list = list.created_by(login.clone());
            }
            gist(list.page(1).await, |page| {
                let numbers: Vec<_> = page.items.iter().map(|issue| issue.number).collect();
                format!("{numbers:?} end={}", page.is_end)
            })
        }
        ("GET", ["repos", owner, name, "issues", issue]) => {
            gist(client.issues(*owner, *name).get(number(issue)).await, issue_gist)
        }
        ("PATCH", ["repos", owner, name, "issues", issue]) => {
            let mut edit = client.issues(*owner, *name).edit(number(issue));
            if let Some(title) = string("title") {
                edit = edit.title(title);
            }
            if let Some(body) = string("body") {
                edit = edit.body(body);
            }
            match exchange.body["state"].as_str() {
                Some("open") => edit = edit.state(IssueState::Open),
                Some(_) => edit = edit.state(IssueState::Closed),
                None => {}
            }
            gist(edit.send().await, issue_gist)
        }
        ("GET", ["repos", owner, name, "issues", issue, "comments"]) => {
            gist(client.comments(*owner, *name).list(number(issue)).send().await, |comments| {
                format!("{:?}", comments.iter().map(|comment| comment.id).collect::<Vec<_>>())
            })
        }
        ("POST", ["repos", owner, name, "issues", issue, "comments"]) => {
            let comments = client.comments(*owner, *name);
            let body = string("body").unwrap_or_default();
            gist(comments.create(number(issue), body).send().await, |comment| {
                format!("{} {}", comment.id, comment.body)
            })
        }
        ("PATCH", ["repos", owner, name, "issues", "comments", comment]) => {
            let comments = client.comments(*owner, *name);
            let body = string("body").unwrap_or_default();
            gist(comments.edit(id(comment), body).send().await, |comment| {
                format!("{} {}", comment.id, comment.body)
            })
        }
        ("DELETE", ["repos", owner, name, "issues", "comments", comment]) => {
            gist(client.comments(*owner, *name).delete(id(comment)).await, |()| String::new())
        }
        ("GET", ["repos", owner, name, "labels"]) => {
            let page = client.labels(*owner, *name).list().page(1).await;
            gist(page, |page| labels_gist(&page.items))
        }
        ("POST", ["repos", owner, name, "labels"]) => {
            let text = |name| string(name).unwrap_or_default();
            let (label, color) = (text("name"), text("color"));
            let create = client.labels(*owner, *name).create(label, color, text("description"));
            gist(create.send().await, |label| labels_gist(std::slice::from_ref(label)))
        }
        ("POST", ["repos", owner, name, "issues", issue, "labels"]) => {
            let labels = client.labels(*owner, *name);
            let all = labels.add_to_issue(number(issue), ids().map(LabelId)).await;
            gist(all, |all| labels_gist(all))
        }
        other => panic!("the client does not make this request: {other:?}"),
    }
}

fn gist<T>(answer: Result<Answer<T>>, show: impl Fn(&T) -> String) -> Result<String> {
    answer.map(|answer| {
        assert!(answer.date.is_some(), "every recorded answer has a date");
        show(&answer.value)
    })
}

fn issue_gist(issue: &Issue) -> String {
    let by = issue.user.as_ref().map_or("nobody", |user| user.login.as_str());
    let pull = if issue.is_pull_request { " pull" } else { "" };
    let title: String = issue.title.chars().take(40).collect();
    let labels: Vec<_> = issue.labels.iter().map(|label| label.id.0).collect();
    let assignees: Vec<_> = issue.assignees.iter().map(|user| user.login.as_str()).collect();
    let home = issue.repository.as_ref().map(|repository| repository.id);
    let (number, state, version) = (issue.number, issue.state, issue.content_version);
    let closed = if issue.closed_at.is_some() { " closed_at" } else { "" };
    format!(
        "#{number}{pull} {state:?}{closed} by {by} {title:?} labels={labels:?} \
         assignees={assignees:?} home={home:?} version={version:?} comments={}",
        issue.comments
    )
}

fn labels_gist(labels: &[Label]) -> String {
    let labels =
        labels.iter().map(|label| format!("{}={}/{}", label.id.0, label.name, label.color));
    let labels: Vec<_> = labels.map(|label| label.chars().take(40).collect::<String>()).collect();
    labels.join(" ")
}

/// Repeats every exchange of a folder, and says what the client made of each.
async fn meanings(folder: &str) -> String {
    let mut lines = String::new();
    for (name, exchange) in recorded(folder) {
        let status = exchange.answer.status();
        let script = Script::of([exchange.answer.clone()]);
        let made_of_it = match repeat(&client(&script), &exchange).await {
            Ok(gist) => gist,
            Err(error) => {
                assert!(error.date.is_some(), "{name}: a refusal has a date as well");
                assert_eq!(error.status(), Some(status), "{name}");
                let said = error.cause().to_string();
                format!("{:?} {:?}, {said}", error.concern(), error.aftermath())
            }
        };
        lines += format!("{name} {} {made_of_it}", status.as_u16()).trim_end();
        lines += "\n";

        let asked = script.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{name}: one call is one request");
        assert_eq!(asked[0].method().as_str(), exchange.method, "{name}");
        assert_eq!(asked[0].uri().path(), exchange.path, "{name}");
    }
    lines
}

fn assert_as_expected(folder: &str, meanings: &str) {
    let expected = std::fs::read_to_string(fixtures(folder).join("EXPECTED.txt")).unwrap();
    let differences: Vec<_> = expected
        .lines()
        .filter(|line| !meanings.lines().any(|other| other == *line))
        .map(|line| format!("- {line}"))
        .chain(
            meanings
                .lines()
                .filter(|line| !expected.lines().any(|other| other == *line))
                .map(|line| format!("+ {line}")),
        )
        .collect();
    assert!(differences.is_empty(), "{folder}\n{}", differences.join("\n"));
}

#[tokio::test]
async fn what_gitea_1_26_answered_means_what_it_should() {
    assert_as_expected("1.26.3", &meanings("1.26.3").await);
}

#[tokio::test]
async fn what_gitea_1_22_answered_means_what_it_should() {
    assert_as_expected("1.22-dev", &meanings("1.22-dev").await);
}

#[tokio::test]
async fn an_edit_of_an_old_version_is_stale_and_changed_nothing() {
    let extra = |name: &str| {
        let text = std::fs::read_to_string(fixtures("1.26.3-extra").join(name)).unwrap();
        let text = text.replace("\r\n", "\n");
        Exchange::answer(text.split_once('\n').unwrap().1)
    };
    let script = Script::of([
        extra("issue-edit-content-version-ok.txt"),
        extra("issue-edit-content-version-stale.txt"),
        extra("label-case.txt"),
    ]);
    let client = client(&script);
    let edit = client.issues("root", "x").edit(1).body("b2").content_version(0);
    assert_eq!(edit.clone().send().await.unwrap().value.content_version, Some(1));
    let error = edit.send().await.unwrap_err();
    assert_eq!((error.concern(), error.aftermath()), (Concern::Stale, Aftermath::Nothing));
    let label = client.labels("root", "x").create("Bug", "#AABBCC", "").send().await.unwrap();
    assert_eq!(label.value.color, "aabbcc");
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[0].body(), br#"{"body":"b2","content_version":0}"#);
}

#[tokio::test]
async fn a_renamed_repository_says_where_it_is_in_both_versions() {
    for folder in ["1.26.3", "1.22-dev"] {
        let exchange = Exchange::read(&fixtures(folder).join("351-renamed-create-issue-old.txt"));
        let script = Script::of([exchange.answer.clone()]);
        let error = repeat(&client(&script), &exchange).await.unwrap_err();
        let Concern::Moved { location } = error.concern() else { panic!("{error:?}") };
        assert!(location.starts_with("/api/v1/repos/root/new"), "{location}");
        assert_eq!(error.aftermath(), Aftermath::Nothing);
    }
}

// What is sent.

#[tokio::test]
async fn every_request_says_who_we_are_and_what_we_want() {
    let script = Script::of([]);
    let client = client(&script);
    let issues = client.issues("ops", "alerts");
    assert!(issues.create("t").body("b").send().await.is_err());
    assert!(issues.get(7).await.is_err());
    let asked = script.asked.lock().unwrap();
    let header = |at: usize, name: &str| {
        asked[at].headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    for at in 0..2 {
        assert_eq!(header(at, "authorization").unwrap(), format!("token {TOKEN}"));
        assert_eq!(header(at, "accept").unwrap(), "application/json");
        assert!(header(at, "user-agent").unwrap().starts_with("teawatch/"));
    }
    assert_eq!(header(0, "content-type").as_deref(), Some("application/json"));
    assert_eq!(asked[0].body(), br#"{"title":"t","body":"b"}"#);
    assert_eq!(header(1, "content-type"), None);
    assert!(asked[1].body().is_empty());
}

#[tokio::test]
async fn the_api_is_below_the_base_and_names_stay_in_their_place() {
    let script = Script::of([]);
    for base in ["https://git.example/sub", "https://git.example/sub/"] {
        let client = Client::anonymous(base.parse().unwrap(), Arc::clone(&script)).unwrap();
        assert!(client.repository("a/b?c#d", "é %2e").get().await.is_err());
    }
    let expected = "GET https://git.example/sub/api/v1/repos/a%2Fb%3Fc%23d/%C3%A9%20%252e";
    assert_eq!(script.asked(), [expected, expected]);

    let error = client(&script).repository("..", "user").get().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Address { segment } if segment == ".."));
    assert_eq!(error.aftermath(), Aftermath::Nothing);
    assert_eq!(script.asked().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn a_repository_is_found_by_its_id_whatever_its_name() {
    let found = json!({"id": 3, "name": "new", "full_name": "ops/new", "has_issues": true,
        "owner": {"id": 2, "login": "ops"}, "internal_tracker": {}});
    let external = json!({"id": 3, "name": "new", "full_name": "ops/new", "has_issues": true,
        "owner": {"id": 2, "login": "ops"}, "external_tracker": {}});
    let script = Script::of([answer(200, found.to_string()), answer(200, external.to_string())]);
    let client = client(&script);
    let repository = client.repository_by_id(3).await.unwrap().value;
    assert_eq!((repository.owner.login.as_str(), repository.name.as_str()), ("ops", "new"));
    assert!(repository.has_own_issues());
    assert!(!client.repository_by_id(3).await.unwrap().value.has_own_issues());
    assert_eq!(script.asked()[0], "GET http://127.0.0.1:3300/api/v1/repositories/3");
}

#[tokio::test]
async fn a_list_asks_for_issues_only_and_escapes_what_it_is_given() {
    let script = Script::of([answer(200, "[]")]);
    let list = client(&script).issues("ops", "alerts").list().state(StateFilter::All);
    let list = list.created_by("a&b").since("2026-01-02T03:04:05.9Z".parse().unwrap());
    assert!(list.page_size(20).page(3).await.unwrap().value.is_end);
    assert_eq!(
        script.asked(),
        ["GET http://127.0.0.1:3300/api/v1/repos/ops/alerts/issues?type=issues&state=all\
          &created_by=a%26b&since=2026-01-02T03%3A04%3A05Z&page=3&limit=20"]
    );
}

#[tokio::test]
async fn the_token_is_shown_nowhere() {
    let echo = format!("{{\"message\":\"bad token {TOKEN}!\"}}");
    let script = Script::of([answer(401, echo)]);
    let client = client(&script);
    let error = client.user().await.unwrap_err();
    let shown = format!("{client:?} {error:?} {error} {}", error.cause());
    assert!(!shown.contains(TOKEN), "{shown}");
    assert!(shown.contains("bad token ***!"), "{shown}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |base: &str, token: &str| {
        Client::new(base.parse().unwrap(), token.into(), Script::of([])).unwrap_err().to_string()
    };
    for base in ["ftp://git.example", "https://a:b@git.example", "https://git.example/?x", "data:x"]
    {
        assert!(refused(base, TOKEN).contains("address"), "{base}");
    }
    assert!(refused("https://git.example", "two\nlines").contains("token"));
    assert!(refused("https://git.example", "").contains("token"));
    let extra_roots = Some(b"no certificate".to_vec());
    let options = NetworkOptions { extra_roots, ..NetworkOptions::default() };
    assert!(Network::new(&options).unwrap_err().to_string().contains("no certificate"));
}

// Lists.

#[tokio::test]
async fn a_list_ends_at_the_first_empty_page_and_at_nothing_else() {
    let mut pull = issue(90);
    pull["pull_request"] = json!({"merged": false});
    let hollow = json!({"id": 0, "number": 0, "user": null, "state": "", "title": ""});
    let page = |items: Value| {
        let mut page = answer(200, items.to_string());
        // Both are lies.
        page.headers_mut().insert("x-total-count", "1".parse().unwrap());
        let link = "<http://elsewhere.example/?page=9>; rel=\"next\"".parse().unwrap();
        page.headers_mut().insert("link", link);
        page
    };
    for end in [json!([]), Value::Null] {
        let script = Script::of([
            page(json!([issue(5), hollow, issue(4)])),
            page(json!([pull, hollow])),
            page(json!([issue(4), issue(3)])),
            page(end),
            page(json!([issue(1)])),
        ]);
        let list = client(&script).issues("ops", "alerts").list();
        let issues = list.all().await.unwrap().value;
        assert_eq!(issues.iter().map(|issue| issue.id).collect::<Vec<_>>(), [5, 4, 3]);
        let asked = script.asked();
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|line| line.starts_with("GET http://127.0.0.1:3300/")));
        assert!(asked[3].ends_with("&page=4&limit=50"), "{}", asked[3]);
    }
}

#[tokio::test]
async fn a_page_of_nothing_useful_is_not_the_end() {
    let script = Script::of([answer(200, r#"[{"id":0},null]"#), answer(200, "null")]);
    let list = client(&script).labels("ops", "alerts").list();
    let mut walk = Walk::default();
    let page = list.page(walk.next_page().unwrap()).await.unwrap().value;
    assert!(page.items.is_empty() && !page.is_end);
    walk.take(page);
    let page = list.page(walk.next_page().unwrap()).await.unwrap().value;
    assert!(page.is_end);
    walk.take(page);
    assert_eq!(walk.next_page(), None);
}

#[tokio::test]
async fn a_list_without_end_is_an_error() {
    let pages =
        (0..=i64::from(MAX_PAGES)).map(|id| answer(200, json!([issue(id + 1)]).to_string()));
    let script = Script::of(pages);
    let error = client(&script).issues("ops", "alerts").list().all().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::TooManyPages { limit: MAX_PAGES }));
    assert_eq!(script.asked().len(), 1_000);
}

#[tokio::test]
async fn a_label_that_others_made_meanwhile_is_shared() {
    let label = |id: i64, name: &str| json!({"id": id, "name": name, "color": "e11d21"});
    let list = |labels: &[Value]| answer(200, json!(labels).to_string());
    let script = Script::of([
        list(&[label(3, "other"), label(9, "Alert")]),
        list(&[]),
        answer(201, label(12, "alert").to_string()),
        list(&[label(12, "alert"), label(11, "alert")]),
        list(&[]),
        list(&[label(12, "alert"), label(11, "alert")]),
        list(&[]),
    ]);
    let labels = client(&script).labels("ops", "alerts");
    for _ in 0..2 {
        let label = labels.ensure("alert", "e11d21", "").await.unwrap().value;
        assert_eq!(label.id, LabelId(11));
    }
    let made = script.asked().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(made, 1);
}

// Answers that are none.

#[tokio::test]
async fn a_yes_that_cannot_be_read_leaves_a_write_in_doubt() {
    let html = "<!DOCTYPE html><title>Sign in</title>";
    let expected = [
        (answer(200, html), Concern::Target, "HTML, not JSON: is this address a Gitea?"),
        (answer(200, ""), Concern::Target, "empty, not JSON"),
        (answer(200, "OK"), Concern::Target, "text, not JSON"),
        (answer(201, "{\"id\": 5"), Concern::Transient, "makes no sense"),
        (answer(201, "{\"id\": 5}"), Concern::Transient, "makes no sense"),
        (answer(201, "null"), Concern::Transient, "makes no sense"),
        (answer(201, issue(0).to_string()), Concern::Transient, "husk"),
    ];
    for (answer, concern, words) in expected {
        let script = Script::of([answer.clone(), answer]);
        let issues = client(&script).issues("ops", "alerts");
        let error = issues.create("t").send().await.unwrap_err();
        assert_eq!((error.concern(), error.aftermath()), (concern, Aftermath::Unknown), "{words}");
        assert!(error.cause().to_string().contains(words), "{}", error.cause());
        assert_eq!(issues.get(1).await.unwrap_err().aftermath(), Aftermath::Nothing);
    }
}

#[tokio::test]
async fn an_unreadable_field_is_named() {
    let mut odd = issue(5);
    odd["labels"] = json!([{"id": "seven", "name": "x"}]);
    let script = Script::of([answer(200, odd.to_string())]);
    let error = client(&script).issues("ops", "alerts").get(5).await.unwrap_err();
    let source = std::error::Error::source(error.cause()).unwrap().to_string();
    assert!(source.starts_with("labels[0].id: "), "{source}");
}

#[tokio::test]
async fn what_a_server_says_about_waiting_is_passed_on() {
    let mut busy = answer(503, "Service Unavailable\n");
    let headers = busy.headers_mut();
    headers.insert("date", "Sun, 22 Nov 2026 02:40:00 GMT".parse().unwrap());
    headers.insert("retry-after", "Sun, 22 Nov 2026 02:45:00 GMT".parse().unwrap());
    let mut limited = answer(429, "<html><title>Slow down</title></html>");
    limited.headers_mut().insert("retry-after", "7".parse().unwrap());
    let script = Script::of([busy, limited]);
    let client = client(&script);

    let error = client.user().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(300)));
    assert_eq!(error.date, Some("2026-11-22T02:40:00Z".parse().unwrap()));
    assert_eq!(error.to_string(), "cannot read who we are (GET user)");
    assert_eq!(
        error.cause().to_string(),
        "the answer was 503 Service Unavailable: Service Unavailable"
    );

    let error = client.issues("ops", "alerts").create("t").send().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((error.concern(), error.aftermath()), (Concern::Transient, Aftermath::Nothing));
    assert!(error.cause().to_string().ends_with(": Slow down"));
}

#[tokio::test]
async fn a_redirect_to_elsewhere_is_no_move() {
    let mut away = answer(301, "");
    let location = "https://127.0.0.1:3300/api/v1/repos/ops/alerts".parse().unwrap();
    away.headers_mut().insert("location", location);
    let script = Script::of([away]);
    let error = client(&script).repository("ops", "alerts").get().await.unwrap_err();
    assert_eq!(error.concern(), Concern::Target);
    assert!(error.cause().to_string().contains("it leads to https://127.0.0.1:3300/"));
}

// The network.

/// What a loopback server does with each connection, once it has read the request.
#[derive(Clone)]
enum Fate {
    Answer(String),
    HangUp,
    Stall,
}

/// A server on loopback. Gives its address, and the requests that it read.
async fn serve(fate: Fate) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(attend(stream, fate.clone(), Arc::clone(&seen)));
        }
    });
    (address, requests)
}

async fn attend(mut stream: TcpStream, fate: Fate, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    match fate {
        Fate::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
        Fate::HangUp => {}
        Fate::Stall => std::future::pending().await,
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
        });
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    })
}

fn http(status: &str, headers: &str, body: &str) -> Fate {
    let length = body.len();
    Fate::Answer(format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    ))
}

fn networked(address: &str, options: &NetworkOptions) -> Client {
    let network = Network::new(options).unwrap();
    Client::new(address.parse().unwrap(), TOKEN.into(), network).unwrap()
}

/// Opens an issue, which must fail.
async fn open(client: &Client) -> Error {
    client.issues("ops", "alerts").create("t").send().await.unwrap_err()
}

#[tokio::test]
async fn a_request_goes_over_the_wire_and_its_answer_comes_back() {
    let date = "Date: Sun, 22 Nov 2026 02:40:36 GMT\r\n";
    let (address, requests) = serve(http("201 Created", date, &issue(7).to_string())).await;
    let client = networked(&address, &NetworkOptions::default());
    let answer = client.issues("ops", "alerts").create("t").send().await.unwrap();
    assert_eq!(answer.value.number, 7);
    assert_eq!(answer.date, Some("2026-11-22T02:40:36Z".parse().unwrap()));
    let request = requests.lock().unwrap()[0].to_ascii_lowercase();
    assert!(request.starts_with("post /api/v1/repos/ops/alerts/issues http/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"));
    assert!(request.contains(&format!("authorization: token {TOKEN}\r\n")));
    assert!(request.ends_with("\r\n\r\n{\"title\":\"t\"}"));
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for address in [refusing.as_str(), "http://no-such-host.invalid"] {
        let error = open(&networked(address, &NetworkOptions::default())).await;
        assert!(
            matches!(error.cause(), Cause::Transport(TransportError::Unreachable(_))),
            "{error:?}"
        );
        assert_eq!((error.concern(), error.aftermath()), (Concern::Target, Aftermath::Nothing));
    }
}

#[tokio::test]
async fn a_lost_or_cut_answer_is_in_doubt_and_not_asked_for_again() {
    let cut = "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"id\":";
    let endless = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n";
    for fate in [Fate::HangUp, Fate::Answer(cut.to_owned()), Fate::Answer(endless.to_owned())] {
        let (address, requests) = serve(fate).await;
        assert_in_doubt(&open(&networked(&address, &NetworkOptions::default())).await);
        assert_eq!(requests.lock().unwrap().len(), 1, "sent once");
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_in_doubt() {
    let (address, _) = serve(Fate::Stall).await;
    let timeout = Duration::from_millis(200);
    let options = NetworkOptions { timeout, ..NetworkOptions::default() };
    let client = networked(&address, &options);
    let error = tokio::time::timeout(Duration::from_secs(10), open(&client)).await;
    assert_in_doubt(&error.expect("the client waits without end"));
}

fn assert_in_doubt(error: &Error) {
    assert!(matches!(error.cause(), Cause::Transport(TransportError::NoAnswer(_))), "{error:?}");
    assert_eq!((error.concern(), error.aftermath()), (Concern::Transient, Aftermath::Unknown));
}

#[tokio::test]
async fn an_answer_longer_than_the_limit_is_not_read() {
    let long = "x".repeat(teawatch::gitea::ANSWER_LIMIT_BYTES + 1);
    let (address, _) = serve(http("201 Created", "", &long)).await;
    let error = open(&networked(&address, &NetworkOptions::default())).await;
    assert!(matches!(error.cause(), Cause::Transport(TransportError::TooLong { .. })), "{error:?}");
    assert_eq!(error.aftermath(), Aftermath::Unknown);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays_here() {
    let (elsewhere, foreign) = serve(http("200 OK", "", "{}")).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let location = format!("Location: {elsewhere}/api/v1/repos/ops/alerts/issues\r\n");
        let (address, requests) = serve(http(status, &location, "")).await;
        let error = open(&networked(&address, &NetworkOptions::default())).await;
        assert_eq!((error.concern(), error.aftermath()), (Concern::Target, Aftermath::Nothing));
        assert_eq!(requests.lock().unwrap().len(), 1);
    }
    assert!(foreign.lock().unwrap().is_empty());
}

/// A TLS server on loopback for one connection, with the certificate in the fixtures.
fn serve_tls() -> String {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(fixtures("tls").join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixtures("tls").join("server-key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        let body = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"version\":\"1.2.3\"}";
        // Whoever does not trust us hangs up in the middle, which is his right.
        let mut request = [0; 4_096];
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            stream.write_all(body.as_bytes()).unwrap();
            stream.flush().unwrap();
        }
    });
    address
}

#[tokio::test]
async fn an_unknown_certificate_is_trusted_only_with_its_root() {
    let error = open(&networked(&serve_tls(), &NetworkOptions::default())).await;
    assert!(matches!(error.cause(), Cause::Transport(TransportError::Tls(_))), "{error:?}");
    assert_eq!((error.concern(), error.aftermath()), (Concern::Target, Aftermath::Nothing));

    let extra_roots = Some(std::fs::read(fixtures("tls").join("ca.pem")).unwrap());
    let options = NetworkOptions { extra_roots, ..NetworkOptions::default() };
    let version = networked(&serve_tls(), &options).version().await.unwrap().value;
    assert_eq!(version.version, "1.2.3");
}
