//! What a scheduler outside is told, call by call, and what follows from what it answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use teawatch::clock::Clock;
use teawatch::job::{CLAIM_LASTS, RunState};
use teawatch::jobs::{LIST_MAX, LISTED_EVERY, PROVIDERS, Settings, choose};

use super::chronos::{CALLBACK, Outside, arming, times_told};
use super::outside::{settings, work};
use super::within::{Within, turned};
use super::{Work, at, command, secret, signed_at};
use crate::support::{Asked, Say, StandIn, Teawatch, answer_of, ask, client, eventually, status};

fn id(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

/// What was asked, as one word and the job that it is about.
fn word(asked: &Asked) -> (String, String) {
    let (_, verb) = asked.path().rsplit_once('/').unwrap();
    let body = serde_json::from_str::<Value>(&asked.body).unwrap_or_default();
    (verb.to_owned(), body["job_id"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn d13_a_call_says_which_job_when_where_to_call_and_a_key_and_nothing_else() {
    let outside = Outside::start();
    let url = format!("{}chronos/", outside.server.url);
    let work = work(&outside, &[("scheduler.arming_url", &url)]);
    // A time within a minute is kept as it is.
    let now = Timestamp::now().as_second();
    let when = Timestamp::from_second(now - now % 60 + 3_637).unwrap().to_string();
    let job = work.add("switch", "dead-man", &when);
    eventually("it is armed", || outside.at(&job).is_some());
    assert!(work.teawatch.cli(&["jobs", "remove", "switch"]).status.success());
    eventually("it is cancelled", || outside.armed().is_empty());
    let asked = outside.server.asked();
    let (posts, gets): (Vec<_>, Vec<_>) = asked.iter().partition(|it| it.method() == "POST");
    let told: Vec<_> = posts.iter().map(|post| (post.path(), post.json())).collect();
    let arm = json!({
        "job_id": job["id"],
        "fire_at": when,
        "agent_callback_url": CALLBACK,
        "dedup_key": format!("{}:{when}", id(&job)),
    });
    let cancel = json!({ "job_id": job["id"] });
    let path = |verb: &str| format!("/chronos/api/agent-cron/{verb}");
    assert_eq!(told, [(&*path("provision"), arm), (&*path("cancel"), cancel)]);
    for post in posts {
        assert_eq!(post.header("content-type"), Some("application/json"));
    }
    assert!(!gets.is_empty());
    for get in gets {
        assert_eq!((get.method(), get.path(), &*get.body), ("GET", &*path("list"), ""));
    }
}

#[test]
fn d13_a_start_arms_what_is_missing_or_moved_cancels_the_rest_and_one_that_fails_stops_no_other() {
    let outside = Outside::start();
    let work = work(&outside, &[]);
    let [same, moved, missing, paused] =
        ["same", "moved", "missing", "paused"].map(|name| work.add(name, "sweep", "0 0 1 1 *"));
    eventually("all are armed", || outside.armed().len() == 4);
    work.post("/paused/pause", &json!({ "reason": "enough" }));
    eventually("it is cancelled", || outside.armed().len() == 3);
    let Work { teawatch, gitea, switch, data } = work;
    teawatch.kill();
    let before = outside.server.asked().len();
    let old = "2001-01-01T00:00:00Z".to_owned();
    let kept = outside.at(&same).unwrap();
    let knows = [
        (id(&same), kept.clone()),
        (id(&moved), old.clone()),
        (id(&paused), old.clone()),
        ("0123456789ab", old),
    ];
    outside.remember(knows.map(|(job, at)| (job.to_owned(), at)).into());
    outside.take_no_time(true);
    let settings = settings(&outside);
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, &settings));
    // One look at what it knows, and then one call for each difference, though some fail.
    eventually("it is told", || outside.server.asked().len() >= before + 5);
    let asked: Vec<_> = outside.server.asked()[before..].iter().map(word).collect();
    assert_eq!(asked[0].0, "list", "{asked:?}");
    let mut told = asked[1..5].to_vec();
    told.sort();
    let mut expected = [
        ("cancel", "0123456789ab"),
        ("cancel", id(&paused)),
        ("provision", id(&moved)),
        ("provision", id(&missing)),
    ]
    .map(|(verb, job)| (verb.to_owned(), job.to_owned()));
    expected.sort();
    assert_eq!(told, expected);
    eventually("it is told that two are missing", || {
        status(data.path()).1.contains("2 of its times could not be told: it answered 500")
    });
    // They are told again, and nothing else is.
    outside.take_no_time(false);
    eventually("all are armed", || outside.armed().len() == 3);
    assert!([&same, &moved, &missing].iter().all(|job| outside.at(job) == Some(kept.clone())));
    assert_eq!(outside.told(id(&same)).len(), 1);
    eventually("all is well", || teawatch.get("/readyz").0 == 200);
}

/// A gate that is shut, and what waits at it.
fn gate() -> (Arc<AtomicBool>, impl Fn() + Send + Sync + 'static) {
    let is_open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&is_open);
    let pass = move || {
        while !gate.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    (is_open, pass)
}

#[test]
fn d13_b5_a_job_that_is_gone_is_not_armed_again() {
    let outside = Outside::start();
    let (is_open, pass) = gate();
    let settings = settings(&outside);
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    // The start is one ping, and the run of the third job another.
    let work = Work::switched(&settings, move |number| {
        if number > 0 {
            pass();
        }
        answer_of(200, "OK")
    });
    eventually("the start is told", || work.pings() == 1);
    let fire = |job: &Value, slot: &str| {
        let body = json!({ "job_id": job["id"], "fire_at": slot });
        eventually("it is accepted", || work.fires(&body).status == 202);
    };
    // It comes once.
    let once = work.add("once", "sweep", "in 30s");
    eventually("it is armed", || outside.at(&once).is_some());
    fire(&once, &outside.told(id(&once))[0]);
    eventually("it is through", || work.job("once")["state"] == "completed");
    // It comes twice.
    let draft = json!({ "name": "twice", "do": "sweep", "schedule": "every 20s", "times": 2 });
    let twice = work.adds(&draft);
    for number in 0..2 {
        eventually("it is armed", || outside.told(id(&twice)).len() == number + 1);
        fire(&twice, &outside.told(id(&twice))[number]);
        eventually("it is done", || work.states("twice") == vec!["done"; number + 1]);
    }
    assert_eq!(work.job("twice")["state"], "completed");
    // It is removed while it runs.
    let gone = work.add("gone", "dead-man", "every 30s");
    eventually("it is armed", || outside.at(&gone).is_some());
    fire(&gone, &outside.told(id(&gone))[0]);
    eventually("it runs", || work.pings() == 2);
    eventually("the next is armed", || outside.told(id(&gone)).len() == 2);
    work.teawatch.cli(&["jobs", "remove", "gone"]);
    eventually("it is cancelled", || outside.at(&gone).is_none());
    is_open.store(true, Ordering::Relaxed);
    eventually("it ends", || {
        let log = work.teawatch.log();
        log.contains("the job `gone` is done") || log.contains("the job `gone`: failed")
    });
    // It is removed while its time is being told.
    outside.hold(true);
    let late = work.add("late", "sweep", "0 0 1 1 *");
    eventually("it is being told", || outside.told(id(&late)).len() == 1);
    work.teawatch.cli(&["jobs", "remove", "late"]);
    outside.release();
    eventually("it is cancelled", || outside.armed().is_empty() && outside.calls("/cancel") >= 4);
    // Whatever happens afterwards.
    for name in ["other", "another"] {
        let other = work.add(name, "sweep", "0 0 1 1 *");
        eventually("it is armed", || outside.at(&other).is_some());
    }
    assert_eq!(outside.armed().len(), 2);
    let counts = [&once, &twice, &gone, &late].map(|job| outside.told(id(job)).len());
    assert_eq!(counts, [1, 2, 2, 1]);
}

/// teawatch in this process, whose scheduler is outside as these settings say.
fn within(data: &tempfile::TempDir, clock: &Clock, settings: &Settings, switch: &str) -> Within {
    teawatch::gitea::install_crypto();
    let choice = choose(settings, PROVIDERS);
    assert_eq!(choice.warning, None);
    Within::start(data.path(), clock, choice, switch)
}

/// An address at which nobody listens.
const NOBODY: &str = "http://127.0.0.1:1/";

#[test]
fn d13_b5_a_run_that_has_lost_its_claim_arms_nothing() {
    let (clock, passed) = turned();
    let outside = Outside::by(clock.clone(), |_, _| true);
    let (is_open, pass) = gate();
    let switch = StandIn::start(move |_, _| {
        pass();
        answer_of(200, "")
    });
    let data = tempfile::tempdir().unwrap();
    let within = within(&data, &clock, &outside.settings(), &switch.url);
    let add = |name: &str, schedule: &str| {
        let job = within.add(json!({ "name": name, "do": "dead-man", "schedule": schedule }));
        eventually("it is armed", || outside.told(&job).len() == 1);
        job
    };
    let job = add("once", "in 30s");
    let body = json!({ "job_id": job, "fire_at": outside.told(&job)[0] }).to_string();
    let fire = || {
        let now = clock.now().as_second();
        let answer = ask(signed_at(&within.inside.url, &secret(), &body, now));
        (answer.status, answer.body["status"].as_str().unwrap_or_default().to_owned())
    };
    let state = || within.inside.ask(|core, _| core.runs_page("once", None, 9)).unwrap().items;
    assert_eq!(fire(), (202, "accepted".to_owned()));
    eventually("it works", || switch.asked().len() == 1);
    // Who comes second has lost at once.
    assert_eq!(fire(), (200, "duplicate".to_owned()));
    eventually("its time is over", || !outside.armed().contains_key(&job));
    // The claim expires, and the work goes on: it is renewed too seldom for that.
    passed.fetch_add(CLAIM_LASTS.as_secs(), Ordering::Relaxed);
    eventually("nobody holds it", || state()[0].state == RunState::Unknown);
    add("second", "0 0 1 1 *");
    is_open.store(true, Ordering::Relaxed);
    // Its work ends before that of one that begins now.
    let run = client().post(format!("{}/api/v1/jobs/second/run", within.inside.url));
    assert_eq!(ask(run.json(&json!({}))).status, 200);
    eventually("another has run", || {
        let runs = within.inside.ask(|core, _| core.runs_page("second", None, 9)).unwrap().items;
        runs[0].state == RunState::Done
    });
    for name in ["third", "fourth"] {
        add(name, "0 0 1 1 *");
    }
    assert_eq!(outside.told(&job).len(), 1);
    assert!(!outside.armed().contains_key(&job));
    let runs = state();
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Unknown), "{runs:?}");
    assert_eq!(fire(), (200, "duplicate".to_owned()));
    assert_eq!(switch.asked().len(), 2);
    within.kill();
}

