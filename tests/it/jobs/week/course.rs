//! How the week goes by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use teawatch::clock::Clock;
use teawatch::job::Run;
use teawatch::jobs::{
    Choice, Doing, LISTED_EVERY, PROVIDERS, Runner, Scheduler, Seat, Settings, choose,
};
use teawatch::signature::{Master, fire_secret, new_master};

use super::super::chronos::Outside;
use super::super::within::Within;
use super::super::{CALLER, secret, signed_at};
use super::errors::{Blow, Call, Plan};
use super::timetable::{BACKSTOP, BACKSTOP_ONCE, BEGIN, END, HOUR, JOBS, MINUTE};
use crate::support::{PATIENCE, StandIn, answer_of, ask};

/// The scheduler under test, which counts how often it was brought in line.
struct Counted {
    inner: Arc<dyn Scheduler>,
    reconciled: Arc<AtomicUsize>,
}

impl Scheduler for Counted {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn start(&self, seat: Seat) -> Doing<'_, ()> {
        self.inner.start(seat)
    }

    fn on_jobs_changed(&self) {
        self.inner.on_jobs_changed();
    }

    fn reconcile<'a>(&'a self, runner: &'a Runner) -> Doing<'a, Result<(), String>> {
        Box::pin(async move {
            let brought = self.inner.reconcile(runner).await;
            self.reconciled.fetch_add(1, Ordering::Relaxed);
            brought
        })
    }
}

/// Everybody, and what was seen of them.
pub(super) struct Week {
    now: Arc<AtomicI64>,
    plan: Arc<Mutex<Plan>>,
    pub(super) outside: Outside,
    switch: StandIn,
    /// When the switch was pinged, and how often.
    pub(super) pinged: Arc<Mutex<BTreeMap<i64, usize>>>,
    reconciled: Arc<AtomicUsize>,
    data: tempfile::TempDir,
    within: Option<Within>,
    pub(super) ids: BTreeMap<String, String>,
    pub(super) runs: BTreeMap<u64, Run>,
    /// How often each answer was given.
    pub(super) answers: BTreeMap<String, usize>,
    /// When teawatch was down: from, until.
    pub(super) downs: Vec<(i64, i64)>,
    /// When the scheduler outside comes back.
    away_until: Option<i64>,
    /// What it knew at the blow before.
    memory: BTreeMap<String, String>,
    /// When it last lost what it knew, or could not be told.
    shaken_at: i64,
    kills_inside: bool,
}

impl Week {
    pub(super) fn begin(seed: u64) -> Self {
        let now = Arc::new(AtomicI64::new(BEGIN));
        let (plan, pinged) = (Arc::<Mutex<Plan>>::default(), Arc::<Mutex<_>>::default());
        let (hears, when) = (Arc::clone(&plan), Arc::clone(&now));
        let outside = Outside::by(clock(&now), move |job, at| {
            let at: Timestamp = at.parse().unwrap();
            hears.lock().unwrap().hear(seed, when.load(Ordering::Relaxed), job, at.as_second())
        });
        let (noted, noticed) = (Arc::clone(&pinged), Arc::clone(&now));
        let switch = StandIn::start(move |_, _| {
            let mut pinged: std::sync::MutexGuard<'_, BTreeMap<i64, usize>> = noted.lock().unwrap();
            *pinged.entry(noticed.load(Ordering::Relaxed)).or_default() += 1;
            answer_of(200, "OK")
        });
        let mut week = Self {
            now,
            plan,
            outside,
            switch,
            pinged,
            reconciled: Arc::default(),
            data: tempfile::tempdir().unwrap(),
            within: None,
            ids: BTreeMap::new(),
            runs: BTreeMap::new(),
            answers: BTreeMap::new(),
            downs: Vec::new(),
            away_until: None,
            memory: BTreeMap::new(),
            shaken_at: BEGIN,
            kills_inside: false,
        };
        week.start();
        for (name, schedule, zone, times, missed) in JOBS {
            let draft = json!({
                "name": name, "do": "dead-man", "schedule": schedule, "zone": zone,
                "times": times, "missed": missed,
            });
            let id = week.within().add(draft);
            week.ids.insert(name.to_owned(), id);
        }
        week
    }

