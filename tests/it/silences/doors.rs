//! Who may make silences, what they may say, and how they are shown.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use teawatch::alert::commands::{LASTS_MAX, WHY_MAX};
use teawatch::engine::{
    AUTHOR_MAX, PATTERN_LABELS_MAX, PATTERN_MAX, SILENCE_AHEAD_MAX, SILENCES_MAX,
};

use super::{Scene, of_source, with};
use crate::support::{
    CHECK, READ_TOKEN, Teawatch, WRITE_TOKEN, ask, client, eventually, failing, token_settings,
};

#[test]
fn making_and_ending_silences_takes_the_token_for_writing_and_listing_one_of_both() {
    let files = tempfile::tempdir().unwrap();
    let settings = token_settings(files.path());
    let settings: Vec<_> = settings.iter().map(|(key, path)| (*key, path.as_str())).collect();
    let scene = Scene::with(&settings);
    let (make, end) = ((Method::POST, ""), (Method::DELETE, "/1"));
    for (method, rest) in [make.clone(), end.clone()] {
        for token in [None, Some(READ_TOKEN), Some("something else, of the same length")] {
            let request = scene.door(method.clone(), rest).json(&of_source("*", 60.0));
            let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
            assert_eq!(ask(request).error(), (401, "unproven"), "{method} {token:?}");
        }
    }
    let list = |token| ask(scene.door(Method::GET, "").bearer_auth(token));
    assert_eq!(list(READ_TOKEN).body["items"], json!([]));
    assert_eq!(ask(scene.door(Method::GET, "")).error(), (401, "unproven"));
    for (method, rest) in [make, end] {
        let request = scene.door(method, rest).json(&of_source("*", 60.0));
        assert_eq!(ask(request.bearer_auth(WRITE_TOKEN)).status, 200);
    }
    assert_eq!(list(WRITE_TOKEN).body["items"][0]["state"], "over");
}

