//! The doors for tools and machines: health, pages, tokens.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use teawatch::sandbox::{Action, Fault};

use crate::support::{
    Answer, Gitea, InTime as _, Letter, READ_TOKEN, Report, Teawatch, WRITE_TOKEN, ask, client,
    eventually, failing, passing, token_settings,
};

/// Every page of a list, one after the other.
fn pages(teawatch: &Teawatch, what: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("{}/api/v1/{what}?limit={limit}{after}", teawatch.url);
        let page = ask(client().get(url)).body;
        pages.push(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return pages };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("after", next)
            .finish();
        after = format!("&{query}");
    }
}

#[test]
fn prometheus_reads_figures_of_what_is_there_and_of_what_has_passed() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let figures = || {
        let answer = client().get(format!("{}/metrics", teawatch.url)).send().unwrap();
        let format = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(format.starts_with("application/openmetrics-text; version=1.0.0"), "{format}");
        answer.text().unwrap()
    };
    let has = |figures: &str, line: &str| figures.lines().any(|found| found == line);
    let first = figures();
    assert!(has(&first, "teawatch_build_info{version=\"0.1.0\"} 1"), "{first}");
    assert!(has(&first, "teawatch_checks{state=\"down\"} 0"), "{first}");
    assert_eq!(first.lines().last(), Some("# EOF"));

    let busy = Action::Refuse { status: 503, retry_after: None, body: <_>::default() };
    gitea.order(Fault::new(busy).until_cleared());
    teawatch.report(&failing("db1/disk"));
    let report = passing("db1/fine");
    teawatch.report(&report);
    teawatch.report(&report);
    teawatch.send(&Report::new("db1").check("", "success", "no name"));
    let now = figures();
    for line in [
        "teawatch_checks{state=\"down\"} 1",
        "teawatch_checks{state=\"up\"} 2",
        "teawatch_alerts{state=\"firing\"} 1",
        "teawatch_reports_total{outcome=\"taken\"} 2",
        "teawatch_reports_total{outcome=\"duplicate\"} 1",
        "teawatch_reports_total{outcome=\"bad_body\"} 1",
    ] {
        assert!(has(&now, line), "{line}\n{now}");
    }
    // No name from outside is in it, and no series that was not there from the start.
    let names = |figures: &str| -> BTreeSet<String> {
        let lines = figures.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(names(&now), names(&first));
    let kinds = ["open", "comment", "edit", "close", "reopen", "heal", "react", "reply"];
    for kind in kinds {
        let series = format!("teawatch_effects_confirmed_total{{effect=\"{kind}\"}}");
        assert!(names(&first).contains(&series), "{series}\n{first}");
    }
    let number = |figures: &str, name: &str| -> f64 {
        let found = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name}:\n{figures}")).parse().unwrap()
    };
    assert!(number(&now, "teawatch_commit_seconds_count") > 0.0);
    assert!(number(&now, "teawatch_commit_seconds_sum") > 0.0);
    assert!(number(&now, "teawatch_turns_total") > number(&first, "teawatch_turns_total"));
    assert_eq!(number(&now, "teawatch_queue_commands"), 0.0);
    assert_eq!(number(&now, "teawatch_queue_bytes"), 0.0);
    eventually("the oldest effect has an age", || {
        let figures = figures();
        let age = figures
            .lines()
            .find_map(|line| line.strip_prefix("teawatch_oldest_effect_age_seconds "));
        age.is_some_and(|age| age.parse::<f64>().unwrap() > 0.0)
    });
    gitea.world().clear_faults();
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let after = figures();
    assert!(has(&after, "teawatch_ready 1"), "{after}");
    assert!(has(&after, "teawatch_tasks{task=\"engine\",state=\"well\"} 1"), "{after}");
    assert!(has(&after, "teawatch_tasks{task=\"engine\",state=\"stalled\"} 0"), "{after}");
    assert_eq!(number(&after, "teawatch_effects_confirmed_total{effect=\"open\"}"), 1.0);
    assert!(number(&after, "teawatch_gitea_answers_total{class=\"5xx\"}") > 0.0);
    assert!(number(&after, "teawatch_gitea_answers_total{class=\"2xx\"}") > 0.0);
    assert!(has(&after, "teawatch_oldest_effect_age_seconds 0.0"), "{after}");
}

