//! Somebody outside says that a job is due.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};

use http::{HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use teawatch::engine::settings::Settings;
use teawatch::signature::{Master, agent_secret, fire_secret, new_master, sign};
use teawatch::store::Memory;

use super::{CALLER, Work, at, crowd, fires_at, is, secret, signed, words};
use crate::support::{
    Inside, Letter, MASTER, READ_TOKEN, Say, Teawatch, WRITE_TOKEN, answer_of, ask, client,
    eventually, failing, stopped_clock, token_settings,
};

/// A ticker that never looks, so that whatever runs was fired.
const BLIND: (&str, &str) = ("scheduler.every", "1h");

#[test]
fn b2_each_call_is_answered_as_its_caller_expects() {
    let work = Work::with(&[BLIND]);
    eventually("the start is told", || work.pings() == 1);
    let job = work.add("switch", "dead-man", "every 1m");
    let (id, next) = (job["id"].clone(), job["next"].clone());
    // It may be a minute early, and is told apart by its second, however that is written.
    eventually("it is not too early", || {
        let fired = work.fires(&json!({ "job_id": id, "fire_at": next }));
        if fired.status == 503 {
            assert_eq!(words(&fired), is(503, "not due yet"));
            assert!(fired.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
            return false;
        }
        assert_eq!(words(&fired), is(202, "accepted"));
        assert_eq!(fired.body["job_id"], id);
        true
    });
    eventually("it was run", || work.pings() == 2);
    let seconds = next.as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
    for at in [next.clone(), json!(seconds), json!(seconds - 60), json!(0)] {
        let again = work.fires(&json!({ "job_id": id, "fire_at": at }));
        assert_eq!(words(&again), is(200, "duplicate"), "{at}");
    }
    let table: [(Value, u16, &str); 9] = [
        (json!({}), 400, "missing job_id"),
        (json!({ "job_id": "" }), 400, "missing job_id"),
        (json!({ "job_id": 7 }), 400, "missing job_id"),
        (json!([]), 400, "missing job_id"),
        (json!({ "job_id": id, "fire_at": "noon" }), 400, "fire_at is no time"),
        (json!({ "job_id": id, "fire_at": 1e300 }), 400, "fire_at is no time"),
        (json!({ "job_id": "0123456789ab", "fire_at": next }), 200, "gone"),
        (json!({ "job_id": id, "fire_at": seconds + 61 }), 200, "gone"),
        (json!({ "job_id": id, "fire_at": seconds + 60, "more": 1 }), 503, "not due yet"),
    ];
    for (body, status, word) in table {
        assert_eq!(words(&work.fires(&body)), is(status, word), "{body}");
    }
    let unreadable = ask(signed(&work.teawatch.url, &secret(), "{", 0));
    assert_eq!(words(&unreadable), is(400, "missing job_id"));
    work.post("/switch/pause", &json!({ "reason": "enough" }));
    assert_eq!(words(&work.fires(&json!({ "job_id": id }))), is(200, "paused"));
    assert_eq!(work.pings(), 2);
}

#[test]
fn b2_who_proves_nothing_is_told_nothing_and_runs_nothing() {
    let work = Work::with(&[BLIND]);
    work.add("switch", "dead-man", "in 2s");
    let body = json!({ "job_id": "switch" }).to_string();
    let url = &work.teawatch.url;
    let bare = || client().post(format!("{url}/webhooks/fire_due")).body(body.clone());
    let master = Master::parse(MASTER).unwrap();
    let other = Master::parse(&new_master().unwrap()).unwrap();
    let calls: Vec<RequestBuilder> = vec![
        bare(),
        bare().bearer_auth("something"),
        bare().bearer_auth(""),
        bare().bearer_auth(agent_secret(&master, CALLER, 1).expose()),
        bare().bearer_auth(fire_secret(&other, CALLER, 1).expose()),
        bare().bearer_auth(fire_secret(&master, CALLER, 2).expose()),
        bare().bearer_auth(fire_secret(&master, "somebody", 1).expose()),
        bare().basic_auth(CALLER, Some(secret().expose())),
        signed(url, &Teawatch::secret(CALLER), &body, 0),
        signed(url, &secret(), &body, 301),
        signed(url, &secret(), &body, -301),
        signed(url, &secret(), &body, 0).body("{}"),
        signed(url, &secret(), &body, 0).bearer_auth("something"),
    ];
    for call in calls {
        let shown = format!("{call:?}");
        let answer = ask(call);
        assert_eq!(answer.status, 401, "{shown}");
        // The same words whatever it was.
        assert_eq!(answer.body, json!({ "error": "invalid fire token" }), "{shown}");
    }
    assert_eq!(work.runs("switch").len(), 0);
    // Both proofs and both doors are good.
    let with_token = bare().bearer_auth(secret().expose());
    eventually("it is due", || {
        let answer = ask(with_token.try_clone().unwrap());
        matches!(words(&answer).1.as_str(), "accepted" | "gone")
    });
    eventually("it was run", || work.states("switch") == ["done"]);
    let other_door = client().post(format!("{url}/api/cron/fire"));
    let answer = ask(other_door.bearer_auth(secret().expose()).body(body.clone()));
    assert_eq!(words(&answer), is(200, "gone"));
}

#[test]
fn d12_the_door_needs_its_own_proof_and_no_token_of_the_api() {
    let files = tempfile::tempdir().unwrap();
    let tokens = token_settings(files.path());
    let tokens = tokens.iter().map(|(key, path)| (*key, path.as_str()));
    let work = Work::with(&[BLIND].into_iter().chain(tokens).collect::<Vec<_>>());
    let draft = json!({ "name": "switch", "do": "sweep", "schedule": "in 30s" });
    let made = ask(work.door(Method::POST, "").bearer_auth(WRITE_TOKEN).json(&draft));
    assert_eq!(made.status, 200, "{made:?}");
    let body = json!({ "job_id": "switch" });
    for path in ["webhooks/fire_due", "api/cron/fire"] {
        for token in [READ_TOKEN, WRITE_TOKEN, MASTER] {
            let call = client().post(format!("{}/{path}", work.teawatch.url)).json(&body);
            let answer = ask(call.bearer_auth(token));
            assert_eq!(words(&answer), is(401, "invalid fire token"), "{path}");
        }
    }
    let fired = work.fires(&body);
    assert_eq!(words(&fired), is(202, "accepted"));
    assert_eq!(fired.body["job_id"], "switch");
    // Nor is its secret one of an agent's.
    let report = Letter::signed(&secret(), CALLER, 0, failing("chronos/disk").body.to_string());
    assert_eq!(report.send(&work.teawatch).error(), (401, "unproven"));
}

#[test]
fn d12_a_proof_that_makes_no_sense_is_refused_like_any_other() {
    let work = Work::with(&[BLIND]);
    work.add("switch", "sweep", "in 30s");
    let body = json!({ "job_id": "switch" }).to_string();
    let url = &work.teawatch.url;
    let with = |name: &'static str, value: &[u8]| {
        let mut call = signed(url, &secret(), &body, 0).build().unwrap();
        call.headers_mut().insert(name, HeaderValue::from_bytes(value).unwrap());
        call
    };
    let bare = |value: &[u8]| {
        let mut call = with("authorization", value);
        assert!(call.headers_mut().remove("webhook-signature").is_some());
        call
    };
    let many = vec!["v1,AAAA"; 500].join(" ");
    let good = with("x-nothing", b"x");
    let calls = [
        with("webhook-id", b"another"),
        with("webhook-id", b"\xff"),
        with("webhook-timestamp", b"9".repeat(60).as_slice()),
        with("webhook-timestamp", b"-1"),
        with("webhook-timestamp", b"noon"),
        with("webhook-timestamp", b"\xff"),
        with("webhook-signature", b""),
        with("webhook-signature", b"v1"),
        with("webhook-signature", b"v1,%%%"),
        with("webhook-signature", b"v1,\xff"),
        with("webhook-signature", many.as_bytes()),
        bare(b"Bearer"),
        bare(b"Bearer \xff"),
        bare(b"\xff"),
        bare(b"Bearer ".repeat(100).as_slice()),
    ];
    for call in calls {
        let shown = format!("{:?}", call.headers());
        let answer = client().execute(call).unwrap();
        assert_eq!(answer.status(), 401, "{shown}");
        let body: Value = answer.json().unwrap();
        assert_eq!(body, json!({ "error": "invalid fire token" }), "{shown}");
    }
    assert_eq!(work.runs("switch").len(), 0);
    assert_eq!(client().execute(good).unwrap().status(), 202);
}

#[test]
fn b2_the_proof_is_looked_at_first_and_then_what_is_meant_and_then_whether_all_is_paused() {
    let work = Work::with(&[BLIND]);
    work.add("switch", "sweep", "in 30s");
    let pause = ["jobs", "pause", "--all", "--reason", "we move"];
    assert!(work.teawatch.cli(&pause).status.success());
    let url = &work.teawatch.url;
    let stranger = ask(signed(url, &Teawatch::secret(CALLER), "{}", 0));
    assert_eq!(words(&stranger), is(401, "invalid fire token"));
    assert_eq!(words(&work.fires(&json!({}))), is(400, "missing job_id"));
    let answer = work.fires(&json!({ "job_id": "switch" }));
    assert_eq!(words(&answer), is(503, "paused"));
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(work.runs("switch").len(), 0);
}

#[test]
fn what_no_body_of_a_call_may_be_is_refused_and_nothing_runs() {
    let work = Work::with(&[BLIND]);
    let job = work.add("switch", "sweep", "in 30s");
    let id = job["id"].as_str().unwrap();
    let url = &work.teawatch.url;
    let call = |body: Vec<u8>| {
        let at = Timestamp::now().as_second();
        let proof = sign(&secret(), "fire-1", at, &body);
        let call = client().post(format!("{url}/webhooks/fire_due")).body(body);
        let call = call.header("webhook-id", "fire-1").header("webhook-timestamp", at);
        words(&ask(call.header("webhook-signature", proof)))
    };
    let with = |at: Value| json!({ "job_id": id, "fire_at": at }).to_string().into_bytes();
    let deep = format!("{{\"job_id\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let table: Vec<(Vec<u8>, (u16, String))> = vec![
        (vec![], is(400, "missing job_id")),
        (vec![0xff; 40], is(400, "missing job_id")),
        (format!("{{\"job_id\":\"{id}\",\"x\":\"").into_bytes(), is(400, "missing job_id")),
        ([b"{\"job_id\":\"".as_slice(), b"\xff\"}"].concat(), is(400, "missing job_id")),
        (json!([id]).to_string().into_bytes(), is(400, "missing job_id")),
        (json!([{ "job_id": id }]).to_string().into_bytes(), is(400, "missing job_id")),
        (json!(id).to_string().into_bytes(), is(400, "missing job_id")),
        (json!({ "job_id": [id] }).to_string().into_bytes(), is(400, "missing job_id")),
        (json!({ "job_id": null }).to_string().into_bytes(), is(400, "missing job_id")),
        (deep.into_bytes(), is(400, "missing job_id")),
        (with(json!("2026-02-30T12:00:00Z")), is(400, "fire_at is no time")),
        (with(json!("2026-12-01T25:00:00Z")), is(400, "fire_at is no time")),
        (with(json!("2026-12-01T22:00:00")), is(400, "fire_at is no time")),
        (with(json!([2026, 12, 1])), is(400, "fire_at is no time")),
        (with(json!(true)), is(400, "fire_at is no time")),
        (with(json!(-1e300)), is(400, "fire_at is no time")),
        (with(json!(-1)), is(200, "gone")),
        (with(json!("9999-12-30T00:00:00Z")), is(200, "gone")),
        (json!({ "job_id": "j".repeat(60_000) }).to_string().into_bytes(), is(200, "gone")),
        (json!({ "job_id": "../../etc/passwd\0" }).to_string().into_bytes(), is(200, "gone")),
        (vec![b' '; (1 << 20) + 1], is(413, "")),
    ];
    for (body, expected) in table {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(call(body), expected, "{shown}");
    }
    assert_eq!(work.runs("switch").len(), 0);
    assert_eq!(words(&work.fires(&json!({ "job_id": id }))), is(202, "accepted"));
}

#[test]
fn b2_without_a_caller_nobody_can_fire_and_a_long_body_is_refused() {
    let work = Work::with(&[("fire.callers", "")]);
    let answer = work.fires(&json!({ "job_id": "switch" }));
    assert_eq!(words(&answer), is(401, "invalid fire token"));
    let long = signed(&work.teawatch.url, &secret(), &" ".repeat(64 * 1024 + 1), 0);
    assert_eq!(ask(long).status, 413);
}

#[test]
fn a_slot_that_was_accepted_is_on_the_disk_however_soon_the_kill_comes() {
    let mut work = Work::with(&[BLIND]);
    for round in 1..=3 {
        let name = format!("once-{round}");
        work.add(&name, "sweep", "in 1s");
        let body = json!({ "job_id": name });
        eventually("it is accepted", || work.fires(&body).status == 202);
        work = work.killed(&[BLIND]);
        // Whether it was run or not, it is known: the first tick of a start runs what has not
        // begun, and nobody else may do so again.
        assert_ne!(work.states(&name), [""; 0]);
        eventually("it is over", || {
            // It may have been accepted early, and be due only now.
            work.fires(&body);
            let states = work.states(&name);
            states.iter().filter(|state| *state == "done" || *state == "unknown").count() == 1
        });
        assert_eq!(words(&work.fires(&body)), is(200, "gone"));
    }
}

#[test]
fn r99_sixty_four_callers_people_and_the_ticker_run_each_slot_once() {
    crowd::meets(&Work::with(&[crowd::LOOKS]), "ticker", SignedDuration::ZERO);
}

/// Callers may be early, and are.
#[test]
fn sixty_four_callers_who_are_early_and_people_run_each_slot_once() {
    const CALLERS: usize = 64;
    const SLOTS: usize = 12;
    let work = Work::with(&[]);
    eventually("the start is told", || work.pings() == 1);
    let job = work.adds(&json!({
        "name": "switch", "do": "dead-man", "schedule": "every 1s", "times": SLOTS,
    }));
    let url = work.teawatch.url.clone();
    let barrier = Barrier::new(CALLERS + 1);
    let (mut accepted, mut answers) = (0, BTreeSet::new());
    while work.job("switch")["state"] != "completed" {
        let next = work.job("switch")["next"].clone();
        let said: Vec<_> = std::thread::scope(|scope| {
            let call = || {
                barrier.wait();
                words(&fires_at(&url, &json!({ "job_id": job["id"], "fire_at": next })))
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
            barrier.wait();
            work.post("/switch/run", &json!({ "slot": true }));
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        let won = said.iter().filter(|answer| answer.0 == 202).count();
        assert!(won <= 1, "{said:?}");
        accepted += won;
        answers.extend(said);
    }
    eventually("nothing is under way", || work.job("switch")["running"].is_null());
    let runs = work.runs("switch");
    let slots: Vec<_> = runs
        .iter()
        .filter(|run| run["state"] == "done")
        .map(|run| run["slot"].as_str().unwrap().to_owned())
        .collect();
    let once: BTreeSet<_> = slots.iter().collect();
    assert_eq!(once.len(), slots.len(), "{runs:#?}");
    assert_eq!(slots.len(), SLOTS, "{runs:#?}");
    // The start, and each run.
    assert_eq!(work.pings(), 1 + SLOTS);
    assert!(accepted <= SLOTS, "{accepted} {answers:?}");
    let words: BTreeSet<_> = answers.iter().map(|(_, word)| word.as_str()).collect();
    let known = ["accepted", "duplicate", "gone", "not due yet", "running", "too many requests"];
    assert!(words.iter().all(|word| known.contains(word)), "{answers:?}");
}

/// The ticker looks all the time as well, people fire the first slots by commands, and all of
/// them begin when the slots come due. `SLOTS=1000 cargo test --test it slots_that_` is what a
/// release is tested with.
#[test]
fn slots_that_64_callers_fire_at_once_are_run_once_each() {
    const CALLERS: usize = 64;
    const SLOTS: usize = 100;
    /// Of these, so many people fire each slot as well.
    const BY_HAND: usize = 20;
    const PEOPLE: usize = 8;
    let slots = std::env::var("SLOTS").ok().map_or(SLOTS, |slots| slots.parse().unwrap());
    let callers: Vec<_> = (0..CALLERS).map(|number| format!("caller-{number}")).collect();
    let named = callers.join(",");
    let work = Work::with(&[("fire.callers", named.as_str()), ("scheduler.parallel", "16")]);
    eventually("the start is told", || work.pings() == 1);
    let names: Vec<_> = (0..slots).map(|number| format!("once-{number}")).collect();
    let when = at(2 + i64::try_from(slots / 40).unwrap());
    let ids: Vec<_> =
        names.iter().map(|name| work.add(name, "dead-man", &when)["id"].clone()).collect();
    let master = Master::parse(MASTER).unwrap();
    let (url, barrier) = (&work.teawatch.url, Barrier::new(CALLERS + PEOPLE));
    // The ticker may be the first where it wants: it looks every 50 ms.
    let moment = when.parse::<Timestamp>().unwrap() - SignedDuration::from_millis(20);
    let left = || moment.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
    std::thread::sleep(left().unsigned_abs());
    let accepted: Vec<usize> = std::thread::scope(|scope| {
        let call = |number: usize| {
            let secret = fire_secret(&master, &callers[number], 1);
            let (ids, when, barrier) = (&ids, &when, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let fired = (0..slots).filter(|slot| {
                    // Each begins elsewhere, so that they meet everywhere.
                    let id = &ids[(slot + number) % slots];
                    let body = json!({ "job_id": id, "fire_at": when }).to_string();
                    let (status, word) = words(&ask(signed(url, &secret, &body, 0)));
                    assert!([200, 202].contains(&status), "{status} {word}");
                    status == 202
                });
                fired.count()
            })
        };
        let run = |_| {
            let (work, names, barrier) = (&work, &names, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let fired = names.iter().take(BY_HAND).filter(|name| {
                    let output = work.teawatch.cli(&["jobs", "run", "--slot", name]);
                    let told = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success() || told.contains("is not run"), "{output:?}");
                    output.status.success()
                });
                fired.count()
            })
        };
        let calls: Vec<_> = (0..CALLERS).map(call).chain((0..PEOPLE).map(run)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    eventually("all are run", || work.pings() == 1 + slots);
    let mut ticked = 0;
    for name in &names {
        eventually("it is known to be done", || work.states(name) == ["done"]);
        ticked += usize::from(work.runs(name)[0]["by"] == "ticker");
    }
    let accepted: usize = accepted.iter().sum();
    assert_eq!(accepted + ticked, slots, "{accepted} {ticked}");
    assert_eq!(work.pings(), 1 + slots);
    println!("{accepted} by callers and people, {ticked} by the ticker");
}

#[test]
fn what_is_under_way_at_the_end_is_cut_off_and_never_run_again() {
    let work = Work::switched(&[BLIND], |number| match number {
        0 => answer_of(200, "OK"),
        _ => Say::Hang,
    });
    eventually("the start is told", || work.pings() == 1);
    work.add("switch", "dead-man", &at(1));
    eventually("it is accepted", || work.fires(&json!({ "job_id": "switch" })).status == 202);
    eventually("it runs", || work.pings() == 2);
    let Work { teawatch, gitea, switch, data } = work;
    assert!(teawatch.stop().success());
    let command = super::command(data.path(), &gitea, &switch, &[BLIND]);
    let work = Work { teawatch: Teawatch::launch(command), gitea, switch, data };
    assert_eq!(work.states("switch"), ["unknown"]);
    assert_eq!(work.runs("switch")[0]["why"], "teawatch was stopped while it ran");
    let fired = work.fires(&json!({ "job_id": "switch" }));
    assert_eq!(words(&fired), is(200, "gone"));
}

#[test]
fn b2_what_was_accepted_and_is_done_soon_is_waited_for_at_the_end() {
    let (hold, held) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (work, gate) = (Arc::clone(&hold), Arc::clone(&held));
    let work = Work::switched(&[BLIND], move |number| {
        if number > 0 {
            work.wait();
            gate.wait();
        }
        answer_of(200, "OK")
    });
    eventually("the start is told", || work.pings() == 1);
    work.add("switch", "dead-man", "in 30s");
    assert_eq!(work.fires(&json!({ "job_id": "switch" })).status, 202);
    hold.wait();
    let Work { mut teawatch, gitea, switch, data } = work;
    rustix::process::kill_process(teawatch.pid(), rustix::process::Signal::TERM).unwrap();
    let address = teawatch.url.trim_start_matches("http://").to_owned();
    // Its doors are closed first. Then it waits for 5 s, of which this is little.
    eventually("it ends", || TcpStream::connect(&address).is_err());
    std::thread::sleep(std::time::Duration::from_millis(300));
    held.wait();
    assert!(teawatch.wait().success());
    let teawatch = Teawatch::launch(super::command(data.path(), &gitea, &switch, &[BLIND]));
    let work = Work { teawatch, gitea, switch, data };
    assert_eq!(work.states("switch"), ["done"]);
    assert_eq!(words(&work.fires(&json!({ "job_id": "switch" }))), is(200, "gone"));
}

#[test]
fn b8_a_caller_that_has_gone_wild_is_slowed_down_and_nobody_who_proves_nothing_can_do_that() {
    let inside = Inside::start(&Memory::new(), &stopped_clock(), Settings::default());
    let url = &inside.url;
    let stranger = || ask(signed(url, &Teawatch::secret(CALLER), "{}", 0)).status;
    assert_eq!((0..10).map(|_| stranger()).max(), Some(401));
    // Nobody runs jobs here.
    for number in 0..2_000 {
        assert_eq!(ask(signed(url, &secret(), "{}", 0)).status, 503, "{number}");
    }
    let answer = ask(signed(url, &secret(), "{}", 0));
    assert_eq!(words(&answer), is(429, "too many requests"));
    assert_eq!(answer.headers["retry-after"], "5");
    assert_eq!(stranger(), 401);
}

/// A call as bytes, up to its body.
fn head(job: &str, more: &str) -> (String, String) {
    let body = json!({ "job_id": job }).to_string();
    let head = format!(
        "POST /webhooks/fire_due HTTP/1.1\r\nhost: teawatch\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n{more}\r\n",
        secret().expose(),
        body.len()
    );
    (head, body)
}

fn connect(work: &Work) -> TcpStream {
    TcpStream::connect(work.teawatch.url.trim_start_matches("http://")).unwrap()
}

#[test]
fn who_hangs_up_without_waiting_for_the_answer_leaves_no_claim_behind() {
    let work = Work::with(&[BLIND]);
    let names: Vec<_> = (0..30).map(|number| format!("once-{number}")).collect();
    for name in &names {
        work.add(name, "sweep", "in 30s");
    }
    for name in &names {
        let (head, body) = head(name, "");
        connect(&work).write_all((head + &body).as_bytes()).unwrap();
    }
    let claimed = || names.iter().filter(|name| !work.states(name).is_empty());
    eventually("something was claimed", || claimed().count() > 0);
    // Some calls may have come to nothing, for which others call again. What was claimed is
    // run, and not left for the time at which nobody holds it any more.
    for name in &names {
        let answer = work.fires(&json!({ "job_id": name }));
        assert!([200, 202].contains(&answer.status), "{answer:?}");
    }
    eventually("each was run once", || names.iter().all(|name| work.states(name) == ["done"]));
}

#[test]
fn b2_who_calls_while_teawatch_ends_is_told_to_come_again() {
    let work = Work::with(&[BLIND]);
    work.add("once", "sweep", "in 30s");
    let (head, body) = head("once", "expect: 100-continue\r\nconnection: close\r\n");
    let mut stream = connect(&work);
    stream.write_all(head.as_bytes()).unwrap();
    // Its body is waited for, so its call is under way.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"), "{go_on:?}");
    rustix::process::kill_process(work.teawatch.pid(), rustix::process::Signal::TERM).unwrap();
    // Nothing more is begun from before its doors close.
    let address = work.teawatch.url.trim_start_matches("http://");
    eventually("it ends", || TcpStream::connect(address).is_err());
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 5"), "{answer}");
    assert!(answer.ends_with("{\"error\":\"draining\"}"), "{answer}");
}
