//! Bodies that are no reports, or too much of one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{known, refused, settled};
use crate::support::{
    Gitea, Letter, PATIENCE, Report, Teawatch, ask, client, eventually, failing, passing,
};

const MIB: usize = 1024 * 1024;

fn report(change: impl FnOnce(&mut Value)) -> String {
    let mut body = Report::new("db1").check("disk", "failure", "full").body;
    change(&mut body);
    body.to_string()
}

fn observation(change: impl FnOnce(&mut Value)) -> String {
    report(|body| change(&mut body["observations"][0]))
}

/// A report of exactly so many bytes, all of it in order.
fn of_length(bytes: usize) -> String {
    let details = |length: usize| observation(|it| it["details"] = json!("x".repeat(length)));
    let rest = details(0).len();
    // Blanks make up for a number of the report that has grown by a digit meanwhile.
    let body = details(bytes - rest - 20);
    let blanks = bytes.saturating_sub(body.len());
    body + &" ".repeat(blanks)
}

#[test]
fn what_is_no_report_is_told_why_and_changes_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let twice = |key: &str, value: &str| {
        observation(|_| {}).replacen(key, &format!("{value},{key}"), 1).into_bytes()
    };
    let long_key = report(|body| body["k".repeat(500_000).as_str()] = json!(1));
    let long_kind = observation(|it| it["kind"] = json!("k".repeat(500_000)));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "EOF"),
        ("half of a report", observation(|_| {}).into_bytes()[..40].to_vec(), "EOF"),
        ("a list", b"[]".to_vec(), "expected"),
        ("null", b"null".to_vec(), "expected"),
        ("a form", b"source=db1&kind=failure".to_vec(), "expected"),
        ("two reports", format!("{0}{0}", report(|_| {})).into_bytes(), "trailing"),
        ("brackets", deep.clone().into_bytes(), ""),
        (
            "brackets inside",
            observation(|it| it["labels"] = json!("?")).replace("\"?\"", &deep).into_bytes(),
            "observations[0].labels",
        ),
        ("invalid UTF-8", observation(|_| {}).replace("full", "\u{1}").into_bytes(), "control"),
        ("a number as source", report(|b| b["source"] = json!(7)).into_bytes(), "source"),
        (
            "a report without the names of its fields",
            br#"["db1", { "epoch": "a", "seq": 1 }, 60, [{ "name": "disk", "kind": "failure" }]]"#
                .to_vec(),
            "the body: invalid type: sequence, expected an object in braces",
        ),
        (
            "an id without the names of its fields",
            report(|b| b["id"] = json!(["a", 1])).into_bytes(),
            "id: invalid type: sequence, expected an object in braces",
        ),
        (
            "an observation without the names of its fields",
            report(|b| b["observations"] = json!([["disk", "failure"]])).into_bytes(),
            "observations[0]: invalid type: sequence, expected an object in braces",
        ),
        ("a text as id", report(|b| b["id"] = json!("7")).into_bytes(), "id"),
        ("a negative number", report(|b| b["id"]["seq"] = json!(-1)).into_bytes(), "id.seq"),
        ("half a number", report(|b| b["id"]["seq"] = json!(1.5)).into_bytes(), "id.seq"),
        (
            "a huge number",
            report(|b| b["id"]["seq"] = json!(0))
                .replace("\"seq\":0", "\"seq\":18446744073709551616")
                .into_bytes(),
            "id.seq",
        ),
        ("an epoch of blanks", report(|b| b["id"]["epoch"] = json!("  ")).into_bytes(), "id.epoch"),
        ("no id", report(|b| drop(b.as_object_mut().unwrap().remove("id"))).into_bytes(), "`id`"),
        ("an unknown field", report(|b| b["sorce"] = json!("db1")).into_bytes(), "`sorce`"),
        ("a very long field", long_key.into_bytes(), "unknown field"),
        ("a very long kind", long_kind.into_bytes(), "observations[0].kind"),
        ("one field twice", twice("\"source\":", "\"source\":\"db2\""), "duplicate field"),
        ("one name twice", twice("\"name\":", "\"name\":\"other\""), "duplicate field"),
        ("observations as text", report(|b| b["observations"] = json!("x")).into_bytes(), "observ"),
        (
            "an observation as null",
            report(|b| b["observations"] = json!([null])).into_bytes(),
            "observations[0]",
        ),
        ("no kind", observation(|it| it["kind"] = Value::Null).into_bytes(), "kind"),
        ("another kind", observation(|it| it["kind"] = json!("FAILURE")).into_bytes(), "kind"),
        ("no name", observation(|it| it["name"] = json!("")).into_bytes(), "observations[0].name"),
        (
            "a name of 201 bytes",
            observation(|it| it["name"] = json!("n".repeat(201))).into_bytes(),
            "has 201",
        ),
        (
            "a name of 201 bytes and 101 letters",
            observation(|it| it["name"] = json!(format!("n{}", "é".repeat(100)))).into_bytes(),
            "has 201",
        ),
        (
            "a name of 10 kB",
            observation(|it| it["name"] = json!("n".repeat(10_240))).into_bytes(),
            "has 10240",
        ),
        (
            "a name with a line end",
            observation(|it| it["name"] = json!("a\nb")).into_bytes(),
            "control characters",
        ),
        (
            "a name with NUL",
            observation(|it| it["name"] = json!("a\0b")).into_bytes(),
            "control characters",
        ),
        (
            "a name with an escape",
            observation(|it| it["name"] = json!("\u{1b}[2Jdisk")).into_bytes(),
            "control characters",
        ),
        ("a name of blanks", observation(|it| it["name"] = json!("  ")).into_bytes(), "blank"),
        (
            "the agent's own name",
            observation(|it| it["name"] = json!("agent")).into_bytes(),
            "agent",
        ),
        ("a summary as number", observation(|it| it["summary"] = json!(1)).into_bytes(), "summary"),
        ("an interval of 0", report(|b| b["interval_seconds"] = json!(0)).into_bytes(), "interval"),
        (
            "a negative interval",
            report(|b| b["interval_seconds"] = json!(-60)).into_bytes(),
            "interval_seconds",
        ),
        (
            "an interval of centuries",
            report(|b| b["interval_seconds"] = json!(1e18)).into_bytes(),
            "interval_seconds",
        ),
        (
            "a check's interval of 0",
            observation(|it| it["interval_seconds"] = json!(0)).into_bytes(),
            "observations[0].interval_seconds",
        ),
        ("a time that is none", observation(|it| it["time"] = json!("soon")).into_bytes(), "time"),
        (
            "a number out of range",
            observation(|it| it["numbers"] = json!({ "a": 7 }))
                .replace(":7", ":1e999")
                .into_bytes(),
            "out of range",
        ),
        (
            "33 labels",
            observation(|it| {
                it["labels"] = (0..33).map(|n| (format!("l{n}"), json!("x"))).collect();
            })
            .into_bytes(),
            "observations[0].labels: 33 are too many",
        ),
        (
            "a label with a line end",
            observation(|it| it["labels"] = json!({ "a": "b\nc" })).into_bytes(),
            "observations[0].labels",
        ),
        (
            "the second of two observations",
            report(|body| {
                body["observations"] = json!([
                    { "name": "good", "kind": "failure" },
                    { "name": "bad", "kind": "bad" },
                ]);
            })
            .into_bytes(),
            "observations[1].kind",
        ),
    ];
    for (what, body, message) in cases {
        // A control character has to be escaped in JSON; here it is a byte that is no UTF-8.
        let is_utf_8 = what != "invalid UTF-8";
        let body: Vec<u8> =
            body.into_iter().map(|b| if b == 1 && !is_utf_8 { 0xff } else { b }).collect();
        let answer = Letter::new("db1", body).send(&teawatch);
        refused(what, &answer, 422, "bad_body");
        let message = if is_utf_8 { message } else { "not UTF-8" };
        assert!(answer.message().contains(message), "{what}: {}", answer.message());
    }
    assert_eq!(known(&teawatch), before, "something was taken");
    teawatch.report(&passing("db1/known"));
}

