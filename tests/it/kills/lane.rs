//! One server and its Gitea, through many kills.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use http::Method;
use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::Value;
use teawatch::engine::{Happened, Past};
use teawatch::sandbox::{Action, Fault, Route};
use teawatch::store::{self, CACHE_BYTES, Sled, Store as _, Tree};
use tempfile::TempDir;

use super::load::{CHECKS, Known, Reporter};
use super::phase::{HELD, Moment, PHASES, WRITES};
use super::tally::{Figures, Tally};
use crate::support::{Gitea, InTime as _, PATIENCE, Teawatch, eventually, turns};

/// Agents that report at the same time.
const SOURCES: u32 = 4;

/// For a write that lands after the restart: it does so before it is believed lost, however
/// busy the machine is.
const PATIENT: &[(&str, &str)] = &[("gitea.settle_wait", "10s")];

/// For questions that nothing in doubt asks for: reconcile asks all the time. Otherwise it
/// asks at the first start of a lane, and after some minutes.
const CURIOUS: &[(&str, &str)] = &[("reconcile.every", "100ms")];

/// How long an answer may take from the sandbox to its client, which is on this machine.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// How an issue turns, and how the one comment begins that tells it.
const TOLD: [(&str, &str); 2] = [("closed", "**Recovered**"), ("reopened", "**In trouble again**")];

/// A life.
pub(super) struct Lane {
    data: TempDir,
    gitea: Gitea,
    rng: TestRng,
    reporters: Vec<Reporter>,
    settings: Vec<(&'static str, &'static str)>,
    /// How long the last start took.
    start_takes: Duration,
    figures: Figures,
}

