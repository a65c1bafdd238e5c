//! What becomes of a run, whatever it does: the real runner and the real engine, in this
//! process, over a store that can be looked at.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use teawatch::alert::Salt;
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::engine::{Core, Error, Filed};
use teawatch::gitea::{Network, NetworkOptions};
use teawatch::job::{Ask, By, Run, RunState};
use teawatch::jobs::{self, Builtin, Choice, Doing, Morning, Runner, Scheduler, Seat, Tools};
use teawatch::outbox::{Courier, Host, Settings as Patience, TokenProbe, Worker};
use teawatch::reconcile::Poke;
use teawatch::signature::Secret;
use teawatch::store::{Fault, Memory};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::within::settings;
use super::{fires_at, is, signed, words};
use crate::support::{Inside, SALT, ask, client, eventually};

/// What a run does.
pub(super) type Deed = Pin<Box<dyn Future<Output = Result<Filed, Error>> + Send>>;

/// A runner whose jobs of the kind `report` do what a test wants.
pub(super) struct Bench {
    inside: Inside,
    pub(super) memory: Memory,
    runner: Runner,
    runtime: Runtime,
}

impl Bench {
    fn new(
        parallel: usize,
        scheduler: Arc<dyn Scheduler>,
        work: impl Fn() -> Deed + Send + Sync + 'static,
    ) -> Self {
        let settings = jobs::Settings { parallel, ..settings("") };
        Self::by(&Clock::system(), Settings::default(), &settings, scheduler, work)
    }

    /// The same by another clock, and with other settings.
    pub(super) fn by(
        clock: &Clock,
        settings: Settings,
        jobs: &jobs::Settings,
        scheduler: Arc<dyn Scheduler>,
        work: impl Fn() -> Deed + Send + Sync + 'static,
    ) -> Self {
        let memory = Memory::new();
        let inside = Inside::start(&memory, clock, settings);
        let worker = Worker {
            ledger: inside.engine.clone(),
            host: host(),
            settings: Patience::default(),
            salt: Salt::new(SALT),
            clock: clock.clone(),
            courier: Courier::default(),
            dice: || u32::MAX / 2,
        };
        let tools = Tools {
            engine: inside.engine.clone(),
            clock: clock.clone(),
            marks: inside.marks.clone(),
            data_dir: std::env::temp_dir(),
            token: Arc::new(TokenProbe::new(Arc::new(worker), Vec::new(), <_>::default())),
            poke: Poke::default(),
            dead_man: None,
            morning: Morning::new(work),
        };
        let runner = Runner::new(tools, jobs, Choice { scheduler, warning: None });
        Self { inside, memory, runner, runtime: Runtime::new().unwrap() }
    }

    /// Makes a job that does it, with a limit.
    pub(super) fn add(&self, name: &str, limit: &str) {
        let draft =
            json!({ "name": name, "do": "report", "schedule": "0 3 * * *", "limit": limit });
        let draft = serde_json::from_value(draft).unwrap();
        self.inside.ask(move |core, now| core.add_job(&draft, now)).unwrap();
    }

    /// Runs a job now, which must begin.
    #[track_caller]
    pub(super) fn run(&self, name: &str) -> u64 {
        self.runtime.block_on(self.runner.fire(name, Ask::Now, By::Person)).unwrap().unwrap()
    }

    /// The runs of a job, the newest first.
    pub(super) fn runs(&self, name: &str) -> Vec<Run> {
        let name = name.to_owned();
        self.inside.ask(move |core, _| core.runs_page(&name, None, 500)).unwrap().items
    }

    /// The newest run of a job, once it is over.
    pub(super) fn ended(&self, name: &str) -> Run {
        eventually("it is over", || self.runs(name)[0].state.is_final());
        self.runs(name).remove(0)
    }

    /// How the newest run of a job looks to who starts after a kill at this moment.
    fn after_a_kill(memory: &Memory, name: &str) -> RunState {
        let mut store = memory.crash();
        let (salt, instance) = (Salt::new(SALT), "0123456789abcdef".to_owned());
        let settings = Settings::default();
        let core = Core::load(&mut store, settings, salt, None, instance, Timestamp::now());
        core.unwrap().runs_page(name, None, 1).unwrap().items[0].state
    }
}