#[test]
fn a_list_is_taken_for_an_object_at_no_door() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let job = json!({ "name": "mine", "do": "sweep", "schedule": "every 1h" });
    let silence = json!([{ "source": "db1" }, null, null, 60, "me", "why"]);
    let matcher =
        json!({ "match": ["db1"], "duration_seconds": 60, "author": "me", "reason": "why" });
    let post = |path: &str| client().post(format!("{}{path}", teawatch.url));
    let patch = |path: &str| client().patch(format!("{}{path}", teawatch.url));
    assert_eq!(ask(post("/api/v1/jobs").json(&job)).status, 200);
    let cases = [
        (post("/api/v1/checks?source=db1&name=new"), json!([60]), "the body"),
        (patch("/api/v1/checks?source=db1&name=known"), json!([60]), "the body"),
        (
            post("/api/v1/checks?source=db1&name=new"),
            json!({ "interval_seconds": 60, "keywords": [["bad"]] }),
            "keywords",
        ),
        (post("/api/v1/silences"), silence, "the body"),
        (post("/api/v1/silences"), matcher, "match"),
        (post("/api/v1/jobs"), json!(["other", "sweep", "every 1h"]), "the body"),
        (patch("/api/v1/jobs/mine"), json!(["mine"]), "the body"),
        (post("/api/v1/jobs/mine/pause"), json!(["why"]), "the body"),
        (post("/api/v1/jobs/mine/run"), json!([false]), "the body"),
        (post("/api/v1/scheduler/pause"), json!(["why"]), "the body"),
    ];
    for (request, body, place) in cases {
        let what = format!("{request:?} {body}");
        let answer = ask(request.json(&body));
        refused(&what, &answer, 422, "bad_body");
        let message = format!("{place}: invalid type: sequence, expected an object in braces");
        assert!(answer.message().starts_with(&message), "{what}: {}", answer.message());
    }
    let (mut two, sound) = (job.to_string(), job.to_string());
    two.push_str(&sound);
    let answer = ask(post("/api/v1/jobs").body(two));
    refused("two jobs", &answer, 422, "bad_body");
    assert!(answer.message().starts_with("the end: trailing"), "{}", answer.message());
    assert_eq!(teawatch.get("/api/v1/silences").1["items"], json!([]));
    assert_eq!(known(&teawatch), before, "something was taken");
}