impl Lane {
    pub(super) fn new(seed: u64, number: u32) -> Self {
        let rng = |part: u32| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_be_bytes());
            bytes[8..12].copy_from_slice(&number.to_be_bytes());
            bytes[12..16].copy_from_slice(&part.to_be_bytes());
            TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
        };
        let reporters = (1..=SOURCES)
            .map(|source| Reporter::new(format!("lane{number}-host{source}"), rng(source)));
        // Some open a new issue for each relapse, others open the one issue again.
        let window = if number.is_multiple_of(2) { "0s" } else { "1h" };
        Self {
            data: tempfile::tempdir().unwrap(),
            gitea: Gitea::start(),
            rng: rng(0),
            reporters: reporters.collect(),
            settings: vec![
                ("alerts.reopen_window", window),
                ("storm.max_new_issues", "1000000"),
                ("storm.max_open_issues", "1000000"),
            ],
            start_takes: Duration::ZERO,
            figures: Figures::default(),
        }
    }

    /// Lives until there were kills enough.
    pub(super) fn live(mut self, tally: &Tally) {
        let mut teawatch = self.start(&[]);
        while let Some(phase) = tally.next() {
            teawatch = self.be_killed(teawatch, phase, tally);
        }
        assert_eq!(teawatch.stop().code(), Some(0));
        self.look_into_the_history();
        let issues = self.gitea.issues();
        self.figures.issues = issues.len();
        self.figures.comments = issues.iter().map(|issue| issue.comments().count()).sum();
        self.figures.acknowledged = self.reporters.iter().map(|it| it.acknowledged).sum();
        tally.add(self.figures);
    }

    fn start(&mut self, more: &[(&'static str, &'static str)]) -> Teawatch {
        let began = Instant::now();
        let settings = [&self.settings, more].concat();
        let teawatch = Teawatch::start(self.data.path(), &self.gitea, &settings);
        self.start_takes = began.elapsed();
        teawatch
    }

    /// One kill, one restart, and the look whether all is as it must be.
    fn be_killed(&mut self, teawatch: Teawatch, phase: usize, tally: &Tally) -> Teawatch {
        let moment = &PHASES[phase].moment;
        let teawatch = match moment {
            Moment::Asking { doubt: [], .. } => {
                assert_eq!(teawatch.stop().code(), Some(0));
                self.start(CURIOUS)
            }
            _ => teawatch,
        };
        let (is_held, mut is_hit) = self.load_and_kill(teawatch, moment);
        self.at_most_one_is_open();
        // What is held is done now, or when the restarted server has looked and found nothing.
        let lands_late = is_held.filter(|_| self.rng.random_range(0..2) == 0);
        if is_held.is_some() && lands_late.is_none() {
            self.land();
        }
        if let Moment::Start = moment {
            is_hit = self.kill_at_the_start();
        }
        let looks = lands_late.map(|look| (look, self.gitea.count(&Method::GET, look)));
        let teawatch = self.start(if looks.is_some() { PATIENT } else { &[] });
        if let Some((look, before)) = looks {
            eventually("it was looked for", || self.gitea.count(&Method::GET, look) > before);
            self.land();
        }
        let kept = self.agents_go_on(&teawatch);
        if let Moment::Commit = moment {
            is_hit = kept;
        }
        tally.note(phase, is_hit);
        self.all_is_well(&teawatch);
        teawatch
    }

    /// Brings the server to the moment while everybody reports, and kills it there. Returns
    /// where a held write will be looked for, if there is one, and whether it was the moment
    /// as far as can be told by now.
    fn load_and_kill(&mut self, teawatch: Teawatch, moment: &Moment) -> (Option<Route>, bool) {
        let (gitea, rng) = (&self.gitea, &mut self.rng);
        let acknowledged = AtomicU64::new(0);
        let url = teawatch.url.clone();
        let found = thread::scope(|scope| {
            // Dropped if something here fails: then the reporters end as well.
            let teawatch = teawatch;
            for reporter in &mut self.reporters {
                let (url, acknowledged) = (&url, &acknowledged);
                scope.spawn(move || reporter.report(url, acknowledged));
            }
            let found = match moment {
                Moment::Unanswered(actions) => {
                    let action = any(rng, actions);
                    let look = strike(gitea, rng, &self.settings, action);
                    ((*action == HELD).then_some(look), true)
                }
                Moment::Answered => {
                    strike(gitea, rng, &self.settings, &HELD);
                    teawatch.freeze();
                    let before = gitea.issues();
                    gitea.release();
                    eventually("Gitea has done it", || gitea.issues() != before);
                    // On a busy machine the client may have given up just before.
                    (None, has_arrived(gitea))
                }
                Moment::Asking { routes, doubt } => {
                    // A write that is struck has to come.
                    let comes = |it: &Route| writes(&self.settings).any(|(_, route)| route == *it);
                    let routes = routes.iter().filter(|it| doubt.is_empty() || comes(it));
                    let routes: Vec<_> = routes.collect();
                    let route = **any(rng, &routes);
                    if !doubt.is_empty() {
                        let fault = Fault::new(any(rng, doubt).clone());
                        gitea.order(fault.on(&Method::POST, route));
                    }
                    gitea.order(Fault::new(HELD).on(&Method::GET, route));
                    all_struck(gitea);
                    (None, true)
                }
                Moment::Commit | Moment::Start => {
                    let enough = rng.random_range(1..200);
                    eventually("enough is acknowledged", || {
                        acknowledged.load(Ordering::Relaxed) >= enough
                    });
                    // Anywhere between two rounds.
                    thread::sleep(Duration::from_micros(rng.random_range(0..3_000)));
                    (None, true)
                }
            };
            teawatch.kill();
            found
        });
        if let Moment::Asking { .. } = moment {
            // Nobody waits for what was asked.
            gitea.release();
        }
        found
    }

    /// Lets a held write be done.
    fn land(&self) {
        let before = self.gitea.issues();
        self.gitea.release();
        eventually("the held write has landed", || self.gitea.issues() != before);
    }

    /// Starts and kills at once. Returns whether it fell into the start.
    fn kill_at_the_start(&mut self) -> bool {
        let mut command = Teawatch::command(self.data.path(), &self.gitea, &self.settings);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while !has_open(child.id(), "store/db") {
            assert!(began.elapsed() < PATIENCE, "it does not open its store");
            thread::sleep(Duration::from_micros(200));
        }
        // About as long as it still takes from here on.
        let longest = u64::try_from(self.start_takes.as_micros()).unwrap() / 3;
        thread::sleep(Duration::from_micros(self.rng.random_range(0..=longest)));
        child.kill().unwrap();
        let output = child.output_in_time();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(9), "it has ended by itself: {log}");
        !log.contains("is ready")
    }

    /// The agents send what was not acknowledged, and for the test once more what was.
    /// Returns whether something was there that had got no answer.
    fn agents_go_on(&mut self, teawatch: &Teawatch) -> bool {
        let mut any_kept = false;
        for reporter in &mut self.reporters {
            let first = reporter.catch_up(&teawatch.url);
            any_kept |= first == Some(true);
            self.figures.kept += usize::from(first == Some(true));
            self.figures.gone += usize::from(first == Some(false));
            self.figures.asked += reporter.ask_again(&teawatch.url);
        }
        any_kept
    }

    fn at_most_one_is_open(&self) {
        let issues = self.gitea.issues();
        for (check, _) in self.checks() {
            let about = format!("{check}:");
            let open = issues.iter().filter(|it| it.is_open && it.title.contains(&about)).count();
            assert!(open <= 1, "{check} has {open} open issues");
        }
    }

    /// What must hold once Gitea was told everything.
    fn all_is_well(&self, teawatch: &Teawatch) {
        teawatch.settles(&self.gitea);
        self.at_most_one_is_open();
        let shown = teawatch.get("/api/v1/checks?limit=500").1;
        let shown: BTreeMap<String, &Value> = shown["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (format!("{}/{}", text(&it["source"]), text(&it["name"])), it))
            .collect();
        for (check, known) in self.checks() {
            if known.results == 0 {
                continue;
            }
            let issues = self.gitea.issues_about(&check);
            let is_open = issues.iter().any(|issue| issue.is_open);
            assert_eq!(is_open, known.is_failing, "{check} is open, and failing");
            let shown = shown[&check];
            assert_eq!(shown["results"], known.results, "{check}");
            assert_eq!(shown["status"], if known.is_failing { "down" } else { "up" }, "{check}");
            for issue in issues {
                let turns = turns(&issue);
                let expected = ["closed", "reopened"].into_iter().cycle().take(turns.len());
                assert!(turns.iter().copied().eq(expected), "{check}: {turns:?}");
                for (turn, words) in TOLD {
                    let turned = turns.iter().filter(|it| **it == turn).count();
                    let told = issue.comments().filter(|it| it.body.contains(words)).count();
                    assert!(told <= turned, "{check}: {told} of {turned} {turn}: {issue:#?}");
                    // Turns that came one upon the other are told together.
                    let is_told = told > 0 || turned == 0;
                    assert!(is_told, "{check}: nobody was told that it was {turn}: {issue:#?}");
                }
            }
        }
    }

    /// What was ever acknowledged is there, once: reports that came late, and turns.
    fn look_into_the_history(&mut self) {
        let (mut late, mut turned) = (BTreeMap::new(), BTreeMap::new());
        let mut store = Sled::open(self.data.path(), CACHE_BYTES).unwrap();
        store
            .load(&mut |tree, key, value| {
                if tree != Tree::History {
                    return Ok(());
                }
                self.figures.history += 1;
                match store::decode::<Past>(tree, key, value)?.what {
                    Happened::LateReport { source, id, .. } => {
                        *late.entry((source, id.seq)).or_insert(0) += 1;
                    }
                    Happened::Judged { check, .. } => {
                        *turned.entry(check.to_string()).or_insert(0) += 1;
                    }
                    _ => {}
                }
                Ok(())
            })
            .unwrap();
        for reporter in &self.reporters {
            for &seq in &reporter.late {
                let times = late.get(&(reporter.source.clone(), seq));
                assert_eq!(times, Some(&1), "{} {seq} in the history", reporter.source);
            }
        }
        for (check, known) in self.checks() {
            let turned = turned.get(&check).copied().unwrap_or(0);
            assert_eq!(turned, known.turns, "turns of {check} in the history");
        }
    }

    /// Every check, and what was acknowledged about it.
    fn checks(&self) -> impl Iterator<Item = (String, &Known)> {
        self.reporters.iter().flat_map(|reporter| {
            let names = CHECKS.iter().map(|name| format!("{}/{name}", reporter.source));
            names.zip(&reporter.known)
        })
    }
}