#[test]
fn what_a_silence_may_not_say_is_refused_by_name() {
    let scene = Scene::with(&[]);
    let now = Timestamp::now();
    let later = |by: SignedDuration| json!(now + by);
    let long = LASTS_MAX.as_secs_f64();
    let labels = |count: usize| {
        let labels = (0..count).map(|n| (format!("label-{n}"), json!("*")));
        json!({ "labels": labels.collect::<serde_json::Map<_, _>>() })
    };
    let sound = || of_source("db1", 60.0);
    let text = |length: usize| json!("x".repeat(length));
    let source = |length: usize| json!({ "source": text(length) });
    let one_second = SignedDuration::from_secs(1);
    let ahead = SILENCE_AHEAD_MAX - SignedDuration::from_mins(1);
    // What is allowed at the edge, what is not beyond it, and where.
    let edges: Vec<(Value, Value, &str)> = vec![
        (sound(), with(sound(), "author", json!("")), "author: must be one line"),
        (
            with(sound(), "author", text(AUTHOR_MAX)),
            with(sound(), "author", text(AUTHOR_MAX + 1)),
            "author: must be one line of 1 to 100 bytes",
        ),
        (
            with(sound(), "reason", text(WHY_MAX)),
            with(sound(), "reason", text(WHY_MAX + 1)),
            "reason: must be one line of 1 to 200 bytes",
        ),
        (sound(), with(sound(), "reason", json!("two\nlines")), "reason: must be one line"),
        (
            with(sound(), "match", source(PATTERN_MAX)),
            with(sound(), "match", source(PATTERN_MAX + 1)),
            "match.source: must be one line of 1 to 255 bytes",
        ),
        (
            with(sound(), "match", labels(PATTERN_LABELS_MAX)),
            with(sound(), "match", labels(PATTERN_LABELS_MAX + 1)),
            "match.labels: may have 8 at most",
        ),
        (
            with(sound(), "duration_seconds", json!(long)),
            with(sound(), "duration_seconds", json!(long + 1.0)),
            "end: a silence lasts 30 days at most",
        ),
        (
            with(sound(), "start", later(ahead)),
            with(sound(), "start", later(SILENCE_AHEAD_MAX + SignedDuration::from_mins(1))),
            "start: must be within 366 days",
        ),
        (
            with(sound(), "duration_seconds", json!(0.001)),
            with(sound(), "duration_seconds", json!(0)),
            "end: must be later than start",
        ),
        (
            with(with(sound(), "duration_seconds", json!(null)), "end", later(one_second * 60)),
            with(with(sound(), "duration_seconds", json!(null)), "end", later(-one_second)),
            "end: must be later than start, and than now",
        ),
        (
            sound(),
            with(sound(), "end", later(one_second * 60)),
            "say either end or duration_seconds",
        ),
        (sound(), with(sound(), "duration_seconds", json!(null)), "say either end"),
        (sound(), with(sound(), "duration_seconds", json!(1e300)), "duration_seconds: is too long"),
        (sound(), with(sound(), "match", json!({})), "match: say which checks"),
        (sound(), with(sound(), "match", json!({ "sorce": "db1" })), "unknown field `sorce`"),
        (sound(), with(sound(), "reasons", json!("x")), "unknown field `reasons`"),
        (sound(), with(sound(), "start", json!("noon")), "start: "),
    ];
    for (allowed, refused, why) in edges {
        assert_eq!(scene.post(&allowed).status, 200, "{allowed}");
        let answer = scene.post(&refused);
        assert_eq!(answer.error(), (422, "bad_body"), "{refused}");
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    let huge = ask(scene.door(Method::POST, "").body(vec![b' '; 64 * 1024 + 1]));
    assert_eq!(huge.error(), (413, "too_long"));
}

#[test]
fn there_are_so_many_silences_and_no_more_until_one_is_over() {
    let scene = Scene::with(&[]);
    for n in 0..SILENCES_MAX {
        scene.silences(&of_source(&format!("db{n}"), 600.0));
    }
    let more = scene.post(&of_source("web1", 600.0));
    assert_eq!(more.error(), (409, "full"));
    assert!(more.message().contains("there are 200 silences"), "{}", more.message());
    scene.expires(&json!({ "number": 7 }));
    // A number is never given twice, and ending one again changes nothing.
    assert_eq!(scene.silences(&of_source("web1", 600.0))["number"], json!(SILENCES_MAX + 1));
    scene.expires(&json!({ "number": 7 }));
    let unknown = ask(scene.door(Method::DELETE, "/4711"));
    assert_eq!(unknown.error(), (404, "missing"));
    let mut numbers = Vec::new();
    let mut after = String::new();
    loop {
        let page = ask(scene.door(Method::GET, &format!("?limit=150{after}"))).body;
        let items = page["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|item| item["number"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(numbers, Vec::from_iter(1..=SILENCES_MAX as u64 + 1));
}

/// What a command prints, which must go well.
#[track_caller]
fn said(teawatch: &Teawatch, arguments: &[&str]) -> String {
    let output = teawatch.cli(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A call that makes a silence.
fn add<'a>(which: &[&'a str]) -> Vec<&'a str> {
    let who = ["--reason", "a new disk", "--author", "alice"];
    [&["silence", "add"], which, &who].concat()
}

#[test]
fn the_commands_make_list_and_end_silences_and_alerts_say_who_silences_them() {
    let scene = Scene::with(&[]);
    scene.teawatch.report(&failing(CHECK));
    eventually("an issue is open", || scene.gitea.open() == 1);
    let said = |arguments: &[&str]| said(&scene.teawatch, arguments);
    let made = said(&add(&["--source", "db*", "--name", "d?sk", "--for", "2h"]));
    assert!(made.starts_with("silence 1: 20"), "{made}");
    let from = Timestamp::now() + SignedDuration::from_hours(24);
    let (from, until) = (from.to_string(), (from + SignedDuration::from_hours(1)).to_string());
    let made = said(&add(&["--label", "team=*", "--from", &from, "--until", &until]));
    assert_eq!(made, format!("silence 2: {from} to {until}\n"));
    let list = said(&["silence", "list"]);
    let rows: Vec<_> = list.lines().collect();
    assert!(rows[0].starts_with("NUMBER  STATE    START"), "{list}");
    assert!(rows[1].starts_with("1       active   "), "{list}");
    assert!(rows[1].ends_with("  db*/d?sk    alice   a new disk"), "{list}");
    assert!(rows[2].starts_with("2       pending  "), "{list}");
    assert!(rows[2].ends_with("  */* team=*  alice   a new disk"), "{list}");
    let listed: Value = serde_json::from_str(&said(&["silence", "list", "--json"])).unwrap();
    assert_eq!(listed, json!(scene.list()));
    let alerts = said(&["alerts"]);
    assert!(alerts.lines().next().unwrap().ends_with("  SILENCED"), "{alerts}");
    let until = scene.list()[0]["end"].as_str().unwrap().to_owned();
    let silenced = format!("until {until} by alice (silence 1)\n");
    assert!(alerts.ends_with(&silenced), "{alerts}");
    assert_eq!(said(&["silence", "expire", "1", "2"]), "silence 1 is over\nsilence 2 is over\n");
    assert!(scene.list().iter().all(|silence| silence["state"] == "over"));
    // Wrong calls, and what the server does not take.
    for (arguments, code, why) in [
        (add(&["--for", "2h"]), 2, "--source <PATTERN>"),
        (add(&["--source", "*"]), 2, "--for <DURATION>"),
        (add(&["--source", "*", "--for", "2h", "--until", &until]), 2, "cannot be used with"),
        (add(&["--label", "team", "--for", "2h"]), 2, "expected LABEL=PATTERN"),
        (add(&["--source", "*", "--for", "31d"]), 1, "a silence lasts 30 days at most"),
        (vec!["silence", "expire", "4711"], 1, "there is no silence 4711"),
    ] {
        let output = scene.teawatch.cli(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[test]
fn pages_and_figures_tell_of_silences() {
    let scene = Scene::with(&[]);
    let read = |path: &str| {
        let url = format!("{}{path}", scene.teawatch.url);
        client().get(url).send().unwrap().text().unwrap()
    };
    let holds = |count: u32| read("/metrics").contains(&format!("\nteawatch_silences {count}\n"));
    assert!(holds(0), "{}", read("/metrics"));
    scene.silences(&of_source("db*", 600.0));
    let start = Timestamp::now() + SignedDuration::from_hours(1);
    scene.silences(&with(of_source("db*", 600.0), "start", json!(start)));
    assert!(holds(1), "{}", read("/metrics"));
    scene.teawatch.report(&failing(CHECK));
    let page = read("/");
    assert!(page.contains("alice (silence 1) has silenced it until"), "{page}");
}