#[test]
fn what_is_just_small_enough_is_taken_and_one_more_is_not() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let long = of_length(MIB + 1);
    for letter in [Letter::new("db1", long.clone()), Letter::new("db1", long).in_chunks()] {
        let answer = letter.send(&teawatch);
        refused("1 MiB and a byte", &answer, 413, "too_long");
        assert!(answer.message().contains("1048576"), "{}", answer.message());
    }
    let many = |count: usize| {
        (0..count)
            .fold(Report::new("db1"), |report, n| report.check(&format!("c{n}"), "success", ""))
    };
    let answer = Letter::of(&many(1_001)).send(&teawatch);
    refused("1,001 observations", &answer, 422, "bad_body");
    assert!(answer.message().contains("1001 are too many"), "{}", answer.message());
    assert_eq!(known(&teawatch), before, "something was taken");

    for letter in [
        Letter::new("db1", of_length(MIB)),
        Letter::new("db1", of_length(MIB)).in_chunks(),
        Letter::new("db1", observation(|it| it["name"] = json!("n".repeat(200)))),
    ] {
        let answer = letter.send(&teawatch);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body, json!({ "accepted": 1, "duplicate": false }));
    }
    let answer = Letter::of(&many(1_000)).send(&teawatch);
    assert_eq!(answer.body, json!({ "accepted": 1_000, "duplicate": false }));
}

#[test]
fn r152_each_limit_of_a_report_can_be_set_and_is_kept_to_the_byte() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [
        ("limits.report_bytes", "2048"),
        ("limits.report_observations", "3"),
        ("limits.check_name_bytes", "10"),
        ("limits.source_bytes", "5"),
        ("agents.window", "30s"),
    ];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let named = |length: usize| observation(|it| it["name"] = json!("n".repeat(length)));
    let many = |count: usize| {
        (0..count)
            .fold(Report::new("db1"), |report, n| report.check(&format!("c{n}"), "success", ""))
    };
    let of = |source: &str| Letter::of(&Report::new(source).check("disk", "success", ""));
    let off = |seconds| Letter::signed(&Teawatch::secret("db1"), "db1", seconds, report(|_| {}));
    // Each letter is signed right before it is sent.
    type Sealed<'a> = &'a dyn Fn() -> Letter;
    let cases: [(&str, Sealed<'_>, Sealed<'_>, u16, &str); 6] = [
        (
            "the length of a report",
            &|| Letter::new("db1", of_length(2_048)),
            &|| Letter::new("db1", of_length(2_049)),
            413,
            "too_long",
        ),
        (
            "the number of observations",
            &|| Letter::of(&many(3)),
            &|| Letter::of(&many(4)),
            422,
            "bad_body",
        ),
        (
            "the length of a name",
            &|| Letter::new("db1", named(10)),
            &|| Letter::new("db1", named(11)),
            422,
            "bad_body",
        ),
        ("the length of a source", &|| of("db123"), &|| of("db1234"), 401, "unproven"),
        ("a clock that is slow", &|| off(-15), &|| off(-31), 401, "clock"),
        // A letter that takes its time may seem to come from a better clock.
        ("a clock that is fast", &|| off(30), &|| off(60), 401, "clock"),
    ];
    for (what, inside, beyond, status, code) in cases {
        refused(what, &beyond().send(&teawatch), status, code);
        let answer = inside().send(&teawatch);
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
    }
}

