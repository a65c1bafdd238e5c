//! People and checks do what they like while messages get lost, doubled, late and mixed up,
//! and teawatch is killed: at the end it agrees with Gitea about every alert.
//!
//! `EVENTS` sets how many there are, `SEED` repeats those of a run.

use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::Value;
use teawatch::sandbox::{Mishap, PostFault};

use super::{Scene, serve};
use crate::support::{Gitea, REPOSITORY, Report, Teawatch, eventually, failing, passing};

const EVENTS: u64 = 200;
const CHECKS: [&str; 4] = ["db1/disk", "db1/load", "web1/disk", "web1/tls"];
const MUTE: &str = "wontfix";

/// So that all of it is over soon.
const SETTINGS: [(&str, &str); 6] = [
    ("reconcile.every", "500ms"),
    ("reconcile.look_every", "1s"),
    ("webhooks.look_every", "50ms"),
    ("alerts.flapping.window", "0"),
    ("storm.max_new_issues", "1000"),
    ("alerts.reopen_window", "1s"),
];

struct Chaos {
    scene: Scene,
    rng: TestRng,
    /// Where Gitea sends its messages.
    listen: String,
    is_failing: [bool; CHECKS.len()],
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let scene = Scene::without_hook(&SETTINGS);
        scene.add_hook("json");
        scene.gitea.world().add_label(REPOSITORY, MUTE, "#cccccc").unwrap();
        let listen = scene.teawatch.url.trim_start_matches("http://").to_owned();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut is_failing = [false; CHECKS.len()];
        is_failing[0] = true;
        Self { scene, rng, listen, is_failing }
    }

    fn happens(mut self) -> Self {
        match self.rng.random_range(0..100) {
            0..40 => self.checks_report(),
            40..80 => self.somebody_acts(),
            80..98 => self.messages_suffer(),
            _ => return self.killed(),
        }
        self
    }

    fn checks_report(&mut self) {
        let check = self.rng.random_range(0..CHECKS.len());
        self.is_failing[check] = self.rng.random_range(0..2) == 0;
        let report: fn(&str) -> Report = if self.is_failing[check] { failing } else { passing };
        self.scene.teawatch.report(&report(CHECKS[check]));
    }

    fn somebody_acts(&mut self) {
        let issues = self.scene.gitea.issues();
        if issues.is_empty() {
            return;
        }
        let issue = &issues[self.rng.random_range(0..issues.len())];
        let (number, now) = (issue.number, self.scene.gitea.now());
        let mut world = self.scene.gitea.world();
        let is_mute = world.labels_of(REPOSITORY, number).contains(&MUTE);
        match self.rng.random_range(0..10) {
            0..3 if issue.is_open => world.close_as("alice", REPOSITORY, number, now),
            0..3 => world.reopen_as("alice", REPOSITORY, number, now),
            3..5 if is_mute => world.remove_label_as("alice", REPOSITORY, number, MUTE, now),
            3..5 => world.add_label_as("alice", REPOSITORY, number, MUTE, now),
            5..7 => world.edit_title_as("alice", REPOSITORY, number, "hers", now),
            7..9 => world.comment_as("bob", REPOSITORY, number, "/close", now).map(drop),
            _ => world.delete_issue(REPOSITORY, number),
        }
        .unwrap();
    }

    fn messages_suffer(&mut self) {
        let mishap = match self.rng.random_range(0..5) {
            0 => Mishap::Drop,
            1 => Mishap::Double,
            2 => Mishap::Delay { after_ms: self.rng.random_range(0..500) },
            3 => Mishap::Reorder,
            _ => Mishap::Replay,
        };
        let fault = PostFault { mishap, event_type: None, skip: 0, times: Some(1) };
        self.scene.gitea.world().order_mishap(fault);
    }

    fn killed(self) -> Self {
        let Scene { gitea, teawatch, data } = self.scene;
        teawatch.kill();
        let settings: Vec<_> =
            SETTINGS.into_iter().chain([("listen", self.listen.as_str())]).collect();
        let teawatch = serve(data.path(), &gitea, &settings);
        Self { scene: Scene { gitea, teawatch, data }, ..self }
    }
}

/// What teawatch and Gitea do not agree about.
fn dispute(teawatch: &Teawatch, gitea: &Gitea) -> Option<Value> {
    let alerts = teawatch.get("/api/v1/alerts").1["items"].as_array().unwrap().clone();
    alerts.into_iter().find(|alert| {
        let is_firing = alert["phase"] == "firing";
        let is_shut = !alert["closed_by_hand_at"].is_null();
        let is_gone = !alert["deleted_at"].is_null();
        let number = alert["issue"].as_u64();
        let world = gitea.world();
        match number.map(|number| world.issue(REPOSITORY, number)) {
            None => is_firing,
            Some(None) => is_firing && !is_gone,
            Some(Some(issue)) => {
                let is_mute = world.labels_of(REPOSITORY, issue.number).contains(&MUTE);
                let is_expected = is_firing && !is_shut;
                issue.is_open != is_expected
                    || is_firing && (is_gone || alert["is_muted"] != is_mute)
            }
        }
    })
}

#[test]
fn whatever_happens_teawatch_and_gitea_agree_at_the_end() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
    let seed = number("SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    println!("SEED={seed}");
    let mut chaos = Chaos::new(seed);
    for _ in 0..number("EVENTS").unwrap_or(EVENTS) {
        chaos = chaos.happens();
    }
    let Chaos { scene, is_failing, .. } = chaos;
    scene.gitea.world().clear_mishaps();
    let mut last = None;
    eventually("they agree", || {
        last = dispute(&scene.teawatch, &scene.gitea);
        last.is_none() && scene.teawatch.outbox().is_empty()
    });
    scene.teawatch.settles(&scene.gitea);
    for (check, is_failing) in CHECKS.iter().zip(is_failing) {
        let alerts = scene.teawatch.get("/api/v1/alerts").1["items"].as_array().unwrap().clone();
        let is_firing = |alert: &Value| alert["title"] == *check && alert["phase"] == "firing";
        assert_eq!(alerts.iter().any(is_firing), is_failing, "{check}");
        let open = scene.gitea.issues_about(check).iter().filter(|issue| issue.is_open).count();
        assert!(open <= 1, "{check}");
    }
}
