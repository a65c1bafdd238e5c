//! The management of checks as Healthchecks has it.

use http::Method;
use serde_json::{Value, json};
use teawatch::check::{CheckId, Definition};
use teawatch::engine::DEFINED_MAX;
use teawatch::signature::{Master, manage_key};

use crate::pings::{Turned, key};
use crate::support::{InTime as _, MASTER, client};

/// Calls `/api/v3` of a server with the key of a source.
struct Caller<'a> {
    turned: &'a Turned,
    key: String,
}

fn started() -> Turned {
    Turned::start("2026-01-01T00:00:00Z")
}

fn caller<'a>(turned: &'a Turned, source: &str) -> Caller<'a> {
    let key = manage_key(&Master::parse(MASTER).unwrap(), source, 1).expose().to_owned();
    Caller { turned, key }
}

impl Caller<'_> {
    fn send(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        let url = format!("{}/api/v3/{path}", self.turned.inside.url);
        let answer = client().request(method, url).header("x-api-key", &self.key);
        let answer = answer.body(body.into()).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, "")
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, body.to_string())
    }

    /// Makes a check, and returns its UUID.
    fn make(&self, body: &Value) -> String {
        let (status, made) = self.post("checks/", body);
        assert_eq!(status, 201, "{made}");
        made["uuid"].as_str().unwrap().to_owned()
    }

    /// What `path` is refused with: its status and its words.
    #[track_caller]
    fn refused(&self, method: Method, path: &str, body: &Value) -> (u16, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.send(method, path, body);
        let words = answer["error"].as_str().unwrap_or_else(|| panic!("{status} {answer}"));
        (status, words.to_owned())
    }
}

#[test]
fn what_keeps_infrastructure_as_code_gets_along_and_may_say_everything_twice() {
    let turned = started();
    let api = caller(&turned, "web1");
    let wanted = json!({
        "name": "Nightly copy", "slug": "nightly-copy", "tags": "prod team=db", "desc": "to B",
        "schedule": "0 2 * * *", "tz": "Europe/Berlin", "grace": 1_800, "channels": "*",
        "manual_resume": true, "methods": "POST", "unique": ["slug"], "something": [1],
    });
    let (status, made) = api.post("checks/", &wanted);
    assert_eq!(status, 201, "{made}");
    let (status, again) = api.post("checks/", &wanted);
    assert_eq!((status, &again), (200, &made));
    let uuid = made["uuid"].as_str().unwrap();
    let base = &turned.inside.url;
    let own = format!("{base}/api/v3/checks/{uuid}");
    assert_eq!(
        made,
        json!({
            "name": "Nightly copy", "slug": "nightly-copy", "tags": "prod team=db",
            "desc": "to B", "grace": 1_800, "n_pings": 0, "status": "new", "started": false,
            "last_ping": null, "next_ping": null, "manual_resume": true, "methods": "POST",
            "subject": "", "subject_fail": "", "start_kw": "", "success_kw": "",
            "failure_kw": "", "filter_subject": false, "filter_body": false,
            "filter_http_body": false, "filter_default_fail": false, "uuid": uuid,
            "ping_url": format!("{base}/ping/{uuid}"), "update_url": own,
            "pause_url": format!("{own}/pause"), "resume_url": format!("{own}/resume"),
            "channels": "", "schedule": "0 2 * * *", "tz": "Europe/Berlin",
        })
    );
    let path = format!("checks/{uuid}");
    for _ in 0..2 {
        assert_eq!(api.get(&path), (200, made.clone()));
        assert_eq!(api.get("checks/"), (200, json!({ "checks": [made] })));
    }
    // It is pinged by the address that was answered.
    turned.ping(uuid);
    let (_, pinged) = api.get(&path);
    assert_eq!((&pinged["status"], &pinged["n_pings"]), (&json!("up"), &json!(1)));
    assert_eq!(pinged["last_ping"], "2026-01-01T00:00:00+00:00");
    assert_eq!(pinged["next_ping"], "2026-01-01T01:00:00+00:00");

    for _ in 0..2 {
        let (status, updated) = api.post(&path, &json!({ "timeout": 3_600, "tags": "" }));
        assert_eq!(status, 200, "{updated}");
        assert_eq!((&updated["timeout"], &updated["tags"]), (&json!(3_600), &json!("")));
        assert_eq!((&updated["schedule"], &updated["desc"]), (&Value::Null, &json!("to B")));
        assert_eq!(updated["uuid"], uuid);
    }
    for _ in 0..2 {
        let (status, paused) = api.send(Method::POST, &format!("{path}/pause"), "");
        assert_eq!((status, &paused["status"]), (200, &json!("paused")));
    }
    // Saying once more what it is like ends no pause.
    let (_, again) = api.post("checks/", &wanted);
    assert_eq!((&again["status"], &again["schedule"]), (&json!("paused"), &json!("0 2 * * *")));
    let (status, resumed) = api.send(Method::POST, &format!("{path}/resume"), "");
    assert_eq!((status, &resumed["status"]), (200, &json!("new")));
    let twice = api.refused(Method::POST, &format!("{path}/resume"), &Value::Null);
    assert_eq!(twice, (409, "check is not paused".to_owned()));

    let (status, deleted) = api.send(Method::DELETE, &path, "");
    assert_eq!((status, &deleted["uuid"]), (200, &json!(uuid)));
    for method in [Method::DELETE, Method::GET, Method::POST] {
        assert_eq!(api.refused(method, &path, &json!({})), (404, "not found".to_owned()));
    }
    assert_eq!(turned.send(Method::GET, uuid, "").0, 404);
    assert_eq!(api.get("checks/"), (200, json!({ "checks": [] })));
    // Made anew, it has the address that it had.
    assert_eq!(api.make(&wanted), uuid);
}

