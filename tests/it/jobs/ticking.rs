//! Jobs that come by themselves.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Instant;

use serde_json::{Value, json};

use super::{Work, at, command};
use crate::support::{
    Gitea, PATIENCE, Say, StandIn, Teawatch, answer_of, client, eventually, figures, passing,
};

#[test]
fn a_job_comes_on_schedule_each_slot_once_and_its_check_is_up() {
    let work = Work::with(&[]);
    eventually("the start is told", || work.pings() == 1);
    work.add("switch", "dead-man", "every 1s");
    eventually("it has come three times", || work.pings() >= 4);
    eventually("its check is up", || {
        work.check("switch").is_some_and(|check| check["status"] == "up")
    });
    let pause = work.post("/switch/pause", &json!({ "reason": "enough" }));
    assert_eq!(pause.status, 200, "{pause:?}");
    eventually("nothing is under way", || work.job("switch")["state"] == "paused");
    let runs = work.runs("switch");
    let slots: BTreeSet<_> = runs.iter().map(|run| run["slot"].as_str().unwrap()).collect();
    assert_eq!(slots.len(), runs.len(), "{runs:#?}");
    let done = runs.iter().filter(|run| run["state"] == "done");
    assert_eq!(done.count(), work.pings() - 1, "{runs:#?}");
    let figures = figures(&work.teawatch.url);
    let ended = format!("teawatch_job_runs_total{{state=\"done\"}} {}\n", work.pings() - 1);
    for line in [&*ended, "teawatch_jobs{state=\"paused\"} 1\n"] {
        assert!(figures.contains(line), "{line} {figures}");
    }
    assert!(runs.iter().all(|run| run["by"] == "ticker" || run["by"].is_null()), "{runs:#?}");
}

#[test]
fn a_job_that_fails_is_an_issue_and_one_that_is_well_again_closes_it() {
    let work = Work::switched(&[], |number| match number {
        1 => answer_of(503, "away"),
        _ => answer_of(200, "OK"),
    });
    eventually("the start is told", || work.pings() == 1);
    work.add("switch", "dead-man", "0 3 * * *");
    work.run("switch");
    eventually("an issue is open", || work.gitea.open() == 1);
    let issue = &work.gitea.issues()[0];
    let title = "[watchdog] teawatch/job-switch: the switch answered 503 Service Unavailable";
    assert_eq!(issue.title, title);
    assert!(issue.body.contains("the switch answered 503"), "{}", issue.body);
    let last = &work.job("switch")["last"];
    assert_eq!(last["state"], "failed", "{last}");
    assert_eq!(work.runs("switch")[0]["why"], "the switch answered 503 Service Unavailable");
    work.run("switch");
    eventually("the issue is closed", || work.gitea.open() == 0);
    // Besides its schedule it has used up nothing.
    assert_eq!(work.job("switch")["fired"], 0);
    work.teawatch.settles(&work.gitea);
}

#[test]
fn a_run_that_takes_too_long_has_failed_and_no_other_begins_meanwhile() {
    let work = Work::switched(&[], |number| match number {
        0 => answer_of(200, "OK"),
        _ => Say::Hang,
    });
    eventually("the start is told", || work.pings() == 1);
    work.adds(&json!({
        "name": "slow", "do": "dead-man", "schedule": "every 1s", "limit": "3s",
    }));
    eventually("it runs", || work.job("slow")["state"] == "running");
    let second = work.post("/slow/run", &json!({}));
    assert_eq!(second.error(), (409, "conflict"));
    assert!(second.message().ends_with("is not run: it is running"), "{}", second.message());
    eventually("it has failed", || work.states("slow").contains(&"failed".to_owned()));
    work.post("/slow/pause", &json!({ "reason": "enough" }));
    eventually("nothing runs", || work.job("slow")["state"] == "paused");
    let runs = work.runs("slow");
    let with =
        |state: &str| -> Vec<&Value> { runs.iter().filter(|run| run["state"] == state).collect() };
    assert_eq!(with("failed")[0]["why"], "it took longer than its limit of 3s");
    let skipped = with("skipped");
    assert_eq!(skipped.last().unwrap()["why"], "another run was under way", "{runs:#?}");
    // Whenever one ran, no other did.
    let mut spans: Vec<_> = with("failed")
        .iter()
        .map(|run| (run["began_at"].as_str().unwrap(), run["ended_at"].as_str().unwrap()))
        .collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|two| two[0].1 <= two[1].0), "{spans:#?}");
}

