//! Checks that turn, people at the issues, webhooks that go astray and a server that is
//! killed, all at once: when it is quiet again, teawatch and Gitea agree about every alert.
//!
//! `EVENTS` sets how many things happen, `SEED` repeats what is random of a run; what remains
//! is the machine's own timing. `EVENTS=2000 cargo test --test it chaos::` is what a release
//! has to go through.

use std::io::Write as _;
use std::net::TcpListener;

use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::Value;
use teawatch::sandbox::{Action, Fault, Issue, Mishap, PostFault};

use crate::support::{
    Gitea, PATIENCE, REPOSITORY, Teawatch, add_hook, bound, eventually, failing, passing,
};

/// Enough to meet every bug that was planted, and few enough for every run of the tests.
const EVENTS: u32 = 200;

const CHECKS: [&str; 4] = ["db1/disk", "db1/load", "web1/http", "web2/http"];
/// A label that says that nobody wants to hear more.
const MUTE: &str = "wontfix";
/// What people write on issues.
const SAID: [&str; 6] = ["I am at it.", HELP, HELP, "/ack 1h", "/close", "/reopen"];
const HELP: &str = "/help";
/// What stands in the answer to it.
const HELPED: &str = "Each on a line of its own";
const SECRET: &str = "the-secret-of-a-webhook";

const SETTINGS: [(&str, &str); 7] = [
    // What no webhook tells is found by asking.
    ("reconcile.every", "300ms"),
    ("reconcile.look_every", "500ms"),
    ("webhooks.look_every", "100ms"),
    // Checks turn all the time here.
    ("alerts.flapping.window", "0"),
    // Every alert has an issue of its own, however many come.
    ("storm.max_new_issues", "1000000"),
    ("storm.max_open_issues", "1000000"),
    // Nobody waits for a day until a closed issue is reopened.
    ("alerts.mute_max", "24h"),
];

struct Chaos {
    rng: TestRng,
    gitea: Gitea,
    address: String,
    /// None only while it is being replaced.
    teawatch: Option<Teawatch>,
    is_failing: [bool; CHECKS.len()],
    /// Dropped last: the server's state is in it.
    data: tempfile::TempDir,
}