#[test]
fn a_list_is_of_one_source_and_can_be_narrowed_by_slug_and_tags() {
    let turned = started();
    let (api, other) = (caller(&turned, "web1"), caller(&turned, "web2"));
    api.make(&json!({ "name": "a", "tags": "prod db" }));
    api.make(&json!({ "name": "b", "tags": "prod" }));
    api.make(&json!({ "name": "The C", "slug": "c" }));
    other.make(&json!({ "name": "d", "tags": "prod" }));
    // What is only heard of has no definition that could be managed.
    assert_eq!(turned.send(Method::GET, &format!("{}/e?create=1", key("web1")), "").0, 201);
    for (query, names) in [
        ("", vec!["The C", "a", "b"]),
        ("?tag=prod", vec!["a", "b"]),
        ("?tag=prod&tag=db", vec!["a"]),
        ("?tag=pro", vec![]),
        ("?slug=c", vec!["The C"]),
        ("?slug=a", vec!["a"]),
        ("?slug=c&tag=prod", vec![]),
        ("?slug=", vec!["The C", "a", "b"]),
    ] {
        let (status, list) = api.get(&format!("checks/{query}"));
        let checks = list["checks"].as_array().unwrap();
        let found: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
        assert_eq!((status, found), (200, names), "{query}");
    }
}

/// Checks of `web1` that are defined, so many.
fn define(turned: &Turned, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|n| format!("c{n:05}")).collect();
    let all = names.clone();
    turned.inside.ask(move |core, now| {
        for name in all {
            core.define(&CheckId::new("web1", name), Definition::default(), now);
        }
    });
    names
}

#[test]
fn a_source_may_have_so_many_checks_defined_and_no_more() {
    let turned = started();
    define(&turned, DEFINED_MAX - 1);
    let api = caller(&turned, "web1");
    let last = api.make(&json!({ "name": "last" }));
    let (status, words) = api.refused(Method::POST, "checks/", &json!({ "name": "more" }));
    assert_eq!((status, &words[..34]), (403, "there are 10000 checks defined for"), "{words}");
    // What is there can be changed, and another source has room.
    assert_eq!(api.post(&format!("checks/{last}"), &json!({ "timeout": 60 })).0, 200);
    caller(&turned, "web2").make(&json!({ "name": "more" }));
}

#[test]
fn a_list_longer_than_a_page_of_the_engine_is_answered_whole() {
    let turned = started();
    let names = define(&turned, 1_001);
    let (_, list) = caller(&turned, "web1").get("checks/");
    let checks = list["checks"].as_array().unwrap();
    let found: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(found, names);
}

