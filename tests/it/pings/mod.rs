//! Pings by URL, as clients of Healthchecks and Uptime Kuma send them.

mod bad_input;
mod clients;
mod restarts;
mod runs;
mod schedules;
mod table;
mod turned;

pub use self::turned::Turned;
use http::Method;
use reqwest::blocking::{RequestBuilder, Response};
use serde_json::{Value, json};
use teawatch::signature::{Master, ping_key};

use crate::support::{Gitea, InTime as _, MASTER, Teawatch, client, eventually, turns};

/// The key by which a source pings.
pub fn key(source: &str) -> String {
    ping_key(&Master::parse(MASTER).unwrap(), source, 1).expose().to_owned()
}

fn request(teawatch: &Teawatch, method: Method, path: &str) -> RequestBuilder {
    client().request(method, format!("{}{path}", teawatch.url))
}

fn get(teawatch: &Teawatch, path: &str) -> (u16, String) {
    said(request(teawatch, Method::GET, path).send().unwrap())
}

fn said(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().unwrap())
}

/// The check of this name, of whatever source; null if there is none.
pub fn check(teawatch: &Teawatch, name: &str) -> Value {
    let found = teawatch.get("/api/v1/checks").1["items"].clone();
    let mut found = found.as_array().unwrap().iter();
    found.find(|check| check["name"] == name).cloned().unwrap_or(Value::Null)
}

#[test]
fn a_ping_makes_its_check_where_that_is_asked_for_and_tells_how_it_is() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let base = format!("/ping/{}/backup", key("web1"));
    assert_eq!(get(&teawatch, &base), (404, "not found".to_owned()));
    assert_eq!(check(&teawatch, "backup"), Value::Null);
    assert_eq!(get(&teawatch, &format!("{base}?create=1")), (201, "Created".to_owned()));
    assert_eq!(get(&teawatch, &format!("{base}?create=1")), (200, "OK".to_owned()));
    assert_eq!(check(&teawatch, "backup")["status"], "up");

    let post = request(&teawatch, Method::POST, &format!("{base}/3"));
    let answer = post.body("copying\r\nno space left on device\n\n").send().unwrap();
    assert_eq!(said(answer), (200, "OK".to_owned()));
    eventually("an issue is open", || gitea.open() == 1);
    let issue = gitea.issue(1);
    let title = "[watchdog] web1/backup: exit status 3: no space left on device";
    assert_eq!(issue.title, title);
    assert!(issue.body.contains("copying"), "{}", issue.body);
    assert_eq!(get(&teawatch, &format!("{base}/0")), (200, "OK".to_owned()));
    eventually("it is closed", || gitea.open() == 0);
    // No agent is expected there.
    assert_eq!(check(&teawatch, "agent"), Value::Null);
}

#[test]
fn every_address_is_answered_as_healthchecks_does() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let denied = [("agents.deny", "stolen"), ("agents.generation", "old=2")];
    let teawatch = Teawatch::start(data.path(), &gitea, &denied);
    let (key, rid) = (key("web1"), "2C9c4D2e-3f2a-4b1c-8d5e-6f7a8b9c0d1e");
    let long = "a".repeat(101);
    for (path, status, words) in [
        (format!("{key}/job?create=1"), 201, "Created"),
        (format!("{key}/job"), 200, "OK"),
        (format!("{key}/job/start"), 200, "OK"),
        (format!("{key}/job/fail"), 200, "OK"),
        (format!("{key}/job/log"), 200, "OK"),
        (format!("{key}/job/0"), 200, "OK"),
        (format!("{key}/job/007"), 200, "OK"),
        (format!("{key}/job/255"), 200, "OK"),
        (format!("{key}/job/256"), 400, "invalid url format"),
        (format!("{key}/job/99999999999999999999"), 400, "invalid url format"),
        (format!("{key}/job/-1"), 404, "not found"),
        (format!("{key}/job/1.5"), 404, "not found"),
        (format!("{key}/job/stop"), 404, "not found"),
        (format!("{key}/job/"), 404, "not found"),
        (format!("{key}/job/start/"), 404, "not found"),
        (format!("{key}/job?rid={rid}"), 200, "OK"),
        (format!("{key}/job?rid="), 400, "invalid uuid format"),
        (format!("{key}/job?rid={}", &rid[1..]), 400, "invalid uuid format"),
        (format!("{key}/job?rid={}", rid.replace('-', "")), 400, "invalid uuid format"),
        (format!("{key}/Job"), 400, "invalid url format"),
        (format!("{key}/{long}?create=1"), 400, "invalid url format"),
        (format!("{key}/{}?create=1", &long[1..]), 201, "Created"),
        (format!("{key}/agent?create=1"), 400, "invalid url format"),
        (format!("{key}/other"), 404, "not found"),
        (format!("{key}/other?create=true"), 404, "not found"),
        (format!("{key}/other?create="), 404, "not found"),
        (format!("{key}/other/log?create=1"), 201, "Created"),
        (format!("{key}x/job"), 404, "not found"),
        (format!("web2.{}/job?create=1", &key[5..]), 404, "not found"),
        ("web1./job".to_owned(), 404, "not found"),
        ("web1/job".to_owned(), 404, "not found"),
        (format!("{}/job?create=1", self::key("stolen")), 404, "not found"),
        (format!("{}/job?create=1", self::key("old")), 404, "not found"),
        ("6b1f2c3d-0000-4000-8000-000000000000".to_owned(), 404, "not found"),
    ] {
        assert_eq!(get(&teawatch, &format!("/ping/{path}")), (status, words.to_owned()), "{path}");
    }
    assert_eq!(
        request(&teawatch, Method::PUT, &format!("/ping/{key}/job")).send().unwrap().status(),
        405
    );
    let head = request(&teawatch, Method::HEAD, &format!("/ping/{key}/job/5")).send().unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["ping-body-limit"].to_str().unwrap()),
        (200, "100000")
    );
    assert_eq!(head.headers()["access-control-allow-origin"], "*");
    assert_eq!(head.headers()["cache-control"], "no-store");
    assert_eq!(said(head).1, "");
    assert_eq!(check(&teawatch, "job")["status"], "down");
    assert!(!teawatch.log().contains(&key));
}

