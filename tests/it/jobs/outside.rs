//! A scheduler outside, as a small real server: told when each job is due, it fires, fires
//! twice, comes late, forgets, and is away.

use jiff::SignedDuration;
use serde_json::json;

use super::chronos::Outside;
use super::{OFTEN, Work, command, crowd};
use crate::support::{Teawatch, eventually, status};

pub(super) fn settings(outside: &Outside) -> Vec<(&'static str, String)> {
    vec![
        ("scheduler.provider", "webhook".to_owned()),
        ("scheduler.arming_url", outside.server.url.clone()),
        ("public_url", "https://tea.test/".to_owned()),
    ]
}

pub(super) fn work(outside: &Outside, more: &[(&str, &str)]) -> Work {
    let settings = settings(outside);
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let work = Work::with(&[&settings[..], more].concat());
    eventually("the start is told", || work.pings() == 1);
    work
}

#[test]
fn b3_each_job_is_armed_for_its_next_time_and_for_no_other() {
    let outside = Outside::start();
    let work = work(&outside, &[]);
    let job = work.add("switch", "dead-man", "every 10s");
    let next = job["next"].as_str().unwrap().to_owned();
    eventually("it is armed", || outside.at(&job) == Some(next.clone()));
    // It fires, and fires again: the next time is armed, once.
    let body = json!({ "job_id": job["id"], "fire_at": next });
    eventually("it is accepted", || work.fires(&body).status == 202);
    assert_eq!(work.fires(&body).status, 200);
    eventually("the next is armed", || outside.at(&job).is_some_and(|at| at > next));
    eventually("it was run", || work.pings() == 2);
    let after = work.job("switch")["next"].as_str().unwrap().to_owned();
    assert_eq!(outside.at(&job), Some(after));
    // What is equal is not told again, however often it is looked at.
    let calls = outside.calls("/provision");
    let turns = work.teawatch.get("/readyz").1["tasks"].clone();
    eventually("it was looked at again", || work.teawatch.get("/readyz").1["tasks"] != turns);
    assert_eq!(outside.calls("/provision"), calls);
    // Who is paused or gone is not waited for.
    work.post("/switch/pause", &json!({ "reason": "enough" }));
    eventually("it is cancelled", || outside.at(&job).is_none());
    work.teawatch.cli(&["jobs", "resume", "switch"]);
    eventually("it is armed again", || outside.at(&job).is_some());
    work.teawatch.cli(&["jobs", "run", "switch"]);
    eventually("it was run by hand", || work.pings() == 3);
    eventually("it is still armed", || {
        outside.at(&job).as_deref() == work.job("switch")["next"].as_str()
    });
    work.teawatch.cli(&["jobs", "remove", "switch"]);
    eventually("it is gone", || outside.armed().is_empty());
    eventually("it is told who says when", || {
        status(work.data.path()).1.contains("the scheduler outside, which is told of each time,")
    });
}

/// Nothing is looked at by itself: what is told follows from what happens.
#[test]
fn b5_it_is_brought_in_line_at_the_start_after_each_change_and_after_each_run() {
    let outside = Outside::start();
    outside.remember([("0123456789ab".to_owned(), "2001-01-01T00:00:00Z".to_owned())].into());
    let work = work(&outside, &[("scheduler.every", "1h")]);
    eventually("the orphan is gone", || outside.armed().is_empty());
    let job = work.add("switch", "dead-man", "every 20s");
    let next = || work.job("switch")["next"].as_str().map(str::to_owned);
    let first = next();
    eventually("it is armed", || outside.at(&job) == first);
    let body = json!({ "job_id": job["id"], "fire_at": first });
    eventually("it is accepted", || work.fires(&body).status == 202);
    eventually("the next is armed", || outside.at(&job) != first && outside.at(&job) == next());
    work.post("/switch/pause", &json!({ "reason": "enough" }));
    eventually("it is cancelled", || outside.at(&job).is_none());
    work.post("/switch/resume", &json!({}));
    eventually("it is armed again", || outside.at(&job).is_some());
    work.teawatch.cli(&["jobs", "remove", "switch"]);
    eventually("it is gone", || outside.armed().is_empty());
}

#[test]
fn b5_what_it_forgets_or_keeps_over_a_restart_is_brought_in_line() {
    let outside = Outside::start();
    let work = work(&outside, &[]);
    let job = work.add("switch", "dead-man", "0 3 * * *");
    eventually("it is armed", || outside.at(&job).is_some());
    let orphan = ("0123456789ab".to_owned(), "2001-01-01T00:00:00Z".to_owned());
    outside.remember([orphan].into());
    let Work { teawatch, gitea, switch, data } = work;
    teawatch.kill();
    let settings = settings(&outside);
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, &settings));
    eventually("it is armed again, and the orphan is gone", || {
        outside.at(&job).is_some() && outside.armed().len() == 1
    });
    // What it still knows after a start is not told again.
    let calls = outside.calls("/provision");
    teawatch.kill();
    let lists = outside.calls("/list");
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, &settings));
    eventually("it is asked what it knows", || outside.calls("/list") > lists);
    eventually("all is well", || teawatch.get("/readyz").0 == 200);
    assert_eq!(outside.calls("/provision"), calls);
}

