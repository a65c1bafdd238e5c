//! A scheduler outside, as a small real server: told when each job is due, it fires, fires
//! twice, comes late, forgets, and is away.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};
use teawatch::signature::{Headers, WINDOW, verify};

use super::{OFTEN, Work, command, secret};
use crate::support::{Asked, Say, StandIn, Teawatch, answer_of, eventually, status};

/// What it knows: each job's time.
type Armed = Arc<Mutex<BTreeMap<String, String>>>;

/// Where it is to call.
const CALLBACK: &str = "https://tea.test/webhooks/fire_due";

struct Outside {
    server: StandIn,
    armed: Armed,
    is_away: Arc<AtomicBool>,
}

impl Outside {
    fn start() -> Self {
        let (armed, is_away) = (Armed::default(), Arc::new(AtomicBool::new(false)));
        let (known, away) = (Arc::clone(&armed), Arc::clone(&is_away));
        let server = StandIn::start(move |asked, _| {
            if away.load(Ordering::Relaxed) {
                return answer_of(503, "{}");
            }
            answer(asked, &mut known.lock().unwrap())
        });
        Self { server, armed, is_away }
    }

    fn at(&self, job: &Value) -> Option<String> {
        self.armed.lock().unwrap().get(job["id"].as_str().unwrap()).cloned()
    }

    /// How often it was asked for this.
    fn calls(&self, path: &str) -> usize {
        self.server.asked().iter().filter(|asked| asked.path().ends_with(path)).count()
    }
}

/// Does as such a scheduler does, to whoever proves to be the one it knows.
fn answer(asked: &Asked, armed: &mut BTreeMap<String, String>) -> Say {
    let headers = Headers {
        id: asked.header("webhook-id"),
        timestamp: asked.header("webhook-timestamp"),
        signature: asked.header("webhook-signature"),
    };
    let now = Timestamp::now();
    if verify(&[secret()], headers, asked.body.as_bytes(), now, WINDOW).is_err() {
        return answer_of(401, "{}");
    }
    if asked.path().ends_with("/list") {
        let armed: Vec<_> = armed
            .iter()
            .map(|(job, at)| json!({ "job_id": job, "fire_at": at, "schedule_id": "x" }))
            .collect();
        return answer_of(200, &json!({ "armed": armed }).to_string());
    }
    let body = asked.json();
    let job = body["job_id"].as_str().unwrap().to_owned();
    if asked.path().ends_with("/cancel") {
        armed.remove(&job);
        return answer_of(200, "{}");
    }
    let at = body["fire_at"].as_str().unwrap().to_owned();
    assert_eq!(body["dedup_key"], format!("{job}:{at}"));
    assert_eq!(body["agent_callback_url"], CALLBACK);
    armed.insert(job, at);
    answer_of(200, &json!({ "schedule_id": "x" }).to_string())
}

fn settings(outside: &Outside) -> Vec<(&'static str, String)> {
    vec![
        ("scheduler.provider", "webhook".to_owned()),
        ("scheduler.arming_url", outside.server.url.clone()),
        ("public_url", "https://tea.test/".to_owned()),
    ]
}

fn work(outside: &Outside, more: &[(&str, &str)]) -> Work {
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
    eventually("it is gone", || outside.armed.lock().unwrap().is_empty());
    eventually("it is told who says when", || {
        status(work.data.path()).1.contains("the scheduler outside, which is told of each time,")
    });
}

#[test]
fn b5_what_it_forgets_or_keeps_over_a_restart_is_brought_in_line() {
    let outside = Outside::start();
    let work = work(&outside, &[]);
    let job = work.add("switch", "dead-man", "0 3 * * *");
    eventually("it is armed", || outside.at(&job).is_some());
    outside.armed.lock().unwrap().clear();
    outside.armed.lock().unwrap().insert("0123456789ab".to_owned(), "2001-01-01T00:00:00Z".into());
    let Work { teawatch, gitea, switch, data } = work;
    teawatch.kill();
    let settings = settings(&outside);
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, &settings));
    eventually("it is armed again, and the orphan is gone", || {
        outside.at(&job).is_some() && outside.armed.lock().unwrap().len() == 1
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
fn a_scheduler_that_is_away_is_told_of_and_jobs_are_run_all_the_same() {
    let outside = Outside::start();
    outside.is_away.store(true, Ordering::Relaxed);
    let work = work(&outside, &[("scheduler.backstop", "1s")]);
    work.add("switch", "dead-man", "every 2s");
    eventually("it is run all the same", || work.pings() > 1);
    eventually("it is told", || {
        let (_, said) = status(work.data.path());
        said.contains("1 of its times could not be told: it answered 503 Service Unavailable")
    });
    outside.is_away.store(false, Ordering::Relaxed);
    eventually("it is told of the next time", || !outside.armed.lock().unwrap().is_empty());
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