#[test]
fn b3_a_list_that_makes_no_sense_is_an_empty_one_so_that_everything_is_told_again() {
    let (clock, passed) = turned();
    let list = Arc::new(Mutex::new((200, "{\"armed\":[]}")));
    let says = Arc::clone(&list);
    let server = StandIn::start(move |asked, _| match asked.path().ends_with("/list") {
        true => {
            let (status, body) = *says.lock().unwrap();
            answer_of(status, body)
        }
        false => answer_of(200, "{\"schedule_id\":\"x\"}"),
    });
    let data = tempfile::tempdir().unwrap();
    let within = within(&data, &clock, &arming(&server.url), NOBODY);
    let job = within.add(json!({ "name": "job", "do": "sweep", "schedule": "0 0 1 1 *" }));
    eventually("it is told", || times_told(&server, &job).len() == 1);
    let known = within.inside.ask(|core, _| core.jobs_armed());
    let known = json!([{ "job_id": job, "fire_at": known.values().next().unwrap() }]);
    let good: &str = format!("{{\"armed\":{known},\"more\":1}}").leak();
    let table = [
        (200, "", true),
        (200, "[]", true),
        (200, "<html>", true),
        (200, "{\"armed\":7}", true),
        (200, "{\"armed\":[7,{},{\"job_id\":7},{\"job_id\":\"x\",\"fire_at\":\"noon\"}]}", true),
        (200, good, false),
    ];
    for (status, body, is_told_again) in table {
        *list.lock().unwrap() = (status, body);
        let lists = || server.asked().iter().filter(|it| it.path().ends_with("/list")).count();
        let (before, looks) = (times_told(&server, &job).len(), lists());
        passed.fetch_add(LISTED_EVERY.as_secs(), Ordering::Relaxed);
        if is_told_again {
            eventually("it is told again", || times_told(&server, &job).len() == before + 1);
        } else {
            eventually("it is asked again", || lists() > looks);
            // What follows from the list would be told before this.
            let other = json!({ "name": "other", "do": "sweep", "schedule": "0 0 1 1 *" });
            let other = within.add(other);
            eventually("the other is told", || times_told(&server, &other).len() == 1);
            assert_eq!(times_told(&server, &job).len(), before);
        }
    }
    // Where there is no list, what it was told since counts.
    *list.lock().unwrap() = (500, "{}");
    let (before, asked) = (times_told(&server, &job).len(), server.asked().len());
    passed.fetch_add(LISTED_EVERY.as_secs(), Ordering::Relaxed);
    eventually("it is asked again", || server.asked().len() > asked);
    let third = within.add(json!({ "name": "third", "do": "sweep", "schedule": "0 0 1 1 *" }));
    eventually("the third is told", || times_told(&server, &third).len() == 1);
    assert_eq!(times_told(&server, &job).len(), before);
    within.kill();
}