#[test]
fn with_too_little_room_on_the_disk_reports_are_put_off_and_reading_goes_on() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    // More than any disk has.
    let settings = [("limits.free_bytes", "1152921504606846976")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let reasons = || teawatch.get("/readyz").1["reasons"].to_string();
    eventually("it is told", || reasons().contains("no reports are taken below"));
    assert_eq!(teawatch.get("/readyz").0, 503);
    let (status, answer) = teawatch.send(&failing("db1/disk"));
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("no_room")), "{answer}");
    assert_eq!(teawatch.get("/api/v1/checks"), (200, json!({ "items": [], "next": null })));
    assert_eq!(gitea.issues().len(), 0);
}

#[test]
fn health_is_alive_and_nothing_else_and_readiness_says_why() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let alive = client().get(format!("{}/healthz", teawatch.url)).send().unwrap();
    assert_eq!((alive.status().as_u16(), alive.text().unwrap().as_str()), (200, "alive\n"));
    teawatch.report(&failing("db1/disk"));
    eventually("nothing waits", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let (status, ready) = teawatch.get("/readyz");
    assert_eq!(status, 200);
    let expected = json!({
        "ready": true,
        "reasons": [],
        "notes": [],
        "reconcile": {},
        "engine": {
            "checks": 2,
            "alerts": 2,
            "firing": 1,
            "undelivered": 0,
            "parked": 0,
            "unclaimed": {},
            "copied": null,
        },
    });
    // How many records there are of alerts that never fired is nobody's business.
    let mut found = ready;
    found["engine"]["alerts"] = json!(2);
    // When Gitea was asked last is another test's business.
    found["reconcile"] = json!({});
    let tasks = found.as_object_mut().unwrap().remove("tasks").unwrap();
    assert!(tasks.as_array().unwrap().iter().any(|task| task["name"] == "outbox"), "{tasks}");
    assert_eq!(found, expected);

    gitea.go_away();
    teawatch.report(&passing("db1/disk"));
    eventually("it says why", || teawatch.get("/readyz").0 == 503);
    let (_, ready) = teawatch.get("/readyz");
    assert_eq!(ready["ready"], false);
    assert!(ready["engine"]["undelivered"].as_u64().unwrap() > 0, "{ready}");
    assert!(ready["reasons"][0].as_str().unwrap().starts_with("ops/alerts refuses since"));
    assert_eq!(client().get(format!("{}/healthz", teawatch.url)).send().unwrap().status(), 200);
}

#[test]
fn twelve_hundred_checks_are_read_page_by_page_each_once() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut names = BTreeSet::new();
    for source in ["db1", "db-1", "web1"] {
        let mut report = Report::new(source);
        names.insert(format!("{source}/agent"));
        for n in 0..399 {
            // Names are free, so cursors have to be kept apart from addresses.
            let name = format!("{n} & 50 %/é?#=+");
            names.insert(format!("{source}/{name}"));
            report = report.check(&name, "success", "");
        }
        teawatch.report(&report);
    }
    for (limit, lengths) in [(500, vec![500, 500, 200]), (400, vec![400, 400, 400])] {
        let pages = pages(&teawatch, "checks", limit);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
        let found: Vec<_> = pages
            .concat()
            .iter()
            .map(|check| {
                let text = |key: &str| check[key].as_str().unwrap().to_owned();
                format!("{}/{}", text("source"), text("name"))
            })
            .collect();
        assert_eq!(found.len(), 1_200);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), names);
    }
    assert_eq!(
        ask(client().get(format!("{}/api/v1/checks", teawatch.url))).body["items"]
            .as_array()
            .unwrap()
            .len(),
        100
    );
    assert_eq!(pages(&teawatch, "checks", 1).len(), 1_200);
}