#[test]
fn whatever_a_program_prints_is_taken() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let base = format!("/ping/{}/job", key("web1"));
    assert_eq!(get(&teawatch, &format!("{base}?create=1")).0, 201);
    let mut huge = b"the beginning\n".to_vec();
    huge.extend(std::iter::repeat_n(b"0123456789\n", 1 << 20).flatten());
    huge.extend(b"the end\n");
    for (body, words) in [
        (Vec::new(), "it says that it has failed"),
        (b"\n \r\n".to_vec(), "it says that it has failed"),
        (b"caf\xe9 \x00\x1b[31m".to_vec(), "caf"),
        (huge, "the end"),
    ] {
        let answer = request(&teawatch, Method::POST, &format!("{base}/fail")).body(body);
        assert_eq!(answer.send().unwrap().status(), 200);
        let latest = check(&teawatch, "job").to_string();
        assert!(latest.contains(words), "{words}: {latest}");
    }
    eventually("an issue is open", || gitea.open() == 1);
    eventually("it tells both ends", || {
        let issue = gitea.issue(1);
        issue.body.contains("the end") || gitea.comments(1).concat().contains("the end")
    });
}

#[test]
fn a_push_of_uptime_kuma_is_taken_by_any_method() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let base = format!("/api/push/{}/nas/disk 1", key("web1"));
    let ask = |method: Method, query: &str| {
        let answer = request(&teawatch, method, &format!("{base}{query}")).send().unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().unwrap())
    };
    let ok = (200, json!({ "ok": true }));
    assert_eq!(ask(Method::GET, ""), ok);
    assert_eq!(check(&teawatch, "nas/disk 1")["status"], "up");
    assert_eq!(ask(Method::POST, "?status=down&msg=it%20smokes&ping="), ok);
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(gitea.issue(1).title, "[watchdog] web1/nas/disk 1: it smokes");
    assert_eq!(ask(Method::PUT, "?status=up&msg=OK&ping=12.5"), ok);
    eventually("it is closed", || gitea.open() == 0);
    for path in ["/api/push/wrong/job", "/api/push/web1.AAAAAAAAAAAAAAAAAAAAAA/job"] {
        let answer = request(&teawatch, Method::GET, path).send().unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.json::<Value>().unwrap()["ok"], false);
    }
}

#[test]
fn the_key_is_printed_and_silence_is_noticed_where_a_ping_is_expected() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let expect = "[[expect]]\nsource = 'web1'\nname = 'backup'\ninterval = '1s'\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], expect);
    let mut print = std::process::Command::new(env!("CARGO_BIN_EXE_teawatch"));
    print.env_clear().env("TEAWATCH_MASTER_SECRET", MASTER).args(["secret", "ping", "web1"]);
    let printed = String::from_utf8(print.output_in_time().stdout).unwrap();
    // What is expected is known.
    let path = format!("/ping/{}/backup", printed.trim());
    assert_eq!(get(&teawatch, &path), (200, "OK".to_owned()));
    eventually("its silence opens an issue", || gitea.open() == 1);
    assert_eq!(get(&teawatch, &path).0, 200);
    eventually("it is closed", || turns(&gitea.issue(1)).first() == Some(&"closed"));
}