/// Lets `action` strike any kind of write, and waits until it has. Returns where that write
/// would be looked for.
fn strike(gitea: &Gitea, rng: &mut TestRng, settings: &[(&str, &str)], action: &Action) -> Route {
    let (method, route) = any(rng, &writes(settings).collect::<Vec<_>>()).clone();
    gitea.order(Fault::new(action.clone()).on(&method, route));
    all_struck(gitea);
    route
}

fn all_struck(gitea: &Gitea) {
    eventually("every fault has struck", || gitea.world().faults().is_empty());
}

/// The writes that come again and again: where an issue is opened again, new ones are few.
fn writes(settings: &[(&str, &str)]) -> impl Iterator<Item = (Method, Route)> {
    let reopens = settings.contains(&("alerts.reopen_window", "1h"));
    WRITES.into_iter().filter(move |(_, route)| !(reopens && *route == Route::Issues))
}

fn any<'a, T>(rng: &mut TestRng, of: &'a [T]) -> &'a T {
    &of[rng.random_range(0..of.len())]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Whether a process has a file open whose path ends like this.
fn has_open(pid: u32, end: &str) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    links.any(|link| link.ends_with(Path::new(end)))
}

/// Waits until something that Gitea has sent waits to be read by its client, and says
/// whether that came to be.
fn has_arrived(gitea: &Gitea) -> bool {
    let address = gitea.url.trim_start_matches("http://").trim_end_matches('/');
    let began = Instant::now();
    while began.elapsed() < ON_ITS_WAY {
        let connections = procfs::net::tcp().unwrap();
        if connections.iter().any(|it| it.remote_address.to_string() == address && it.rx_queue > 0)
        {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}