    fn within(&self) -> &Within {
        self.within.as_ref().unwrap()
    }

    pub(super) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn turn_to(&self, at: i64) {
        self.now.fetch_max(at, Ordering::Relaxed);
    }

    fn start(&mut self) {
        teawatch::gitea::install_crypto();
        let settings =
            Settings { backstop: SignedDuration::from_secs(BACKSTOP), ..self.outside.settings() };
        let Choice { scheduler, warning } = choose(&settings, PROVIDERS);
        assert_eq!(warning, None);
        let reconciled = Arc::clone(&self.reconciled);
        let choice =
            Choice { scheduler: Arc::new(Counted { inner: scheduler, reconciled }), warning };
        let (data, clock) = (self.data.path(), clock(&self.now));
        self.within = Some(Within::start(data, &clock, choice, &self.switch.url));
    }

    fn kill(&mut self, lasts: i64) {
        self.within.take().unwrap().kill();
        let from = self.now();
        self.turn_to(from + lasts);
        if lasts > 0 {
            self.downs.push((from, from + lasts));
        }
        self.start();
    }

    /// When each job is due.
    pub(super) fn armed(&self) -> BTreeMap<String, i64> {
        let armed = self.within().inside.ask(|core, _| core.jobs_armed());
        armed.into_iter().map(|(job, at)| (job.to_string(), at.as_second())).collect()
    }

    /// When the backstop runs something.
    fn backstop(&self) -> Option<i64> {
        let single = self.ids.get("single");
        let grace = |job: &String| if Some(job) == single { BACKSTOP_ONCE } else { BACKSTOP };
        self.armed().iter().map(|(job, at)| at + grace(job)).min()
    }

    /// Waits until everything has been done that is to be done now.
    pub(super) fn settle(&mut self) {
        let began = Instant::now();
        loop {
            let is_quiet = || {
                let health = self.within().inside.ask(|core, _| core.jobs_health());
                health.running == 0 && self.backstop().is_none_or(|at| at > self.now())
            };
            while !is_quiet() {
                assert!(began.elapsed() < PATIENCE, "it never ends: {:?}", self.runs.values());
                std::thread::sleep(Duration::from_micros(300));
            }
            // One may have begun before, so it takes two.
            let before = self.reconciled.load(Ordering::Relaxed);
            while self.reconciled.load(Ordering::Relaxed) < before + 2 {
                assert!(began.elapsed() < PATIENCE, "nothing is brought in line");
                self.within().runner.changed();
                std::thread::sleep(Duration::from_micros(300));
            }
            if is_quiet() {
                break;
            }
        }
        let names: Vec<_> = JOBS.iter().map(|job| job.0).collect();
        let runs = self.within().inside.ask(move |core, _| {
            let pages = names.iter().filter_map(|name| core.runs_page(name, None, 12).ok());
            pages.flat_map(|page| page.items).collect::<Vec<_>>()
        });
        self.runs.extend(runs.into_iter().map(|run| (run.number, run)));
        let off = self.off();
        assert!(off.is_empty(), "not in line at {}: {off:?}", self.now());
    }

    /// The jobs whose times the scheduler outside does not know, although it was asked since
    /// it lost them.
    fn off(&self) -> BTreeSet<String> {
        if self.away_until.is_some() {
            return BTreeSet::new();
        }
        let (wanted, knows) = (self.armed(), self.knows());
        let jobs: BTreeSet<_> = wanted.keys().chain(knows.keys()).collect();
        let forgot = self.plan.lock().unwrap().forgot.clone();
        let is_off = |job: &&String| {
            let lost_at = forgot.get(*job).copied().unwrap_or(BEGIN).max(self.shaken_at);
            wanted.get(*job) != knows.get(*job) && self.now() - lost_at >= LISTED_EVERY.as_secs()
        };
        jobs.into_iter().filter(is_off).cloned().collect()
    }