fn host() -> Host {
    let options = NetworkOptions {
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        extra_roots: None,
        tls: false,
        proxies: false,
    };
    let network = Arc::new(Network::new(&options).unwrap());
    Host::new(&"http://127.0.0.1:9/".parse().unwrap(), &"token".into(), network, None).unwrap()
}

pub(super) fn builtin() -> Arc<dyn Scheduler> {
    Arc::new(Builtin::new(jiff::SignedDuration::from_hours(1)))
}

pub(super) fn filed() -> Result<Filed, Error> {
    let day = jiff::civil::date(2026, 7, 1);
    Ok(Filed { day, repository: "ops/alerts".to_owned(), issue: None, is_new: true })
}

fn breaks() -> impl Future<Output = Result<Filed, Error>> + Send {
    poll_fn(|_| panic!("on purpose"))
}

#[test]
fn d15_however_a_run_ends_it_is_known_and_the_next_one_begins() {
    let number = AtomicUsize::new(0);
    let bench = Bench::new(4, builtin(), move || match number.fetch_add(1, Ordering::Relaxed) {
        0 => Box::pin(breaks()),
        1 => panic!("on purpose, before it has begun"),
        2 => Box::pin(async { Err(Error::Full) }),
        3 => Box::pin(pending()),
        _ => Box::pin(async { filed() }),
    });
    bench.add("job", "1s");
    let check = || {
        let checks = bench.inside.ask(|core, now| core.checks_page(None, 500, now)).items;
        checks.iter().find(|check| check.name == "job-job").unwrap().status.to_string()
    };
    let full = Error::Full.to_string();
    for (state, why, status) in [
        (RunState::Failed, "it panicked", "down"),
        (RunState::Failed, "it panicked", "down"),
        (RunState::Failed, &*full, "down"),
        (RunState::Failed, "it took longer than its limit of 1s", "down"),
        (RunState::Done, "the report of the night to 2026-07-01 goes to ops/alerts", "up"),
    ] {
        let number = bench.run("job");
        let run = bench.ended("job");
        assert_eq!((run.number, run.state, &*run.why), (number, state, why));
        assert_eq!(check(), status, "{why}");
        assert!(run.claimed_at <= run.began_at.unwrap() && run.began_at < run.ended_at, "{run:?}");
    }
    assert_eq!(bench.runs("job").len(), 5);
}

#[test]
fn d15_a_claim_a_beginning_and_an_end_are_each_on_the_disk_before_what_follows() {
    let memory = Arc::new(Mutex::new(None::<Memory>));
    let (seen, go_on) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let (disk, noted, gate) = (Arc::clone(&memory), Arc::clone(&seen), Arc::clone(&go_on));
    let bench = Bench::new(1, builtin(), move || {
        // What a kill right at the beginning of the work would leave.
        let disk = disk.lock().unwrap().clone().unwrap();
        noted.lock().unwrap().push(Bench::after_a_kill(&disk, "first"));
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.notified().await;
            filed()
        })
    });
    *memory.lock().unwrap() = Some(bench.memory.clone());
    bench.add("first", "1m");
    bench.add("second", "1m");
    bench.run("first");
    eventually("it works", || seen.lock().unwrap().len() == 1);
    // It has begun: nobody would know how it ended.
    assert_eq!(seen.lock().unwrap()[0], RunState::Unknown);
    assert_eq!(bench.runs("first")[0].state, RunState::Running);
    // `scheduler.parallel`: the second one waits for room. Its claim is on the disk, and that
    // it has not begun as well: a start would run it again.
    bench.run("second");
    assert_eq!(Bench::after_a_kill(&bench.memory, "second"), RunState::Skipped);
    assert_eq!(bench.runs("second")[0].state, RunState::Claimed);
    assert_eq!(seen.lock().unwrap().len(), 1);
    // Nobody else is held up meanwhile.
    assert_eq!(bench.inside.ask(|core, _| core.jobs_health()).running, 2);
    go_on.notify_one();
    assert_eq!(bench.ended("first").state, RunState::Done);
    eventually("the second one works", || seen.lock().unwrap().len() == 2);
    assert_eq!(seen.lock().unwrap()[1], RunState::Done);
    go_on.notify_one();
    let second = bench.ended("second");
    assert_eq!(second.state, RunState::Done);
    assert!(second.began_at >= bench.runs("first")[0].ended_at);
}