#[test]
fn unique_finds_the_check_that_has_all_that_it_names() {
    let turned = started();
    let api = caller(&turned, "web1");
    let made = api.make(&json!({ "name": "a", "tags": "x", "timeout": 600, "grace": 60 }));
    for unique in [json!(["name"]), json!(["tags", "timeout", "grace"]), json!(["slug"])] {
        let body = json!({
            "name": "a", "slug": "a", "tags": "x", "timeout": 600, "grace": 60, "unique": unique,
        });
        let (status, found) = api.post("checks/", &body);
        assert_eq!((status, &found["uuid"]), (200, &json!(made)), "{unique}");
    }
    // The order of tags is nothing that is kept.
    let two = json!({ "name": "two", "tags": "b a", "unique": ["tags"] });
    assert_eq!(api.post("checks/", &two).0, 201);
    assert_eq!(api.post("checks/", &two).1["tags"], "a b");
    // What is not said finds nothing, not even what has none of it.
    api.make(&json!({ "name": "Nothing said", "schedule": "0 2 * * *" }));
    for field in ["slug", "tags", "timeout", "grace"] {
        let body = json!({ "name": format!("no {field}"), "unique": [field] });
        assert_eq!(api.post("checks/", &body).0, 201, "{field}");
    }
    // An empty slug is said: it finds the first that has none, as Healthchecks does.
    let body = json!({ "slug": "", "desc": "found", "unique": ["slug"] });
    let (status, found) = api.post("checks/", &body);
    assert_eq!((status, &found["name"]), (200, &json!("Nothing said")), "{found}");
    assert_eq!((&found["slug"], &found["desc"]), (&json!(""), &json!("found")));
    let (status, other) = api.post("checks/", &json!({ "name": "b", "unique": ["name", "tags"] }));
    assert_eq!((status, &other["timeout"], &other["grace"]), (201, &json!(86_400), &json!(3_600)));
    let body = json!({ "name": "b", "tags": "x", "unique": ["tags"] });
    let words = "the check is known by its name, \"a\", which cannot be changed: make another \
                 check, and delete this one";
    assert_eq!(api.refused(Method::POST, "checks/", &body), (409, words.to_owned()));
    let rename = api.refused(Method::POST, &format!("checks/{made}"), &json!({ "name": "c" }));
    assert_eq!(rename, (409, words.to_owned()));
    let again = api.refused(Method::POST, "checks/", &json!({ "name": "a" }));
    assert_eq!(again.0, 409, "{}", again.1);
}

#[test]
fn what_cannot_be_is_refused_in_the_words_of_healthchecks() {
    let turned = started();
    let api = caller(&turned, "web1");
    let uuid = api.make(&json!({ "name": "job" }));
    let (_, before) = api.get(&format!("checks/{uuid}"));
    let long = "x".repeat(101);
    for (body, words) in [
        (json!({ "name": 5 }), "name is not a string"),
        (json!({ "name": null }), "name is not a string"),
        (json!({ "name": long }), "name is too long"),
        (json!({ "slug": "Job" }), "slug does not match pattern"),
        (json!({ "tags": ["a"] }), "tags is not a string"),
        (json!({ "tags": "x".repeat(201) }), "tags names and values must be at most 200 bytes"),
        (json!({ "desc": "x".repeat(4_001) }), "desc must have at most 4000 bytes"),
        (json!({ "timeout": "60" }), "timeout is not a number"),
        (json!({ "timeout": 60.5 }), "timeout is not a number"),
        (json!({ "timeout": 59 }), "timeout is too small"),
        (json!({ "timeout": 31_536_001 }), "timeout is too large"),
        (json!({ "grace": 59 }), "grace is too small"),
        (json!({ "grace": true }), "grace is not a number"),
        (json!({ "schedule": "often" }), "schedule is not a valid cron expression"),
        (json!({ "schedule": "0 2 30 2 *" }), "schedule is not a valid cron expression"),
        (json!({ "tz": "Mars/Base" }), "tz is not a valid timezone"),
        (json!({ "manual_resume": "yes" }), "manual_resume is not a boolean"),
        (json!({ "methods": "PUT" }), "methods has unexpected value"),
        (json!({ "start_kw": "x".repeat(201) }), "start_kw is too long"),
        (json!({ "unique": "name" }), "unique is not an array"),
        (json!({ "unique": ["uuid"] }), "an item in 'unique' has unexpected value"),
        (json!([]), "value is not an object"),
    ] {
        for path in ["checks/", &format!("checks/{uuid}")] {
            let mut body = body.clone();
            if let Some(body) = body.as_object_mut().filter(|_| path == "checks/") {
                body.entry("name").or_insert(json!("other"));
            }
            let (status, found) = api.refused(Method::POST, path, &body);
            let words = format!("json validation error: {words}");
            assert!(status == 400 && found.starts_with(&words), "{body}: {status} {found}");
        }
    }
    for name in ["agent", " a", "a\nb"] {
        let (status, found) = api.refused(Method::POST, "checks/", &json!({ "name": name }));
        assert!(status == 400 && found.contains(": name "), "{status} {found}");
    }
    let (status, nameless) = api.refused(Method::POST, "checks/", &json!({ "timeout": 60 }));
    assert!(status == 400 && nameless.contains("name is needed"), "{nameless}");
    let broken = api.send(Method::POST, "checks/", "{");
    assert_eq!(broken, (400, json!({ "error": "could not parse request body" })));
    let huge = api.send(Method::POST, "checks/", vec![b' '; 10 << 20]);
    assert_eq!(huge, (413, json!({ "error": "the body is longer than 65536 bytes" })));
    // Nothing of it was taken.
    assert_eq!(api.get(&format!("checks/{uuid}")), (200, before));
    assert_eq!(api.get("checks/").1["checks"].as_array().unwrap().len(), 1);
    // The edges are inside.
    for timeout in [60, 31_536_000] {
        let (status, _) = api.post(&format!("checks/{uuid}"), &json!({ "timeout": timeout }));
        assert_eq!(status, 200);
    }
}

