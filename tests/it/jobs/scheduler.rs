//! What a scheduler is, which one is at work, and the loop of the built-in one.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use teawatch::clock::Clock;
use teawatch::engine;
use teawatch::job::{By, RunState};
use teawatch::jobs::{
    Builtin, Choice, Doing, PROVIDERS, Runner, Scheduler, Seat, Settings, choose, ticks,
};
use teawatch::store::Memory;
use teawatch::tasks::{BEAT, Folder, Marks, Pace, Report};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::chronos::arming;
use super::within::{GAP, Within, settings};
use crate::support::{
    Gitea, InTime as _, Inside, StandIn, Teawatch, answer_of, ask, client, eventually, status,
    task_state,
};

/// A scheduler with what it must have, and nothing else.
struct Bare;

impl Scheduler for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn start(&self, _: Seat) -> Doing<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// One that says of itself that it cannot work.
struct Away;

impl Scheduler for Away {
    fn name(&self) -> &'static str {
        "away"
    }

    fn start(&self, _: Seat) -> Doing<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn is_available(&self) -> bool {
        false
    }
}

/// The bodies of a trait's methods that have none are what must be written.
#[test]
fn d7_a_scheduler_must_have_a_name_and_a_start_and_nothing_else() {
    let bare = Bare;
    assert!(bare.is_available());
    bare.stop();
    bare.on_jobs_changed();
    let source = include_str!("../../../src/jobs/scheduler.rs");
    let (_, rest) = source.split_once("pub trait Scheduler: Send + Sync {\n").unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let required: Vec<_> = body
        .split("\n    fn ")
        .skip(1)
        .map(|method| method.split("\n\n").next().unwrap())
        .filter(|method| method.trim_end().ends_with(';') && !method.contains('{'))
        .map(|method| method.split(['(', '<']).next().unwrap())
        .collect();
    assert_eq!(required, ["name", "start"]);
}

#[test]
fn d8_there_is_always_a_scheduler() {
    type Make = fn(&Settings) -> Result<Arc<dyn Scheduler>, String>;
    let providers: &[(&str, Make)] = &[
        ("bare", |_| Ok(Arc::new(Bare))),
        ("away", |_| Ok(Arc::new(Away))),
        ("broken", |_| Err("its address is missing".to_owned())),
    ];
    let chosen = |provider: &str| {
        let Choice { scheduler, warning } = choose(&settings(provider), providers);
        (scheduler.name().to_owned(), warning)
    };
    let is = |name: &str, warning: Option<&str>| (name.to_owned(), warning.map(str::to_owned));
    assert_eq!(chosen(""), is("builtin", None));
    assert_eq!(chosen(" "), is("builtin", None));
    assert_eq!(chosen("builtin"), is("builtin", None));
    assert_eq!(chosen("bare"), is("bare", None));
    for (provider, why) in [
        ("baer", "and there is none called so, only builtin, bare, away, broken"),
        ("away", "which cannot work"),
        ("broken", "which cannot work: its address is missing"),
    ] {
        let warning = format!(
            "`scheduler.provider` is \"{provider}\", {why}: the built-in scheduler is at work \
             instead"
        );
        assert_eq!(chosen(provider), is("builtin", Some(&warning)));
    }
    // R98: what is always there is not discovered, so that nobody can take its name.
    assert!(PROVIDERS.iter().all(|(name, _)| *name != Builtin::NAME));
}

/// One that panics whenever it is told of a change, and counts how often it was asked to bring
/// its times in line.
#[derive(Default)]
struct Touchy {
    told: AtomicUsize,
    reconciled: AtomicUsize,
}