#[test]
fn whatever_people_and_checks_do_and_whatever_is_lost_both_agree_in_the_end() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
    let events = number("EVENTS").map_or(EVENTS, |events: u64| u32::try_from(events).unwrap());
    let seed = number("SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    // Also of a run that went well: the runner keeps to itself what is printed otherwise.
    writeln!(std::io::stderr(), "chaos: seed {seed}, {events} events").unwrap();
    let mut chaos = Chaos::new(seed);
    for _ in 0..events {
        chaos.something_happens();
    }
    chaos.is_agreed();
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        gitea.world().add_label(REPOSITORY, MUTE, "cccccc").unwrap();
        let address = {
            let listener = bound(|| TcpListener::bind("127.0.0.1:0"));
            listener.local_addr().unwrap().to_string()
        };
        add_hook(&gitea, &format!("http://{address}"), SECRET, "json");
        let mut chaos =
            Self { rng, gitea, address, teawatch: None, is_failing: [false; CHECKS.len()], data };
        chaos.start();
        chaos
    }

    fn start(&mut self) {
        // The one before is gone before its address is taken again.
        drop(self.teawatch.take());
        let listen = [("listen", self.address.as_str())];
        let settings: Vec<_> = SETTINGS.iter().chain(&listen).copied().collect();
        let mut command = Teawatch::command(self.data.path(), &self.gitea, &settings);
        command.env("TEAWATCH_WEBHOOK_SECRET", SECRET);
        self.teawatch = Some(Teawatch::launch(command));
    }

    fn teawatch(&self) -> &Teawatch {
        self.teawatch.as_ref().unwrap()
    }

    fn something_happens(&mut self) {
        match self.rng.random_range(0..100) {
            0..35 => self.a_check_reports(),
            35..75 => self.a_person_acts(),
            75..88 => self.a_message_goes_astray(),
            88..95 => self.an_answer_is_lost(),
            _ => self.start(),
        }
        // Not waiting for anything: events fall into whatever is going on.
        let pause = self.rng.random_range(0..60);
        std::thread::sleep(std::time::Duration::from_millis(pause));
    }

    fn a_check_reports(&mut self) {
        let number = self.rng.random_range(0..CHECKS.len());
        self.is_failing[number] = self.rng.random_range(0..2) == 0;
        self.report(number);
    }

    fn report(&self, number: usize) {
        let make = if self.is_failing[number] { failing } else { passing };
        self.teawatch().report(&make(CHECKS[number]));
    }

    fn a_person_acts(&mut self) {
        let check = CHECKS[self.rng.random_range(0..CHECKS.len())];
        // Issues of episodes that are over for good are nobody's any more.
        let Some(issue) = self.gitea.issues_about(check).pop() else { return };
        let (number, now) = (issue.number, self.gitea.now());
        let what = self.rng.random_range(0..100);
        let said = SAID[self.rng.random_range(0..SAID.len())];
        let mut world = self.gitea.world();
        match what {
            0..30 if issue.is_open => world.close_as("alice", REPOSITORY, number, now),
            0..30 => world.reopen_as("alice", REPOSITORY, number, now),
            30..50 if world.labels_of(REPOSITORY, number).contains(&MUTE) => {
                world.remove_label_as("alice", REPOSITORY, number, MUTE, now)
            }
            30..50 => world.add_label_as("alice", REPOSITORY, number, MUTE, now),
            50..60 => world.delete_issue(REPOSITORY, number),
            60..75 => world.edit_title_as("alice", REPOSITORY, number, &issue.title, now),
            _ => world.comment_as("alice", REPOSITORY, number, said, now).map(drop),
        }
        .unwrap();
    }

    fn a_message_goes_astray(&mut self) {
        let after_ms = self.rng.random_range(0..800);
        let mishaps = [
            Mishap::Drop,
            Mishap::Drop,
            Mishap::Double,
            Mishap::Delay { after_ms },
            Mishap::Reorder,
            Mishap::Replay,
        ];
        let mishap = mishaps[self.rng.random_range(0..mishaps.len())];
        let fault = PostFault { mishap, event_type: None, skip: 0, times: Some(1) };
        self.gitea.world().order_mishap(fault);
    }

    fn an_answer_is_lost(&mut self) {
        let actions = [Action::HangUp, Action::DoAndHangUp, Action::DoAndFail];
        let action = actions[self.rng.random_range(0..actions.len())].clone();
        self.gitea.order(Fault::new(action));
    }

    /// Lets it become quiet. Then everything is told, once, and what each says is the same.
    fn is_agreed(&mut self) {
        self.gitea.world().clear_faults();
        self.gitea.world().clear_mishaps();
        for number in 0..CHECKS.len() {
            self.report(number);
        }
        let mut differs = None;
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            differs = self.difference();
            if differs.is_none() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(differs, None, "{:#?}", self.gitea.issues());
        self.teawatch().settles(&self.gitea);
        // Nobody changes his mind any more.
        let compared_at = || {
            let readiness = self.teawatch().get("/readyz").1;
            readiness["reconcile"][REPOSITORY]["succeeded_at"].as_str().unwrap_or("").to_owned()
        };
        for _ in 0..3 {
            let before = compared_at();
            eventually("Gitea is asked", || compared_at() > before);
        }
        assert_eq!(self.difference(), None);
        for issue in self.gitea.issues() {
            let count = |is_it: &dyn Fn(&str) -> bool| {
                issue.comments().filter(|comment| is_it(&comment.body)).count()
            };
            let (asked, helped) =
                (count(&|body| body == HELP), count(&|body| body.contains(HELPED)));
            assert!(helped <= asked, "a command was obeyed twice: {issue:#?}");
        }
    }

    /// What teawatch says that is not so, or the other way round.
    fn difference(&self) -> Option<String> {
        let teawatch = self.teawatch();
        if !teawatch.outbox().is_empty() {
            return Some(format!("something is to be told: {:#?}", teawatch.outbox()));
        }
        let alerts = teawatch.get("/api/v1/alerts?limit=500").1["items"].clone();
        let alerts = alerts.as_array().unwrap();
        let issues = self.gitea.issues();
        let mut told: Vec<_> =
            alerts.iter().filter_map(|alert| disagreement(alert, &issues)).collect();
        for issue in issues.iter().filter(|issue| issue.is_open) {
            // Whoever reopens a second time what is over keeps it.
            let is_kept = issue.comments().any(|comment| comment.body.contains("**Over**"));
            if !is_kept && !alerts.iter().any(|alert| alert["issue"] == issue.number) {
                told.push(format!("#{} is open, and no alert knows it", issue.number));
            }
        }
        for (check, is_failing) in CHECKS.iter().zip(self.is_failing) {
            let of_it = alerts.iter().filter(|alert| alert["title"] == *check);
            let is_firing = of_it.clone().any(|alert| alert["phase"] == "firing");
            if is_firing != is_failing || of_it.count() > 1 {
                told.push(format!("{check} fails: {is_failing}; its alert fires: {is_firing}"));
            }
        }
        (!told.is_empty()).then(|| told.join("\n"))
    }
}

/// Where an alert and its issue differ.
fn disagreement(alert: &Value, issues: &[Issue]) -> Option<String> {
    let number = alert["issue"].as_u64();
    let issue = issues.iter().find(|issue| Some(issue.number) == number);
    let is_closed_by_hand = !alert["closed_by_hand_at"].is_null();
    let is_deleted = !alert["deleted_at"].is_null();
    let fires = alert["phase"] == "firing";
    let is_so = match issue {
        Some(issue) if fires => issue.is_open != is_closed_by_hand && !is_deleted,
        Some(issue) => !issue.is_open,
        // What was deleted after its end is missed by nobody.
        None => is_deleted || !fires,
    };
    (!is_so).then(|| format!("{alert:#}\n{issue:#?}"))
}
