//! Who may make jobs, what they may say, and how they are shown.

use std::fs;
use std::process::Command;

use http::Method;
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use super::Work;
use crate::support::{
    Gitea, InTime as _, READ_TOKEN, Teawatch, WRITE_TOKEN, ask, client, eventually, token_settings,
};

#[test]
fn changing_jobs_takes_the_token_for_writing_and_reading_them_one_of_both() {
    let files = tempfile::tempdir().unwrap();
    let settings = token_settings(files.path());
    let settings: Vec<_> = settings.iter().map(|(key, path)| (*key, path.as_str())).collect();
    let work = Work::with(&settings);
    let draft = json!({ "name": "switch", "do": "sweep", "schedule": "every 1h" });
    let reason = json!({ "reason": "why" });
    let url = format!("{}/api/v1/scheduler", work.teawatch.url);
    let all = |rest: &str| client().post(format!("{url}{rest}"));
    let changes: Vec<(RequestBuilder, Value)> = vec![
        (work.door(Method::POST, ""), draft),
        (work.door(Method::PATCH, "/switch"), json!({ "times": 3 })),
        (work.door(Method::POST, "/switch/pause"), reason.clone()),
        (work.door(Method::POST, "/switch/resume"), json!({})),
        (work.door(Method::POST, "/switch/run"), json!({})),
        (all("/pause"), reason),
        (all("/resume"), json!({})),
        (work.door(Method::DELETE, "/switch"), json!({})),
    ];
    for (request, body) in changes {
        let request = request.json(&body);
        let with = |token: &str| request.try_clone().unwrap().bearer_auth(token);
        assert_eq!(ask(request.try_clone().unwrap()).error(), (401, "unproven"), "{request:?}");
        for token in [READ_TOKEN, "something else, of the same length"] {
            assert_eq!(ask(with(token)).error(), (401, "unproven"), "{request:?}");
        }
        let answer = ask(with(WRITE_TOKEN));
        assert_eq!(answer.status, 200, "{request:?} {answer:?}");
    }
    for path in ["", "/switch", "/switch/runs"] {
        assert_eq!(ask(work.door(Method::GET, path)).error(), (401, "unproven"), "{path}");
    }
    assert_eq!(ask(work.door(Method::GET, "").bearer_auth(READ_TOKEN)).body["items"], json!([]));
    // The secret of whoever fires jobs is no token of the API.
    let fires = work.door(Method::GET, "").bearer_auth(super::secret().expose());
    assert_eq!(ask(fires).error(), (401, "unproven"));
}