impl Scheduler for Touchy {
    fn name(&self) -> &'static str {
        "touchy"
    }

    fn start(&self, _: Seat) -> Doing<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn on_jobs_changed(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
        panic!("on purpose");
    }

    fn reconcile<'a>(&'a self, _: &'a Runner) -> Doing<'a, Result<(), String>> {
        self.reconciled.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A switch that is pinged by runs of `dead-man`, and teawatch within this process, whose
/// scheduler is this one.
fn within(scheduler: Arc<dyn Scheduler>) -> (tempfile::TempDir, StandIn, Within) {
    let (data, switch) = (tempfile::tempdir().unwrap(), StandIn::start(|_, _| answer_of(200, "")));
    let choice = Choice { scheduler, warning: None };
    let within = Within::start(data.path(), &Clock::system(), choice, &switch.url);
    (data, switch, within)
}

#[test]
fn b5_a_scheduler_that_panics_when_it_is_told_of_a_change_stops_nothing() {
    let touchy = Arc::new(Touchy::default());
    let scheduler: Arc<dyn Scheduler> = Arc::<Touchy>::clone(&touchy);
    let (_data, switch, within) = within(scheduler);
    // Making a job tells it once, by the door of people.
    let told = || touchy.told.load(Ordering::Relaxed);
    let jobs = format!("{}/api/v1/jobs", within.inside.url);
    let draft = json!({ "name": "switch", "do": "dead-man", "schedule": "every 1h" });
    let made = ask(client().post(&jobs).json(&draft));
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(told(), 1);
    // Each run tells it, and each is made.
    for runs in 1..=3 {
        let before = told();
        let run = ask(client().post(format!("{jobs}/switch/run")).json(&json!({})));
        assert_eq!(run.status, 200, "{run:?}");
        eventually("it runs", || switch.asked().len() == runs);
        eventually("its end is told", || told() > before + 1);
    }
    let states = within.inside.ask(|core, _| core.runs_page("switch", None, 9).unwrap().items);
    assert!(states.iter().all(|run| run.state == RunState::Done), "{states:?}");
    // What it has arranged is brought in line all the same.
    let before = touchy.reconciled.load(Ordering::Relaxed);
    eventually("it goes on", || touchy.reconciled.load(Ordering::Relaxed) > before);
    within.kill();
}

/// One that never gets done with what it has arranged elsewhere.
struct Stuck;

impl Scheduler for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn start(&self, seat: Seat) -> Doing<'_, ()> {
        Box::pin(async move {
            loop {
                seat.runner.fire_due(By::Ticker, None).await.unwrap();
                seat.mark.rest(Duration::from_millis(5)).await;
            }
        })
    }

    fn reconcile<'a>(&'a self, _: &'a Runner) -> Doing<'a, Result<(), String>> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn jobs_are_run_however_long_it_takes_to_bring_in_line_what_is_arranged_elsewhere() {
    let (_data, switch, within) = within(Arc::new(Stuck));
    within.add(json!({ "name": "switch", "do": "dead-man", "schedule": "every 1s" }));
    eventually("it runs", || switch.asked().len() > 1);
    within.kill();
}

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

/// What a mark says after turns that end like this, and how many there were.
fn after(turn: impl Fn(usize) -> Result<(), NoLuck> + Send + Sync + 'static) -> (Report, usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let marks = Marks::new(Clock::system());
    let mark = marks.task("scheduler", Pace::of_turns(BEAT));
    let (stop, count) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let first = marks.report()[0].clone();
    assert!(first.alive_at.is_some() && first.success_at.is_none());
    let (turn, counted, stopped) = (Arc::new(turn), Arc::clone(&count), stop.clone());
    let ticking = runtime.spawn(async move {
        let turn = || {
            let (turn, number) = (Arc::clone(&turn), counted.fetch_add(1, Ordering::Relaxed));
            async move { turn(number) }
        };
        ticks(Duration::ZERO, &stopped, &mark, turn).await;
    });
    eventually("it has ticked", || count.load(Ordering::Relaxed) > 3);
    stop.cancel();
    // R90: within 5 s, though it is the next turn that sees it.
    let ended = async { tokio::time::timeout(Duration::from_secs(5), ticking).await };
    runtime.block_on(ended).expect("it ticks on").unwrap();
    let last = marks.report()[0].clone();
    // R114: whatever becomes of its turns, it is alive.
    assert!(last.alive_at > first.alive_at, "{last:?}");
    (last, count.load(Ordering::Relaxed))
}