#[test]
fn a_key_is_needed_and_manages_the_checks_of_its_source_only() {
    let turned = started();
    let api = caller(&turned, "web1");
    let uuid = api.make(&json!({ "name": "job" }));
    let url = format!("{}/api/v3/checks/", turned.inside.url);
    let bare = |body: &str| {
        let answer = client().post(&url).body(body.to_owned()).send().unwrap();
        (answer.status().as_u16(), answer.json::<Value>().unwrap()["error"].clone())
    };
    assert_eq!(bare(""), (401, json!("missing api key")));
    assert_eq!(bare("{}"), (401, json!("missing api key")));
    assert_eq!(bare(r#"{"api_key": 5}"#), (401, json!("missing api key")));
    // The key that pings manages nothing, and the other way round.
    let ping = key("web1");
    for key in [&ping, "web1.", "web1", "x", &api.key[1..], &format!("{}x", api.key)] {
        let wrong = Caller { turned: &turned, key: key.to_owned() };
        let refused = wrong.refused(Method::GET, "checks/", &Value::Null);
        assert_eq!(refused, (401, "wrong api key".to_owned()), "{key}");
    }
    assert_eq!(turned.send(Method::GET, &format!("{}/job", api.key), "").0, 404);
    let in_body = json!({ "api_key": api.key, "name": "by body" }).to_string();
    assert_eq!(client().post(&url).body(in_body).send().unwrap().status(), 201);
    let other = caller(&turned, "web2");
    for (method, tail) in [
        (Method::GET, ""),
        (Method::POST, ""),
        (Method::DELETE, ""),
        (Method::POST, "/pause"),
        (Method::POST, "/resume"),
        (Method::GET, "/pings/"),
        (Method::GET, "/flips/"),
    ] {
        let path = format!("checks/{uuid}{tail}");
        let refused = other.refused(method.clone(), &path, &Value::Null);
        assert_eq!(refused, (403, "this is a check of another source".to_owned()), "{path}");
        let unknown = format!("checks/6b1f2c3d-0000-4000-8000-000000000000{tail}");
        let refused = other.refused(method.clone(), &unknown, &Value::Null);
        assert_eq!(refused, (404, "not found".to_owned()), "{unknown}");
        for uuid in ["nonsense", "%ff", "a%2fb"] {
            let path = format!("checks/{uuid}{tail}");
            assert_eq!(other.refused(method.clone(), &path, &Value::Null).0, 404, "{path}");
        }
    }
    assert_eq!(api.refused(Method::PUT, "checks/", &Value::Null).0, 405);
    assert_eq!(api.refused(Method::GET, "nonsense", &Value::Null).0, 404);
    assert_eq!(api.get("channels/"), (200, json!({ "channels": [] })));
    let status = client().get(format!("{}/api/v3/status/", turned.inside.url)).send().unwrap();
    assert_eq!((status.status().as_u16(), status.text().unwrap().as_str()), (200, "OK"));
    let mut print = std::process::Command::new(env!("CARGO_BIN_EXE_teawatch"));
    print.env_clear().env("TEAWATCH_MASTER_SECRET", MASTER).args(["secret", "manage", "web1"]);
    let printed = String::from_utf8(print.output_in_time().stdout).unwrap();
    assert_eq!(printed.trim(), api.key);
}

#[test]
fn words_in_bodies_count_where_bodies_are_searched() {
    let turned = started();
    let api = caller(&turned, "web1");
    let uuid = api.make(&json!({ "name": "job", "failure_kw": "ERROR" }));
    let path = format!("checks/{uuid}");
    let filters = |check: &Value| (check["filter_http_body"].clone(), check["failure_kw"].clone());
    assert_eq!(filters(&api.get(&path).1), (json!(false), json!("")));
    let on = json!({ "filter_http_body": true, "failure_kw": "ERROR, FATAL", "success_kw": "ok" });
    assert_eq!(filters(&api.post(&path, &on).1), (json!(true), json!("ERROR,FATAL")));
    assert_eq!(turned.send(Method::POST, &uuid, "a FATAL one").0, 200);
    assert_eq!(api.get(&path).1["status"], "down");
    // What is not said stays.
    let (_, more) = api.post(&path, &json!({ "filter_default_fail": true, "success_kw": "" }));
    assert_eq!(filters(&more), (json!(true), json!("ERROR,FATAL")));
    assert_eq!((&more["success_kw"], &more["filter_default_fail"]), (&json!(""), &json!(true)));
    let (_, off) = api.post(&path, &json!({ "filter_http_body": false }));
    assert_eq!(filters(&off), (json!(false), json!("")));
}

#[test]
fn states_pings_and_flips_are_told_as_far_as_they_are_kept() {
    let turned = started();
    let api = caller(&turned, "web1");
    let uuid = api.make(&json!({ "name": "job", "timeout": 3_600, "grace": 600 }));
    let path = format!("checks/{uuid}");
    let status = || api.get(&path).1["status"].clone();
    let rid = "11111111-1111-4111-8111-111111111111";
    assert_eq!(api.get(&format!("{path}/pings/")), (200, json!({ "pings": [] })));
    turned.ping(&format!("{uuid}/start?rid={rid}"));
    assert_eq!(api.get(&path).1["started"], true);
    let start = json!({
        "type": "start", "date": "2026-01-01T00:00:00+00:00", "scheme": "http", "rid": rid,
        "duration": null, "n": 0, "remote_addr": "", "method": "", "ua": "",
    });
    assert_eq!(api.get(&format!("{path}/pings/")).1["pings"][0], start);
    turned.pass(60);
    turned.ping(&format!("{uuid}?rid={rid}"));
    assert_eq!(api.get(&path).1["last_duration"], 60);
    let (_, pings) = api.get(&format!("{path}/pings/"));
    let newest = json!({
        "type": "success", "date": "2026-01-01T00:01:00+00:00", "scheme": "http", "rid": rid,
        "duration": 60.0, "n": 1, "remote_addr": "", "method": "", "ua": "",
    });
    assert_eq!(pings["pings"].as_array().unwrap(), std::slice::from_ref(&newest));
    turned.pass(1);
    turned.ping(&format!("{uuid}/log"));
    let (_, pings) = api.get(&format!("{path}/pings/"));
    assert_eq!((&pings["pings"][0]["type"], &pings["pings"][1]), (&json!("log"), &newest));
    assert_eq!(status(), "up");
    turned.pass(3_600);
    assert_eq!(status(), "grace");
    turned.pass(600);
    assert_eq!(status(), "down");
    assert_eq!(api.get(&path).1["next_ping"], Value::Null);
    turned.pass(60);
    turned.ping(&uuid);
    // Pausing what is well and letting it go on are no turns.
    for action in ["pause", "resume"] {
        assert_eq!(api.send(Method::POST, &format!("{path}/{action}"), "").0, 200);
    }
    turned.ping(&uuid);
    // Nor is pausing what is in trouble its end.
    turned.pass(60);
    turned.ping(&format!("{uuid}/fail"));
    assert_eq!(api.send(Method::POST, &format!("{path}/pause"), "").0, 200);
    let (_, flips) = api.get(&format!("{path}/flips/?start=1767229922"));
    let down = json!({ "timestamp": "2026-01-01T01:13:01+00:00", "up": 0 });
    assert_eq!(flips, json!({ "flips": [down] }));
    let flip =
        |at: &str, up: u8| json!({ "timestamp": format!("2026-01-01T{at}+00:00"), "up": up });
    let all = [flip("01:12:01", 1), flip("01:11:01", 0), flip("00:01:00", 1)];
    for (query, expected) in [
        ("?end=1767229922", &all[..]),
        ("?end=1767229922&seconds=120", &all[..2]),
        ("?end=1767229922&seconds=119", &all[..1]),
        ("?end=1767229922&start=1767229861", &all[..2]),
        ("?end=1767229922&start=1767229862", &all[..1]),
        ("?end=1767229861", &all[2..]),
        ("?start=1767229861&end=1767229862", &all[1..2]),
    ] {
        let (status, found) = api.get(&format!("{path}/flips/{query}"));
        assert_eq!((status, found), (200, json!({ "flips": expected })), "{query}");
    }
    for query in
        ["start=x", "start=-1", "end=1.5", "seconds=-1", "seconds=31536001", "start=99999999999999"]
    {
        let path = format!("{path}/flips/?{query}");
        assert_eq!(api.refused(Method::GET, &path, &Value::Null).0, 400, "{query}");
    }
}