/// The engine is asked for more than it takes, so that it turns the ticker down as well.
#[test]
fn r111_a_tick_that_fails_is_told_loudly_with_what_failed_and_the_next_one_is_well() {
    let work = Work::with(&[("limits.queue_commands", "2")]);
    eventually("the start is told", || work.pings() == 1);
    let (is_over, began) = (AtomicBool::new(false), Instant::now());
    let told = || {
        let log = work.teawatch.log();
        let is_it = |line: &str| {
            let what = ["ERROR", "jobs could not be looked at", "too much is waiting"];
            what.iter().all(|what| line.contains(what))
        };
        log.lines().any(is_it)
    };
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (work, is_over) = (&work, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) && began.elapsed() < PATIENCE {
                    work.teawatch.send(&passing(&format!("db{number}/disk")));
                }
            });
        }
        eventually("it is told", told);
        is_over.store(true, Ordering::Relaxed);
    });
    eventually("a job is made", || {
        let draft = json!({ "name": "switch", "do": "dead-man", "schedule": "every 1s" });
        work.post("", &draft).status == 200
    });
    eventually("it comes", || work.pings() > 1);
}

#[test]
fn what_is_to_come_once_comes_once_and_is_through() {
    let work = Work::with(&[]);
    eventually("the start is told", || work.pings() == 1);
    work.add("once", "dead-man", "in 1s");
    eventually("it has come", || work.states("once") == ["done"]);
    assert_eq!(work.job("once")["state"], "completed");
    assert_eq!(work.job("once")["next"], Value::Null);
    work.adds(&json!({ "name": "twice", "do": "dead-man", "schedule": "every 1s", "times": 2 }));
    eventually("it is through", || work.job("twice")["state"] == "completed");
    assert_eq!(work.states("twice"), ["done", "done"]);
    assert_eq!(work.pings(), 4);
}

#[test]
fn nothing_comes_by_itself_while_all_are_paused_and_what_is_late_comes_once() {
    let work = Work::with(&[]);
    eventually("the start is told", || work.pings() == 1);
    let url = format!("{}/api/v1/scheduler", work.teawatch.url);
    let post = |rest: &str, body: Value| {
        let answer = client().post(format!("{url}{rest}")).json(&body).send();
        answer.unwrap().status().as_u16()
    };
    assert_eq!(post("/pause", json!({})), 422);
    assert_eq!(post("/pause", json!({ "reason": "we move" })), 200);
    work.adds(&json!({ "name": "switch", "do": "dead-man", "schedule": "every 1s", "times": 9 }));
    let fired = work.fires(&json!({ "job_id": "switch" }));
    assert_eq!((fired.status, &fired.body["error"]), (503, &json!("paused")));
    assert_eq!(fired.headers["retry-after"], "60");
    // Time passes: a job that is not paused would have come.
    std::thread::sleep(std::time::Duration::from_millis(3_500));
    assert_eq!((work.pings(), work.runs("switch").len()), (1, 0));
    // By hand it can be run.
    work.run("switch");
    eventually("it was run", || work.pings() == 2);
    assert_eq!(post("/resume", json!({})), 200);
    eventually("it comes again", || work.pings() >= 3);
    let runs = work.runs("switch");
    let missed: Vec<_> = runs.iter().filter(|run| run["state"] == "missed").collect();
    assert_eq!(missed.len(), 1, "{runs:#?}");
    assert!(missed[0]["slots"].as_u64() >= Some(1), "{missed:#?}");
    // A later run has made up for them: nothing is wrong.
    assert_eq!(work.check("switch").unwrap()["status"], "up");
}

#[test]
fn jitter_puts_a_slot_off_and_the_job_says_so_beforehand() {
    let work = Work::with(&[]);
    let slot = at(2);
    let job = work.adds(&json!({
        "name": "late", "do": "sweep", "schedule": slot, "jitter": "3s",
    }));
    let next = job["next"].as_str().unwrap().to_owned();
    assert!(next >= slot, "{next} {slot}");
    eventually("it has come", || work.states("late") == ["done"]);
    let run = &work.runs("late")[0];
    assert_eq!(run["slot"], slot);
    assert!(run["claimed_at"].as_str().unwrap() >= &next[..19], "{run} {next}");
}