#[test]
fn alerts_are_read_page_by_page_and_tell_where_they_are() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("storm.max_new_issues", "1000")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let report = (0..23).fold(Report::new("db1"), |report, n| {
        report.check(&format!("c{n:02}"), "failure", "broken").check(
            &format!("w{n}"),
            "success",
            "",
        )
    });
    teawatch.report(&report);
    eventually("all issues are open", || gitea.open() == 23 && teawatch.outbox().is_empty());
    let pages = pages(&teawatch, "alerts", 5);
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 5, 3]);
    let alerts = pages.concat();
    let numbers: BTreeSet<_> =
        alerts.iter().map(|alert| alert["issue"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=23).collect());
    for alert in &alerts {
        let issue = gitea.issue(alert["issue"].as_u64().unwrap());
        assert!(issue.title.contains(alert["title"].as_str().unwrap()), "{alert}");
        assert_eq!(alert["phase"], "firing");
        assert_eq!(alert["repository"], "ops/alerts");
        assert_eq!(alert["in_trouble"], json!([alert["title"]]));
        assert_eq!(alert["undelivered"], json!([]));
        assert_eq!((&alert["episode"], &alert["is_row"]), (&json!(1), &json!(false)));
        assert!(alert["fired_at"].is_string() && alert["closed_at"].is_null());
    }
}

#[test]
fn late_unknown_and_never_seen_are_told_apart_and_wake_nobody() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let file = "[[expect]]\nsource = \"backup1\"\nname = \"nightly\"\ninterval = \"24h\"\n";
    let settings = [("alerts.stale_factor", "10000")];
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &settings, file);
    teawatch.report(&Report::new("db1").every(0.05).check("disk", "success", "fine"));
    teawatch.report(&Report::new("db2").check("disk", "unknown", "cannot tell"));
    teawatch.report(&Report::new("db3").every(3_600.0).check("disk", "success", "fine"));
    let status = |source: &str| {
        let (_, checks) = teawatch.get("/api/v1/checks");
        let mut checks = checks["items"].as_array().unwrap().clone().into_iter();
        checks.find(|check| check["source"] == source && check["name"] != "agent").unwrap()
    };
    eventually("the first is late", || status("db1")["status"] == "late");
    assert_eq!(status("db2")["status"], "unknown");
    assert_eq!(status("db2")["latest"]["summary"], "cannot tell");
    assert_eq!(status("db3")["status"], "up");
    assert!(status("db3")["silent_at"].is_string());
    assert_eq!(status("backup1")["status"], "never_seen");
    assert_eq!(status("backup1")["last_seen"], Value::Null);
    assert_eq!(teawatch.get("/api/v1/alerts").1["items"], json!([]));
    // What the command line shows are the README's words.
    let shown = teawatch.cli(&["checks"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for status in ["late", "unknown", "up", "never seen"] {
        assert!(shown.lines().any(|line| line.starts_with(&format!("{status} "))), "{shown}");
    }
    assert!(gitea.issues().is_empty());
}

#[test]
fn a_graceful_stop_loses_nothing() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.go_away();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    let before = teawatch.get("/api/v1/checks").1;
    assert_eq!(teawatch.stop().code(), Some(0));
    assert!(!data.path().join("teawatch.pid").exists());
    gitea.come_back();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(teawatch.get("/api/v1/checks").1, before);
    eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
}