    /// What the scheduler outside knows.
    pub(super) fn knows(&self) -> BTreeMap<String, i64> {
        let armed = self.outside.armed().into_iter();
        armed.map(|(job, at)| (job, at.parse::<Timestamp>().unwrap().as_second())).collect()
    }

    /// The scheduler outside calls.
    fn call(&mut self, mut call: Call) {
        let now = self.now();
        if let Some(until) = self.away_until {
            call.at = until;
            // Some of what it missed it makes up for.
            if (call.fire_at / MINUTE) % 2 == 0 {
                self.plan.lock().unwrap().calls.push(call);
            }
            return;
        }
        let fire_at = Timestamp::from_second(call.fire_at).unwrap();
        let body = json!({ "job_id": call.job, "fire_at": fire_at }).to_string();
        let proof = if call.is_forged {
            fire_secret(&Master::parse(&new_master().unwrap()).unwrap(), CALLER, 1)
        } else {
            secret()
        };
        let answer = ask(signed_at(&self.within().inside.url, &proof, &body, now));
        let word = answer.body["status"].as_str().or(answer.body["error"].as_str());
        let word = format!("{} {}", answer.status, word.unwrap_or_default());
        assert_eq!(call.is_forged, answer.status == 401, "{word}: {call:?}");
        *self.answers.entry(word).or_default() += 1;
        if answer.status >= 500 && call.tries < 3 {
            (call.at, call.tries) = (now + MINUTE, call.tries + 1);
            self.plan.lock().unwrap().calls.push(call);
        } else if answer.status == 202 && std::mem::take(&mut self.kills_inside) {
            self.kill(0);
        }
    }

    fn strike(&mut self, blow: Blow) {
        let memory = self.outside.armed();
        match blow {
            Blow::Away(lasts) => {
                self.away_until = Some(self.now() + lasts);
                self.outside.be_away(true);
            }
            Blow::OlderMemory => {
                self.shaken_at = self.now();
                let mut plan = self.plan.lock().unwrap();
                plan.calls.clear();
                let orphan = ("0123456789ab".to_owned(), "2026-10-21T12:00:00Z".to_owned());
                let old: BTreeMap<_, _> = self.memory.clone().into_iter().chain([orphan]).collect();
                for (job, at) in &old {
                    let at = at.parse::<Timestamp>().unwrap().as_second();
                    plan.call(at.max(self.now()), job, at);
                }
                self.outside.remember(old);
            }
            Blow::NoMemory => {
                self.shaken_at = self.now();
                self.plan.lock().unwrap().calls.clear();
                self.outside.remember(BTreeMap::new());
            }
            Blow::Kill(lasts) => self.kill(lasts),
            Blow::KillInside => self.kills_inside = true,
        }
        self.memory = memory;
    }

    /// Turns the clock to the end.
    pub(super) fn pass(&mut self, mut blows: Vec<(i64, Blow)>) {
        blows.reverse();
        loop {
            self.settle();
            let next = self.plan.lock().unwrap().next();
            let moments = [next, self.backstop(), self.away_until, blows.last().map(|it| it.0)];
            let next = moments.into_iter().flatten().min().unwrap_or(END);
            // The last slots may be late.
            if next > END + HOUR {
                return;
            }
            self.turn_to(next);
            let now = self.now();
            if self.away_until.is_some_and(|until| until <= now) {
                (self.away_until, self.shaken_at) = (None, now);
                self.outside.be_away(false);
            }
            if let Some((_, blow)) = blows.pop_if(|it| it.0 <= now) {
                self.strike(blow);
            }
            let calls = self.plan.lock().unwrap().take(now);
            for call in calls {
                self.call(call);
            }
        }
    }
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Clock::from_fn(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap())
}
