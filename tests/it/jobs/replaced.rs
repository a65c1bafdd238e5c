//! A scheduler that is broken, and the built-in one in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use teawatch::clock::Clock;
use teawatch::engine;
use teawatch::job::NotFired;
use teawatch::jobs::{
    Ask, Choice, Doing, ENDS_MAX, Fired, Runner, Scheduler, Seat, Settings, TASK, start,
};
use teawatch::tasks::{Marks, Patience, Supervisor};

use super::fires_at;
use super::within::{Within, settings};
use crate::support::{Answer, StandIn, answer_of, ask, client, eventually};

/// How a scheduler ends whenever it is started.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Its work is never begun.
    AtOnce,
    Panic,
    /// It works for a moment.
    Soon,
}

/// One that ends, and takes whatever it is asked for without doing it.
struct Broken {
    end: End,
    starts: AtomicUsize,
    /// How often it was told of a change, or was asked to fire or to bring its times in line.
    asked: AtomicUsize,
}

impl Broken {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Scheduler for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn start(&self, _: Seat) -> Doing<'_, ()> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        match self.end {
            End::AtOnce => panic!("on purpose"),
            End::Panic => Box::pin(async { panic!("on purpose") }),
            End::Soon => Box::pin(tokio::time::sleep(Duration::from_millis(1))),
        }
    }

    fn on_jobs_changed(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    fn fire_due<'a>(
        &'a self,
        _: &'a Runner,
        _: &'a str,
        _: Ask,
    ) -> Doing<'a, Result<Fired, engine::Error>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Err(NotFired::Never)) })
    }

    fn reconcile<'a>(&'a self, _: &'a Runner) -> Doing<'a, Result<(), String>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
}

/// A server in this process whose scheduler is kept at work, looks all the time, and is given
/// another chance after a moment.
struct Kept {
    within: Within,
    marks: Marks,
    switch: StandIn,
    supervisor: Supervisor,
    _data: tempfile::TempDir,
}

impl Kept {
    /// As many ends as usual are borne.
    fn start(scheduler: Arc<dyn Scheduler>) -> Self {
        Self::counting(scheduler, Patience::default().within)
    }

    /// The same where ends are counted over such a time.
    fn counting(scheduler: Arc<dyn Scheduler>, stretch: Duration) -> Self {
        let (data, switch) =
            (tempfile::tempdir().unwrap(), StandIn::start(|_, _| answer_of(200, "")));
        let (clock, choice) = (Clock::system(), Choice { scheduler, warning: None });
        let marks = Marks::new(clock.clone());
        let within =
            Within::without_scheduler(data.path(), &clock, choice, &switch.url, marks.clone());
        let settings = Settings { every: SignedDuration::from_millis(20), ..settings("") };
        let first = Duration::from_millis(1);
        let patience = Patience { first, within: stretch, ..Patience::default() };
        let mut supervisor = Supervisor::new(marks.clone(), patience);
        let runtime = within.inside.runtime().enter();
        start(&mut supervisor, &settings, &within.runner);
        drop(runtime);
        Self { within, marks, switch, supervisor, _data: data }
    }

    fn post(&self, rest: &str, body: &serde_json::Value) -> Answer {
        ask(client().post(format!("{}/api/v1/jobs{rest}", self.within.inside.url)).json(body))
    }

    /// What the mark of the scheduler says.
    fn note(&self) -> String {
        let report = self.marks.report();
        let task = report.iter().find(|task| task.name == TASK);
        task.and_then(|task| task.note.clone()).unwrap_or_default()
    }

    fn end(self) {
        let Self { within, supervisor, .. } = self;
        drop(supervisor);
        within.kill();
    }
}

#[test]
fn r95_where_the_built_in_scheduler_has_replaced_a_broken_one_everything_goes_through_it() {
    for end in [End::AtOnce, End::Panic, End::Soon] {
        let (starts, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let broken = Arc::new(Broken { end, starts, asked });
        let kept = Kept::start(Arc::<Broken>::clone(&broken));
        let why =
            "the scheduler `broken` ends again and again: the built-in one is at work instead";
        eventually("it is replaced, and told", || kept.note().ends_with(why));
        assert!(kept.note().starts_with("the built-in scheduler has "), "{}", kept.note());
        assert_eq!(broken.starts.load(Ordering::Relaxed), ENDS_MAX, "{end:?}");
        let url = &kept.within.inside.url;
        let ready = ask(client().get(format!("{url}/readyz"))).body;
        assert!(ready["notes"].to_string().contains(why), "{ready}");

        // It is told of no change any more, and nothing is fired through it.
        let before = broken.asked();
        let rare = json!({ "name": "rare", "do": "dead-man", "schedule": "every 50s" });
        let made = kept.post("", &rare);
        assert_eq!(made.status, 200, "{made:?}");
        let fired = fires_at(url, &json!({ "job_id": made.body["id"] }));
        assert_eq!((fired.status, &fired.body["status"]), (202, &json!("accepted")), "{end:?}");
        eventually("it is run", || kept.switch.asked().len() == 1);
        // What is due is run without a word from anybody.
        let often = json!({ "name": "often", "do": "dead-man", "schedule": "every 1s" });
        assert_eq!(kept.post("", &often).status, 200);
        eventually("it comes by itself", || kept.switch.asked().len() > 1);
        assert_eq!(broken.asked(), before, "{end:?}");
        kept.end();
    }
}

#[test]
fn r95_a_scheduler_that_ends_once_in_a_long_while_is_not_replaced_however_long_we_run() {
    let (starts, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let broken = Arc::new(Broken { end: End::Soon, starts, asked });
    // It works for longer than that each time.
    let kept = Kept::counting(Arc::<Broken>::clone(&broken), Duration::from_millis(1));
    eventually("it has begun again and again", || {
        broken.starts.load(Ordering::Relaxed) > 3 * ENDS_MAX
    });
    assert!(!kept.note().contains("instead"), "{}", kept.note());
    kept.end();
}

/// One that panics when somebody says that a job is due, if it is to.
#[derive(Default)]
struct Nervous {
    is_calm: AtomicBool,
}

impl Scheduler for Nervous {
    fn name(&self) -> &'static str {
        "nervous"
    }

    fn start(&self, seat: Seat) -> Doing<'_, ()> {
        Box::pin(async move { seat.stop.cancelled().await })
    }

    fn fire_due<'a>(
        &'a self,
        runner: &'a Runner,
        job: &'a str,
        ask: Ask,
    ) -> Doing<'a, Result<Fired, engine::Error>> {
        assert!(self.is_calm.load(Ordering::Relaxed), "a secret of ours");
        Box::pin(runner.fire(job, ask, teawatch::job::By::Outside))
    }
}

#[test]
fn a_door_that_panics_answers_500_tells_nothing_of_why_and_takes_the_next_call() {
    let nervous = Arc::new(Nervous::default());
    let kept = Kept::start(Arc::<Nervous>::clone(&nervous));
    let rare = json!({ "name": "rare", "do": "dead-man", "schedule": "every 50s" });
    let body = json!({ "job_id": kept.post("", &rare).body["id"] });
    let url = &kept.within.inside.url;
    for _ in 0..3 {
        let failed = fires_at(url, &body);
        assert!(!failed.body.to_string().contains("secret"), "{failed:?}");
        assert_eq!(failed.error(), (500, "internal"), "{failed:?}");
    }
    nervous.is_calm.store(true, Ordering::Relaxed);
    assert_eq!(fires_at(url, &body).status, 202);
    eventually("it is run", || kept.switch.asked().len() == 1);
    kept.end();
}