#[test]
fn d3_r112_it_is_alive_before_its_first_turn_and_has_succeeded_only_after_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let marks = Marks::new(Clock::system());
    let mark = marks.task("scheduler", Pace::of_turns(BEAT));
    let (stop, seen) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::new())));
    let (board, noted, stopped) = (marks.clone(), Arc::clone(&seen), stop.clone());
    let turn = move || {
        let mut noted = noted.lock().unwrap();
        noted.push(board.report()[0].clone());
        let number = noted.len();
        if number == 4 {
            stopped.cancel();
        }
        // The second one fails.
        std::future::ready(if number == 2 { Err(NoLuck) } else { Ok(()) })
    };
    runtime.block_on(ticks(Duration::ZERO, &stop, &mark, turn));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    // A sign of life before the first turn, and another with each.
    assert!(seen[0].alive_at.is_some() && seen[0].success_at.is_none(), "{:?}", seen[0]);
    assert!(seen.windows(2).all(|two| two[0].alive_at < two[1].alive_at), "{seen:#?}");
    // The success of the first, which the failure of the second is not, and that of the third.
    assert!(seen[1].success_at > seen[0].alive_at && seen[1].error.is_none(), "{seen:#?}");
    assert_eq!(seen[2].success_at, seen[1].success_at);
    assert!(seen[2].error.as_ref().is_some_and(|error| !error.is_over), "{seen:#?}");
    assert!(seen[3].success_at > seen[2].success_at, "{seen:#?}");
    assert!(seen[3].error.as_ref().is_some_and(|error| error.is_over), "{seen:#?}");
}

#[test]
fn d2_d3_no_turn_ends_the_loop_and_only_a_clean_one_is_a_success() {
    let (report, _) = after(|_| Ok(()));
    assert!(report.success_at.is_some() && report.error.is_none(), "{report:?}");
    let (report, _) = after(|number| if number == 0 { Err(NoLuck) } else { Ok(()) });
    assert!(report.error.unwrap().is_over);
    assert!(report.success_at.is_some());
    let (report, _) = after(|_| Err(NoLuck));
    assert_eq!(report.error.unwrap().text, "no luck");
    assert_eq!(report.success_at, None);
    let (report, _) = after(|_| panic!("on purpose"));
    assert!(report.error.unwrap().text.contains("panicked"));
    assert_eq!(report.success_at, None);
    let (report, _) = after(|number| if number < 2 { panic!("on purpose") } else { Ok(()) });
    assert!(report.success_at.is_some());
}