#[test]
fn d14_d16_three_runs_that_end_at_once_lose_nothing_and_neither_does_who_makes_a_job_then() {
    const ROUNDS: usize = 8;
    const NAMES: [&str; 3] = ["one", "two", "three"];
    // The switch answers three at a time.
    let barrier = Arc::new(Barrier::new(NAMES.len()));
    let together = Arc::clone(&barrier);
    let work = Work::switched(&[], move |number| {
        if number > 0 {
            together.wait();
        }
        answer_of(200, "OK")
    });
    eventually("the start is told", || work.pings() == 1);
    NAMES.iter().for_each(|name| drop(work.add(name, "dead-man", "0 3 * * *")));
    for round in 0..ROUNDS {
        std::thread::scope(|scope| {
            for name in NAMES {
                scope.spawn(|| work.run(name));
            }
            // Jobs are made and changed meanwhile.
            scope.spawn(|| work.add(&format!("new-{round}"), "sweep", "0 3 * * *"));
            scope.spawn(|| {
                let times = (round + 100).to_string();
                let edit = ["jobs", "edit", "two", "--times", &times];
                assert!(work.teawatch.cli(&edit).status.success());
            });
        });
        eventually("all three are done", || {
            NAMES.iter().all(|name| work.states(name) == vec!["done"; round + 1])
        });
    }
    let shown = |work: &Work| {
        let names = (0..ROUNDS).map(|round| format!("new-{round}"));
        let names = names.chain(NAMES.map(str::to_owned));
        names.map(|name| (work.job(&name), work.runs(&name))).collect::<Vec<_>>()
    };
    let before = shown(&work);
    assert!(before.iter().all(|(job, _)| job["running"].is_null()), "{before:#?}");
    assert_eq!(work.job("two")["definition"]["times"], 100 + ROUNDS - 1);
    assert_eq!(work.pings(), 1 + NAMES.len() * ROUNDS);
    // All of it was on the disk.
    let work = work.killed(&[]);
    assert_eq!(shown(&work), before);
}

#[test]
fn d12_r124_a_run_that_fails_is_told_loudly_in_the_log_and_no_secret_is() {
    let gitea = Gitea::start();
    let switch = StandIn::start(|_, number| match number {
        0 => answer_of(200, "OK"),
        1 => answer_of(500, "the token was t0p-s3cret"),
        _ => Say::HangUp,
    });
    let data = tempfile::tempdir().unwrap();
    let mut command = command(data.path(), &gitea, &switch, &[("log.level", "trace")]);
    command.env("TEAWATCH_DEADMAN_URL", format!("{}ping/t0p-s3cret", switch.url));
    let teawatch = Teawatch::launch(command);
    let work = Work { teawatch, gitea, switch, data };
    eventually("the start is told", || work.pings() == 1);
    work.add("switch", "dead-man", "0 3 * * *");
    for failures in 1..=2 {
        work.run("switch");
        eventually("it has failed", || work.states("switch") == vec!["failed"; failures]);
    }
    eventually("an issue is open", || work.gitea.open() == 1);
    work.fires(&json!({ "job_id": "switch" }));
    let log = work.teawatch.log();
    let failed = |why: &str| {
        let told = format!("the job `switch`: failed: {why}");
        let is_it = |line: &&str| line.contains("ERROR") && line.contains(&told);
        assert!(log.lines().any(|line| is_it(&line)), "{told}");
    };
    failed("the switch answered 500 Internal Server Error");
    failed("the switch cannot be reached");
    assert!(log.contains("TRACE"), "it is not the whole log");
    let fire = super::secret();
    let told = [
        log.clone(),
        format!("{:?}", work.gitea.issue(1)),
        work.job("switch").to_string(),
        json!(work.runs("switch")).to_string(),
        work.check("switch").unwrap().to_string(),
    ];
    for secret in ["t0p-s3cret", fire.expose(), fire.expose().trim_start_matches("whsec_")] {
        assert!(told.iter().all(|text| !text.contains(secret)), "{secret}");
    }
}