#[test]
fn the_pid_file_is_whole_and_for_its_owner_alone_whatever_a_crash_left_behind() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (pid_file, unfinished) =
        (data.path().join("teawatch.pid"), data.path().join("teawatch.pid.new"));
    for left_behind in [false, true] {
        if left_behind {
            for path in [&pid_file, &unfinished] {
                std::fs::write(path, "4194304 and more").unwrap();
                std::fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
            }
        }
        let old = std::fs::File::open(&pid_file);
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        let mode = std::fs::metadata(&pid_file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "left behind: {left_behind}");
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        assert_eq!(pid, format!("{}\n", teawatch.pid().as_raw_nonzero()));
        assert!(!unfinished.exists());
        // Who has the old one open reads on in it: it was replaced, not written over.
        if let Ok(old) = old {
            assert_eq!(std::io::read_to_string(old).unwrap(), "4194304 and more");
        }
        teawatch.kill();
    }
}

#[test]
fn a_start_that_fails_leaves_no_pid_file_and_config_check_foresees_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let roots = data.path().join("ca.pem");
    for garbage in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        std::fs::write(&roots, garbage).unwrap();
        let settings = [("gitea.ca_file", roots.to_str().unwrap())];
        let serve = Teawatch::command(data.path(), &gitea, &settings);
        let mut check = Command::new(serve.get_program());
        check.current_dir(data.path()).env_clear();
        check.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        check.args(["config", "check"]).args(serve.get_args().skip(1));
        for mut command in [check, serve] {
            let output = command.stderr(Stdio::piped()).output_in_time();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{garbage:?}: {said}");
            assert!(said.contains("cannot set up the connection to Gitea"), "{said}");
            assert!(said.contains("certificate"), "{said}");
            assert!(!data.path().join("teawatch.pid").exists());
        }
    }
}

#[test]
fn what_was_answered_while_teawatch_was_stopping_is_there_after_the_restart() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let (taken, letters) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (url, pid) = (teawatch.url.clone(), teawatch.pid());
    let ended = std::thread::scope(|scope| {
        for sender in 0..8 {
            let (taken, letters, url) = (&taken, &letters, &url);
            scope.spawn(move || {
                let source = format!("db{sender}");
                // So many are told apart from repeats, however many other tests send.
                for n in 1..=100 {
                    let check = format!("check-{n}");
                    let mut report = Report::new(&source).check(&check, "success", "");
                    report.body["id"] = json!({ "epoch": "stopping", "seq": n });
                    let letter = Letter::of(&report);
                    // Once nobody answers any more, it is over.
                    let Some(answer) = letter.try_send_to(url) else { return };
                    // Whoever gets in is served.
                    assert_eq!(answer.status, 200, "{answer:?}");
                    taken.fetch_add(1, Ordering::SeqCst);
                    letters.lock().unwrap().push((format!("{source}/{check}"), letter));
                }
            });
        }
        eventually("reports are under way", || taken.load(Ordering::SeqCst) > 40);
        kill_process(pid, Signal::TERM).unwrap();
        let mut teawatch = teawatch;
        teawatch.wait()
    });
    assert_eq!(ended.code(), Some(0));

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let known: BTreeSet<_> = pages(&teawatch, "checks", 500)
        .concat()
        .iter()
        .map(|check| {
            let text = |key: &str| check[key].as_str().unwrap();
            format!("{}/{}", text("source"), text("name"))
        })
        .collect();
    for (check, letter) in letters.into_inner().unwrap() {
        assert!(known.contains(&check), "{check} is gone");
        assert_eq!(letter.send(&teawatch).body["duplicate"], true, "{check}");
    }
}

#[test]
fn ctrl_c_stops_it_in_order_too() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("db1/disk"));
    let before = teawatch.get("/api/v1/checks").1;
    kill_process(teawatch.pid(), Signal::INT).unwrap();
    assert_eq!(teawatch.wait().code(), Some(0), "{}", teawatch.log());
    eventually("it says why", || teawatch.log().contains("stopping on SIGINT"));
    assert!(!data.path().join("teawatch.pid").exists());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(teawatch.get("/api/v1/checks").1, before);
}