#[test]
fn r91_it_ticks_at_least_once_though_it_is_to_stop_and_is_not_held_up_by_a_turn_that_hangs() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let marks = Marks::new(Clock::system());
    let mark = marks.task("scheduler", Pace::of_turns(BEAT));
    let stop = CancellationToken::new();
    stop.cancel();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let turn = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>(()))
    };
    runtime.block_on(ticks(Duration::from_secs(3_600), &stop, &mark, turn));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let began = Instant::now();
    let hangs = std::future::pending::<Result<(), Infallible>>;
    runtime.block_on(ticks(Duration::from_secs(3_600), &stop, &mark, hangs));
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A turn that takes longer than a task may be silent.
#[test]
fn u24_a_loop_whose_turn_takes_long_is_alive_and_is_not_told_to_have_stalled() {
    const PACE: SignedDuration = SignedDuration::from_secs(5);
    const STEP: i64 = 10;
    const STEPS: i64 = 12;
    // By this clock it is a while ago; it is turned until it is now.
    let passed = Arc::new(AtomicI64::new(-STEP * STEPS));
    let turned = Arc::clone(&passed);
    let since = move || SignedDuration::from_secs(turned.load(Ordering::Relaxed));
    let clock = Clock::from_fn(move || Timestamp::now() + since());
    let engine = engine::settings::Settings { absence_gap: GAP, ..<_>::default() };
    let inside = Inside::start(&Memory::new(), &clock, engine);
    let data = tempfile::tempdir().unwrap();
    let _folder = Folder::start(&inside.marks, data.path()).unwrap();
    let mark = inside.marks.task("scheduler", Pace::of_turns(PACE));
    let (stop, count) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let (stopped, counted) = (stop.clone(), Arc::clone(&count));
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    inside.runtime().spawn(async move {
        let turn = || {
            let (number, gate) = (counted.fetch_add(1, Ordering::Relaxed), Arc::clone(&gate));
            async move {
                if number == 1 {
                    gate.notified().await;
                }
                Ok::<_, Infallible>(())
            }
        };
        ticks(Duration::from_millis(20), &stopped, &mark, turn).await;
    });
    eventually("the second turn goes on", || count.load(Ordering::Relaxed) == 2);
    let report = || inside.marks.report().into_iter().find(|it| it.name == "scheduler").unwrap();
    let readyz = || ask(client().get(format!("{}/readyz", inside.url)));
    for step in 1..=STEPS {
        passed.fetch_add(STEP, Ordering::Relaxed);
        let now = clock.now();
        eventually("it says that it is alive", || report().alive_at >= Some(now));
        // It may take 35 s in all; then what it is for is not done in time.
        let state = task_state(&readyz().body, "scheduler");
        let expected = if step > 3 { "failing" } else { "well" };
        assert!(step == 3 && state == "failing" || state == expected, "{state} {step}");
    }
    assert_eq!(count.load(Ordering::Relaxed), 2);
    let said = || status(data.path()).1;
    eventually("it is told", || said().contains("no tick has succeeded since"));
    for word in ["STALLED", "Restart"] {
        assert!(!said().contains(word), "{}", said());
    }
    let reasons = readyz().body["reasons"].to_string();
    assert!(reasons.contains("the task `scheduler` has not succeeded since"), "{reasons}");
    go_on.notify_one();
    eventually("all is well", || readyz().status == 200 && said().contains("will fire"));
    stop.cancel();
}

#[test]
fn r83_whether_a_scheduler_can_work_is_known_here_and_nobody_is_asked() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    outside.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", outside.local_addr().unwrap());
    teawatch::gitea::install_crypto();
    let began = Instant::now();
    // The second name is nobody's, and looking it up takes its time.
    for url in [&*url, "http://chronos.invalid/"] {
        let Choice { scheduler, warning } = choose(&arming(url), PROVIDERS);
        assert_eq!((scheduler.name(), warning), ("webhook", None));
        assert!((0..100).all(|_| scheduler.is_available()));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    // Nor do commands ask, which tell whether all is as it should be.
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let serve = Teawatch::command(
        data.path(),
        &gitea,
        &[
            ("scheduler.provider", "webhook"),
            ("scheduler.arming_url", &url),
            ("public_url", "https://tea.test/"),
            ("fire.callers", "chronos"),
        ],
    );
    let arguments: Vec<_> = serve.get_args().skip(1).collect();
    let told = [&["config", "check"][..], &["status"], &["doctor"]].map(|command| {
        let mut asks = Command::new(serve.get_program());
        asks.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        asks.current_dir(data.path()).args(command).args(&arguments);
        let output = asks.output_in_time();
        String::from_utf8(output.stdout).unwrap()
    });
    assert!(told[1].contains("no teawatch ever ran"), "{}", told[1]);
    assert!(told[2].contains("can be used"), "{}", told[2]);
    assert_eq!(outside.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