/// A scheduler that breaks whenever it is told something.
struct Brittle(Arc<AtomicUsize>);

impl Scheduler for Brittle {
    fn name(&self) -> &'static str {
        "brittle"
    }

    fn start(&self, _: Seat) -> Doing<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn on_jobs_changed(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("on purpose");
    }
}

#[test]
fn d16_a_scheduler_that_breaks_when_it_is_told_of_a_change_harms_none() {
    let told = Arc::new(AtomicUsize::new(0));
    let brittle = Arc::new(Brittle(Arc::clone(&told)));
    let bench = Bench::new(4, brittle, || Box::pin(async { filed() }));
    bench.inside.app.run_jobs(bench.runner.clone());
    let url = format!("{}/api/v1/jobs", bench.inside.url);
    let draft = json!({ "name": "job", "do": "report", "schedule": "0 3 * * *" });
    let changes = [
        client().post(&url).json(&draft),
        client().patch(format!("{url}/job")).json(&json!({ "limit": "1m" })),
        client().post(format!("{url}/job/pause")).json(&json!({ "reason": "why" })),
        client().post(format!("{url}/job/resume")),
        client().delete(format!("{url}/job")),
        client().post(&url).json(&draft),
    ];
    for (before, change) in changes.into_iter().enumerate() {
        assert_eq!(told.load(Ordering::Relaxed), before);
        let answer = ask(change);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // Also of what becomes of a run.
    let before = told.load(Ordering::Relaxed);
    bench.run("job");
    assert_eq!(bench.ended("job").state, RunState::Done);
    eventually("it is told", || told.load(Ordering::Relaxed) > before);
    bench.run("job");
    assert_eq!((bench.ended("job").state, bench.runs("job").len()), (RunState::Done, 2));
}

#[test]
fn b2_who_fires_too_soon_or_what_cannot_be_stored_is_told_to_come_again_and_nothing_runs() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let bench = Bench::new(4, builtin(), move || {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { filed() })
    });
    let draft = json!({ "name": "job", "do": "report", "schedule": "in 30s" });
    let draft = serde_json::from_value(draft).unwrap();
    bench.inside.ask(move |core, now| core.add_job(&draft, now)).unwrap();
    let url = &bench.inside.url;
    let fire = || fires_at(url, &json!({ "job_id": "job" }));
    // Nobody runs jobs so far.
    let answer = fire();
    assert_eq!(words(&answer), is(503, "starting"));
    assert_eq!(answer.headers["retry-after"], "5");
    bench.inside.app.run_jobs(bench.runner.clone());
    // Who proves nothing is not told what else is amiss.
    let stranger = signed(url, &Secret::parse(&"s".repeat(32)).unwrap(), "{}", 0);
    assert_eq!(words(&ask(stranger)), is(401, "invalid fire token"));
    // The disk does not take the claim.
    bench.memory.order(bench.memory.commits() + 1, Fault::Lost);
    let answer = fire();
    assert_eq!(words(&answer), is(503, "cron fire admission failed"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    // The next start knows nothing of it, so that the slot is still to be run.
    let mut store = bench.memory.crash();
    let (salt, instance) = (Salt::new(SALT), "0123456789abcdef".to_owned());
    let core = Core::load(&mut store, <_>::default(), salt, None, instance, Timestamp::now());
    let mut core = core.unwrap();
    assert_eq!(core.runs_page("job", None, 1).unwrap().items.len(), 0);
    assert!(core.fire("job", Ask::Next, By::Outside, Timestamp::now()).is_ok());
}