#[test]
fn b3_a_list_that_cannot_be_read_is_told_of_and_jobs_are_armed_all_the_same() {
    let sound = "{\"armed\":[]}";
    let long = |bytes: usize| format!("{sound}{}", " ".repeat(bytes - sound.len()));
    for (list, why) in [
        ("<html>".to_owned(), Some("the list of what it knows is no JSON")),
        (long(LIST_MAX + 1), Some("the list of what it knows is longer than 4194304 bytes")),
        (long(LIST_MAX), None),
    ] {
        let server = StandIn::start(move |asked, _| match asked.path().ends_with("/list") {
            true => answer_of(200, &list),
            false => answer_of(200, "{\"schedule_id\":\"x\"}"),
        });
        let work = Work::with(&[
            ("scheduler.provider", "webhook"),
            ("scheduler.arming_url", &server.url),
            ("public_url", "https://tea.test/"),
        ]);
        let told = || {
            let (code, said) = status(work.data.path());
            why.is_none_or(|why| code == 1 && said.contains(why))
        };
        for name in ["one", "two"] {
            let job = work.add(name, "sweep", "0 0 1 1 *");
            eventually("it is armed", || times_told(&server, id(&job)).len() == 1);
            eventually("it is told", told);
        }
        // And it stays so until the next list is asked for, though everything else goes well.
        assert!((0..5).all(|_| told()));
        let has = |text: &str| text.contains("the list of what it knows");
        let (code, said) = status(work.data.path());
        assert_eq!((has(&said), code == 1), (why.is_some(), why.is_some()), "{said}");
        let log = work.teawatch.log();
        let is_logged = log.lines().any(|line| line.contains("ERROR") && has(line));
        assert_eq!(is_logged, why.is_some(), "{log}");
        assert_eq!(server.asked().iter().filter(|it| it.path().ends_with("/list")).count(), 1);
    }
}