#[test]
fn what_a_job_may_not_be_is_refused_by_name_and_nothing_is_made() {
    let work = Work::with(&[]);
    let sound = json!({ "name": "switch", "do": "sweep", "schedule": "every 1h" });
    let with = |field: &str, value: Value| {
        let mut draft = sound.clone();
        draft[field] = value;
        draft
    };
    for (draft, why) in [
        (json!({}), "schedule: is needed"),
        (with("schedule", json!("2001-01-01 00:00")), "schedule: names a time that has passed"),
        (with("zone", json!("Mars/Olympus")), "zone: must be a time zone"),
        (with("zone", json!("")), "zone: must be a time zone"),
        (with("name", json!("a/b")), "name: must be 1 to 100"),
        (with("name", json!("")), "name: must be 1 to 100"),
        (with("name", json!("n".repeat(101))), "name: must be 1 to 100"),
        (with("name", json!("n".repeat(60_000))), "name: must be 1 to 100"),
        (with("name", json!("näme")), "name: must be 1 to 100"),
        (with("name", json!(7)), "name: invalid type: integer `7`, expected a string"),
        (with("name", json!(["switch"])), "name: invalid type: sequence"),
        (with("do", json!("fly")), "do: must be one of sweep, reconcile"),
        (with("do", json!("")), "do: must be one of sweep, reconcile"),
        (with("do", json!({ "do": "sweep" })), "do: invalid type: map"),
        (with("schedule", json!(3_600)), "schedule: invalid type: integer"),
        (with("times", json!(-1)), "times: invalid value"),
        (with("times", json!(1.5)), "times: invalid type: floating point"),
        (with("times", json!("3")), "times: invalid type: string"),
        (with("times", json!(1_u64 << 32)), "times: invalid value"),
        (with("missed", json!("never")), "missed: must be \"once\""),
        (with("missed_max", json!(5)), "missed_max: is for missed"),
        (with("keep", json!(7)), "keep: is for backups alone"),
        (with("jitter", json!("-1s")), "jitter: must be whole seconds"),
        (with("jitter", json!("1h")), "jitter: must be shorter than the interval"),
        (with("limit", json!("0s")), "limit: must be whole seconds, from 1s to 24h"),
        (with("limit", json!("1ms")), "limit: must be whole seconds"),
        (with("limit", json!(60)), "limit: invalid type: integer"),
        (with("whom", json!(1)), "unknown field `whom`"),
        (json!("night"), "invalid type"),
        (json!(7), "invalid type"),
        (Value::Null, "invalid type"),
    ] {
        let answer = work.post("", &draft);
        assert_eq!(answer.error(), (422, "bad_body"), "{draft}");
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    for keep in [0, 1_001] {
        let backup = json!({ "name": "b", "do": "backup", "schedule": "every 1h", "keep": keep });
        let answer = work.post("", &backup);
        assert!(answer.message().contains("keep: must be 1 to 1000"), "{}", answer.message());
    }
    // What is no JSON, and too much of it.
    let raw = |body: &[u8]| ask(work.door(Method::POST, "").body(body.to_vec()));
    let text = sound.to_string();
    let twice = text.replacen("\"name\":", "\"name\":\"other\",\"name\":", 1);
    for (body, why) in [
        (b"\xff\xfe".as_slice(), ""),
        (&[&text.as_bytes()[..10], b"\xff\"}"].concat(), ""),
        (&text.as_bytes()[..text.len() - 1], "EOF"),
        (format!("{text}{text}").as_bytes(), "trailing"),
        (twice.as_bytes(), "duplicate field"),
        (b"name=switch&do=sweep", "expected"),
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).as_bytes(), ""),
    ] {
        let answer = raw(body);
        assert_eq!(answer.error(), (422, "bad_body"), "{why}");
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    for length in [64 * 1024 + 1, (1 << 20) + 1] {
        assert_eq!(raw(&vec![b' '; length]).error(), (413, "too_long"));
    }
    assert_eq!(ask(work.door(Method::GET, "")).body["items"], json!([]));
    work.adds(&sound);
    let taken = work.post("", &with("name", json!("SWITCH")));
    assert_eq!(taken.error(), (409, "conflict"));
    for (method, rest) in [
        (Method::GET, "/other"),
        (Method::GET, "/other/runs"),
        (Method::DELETE, "/other"),
        (Method::PATCH, "/other"),
        (Method::POST, "/other/run"),
        (Method::POST, "/other/resume"),
    ] {
        let answer = ask(work.door(method.clone(), rest).json(&json!({})));
        assert_eq!(answer.error(), (404, "missing"), "{method} {rest}");
        assert_eq!(answer.message(), "there is no job `other`", "{method} {rest}");
    }
    // A change is judged like a new one, and changes nothing then.
    let before = work.job("switch");
    for (change, why) in [
        (json!({ "schedule": "2001-01-01 00:00" }), "schedule: names a time that has passed"),
        (json!({ "schedule": "every 0s" }), "schedule: must be of whole seconds"),
        (json!({ "zone": "Europe/Berlin" }), "zone: is for times on a clock alone"),
        (json!({ "name": "0123456789ab" }), "name: must not look like the id of a job"),
        (json!({ "id": "0123456789ab" }), "unknown field `id`"),
    ] {
        let answer = ask(work.door(Method::PATCH, "/switch").json(&change));
        assert_eq!(answer.error(), (422, "bad_body"), "{change}");
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    for (rest, body, why) in [
        ("/switch/pause", json!({}), "missing field `reason`"),
        ("/switch/pause", json!({ "reason": " " }), "reason: must be one line"),
        ("/switch/pause", json!({ "reason": "a\nb" }), "reason: must be one line"),
        ("/switch/pause", json!({ "reason": "r".repeat(201) }), "reason: must be one line"),
        ("/switch/pause", json!({ "reason": 7 }), "reason: invalid type"),
        ("/switch/run", json!({ "slot": "yes" }), "slot: invalid type"),
        ("/switch/run", json!({ "slots": true }), "unknown field `slots`"),
    ] {
        let answer = work.post(rest, &body);
        assert_eq!(answer.error(), (422, "bad_body"), "{body}");
        assert!(answer.message().contains(why), "{why}: {}", answer.message());
    }
    assert_eq!(work.job("switch"), before);
    assert_eq!(work.runs("switch").len(), 0);
}

/// Times that never come, and the words of whoever is asked for them.
const NEVER: [(&str, &str); 13] = [
    ("every 0s", "must be of whole seconds, and at least 1s"),
    ("every 500ms", "must be of whole seconds, and at least 1s"),
    ("every -5m", "write \"every 30m\""),
    ("every", "write \"every 30m\""),
    ("every 11y", "write \"every 30m\""),
    ("30m", "must say \"every 30m\" to be repeated, or \"in 30m\" for once"),
    ("tomorrow", "write \"every 30m\""),
    ("0 0 30 2 *", "names no time: there is never such a time"),
    ("0 25 * * *", "names no time: "),
    ("* * * * FOO", "names no time: "),
    ("0 0 3 * * *", "write \"every 30m\""),
    ("2026-02-30 12:00", "names a day or a time of the day that there is not"),
    ("2026-12-01 25:00", "names a day or a time of the day that there is not"),
];

#[test]
fn d14_a_time_that_never_comes_is_refused_in_the_same_words_by_each_way_to_make_a_job() {
    let work = Work::with(&[]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut file =
        "[gitea]\nurl = \"https://gitea.test/\"\nrepository = \"ops/alerts\"\n".to_owned();
    for (number, (schedule, why)) in NEVER.into_iter().enumerate() {
        let draft = json!({ "name": "never", "do": "sweep", "schedule": schedule });
        let answer = work.post("", &draft);
        assert_eq!(answer.error(), (422, "bad_body"), "{schedule}");
        let told = format!("schedule: {why}");
        assert!(answer.message().contains(&told), "{told} {}", answer.message());
        let add = ["jobs", "add", "never", "--do", "sweep", "--schedule", schedule];
        let output = work.teawatch.cli(&add);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&told), "{told} {said}");
        let name = format!("never-{number}");
        let job = format!("name = \"{name}\"\ndo = \"sweep\"\nschedule = \"{schedule}\"\n");
        file.push_str(&format!("\n[[job]]\n{job}"));
    }
    for (arguments, why) in [
        (vec!["--zone", "Mars/Olympus"], "zone: must be a time zone that this machine knows"),
        (vec!["--keep", "7"], "keep: is for backups alone"),
        (vec!["--limit", "0s"], "limit: must be whole seconds, from 1s to 24h"),
    ] {
        let add = ["jobs", "add", "never", "--do", "sweep", "--schedule", "0 3 * * *"];
        let output = work.teawatch.cli(&[&add[..], &arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(why), "{output:?}");
    }
    let long = "n".repeat(101);
    let add = ["jobs", "add", &long, "--do", "sweep", "--schedule", "0 3 * * *"];
    assert!(text(&work.teawatch.cli(&add).stderr).contains("name: must be 1 to 100 letters"));
    assert_eq!(ask(work.door(Method::GET, "")).body["items"], json!([]));
    // A file is judged as a whole, and each line of it is named.
    let path = work.data.path().join("never.toml");
    fs::write(&path, file).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().args(["config", "check", "--config"]).arg(&path);
    let output = command.output_in_time();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for (number, (schedule, why)) in NEVER.into_iter().enumerate() {
        let line = 5 * number + 8;
        let told = format!(":{line}:12: `[[job]] schedule` {why}");
        assert!(said.contains(&told), "{schedule}: {told}\n{said}");
    }
}

#[test]
fn a_time_that_is_changed_is_read_on_the_clock_on_which_the_old_one_was() {
    let work = Work::with(&[]);
    let once = ["jobs", "add", "once", "--do", "sweep", "--schedule"];
    said(&work.teawatch, &[&once[..], &["2100-01-01 22:00", "--zone", "Asia/Kathmandu"]].concat());
    let next = || work.job("once")["next"].clone();
    assert_eq!(next(), "2100-01-01T16:15:00Z");
    let edit = |change: &[&str]| {
        drop(said(&work.teawatch, &[&["jobs", "edit", "once"], change].concat()));
    };
    edit(&["--schedule", "2100-01-02 22:00"]);
    assert_eq!(next(), "2100-01-02T16:15:00Z");
    // It keeps to the clock whatever else comes between, until it is given another.
    edit(&["--limit", "1h"]);
    edit(&["--schedule", "2100-01-03T22:00:00Z"]);
    edit(&["--schedule", "2100-01-04 22:00"]);
    assert_eq!(next(), "2100-01-04T16:15:00Z");
    edit(&["--schedule", "2100-01-04 16:15", "--zone", "UTC"]);
    edit(&["--schedule", "2100-01-05 22:00"]);
    assert_eq!(next(), "2100-01-05T22:00:00Z");
}

/// What a command prints, which must go well.
#[track_caller]
fn said(teawatch: &Teawatch, arguments: &[&str]) -> String {
    let output = teawatch.cli(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_commands_make_show_change_pause_run_and_remove_jobs() {
    let work = Work::with(&[]);
    let said = |arguments: &[&str]| said(&work.teawatch, arguments);
    let zone = ["--zone", "Europe/Berlin"];
    let add = ["jobs", "add", "night", "--do", "backup", "--schedule", "30 3 * * *", "--keep", "3"];
    let made = said(&[&add[..], &zone].concat());
    let job = work.job("night");
    let (id, next) = (job["id"].as_str().unwrap(), job["next"].as_str().unwrap());
    assert_eq!(
        made,
        format!("job {id} `night` is made: 30 3 * * * in Europe/Berlin, next {next}\n")
    );
    let list = said(&["jobs", "list"]);
    assert!(list.starts_with("ID            NAME   STATE      NEXT "), "{list}");
    assert!(list.contains("backup, the newest 3 kept"), "{list}");
    let listed: Value = serde_json::from_str(&said(&["jobs", "list", "--json"])).unwrap();
    assert_eq!(listed, ask(work.door(Method::GET, "")).body["items"]);
    // What is not named stays.
    let changed = said(&["jobs", "edit", "NIGHT", "--keep", "5", "--name", "nightly"]);
    assert!(changed.contains("`nightly` is changed: 30 3 * * * in Europe/Berlin"), "{changed}");
    let shown = said(&["jobs", "show", id]);
    assert!(shown.contains("\ndoes      backup, the newest 5 kept\n"), "{shown}");
    assert!(shown.contains("\ncheck     teawatch/job-nightly\n"), "{shown}");
    assert!(said(&["jobs", "run", "nightly"]).ends_with(" of `nightly` begins\n"));
    eventually("it is done", || said(&["jobs", "runs", "nightly"]).contains("  done   besides"));
    let runs: Value = serde_json::from_str(&said(&["jobs", "runs", "nightly", "--json"])).unwrap();
    assert_eq!(runs, json!(work.runs("nightly")));
    let pause = said(&["jobs", "pause", "nightly", "--reason", "a new disk"]);
    assert!(pause.ends_with("is paused: 30 3 * * * in Europe/Berlin, next never\n"), "{pause}");
    assert!(said(&["jobs", "list"]).contains("paused"), "{}", said(&["jobs", "list"]));
    assert!(said(&["jobs", "resume", "nightly"]).contains("is resumed"));
    let too_early = work.teawatch.cli(&["jobs", "run", "nightly", "--slot"]);
    let stderr = String::from_utf8_lossy(&too_early.stderr).into_owned();
    assert_eq!(too_early.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("it is not due before"), "{stderr}");
    assert_eq!(said(&["jobs", "remove", "nightly"]), "the job `nightly` is removed\n");
    assert_eq!(ask(work.door(Method::GET, "")).body["items"], json!([]));
    assert!(work.check("nightly").is_none());
    for (arguments, code, why) in [
        (vec!["jobs", "add", "x", "--schedule", "every 1h"], 1, "do: is needed"),
        (vec!["jobs", "add", "x", "--do", "fly"], 2, "possible values: sweep"),
        (vec!["jobs", "pause", "--reason", "x"], 2, "required"),
        (vec!["jobs", "show", "nightly"], 1, "there is no job `nightly`"),
    ] {
        let output = work.teawatch.cli(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[test]
fn jobs_of_the_configuration_run_and_are_changed_there_alone() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let file = "[[job]]\nname = \"look\"\ndo = \"sweep\"\nschedule = \"every 1s\"\n";
    let settings = [("scheduler.every", "50ms")];
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &settings, file);
    let job = || teawatch.get("/api/v1/jobs/look").1;
    eventually("it comes", || job()["fired"].as_u64() > Some(1));
    for (arguments, why) in [
        (["jobs", "remove", "look"], "the configuration has the job `look`"),
        (["jobs", "edit", "look"], "the configuration has the job `look`"),
    ] {
        let output = teawatch.cli(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.contains(why), "{stderr}");
    }
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    assert_eq!(teawatch.get("/api/v1/jobs/look").0, 404);
}
