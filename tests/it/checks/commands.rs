//! `teawatch checks` defines, shows, pauses and removes checks.

use serde_json::Value;

use super::{complaint, ping, told};
use crate::support::{
    Gitea, READ_TOKEN, Teawatch, WRITE_TOKEN, client, eventually, passing, token_settings,
};

fn served() -> (Teawatch, Gitea, tempfile::TempDir) {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    (Teawatch::start(data.path(), &gitea, &[]), gitea, data)
}

/// What the server keeps of the definition of `web1/job`.
fn definition(teawatch: &Teawatch) -> Value {
    teawatch.get("/api/v1/check?source=web1&name=job").1["definition"].clone()
}

#[test]
fn a_check_is_added_shown_edited_paused_resumed_and_removed_each_once() {
    let (teawatch, gitea, _data) = served();
    let cli = |call: &[&str]| teawatch.cli(&[&["checks"], call].concat());
    let refuses = |call: &[&str], words: &str| {
        let output = cli(call);
        assert_eq!(output.status.code(), Some(1), "{call:?}");
        assert!(complaint(&output).contains(words), "{call:?}: {}", complaint(&output));
    };
    refuses(&["edit", "web1/job", "--every=1h"], "there is no definition of check `web1/job`");
    refuses(&["pause", "web1/job"], "there is no check `web1/job`");
    refuses(&["resume", "web1/job"], "there is no check `web1/job`");
    refuses(&["remove", "web1/job"], "there is no check `web1/job`");
    refuses(&["show", "web1/job", "--url"], "only what is defined has one");

    let add = ["add", "web1/job", "--cron=0 2 * * *", "--zone=Europe/Berlin", "--grace=30m"];
    let add = [&add[..], &["--description", "the nightly copy"]].concat();
    assert_eq!(
        told(&cli(&add)),
        "web1/job is due at 0 2 * * * by the clock of Europe/Berlin, at most 30m late\n"
    );
    refuses(&add, "web1/job`: it is defined already");
    assert!(told(&cli(&["list"])).contains("never seen  web1/job"));
    assert_eq!(told(&cli(&["list"])), told(&cli(&[])));

    assert_eq!(ping(&teawatch, "job/fail"), 200);
    eventually("an issue is open", || gitea.open() == 1);
    let shown = told(&cli(&["show", "web1/job"]));
    assert!(shown.starts_with("web1/job is down since "), "{shown}");
    for words in ["\nthe nightly copy\n", "Europe/Berlin, at most 30m late.", "it has failed"] {
        assert!(shown.contains(words), "{shown}");
    }

    // What is not said stays.
    for _ in 0..2 {
        let edited = told(&cli(&["edit", "web1/job", "--grace=1h", "--run-limit=2h"]));
        let words = "0 2 * * * by the clock of Europe/Berlin, at most 1h late, each run at most 2h";
        assert!(edited.contains(words), "{edited}");
    }
    assert_eq!(definition(&teawatch)["description"], "the nightly copy");
    let edited = told(&cli(&["edit", "web1/job", "--every=10m", "--run-limit=0s"]));
    assert_eq!(edited, "web1/job is due every 10m, at most 1h late\n");
    assert_eq!(told(&cli(&["edit", "web1/job", "--every=0s"])), "web1/job is never due\n");

    for _ in 0..2 {
        assert_eq!(told(&cli(&["pause", "web1/job"])), "web1/job is paused\n");
    }
    eventually("its issue is closed", || gitea.open() == 0);
    let words = "a person paused it";
    eventually("it says why", || gitea.comments(1).concat().contains(words));
    assert_eq!(told(&cli(&["resume", "web1/job"])), "web1/job goes on\n");
    refuses(&["resume", "web1/job"], "check `web1/job` is not paused");

    let removed = "web1/job is no longer watched, until it reports again\n";
    assert_eq!(told(&cli(&["remove", "web1/job"])), removed);
    refuses(&["remove", "web1/job"], "there is no check `web1/job`");
    assert_eq!(ping(&teawatch, "job"), 404);
}

#[test]
fn every_flag_of_a_definition_is_kept_and_can_be_taken_away() {
    let (teawatch, _gitea, _data) = served();
    told(&teawatch.cli(&["checks", "add", "web1/job"]));
    let none = definition(&teawatch);
    for (flags, place, value, away) in [
        (vec!["--start-grace=1m"], "/schedule/start_grace", "\"PT1M\"", vec!["--start-grace=0s"]),
        (vec!["--run-limit=1m"], "/schedule/run_limit", "\"PT1M\"", vec!["--run-limit=0s"]),
        (vec!["--run-least=1m"], "/schedule/run_least", "\"PT1M\"", vec!["--run-least=0s"]),
        (vec!["--gap-least=1m"], "/schedule/gap_least", "\"PT1M\"", vec!["--gap-least=0s"]),
        (vec!["--early=1m"], "/schedule/early", "\"PT1M\"", vec!["--early=0s"]),
        (vec!["--grace=1m"], "/schedule/grace", "\"PT1M\"", vec!["--grace=0s"]),
        (vec!["--strict"], "/schedule/is_strict", "true", vec!["--strict=false"]),
        (vec!["--description=x"], "/description", "\"x\"", vec!["--description="]),
        (vec!["--slug=x"], "/slug", "\"x\"", vec!["--slug="]),
        (vec!["--awaits-first"], "/awaits_first", "true", vec!["--awaits-first=false"]),
        (vec!["--manual-resume"], "/manual_resume", "true", vec!["--manual-resume=false"]),
        (vec!["--post-only"], "/post_only", "true", vec!["--post-only=false"]),
        (vec!["--generation=7"], "/generation", "7", vec!["--generation=0"]),
        (
            vec!["--label=team=db", "--label=prod"],
            "/labels",
            r#"{"prod":"","team":"db"}"#,
            vec!["--label="],
        ),
        (
            vec!["--failure-word=a", "--success-word=b", "--start-word=c", "--needs-word"],
            "/keywords",
            r#"{"failure":["a"],"or_failure":true,"start":["c"],"success":["b"]}"#,
            vec!["--failure-word="],
        ),
    ] {
        for (flags, expected) in [(flags, Some(value)), (away, None)] {
            let call = [&["checks", "edit", "web1/job"], flags.as_slice()].concat();
            told(&teawatch.cli(&call));
            // Nothing else has changed.
            let mut whole = none.clone();
            if let Some(value) = expected {
                let (parent, field) = place.rsplit_once('/').unwrap();
                whole.pointer_mut(parent).unwrap()[field] = serde_json::from_str(value).unwrap();
            }
            assert_eq!(definition(&teawatch), whole, "{call:?}");
        }
    }
}