#[test]
fn b3_one_that_does_not_know_us_is_told_of_and_not_asked_for_each_time() {
    for (refusal, shown) in [
        ((403, "{\"error\":\"invalid_client\"}"), "403 Forbidden"),
        ((401, "{}"), "401 Unauthorized"),
    ] {
        let outside = Outside::start();
        outside.refuse(Some(refusal));
        let work = work(&outside, &[("scheduler.backstop", "1s")]);
        let [one, two] = ["one", "two"].map(|name| work.add(name, "sweep", "0 0 1 1 *"));
        if refusal.0 == 403 {
            // Jobs are run all the same.
            work.add("soon", "sweep", "in 1s");
            eventually("it is run", || work.states("soon") == ["done"]);
            assert_eq!(work.runs("soon")[0]["by"], "backstop");
        }
        let told = format!(
            "no time can be told: it does not know us ({shown}): give it the secret that \
             `teawatch secret fire` prints for the first of `fire.callers`"
        );
        eventually("it is told", || {
            let (code, said) = status(work.data.path());
            code == 1 && said.contains(&told)
        });
        let log = work.teawatch.log();
        assert!(log.lines().any(|line| line.contains("ERROR") && line.contains(&told)), "{log}");
        assert_eq!(outside.calls("/list"), outside.server.asked().len());
        // Once a person has given it the secret, nobody else needs to do anything.
        outside.refuse(None);
        eventually("all are told", || outside.at(&one).is_some() && outside.at(&two).is_some());
        eventually("it is well again", || work.teawatch.get("/readyz").0 == 200);
        // It forgets who we are once more: the first call that shows it is the only one.
        outside.refuse(Some(refusal));
        let before = outside.server.asked().len();
        assert!(work.teawatch.cli(&["jobs", "pause", "--all", "--reason", "why"]).status.success());
        eventually("it is told again", || outside.server.asked().len() > before + 1);
        let asked: Vec<_> = outside.server.asked()[before..].iter().map(word).collect();
        let first = &asked[0];
        assert!(first.0 == "cancel" && asked.iter().all(|it| it == first), "{asked:?}");
    }
}