#[test]
fn b4_killed_while_the_scheduler_is_told_each_job_is_armed_for_its_time_and_no_slot_runs_twice() {
    // The kill comes before it remembers what it is told, after that and before its answer, and
    // at these many milliseconds after the answer.
    for moment in [Err(true), Err(false), Ok(0), Ok(2), Ok(10), Ok(50)] {
        let outside = Outside::start();
        let work = work(&outside, &[]);
        let job = work.add("switch", "dead-man", "every 30s");
        let first = job["next"].as_str().unwrap().to_owned();
        eventually("it is armed", || outside.at(&job) == Some(first.clone()));
        if let Err(is_before) = moment {
            outside.hold(is_before);
        }
        let told = outside.calls("/provision");
        let body = json!({ "job_id": job["id"], "fire_at": first });
        eventually("it is accepted", || work.fires(&body).status == 202);
        match moment {
            Err(_) => eventually("it is told", || outside.calls("/provision") > told),
            Ok(pause) => {
                eventually("it is armed", || outside.at(&job) != Some(first.clone()));
                std::thread::sleep(std::time::Duration::from_millis(pause));
            }
        }
        let Work { teawatch, gitea, switch, data } = work;
        teawatch.kill();
        outside.release();
        let settings = settings(&outside);
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, &settings));
        let work = Work { teawatch, gitea, switch, data };
        // What had begun is used up; what had not is free, and fired again by whom it was told.
        let is_in_line = || outside.at(&job).as_deref() == work.job("switch")["next"].as_str();
        eventually("it is in line", is_in_line);
        eventually("the slot is used up", || {
            work.fires(&body);
            work.job("switch")["running"].is_null()
                && work.job("switch")["next"].as_str() > Some(&first)
        });
        eventually("the next is armed", is_in_line);
        let runs = work.runs("switch");
        let begun = runs.iter().filter(|run| run["slot"] == job["next"]);
        let begun = begun.filter(|run| run["state"] == "done" || run["state"] == "unknown");
        assert_eq!(begun.count(), 1, "{moment:?}: {runs:#?}");
    }
}

#[test]
fn b5_a_job_that_nobody_fires_is_run_by_the_backstop_and_a_late_call_runs_nothing() {
    let outside = Outside::start();
    let work = work(&outside, &[("scheduler.backstop", "2s")]);
    let job = work.add("switch", "dead-man", "every 15s");
    let next = job["next"].clone();
    eventually("it is armed", || outside.at(&job).is_some());
    eventually("it is run all the same", || work.states("switch") == ["done"]);
    assert_eq!(work.runs("switch")[0]["by"], "backstop");
    let late = work.fires(&json!({ "job_id": job["id"], "fire_at": next }));
    assert_eq!((late.status, &late.body["status"]), (200, &json!("duplicate")));
    assert_eq!(work.pings(), 2);
}

#[test]
fn r99_sixty_four_callers_people_and_the_backstop_run_each_slot_once() {
    let more = [("scheduler.provider", "webhook"), ("scheduler.backstop", "1s"), crowd::LOOKS];
    crowd::meets(&Work::with(&more), "backstop", SignedDuration::from_secs(1));
}

#[test]
fn a_scheduler_that_is_away_is_told_of_and_jobs_are_run_all_the_same() {
    let outside = Outside::start();
    outside.be_away(true);
    let work = work(&outside, &[("scheduler.backstop", "1s")]);
    work.add("switch", "dead-man", "every 2s");
    eventually("it is run all the same", || work.pings() > 1);
    eventually("it is told", || {
        let (_, said) = status(work.data.path());
        said.contains("1 of its times could not be told: it answered 503 Service Unavailable")
    });
    outside.be_away(false);
    eventually("it is told of the next time", || !outside.armed().is_empty());
}

#[test]
fn r95_a_webhook_scheduler_that_lacks_something_is_replaced_by_the_built_in_one() {
    let lacking: [(&[(&str, &str)], &str); 2] = [
        (&[("fire.callers", "")], "`fire.callers` names nobody who may fire"),
        (
            &[("scheduler.arming_url", "http://127.0.0.1:1/")],
            "`scheduler.arming_url` needs `public_url`, to be called at",
        ),
    ];
    for (more, why) in lacking {
        let work = Work::with(&[&[("scheduler.provider", "webhook")], more].concat());
        let before = work.pings();
        work.add("switch", "dead-man", "every 1s");
        eventually("it comes", || work.pings() > before + 1);
        assert!(work.teawatch.log().contains(why), "{}", work.teawatch.log());
    }
    // Without an address it is fired by whoever knows by itself when, and by the backstop.
    let (every, callers) = (OFTEN[0], OFTEN[1]);
    let work = Work::with(&[("scheduler.provider", "webhook"), every, callers]);
    let job = work.add("switch", "dead-man", "every 1m");
    let body = json!({ "job_id": job["id"] });
    eventually("it is accepted", || work.fires(&body).status == 202);
    eventually("it is done", || work.states("switch") == ["done"]);
    let who = "a scheduler outside, which knows by itself when to fire,";
    eventually("it is told who says when", || status(work.data.path()).1.contains(who));
}