#[test]
fn what_cannot_be_said_of_a_check_is_refused_with_its_name() {
    let (teawatch, _gitea, _data) = served();
    told(&teawatch.cli(&["checks", "add", "web1/job"]));
    let long = "x".repeat(201);
    let description = format!("--description={}", "x".repeat(4_001));
    for (call, words) in [
        (vec!["edit", "web1/job", "--zone=UTC"], "zone: needs `cron`"),
        (vec!["edit", "web1/job", "--cron=0 2 30 2 *"], "cron: names no time: there is never"),
        (vec!["edit", "web1/job", "--cron=0 2 * * *", "--zone=Mars/Base"], "Mars/Base"),
        (vec!["edit", "web1/job", "--every=367d"], "interval_seconds: must be none, or from"),
        (vec!["edit", "web1/job", "--grace=10us"], "grace_seconds: must be none, or from 0.001"),
        (vec!["edit", "web1/job", "--slug=Nightly"], "slug: must be at most 100 characters"),
        (vec!["edit", "web1/job", "--slug=agent"], "slug: must be"),
        (vec!["edit", "web1/job", &description], "description: must have at most 4000 bytes"),
        (vec!["edit", "web1/job", "--label", &long], "labels: names and values must be at most"),
        (vec!["edit", "web1/job", "--start-word", &long], "keywords: must be at most 20"),
        (vec!["add", "web1/agent"], "name: `agent` is the check that stands for the source"),
        (vec!["add", &format!("web1/{long}")], "name: must be 1 to 200 bytes long"),
        (vec!["add", "we b/job"], "source: must be 1 to 100 characters"),
        (vec!["add", "job"], "a check is called SOURCE/NAME"),
    ] {
        let output = teawatch.cli(&[&["checks"], call.as_slice()].concat());
        assert_eq!(output.status.code(), Some(1), "{call:?}");
        assert!(complaint(&output).contains(words), "{call:?}: {}", complaint(&output));
    }
    for call in ["--every=1h --cron=x", "--every=1h --zone=UTC", "--every=soon", "--strict=maybe"] {
        let call: Vec<_> =
            ["checks", "edit", "web1/job"].into_iter().chain(call.split(' ')).collect();
        assert_eq!(teawatch.cli(&call).status.code(), Some(2), "{call:?}");
    }
    assert_eq!(definition(&teawatch), serde_json::json!({ "schedule": { "grace": "PT0S" } }));
}

#[test]
fn the_address_of_a_check_is_shown_to_those_only_who_may_write_and_only_when_asked_for() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let files = token_settings(data.path());
    let settings: Vec<_> = files.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let set = |name: &str| format!("api.{name}_token_file={}", data.path().join(name).display());
    let (read, write) = (set("read"), set("write"));
    let cli =
        |call: &[&str], token: &str| teawatch.cli(&[&["checks"], call, &["--set", token]].concat());
    for call in [&["add", "web1/job"][..], &["edit", "web1/job"], &["pause", "web1/job"]] {
        assert_eq!(cli(call, &read).status.code(), Some(1), "{call:?}");
    }
    told(&cli(&["add", "web1/job"], &write));
    assert_eq!(cli(&["show", "web1/job", "--url"], &read).status.code(), Some(1));
    let door = format!("{}/api/v1/addresses?source=web1&name=job", teawatch.url);
    for (token, status) in [(READ_TOKEN, 401), (WRITE_TOKEN, 200)] {
        assert_eq!(client().get(&door).bearer_auth(token).send().unwrap().status(), status);
    }
    let url = told(&cli(&["show", "web1/job", "--url"], &write));
    let url = url.trim();
    assert!(url.starts_with(&format!("{}/ping/", teawatch.url)), "{url}");
    assert_eq!(client().get(url).send().unwrap().status(), 200);
    let uuid = url.rsplit('/').next().unwrap();
    for call in [&["show", "web1/job"][..], &["show", "web1/job", "--json"], &["list", "--json"]] {
        let shown = told(&cli(call, &read));
        assert!(shown.contains("job") && !shown.contains(uuid), "{shown}");
    }
    assert!(!teawatch.log().contains(uuid));
}

#[test]
fn a_definition_survives_kill_9_and_a_check_that_reports_by_itself_can_be_given_one() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("web1/job"));
    told(&teawatch.cli(&["checks", "add", "web1/job", "--every=1h", "--label=team=db"]));
    let before = definition(&teawatch);
    assert_eq!(teawatch.get("/api/v1/check?source=web1&name=job").1["status"], "up");
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(definition(&teawatch), before);
    assert_eq!(before["labels"]["team"], "db");
}