#[test]
fn the_longest_names_that_may_be_allowed_are_taken_and_their_issue_is_closed() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("limits.check_name_bytes", "200"), ("limits.source_bytes", "180")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let (source, name) = ("s".repeat(180), "n".repeat(200));
    teawatch.report(&Report::new(&source).check(&name, "failure", "it is broken"));
    eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(teawatch.stop().code(), Some(0));
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&Report::new(&source).check(&name, "success", "it works"));
    eventually("the issue is closed", || gitea.open() == 0 && teawatch.outbox().is_empty());
}

#[test]
fn whoever_sends_far_too_much_is_still_told_why() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let long = Letter::new("db1", vec![b' '; 12 * MIB]);
    let url = |path: &str| format!("{}{path}", teawatch.url);
    for _ in 0..10 {
        for letter in [long.clone(), long.clone().in_chunks()] {
            refused("12 MiB", &letter.send(&teawatch), 413, "too_long");
        }
        let answer = ask(client().post(url("/api/v1/nothing")).body(vec![b' '; 12 * MIB]));
        refused("12 MiB to no door", &answer, 404, "missing");
        let answer = ask(client().put(url("/api/v1/reports")).body(vec![b' '; 12 * MIB]));
        refused("12 MiB in no way", &answer, 405, "method");
    }
}

#[test]
fn whoever_asks_before_sending_too_much_or_never_sends_it_is_told_why() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for expect in ["expect: 100-continue\r\n", ""] {
        let mut stream = TcpStream::connect(teawatch.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "POST /api/v1/reports HTTP/1.1\r\nhost: teawatch\r\nconnection: close\r\n\
             {expect}content-length: {}\r\n\r\n",
            1_u64 << 40
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        // Not "100 Continue", either.
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
}

#[test]
fn the_observers_time_is_shown_and_never_judged_by() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let at = |name: &str, kind: &str, time: &str| {
        let observation = json!({ "name": name, "kind": kind, "time": time });
        teawatch.report(&Report::new("db1").every(3_600.0).observation(observation));
    };
    at("future", "success", "2090-01-01T00:00:00Z");
    at("past", "success", "1970-01-01T00:00:01Z");
    // An older time from a newer report counts all the same.
    at("future", "failure", "1999-12-31T23:59:59+02:00");
    let (_, checks) = teawatch.get("/api/v1/checks");
    let check = |name: &str| {
        let mut items = checks["items"].as_array().unwrap().iter();
        items.find(|check| check["name"] == name).unwrap().clone()
    };
    assert_eq!(check("past")["status"], "up");
    assert_eq!(check("past")["latest"]["observed_at"], "1970-01-01T00:00:01Z");
    assert_eq!(check("future")["status"], "down");
    assert_eq!(check("future")["latest"]["observed_at"], "1999-12-31T21:59:59Z");
}

#[test]
fn a_wrong_door_or_method_says_so_in_the_same_words() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let url = |path: &str| format!("{}{path}", teawatch.url);
    let long = format!("/api/v1/checks?limit=5&{}=1", "q".repeat(50_000));
    for (path, status, code) in [
        ("/nonsense", 404, "missing"),
        ("/api/v1/nothing", 404, "missing"),
        ("/api/v1/reports/", 404, "missing"),
        ("/api/v1/%00%0d%0aset-cookie:%20a", 404, "missing"),
        ("/api/v1/reports", 405, "method"),
        ("/api/v1/checks?limit=0", 400, "bad_query"),
        ("/api/v1/checks?limit=501", 400, "bad_query"),
        ("/api/v1/checks?limit=-1", 400, "bad_query"),
        ("/api/v1/checks?limit=many", 400, "bad_query"),
        ("/api/v1/checks?page=2", 400, "bad_query"),
        ("/api/v1/alerts?after=nonsense", 400, "bad_query"),
        ("/api/v1/outbox?after=nonsense", 400, "bad_query"),
        ("/api/v1/outbox/nonsense", 400, "bad_query"),
        ("/api/v1/outbox/7", 404, "missing"),
        (long.as_str(), 400, "bad_query"),
    ] {
        let shown: String = path.chars().take(60).collect();
        refused(&shown, &ask(client().get(url(path))), status, code);
    }
    let answer = ask(client().put(url("/api/v1/reports")).body("{}"));
    refused("PUT", &answer, 405, "method");
    for query in ["", "?source=db1", "?name=disk", "?source=db1&name=disk&name=other", "?a=b"] {
        let answer = ask(client().delete(url(&format!("/api/v1/checks{query}"))));
        refused(&format!("the check {query}"), &answer, 400, "bad_query");
    }
    for name in ["none", "%FF", ""] {
        let answer = ask(client().delete(url(&format!("/api/v1/checks?source=db1&name={name}"))));
        refused(&format!("the check {name}, which nobody knows"), &answer, 404, "missing");
    }
    teawatch.report(&failing("db1/disk"));
}