#[test]
fn b3_an_answer_that_leads_elsewhere_is_no_success_and_is_not_followed() {
    let elsewhere = StandIn::start(|_, _| answer_of(200, "{}"));
    let headers = format!("location: {}\r\n", elsewhere.url);
    let server = StandIn::start(move |_, _| {
        let (headers, body) = (headers.clone(), String::new());
        Say::Answer { status: 302, headers, body }
    });
    let work = Work::with(&[
        ("scheduler.provider", "webhook"),
        ("scheduler.arming_url", &server.url),
        ("public_url", "https://tea.test/"),
    ]);
    work.add("job", "sweep", "0 0 1 1 *");
    eventually("it is told", || {
        status(work.data.path()).1.contains("1 of its times could not be told: it answered 302")
    });
    assert_eq!(elsewhere.asked().len(), 0);
}

#[test]
fn b3_one_that_takes_a_call_and_never_answers_is_given_up_and_told_again_until_it_does() {
    let outside = Outside::start();
    let timeout = SignedDuration::from_millis(200);
    let settings = Settings { arming_timeout: timeout, ..outside.settings() };
    let data = tempfile::tempdir().unwrap();
    let within = within(&data, &Clock::system(), &settings, NOBODY);
    let [first, second] = [at(3_600), at(7_200)];
    let job = within.add(json!({ "name": "job", "do": "sweep", "schedule": first }));
    let knows = || outside.armed().get(&job).cloned();
    eventually("it is armed", || knows() == Some(first.clone()));
    let changes = |schedule: &str| {
        let change = client().patch(format!("{}/api/v1/jobs/job", within.inside.url));
        assert_eq!(ask(change.json(&json!({ "schedule": schedule }))).status, 200);
    };
    // It remembers what it is told, and its answers are lost.
    outside.hold(false);
    changes(&second);
    eventually("it is told again", || outside.told(&job).len() > 3);
    assert_eq!(knows(), Some(second));
    // Nobody knows what it knows: so it is told also what it once knew.
    changes(&first);
    eventually("it is told the other", || outside.told(&job).last() == Some(&first));
    outside.release();
    eventually("it is armed as it was", || knows() == Some(first.clone()));
    within.kill();
}