#[test]
fn who_may_read_may_not_write_and_strangers_may_do_neither() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let files = token_settings(data.path());
    let settings: Vec<_> = files.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&passing("db1/disk"));
    let call = |method: &str, path: &str, authorization: &str| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method, format!("{}/api/v1/{path}", teawatch.url));
        let request = match authorization {
            "" => request,
            authorization => request.header("authorization", authorization),
        };
        let answer = ask(request);
        if answer.status == 200 { 200 } else { answer.error().0 }
    };
    let (read, write) = (format!("Bearer {READ_TOKEN}"), format!("Bearer {WRITE_TOKEN}"));
    let agent = format!("Bearer {}", Teawatch::secret("db1").expose());
    let basic = format!("Basic {READ_TOKEN}");
    for path in ["alerts", "checks", "outbox"] {
        assert_eq!(call("GET", path, &read), 200);
        assert_eq!(call("GET", path, &write), 200);
        for stranger in ["", "Bearer", "Bearer nonsense", READ_TOKEN, &agent, &basic] {
            assert_eq!(call("GET", path, stranger), 401, "{path} {stranger}");
        }
    }
    for (method, path) in [
        ("DELETE", "checks?source=db1&name=disk"),
        ("DELETE", "outbox/1"),
        ("POST", "outbox/1/retry"),
    ] {
        for stranger in ["", &read, &agent, "Bearer nonsense"] {
            assert_eq!(call(method, path, stranger), 401, "{method} {path} {stranger}");
        }
    }
    assert_eq!(call("DELETE", "checks?source=db1&name=disk", &write), 200);
    assert_eq!(call("DELETE", "checks?source=db1&name=disk", &write), 404);
    assert_eq!(call("DELETE", "outbox/1", &write), 404);
    // Health is for everybody.
    assert_eq!(teawatch.get("/readyz").0, 200);
    assert_eq!(ask(client().get(format!("{}/healthz", teawatch.url))).status, 200);
}

#[test]
fn whoever_is_turned_away_is_told_what_would_help() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let files = token_settings(data.path());
    let settings: Vec<_> = files.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let hint = |answer: &Answer| answer.body["error"]["hint"].as_str().unwrap().to_owned();
    let url = |path: &str| format!("{}/api/v1/{path}", teawatch.url);
    for token in [None, Some("nonsense")] {
        let request = client().get(url("checks"));
        let answer = ask(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        });
        assert_eq!(answer.error(), (401, "unproven"));
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        // It is not an agent that asks.
        assert!(hint(&answer).contains("`api.read_token_file`"), "{answer:?}");
        assert!(!hint(&answer).contains("teawatch-source"), "{answer:?}");
    }
    let report = Letter::bare("db1", passing("db1/disk").body.to_string()).send(&teawatch);
    assert_eq!(report.error(), (401, "unproven"));
    assert!(hint(&report).contains("`teawatch secret agent SOURCE`"), "{report:?}");
    for path in ["checks?source=db1&name=disk", "outbox/7"] {
        let answer = ask(client().delete(url(path)).bearer_auth(WRITE_TOKEN));
        assert_eq!(answer.error(), (404, "missing"));
        assert!(hint(&answer).contains("`teawatch checks`"), "{answer:?}");
    }
}

#[test]
fn r152_the_log_is_for_people_unless_it_is_set_to_be_for_machines() {
    for (format, is_json) in [("text", false), ("json", true)] {
        let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let settings = [("log.format", format), ("log.level", "debug")];
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.report(&failing("db1/disk"));
        eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        // Errors have a chain, and words of others in them.
        gitea.go_away();
        teawatch.report(&passing("db1/disk"));
        eventually("a warning is there", || teawatch.log().contains("WARN"));
        for line in teawatch.log().lines() {
            let parsed = serde_json::from_str::<Value>(line);
            assert_eq!(parsed.is_ok(), is_json, "{line}");
            if let Ok(parsed) = parsed {
                assert!(parsed["level"].is_string() && parsed["timestamp"].is_string(), "{line}");
                assert!(parsed["fields"]["message"].is_string(), "{line}");
            }
        }
    }
}
