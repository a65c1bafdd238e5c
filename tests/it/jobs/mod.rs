//! Jobs: what is run on a schedule, by whoever says that it is due.

mod arming;
mod backups;
mod chores;
mod chronos;
mod claims;
mod comparisons;
mod crowd;
mod doors;
mod fire;
mod kills;
mod mornings;
mod outside;
mod records;
mod replaced;
mod runs;
mod scheduler;
mod status;
mod sweeps;
mod ticking;
mod week;
mod within;

use std::path::Path;
use std::process::Command;

use http::Method;
use jiff::Timestamp;
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use teawatch::signature::{Master, Secret, fire_secret, sign};

use crate::support::{Answer, Gitea, MASTER, Say, StandIn, Teawatch, answer_of, ask, client};

/// Who may say that a job is due.
const CALLER: &str = "chronos";

/// Jobs are looked for all the time, and somebody outside may fire them.
const OFTEN: [(&str, &str); 2] = [("scheduler.every", "50ms"), ("fire.callers", CALLER)];

/// A teawatch whose jobs run, and a switch outside that counts the runs of `dead-man`.
struct Work {
    teawatch: Teawatch,
    gitea: Gitea,
    switch: StandIn,
    /// Dropped last: the server's state is in it.
    data: tempfile::TempDir,
}

impl Work {
    fn with(settings: &[(&str, &str)]) -> Self {
        Self::switched(settings, |_| answer_of(200, "OK"))
    }

    /// The same with a switch that says what `say` wants.
    fn switched(
        settings: &[(&str, &str)],
        say: impl Fn(usize) -> Say + Send + Sync + 'static,
    ) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let switch = StandIn::start(move |_, number| say(number));
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, settings));
        Self { teawatch, gitea, switch, data }
    }

    /// The same server again after `kill -9`.
    fn killed(self, settings: &[(&str, &str)]) -> Self {
        let Self { teawatch, gitea, switch, data } = self;
        teawatch.kill();
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &switch, settings));
        Self { teawatch, gitea, switch, data }
    }

    fn door(&self, method: Method, rest: &str) -> RequestBuilder {
        client().request(method, format!("{}/api/v1/jobs{rest}", self.teawatch.url))
    }

    fn post(&self, rest: &str, body: &Value) -> Answer {
        ask(self.door(Method::POST, rest).json(body))
    }

    /// Makes a job, which must be taken.
    #[track_caller]
    fn add(&self, name: &str, kind: &str, schedule: &str) -> Value {
        self.adds(&json!({ "name": name, "do": kind, "schedule": schedule }))
    }

    #[track_caller]
    fn adds(&self, draft: &Value) -> Value {
        let answer = self.post("", draft);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    #[track_caller]
    fn job(&self, name: &str) -> Value {
        let answer = ask(self.door(Method::GET, &format!("/{name}")));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The runs of a job, the newest first.
    fn runs(&self, name: &str) -> Vec<Value> {
        let answer = ask(self.door(Method::GET, &format!("/{name}/runs?limit=500")));
        answer.body["items"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
    }

    /// The states of the runs of a job, the newest first.
    fn states(&self, name: &str) -> Vec<String> {
        self.runs(name).iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Runs a job by hand, which must begin.
    #[track_caller]
    fn run(&self, name: &str) {
        let answer = self.post(&format!("/{name}/run"), &json!({}));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The check of a job.
    fn check(&self, name: &str) -> Option<Value> {
        let checks = self.teawatch.get("/api/v1/checks?limit=500").1["items"].clone();
        let name = format!("job-{name}");
        let is_it = |check: &&Value| check["source"] == "teawatch" && check["name"] == name;
        checks.as_array().unwrap().iter().find(is_it).cloned()
    }

    /// How often the switch was pinged.
    fn pings(&self) -> usize {
        self.switch.asked().len()
    }

    /// Says that a job is due, signed.
    fn fires(&self, body: &Value) -> Answer {
        fires_at(&self.teawatch.url, body)
    }
}

/// What serves with such a switch, which is asked for by jobs alone after the start.
fn command(data: &Path, gitea: &Gitea, switch: &StandIn, settings: &[(&str, &str)]) -> Command {
    let settings: Vec<_> = OFTEN.iter().chain(settings).copied().collect();
    let mut command = Teawatch::command(data, gitea, &settings);
    command.env("TEAWATCH_DEADMAN_URL", format!("{}/ping", switch.url.trim_end_matches('/')));
    command.args(["--set", "deadman.every=24h"]);
    command
}

fn secret() -> Secret {
    fire_secret(&Master::parse(MASTER).unwrap(), CALLER, 1)
}

/// A signed word to a server that a job is due.
fn fires_at(url: &str, body: &Value) -> Answer {
    ask(signed(url, &secret(), &body.to_string(), 0))
}

/// The same signed by `secret`, by a clock that is off by so many seconds.
fn signed(url: &str, secret: &Secret, body: &str, off: i64) -> RequestBuilder {
    signed_at(url, secret, body, Timestamp::now().as_second() + off)
}

/// The same at this second.
fn signed_at(url: &str, secret: &Secret, body: &str, at: i64) -> RequestBuilder {
    client()
        .post(format!("{url}/webhooks/fire_due"))
        .header("webhook-id", "fire-1")
        .header("webhook-timestamp", at)
        .header("webhook-signature", sign(secret, "fire-1", at, body.as_bytes()))
        .body(body.to_owned())
}

/// What whoever fires a job is answered: the status, and the one word.
fn words(answer: &Answer) -> (u16, String) {
    let body = &answer.body;
    let word = body["status"].as_str().or_else(|| body["error"].as_str()).unwrap_or_default();
    (answer.status, word.to_owned())
}

/// The same, as it should be.
fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

/// So many seconds from now, in whole seconds, as a schedule.
fn at(seconds: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap().to_string()
}
