//! Silences by pattern: what they hold up, and who may make them.

mod doors;
mod holding;
mod records;
mod windows;

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, Gitea, Teawatch, ask, client};

/// A server that tells everything at once.
struct Scene {
    /// Dropped last: the server's state is in it.
    data: tempfile::TempDir,
    gitea: Gitea,
    teawatch: Teawatch,
}

impl Scene {
    fn with(settings: &[(&str, &str)]) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, settings);
        Self { data, gitea, teawatch }
    }

    /// The same server again, after `meanwhile`.
    fn restarted(self, settings: &[(&str, &str)], meanwhile: impl FnOnce()) -> Self {
        let Self { data, gitea, teawatch } = self;
        teawatch.kill();
        meanwhile();
        let teawatch = Teawatch::start(data.path(), &gitea, settings);
        Self { data, gitea, teawatch }
    }

    fn door(&self, method: http::Method, rest: &str) -> RequestBuilder {
        client().request(method, format!("{}/api/v1/silences{rest}", self.teawatch.url))
    }

    fn post(&self, draft: &Value) -> Answer {
        ask(self.door(http::Method::POST, "").json(draft))
    }

    /// Makes a silence, which must be taken.
    #[track_caller]
    fn silences(&self, draft: &Value) -> Value {
        let answer = self.post(draft);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    #[track_caller]
    fn expires(&self, silence: &Value) {
        let answer = ask(self.door(http::Method::DELETE, &format!("/{}", silence["number"])));
        assert_eq!((answer.status, &answer.body["expired"]), (200, &silence["number"]));
    }

    fn list(&self) -> Vec<Value> {
        ask(self.door(http::Method::GET, "")).body["items"].as_array().unwrap().clone()
    }

    /// The alert with this title.
    fn alert(&self, title: &str) -> Value {
        let alerts = self.teawatch.get("/api/v1/alerts").1["items"].clone();
        let alerts = alerts.as_array().unwrap();
        alerts.iter().find(|alert| alert["title"] == title).unwrap().clone()
    }

    /// Waits until the engine has made a few turns, and the outbox is empty.
    fn goes_on(&self) {
        for _ in 0..3 {
            self.teawatch.get("/api/v1/alerts");
        }
        self.teawatch.settles(&self.gitea);
    }
}

/// A silence of some sources for so many seconds.
fn of_source(pattern: &str, seconds: f64) -> Value {
    json!({
        "match": { "source": pattern },
        "duration_seconds": seconds,
        "author": "alice",
        "reason": "a new disk",
    })
}

/// The same with something else in it.
fn with(mut draft: Value, field: &str, value: Value) -> Value {
    draft[field] = value;
    draft
}
