//! A server with an open issue, and what tests of people at issues ask of it.

use serde_json::{Value, json};
use teawatch::sandbox::ALICE_TOKEN;

use super::{CHECK, Gitea, REPOSITORY, Teawatch, ask, client, eventually, failing};

/// Gitea is asked all the time.
pub const OFTEN: (&str, &str) = ("reconcile.every", "50ms");
/// Each issue by itself, too.
pub const LOOKS: (&str, &str) = ("reconcile.look_every", "50ms");

/// A server with an open issue, #1, about [`CHECK`].
pub struct Scene {
    pub gitea: Gitea,
    pub teawatch: Teawatch,
    /// Dropped last: the server's state is in it.
    pub data: tempfile::TempDir,
}

impl Scene {
    /// One that asks Gitea all the time.
    #[track_caller]
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::begin(|data, gitea| {
            let settings: Vec<_> = [OFTEN].iter().chain(settings).copied().collect();
            Teawatch::start(data, gitea, &settings)
        })
    }

    /// Waits until the server that is started like this has opened its issue.
    #[track_caller]
    pub fn begin(start: impl FnOnce(&std::path::Path, &Gitea) -> Teawatch) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = start(data.path(), &gitea);
        teawatch.report(&failing(CHECK));
        eventually("an issue is open", || gitea.open() == 1);
        teawatch.settles(&gitea);
        Self { gitea, teawatch, data }
    }

    /// The alert that all of it is about.
    pub fn alert(&self) -> Value {
        self.alert_of(CHECK)
    }

    pub fn alert_of(&self, title: &str) -> Value {
        let alerts = self.teawatch.get("/api/v1/alerts").1["items"].clone();
        let alerts = alerts.as_array().unwrap();
        alerts.iter().find(|alert| alert["title"] == title).unwrap().clone()
    }

    pub fn explanation(&self) -> String {
        self.alert()["explanation"].as_str().unwrap().to_owned()
    }

    /// Waits until a comparison that began after this call has succeeded.
    #[track_caller]
    pub fn is_compared(&self) {
        // The first may have ended before, and is told of a turn later; the second may have
        // begun.
        for _ in 0..3 {
            let before = self.compared_at();
            eventually("Gitea is asked", || self.compared_at() > before);
        }
    }

    fn compared_at(&self) -> String {
        let readiness = self.teawatch.get("/readyz").1;
        readiness["reconcile"][REPOSITORY]["succeeded_at"].as_str().unwrap_or("").to_owned()
    }
}

/// Makes a webhook of the repository that points to a server.
#[track_caller]
pub fn add_hook(gitea: &Gitea, server: &str, secret: &str, content_type: &str) {
    let hook = json!({
        "type": "gitea", "active": true, "events": ["issues", "push"],
        "config": {
            "url": format!("{server}/webhooks/gitea"), "content_type": content_type,
            "secret": secret,
        },
    });
    let path = format!("{}api/v1/repos/{REPOSITORY}/hooks", gitea.url);
    let made = client().post(path).header("authorization", format!("token {ALICE_TOKEN}"));
    let made = ask(made.header("content-type", "application/json").body(hook.to_string()));
    assert_eq!(made.status, 201, "{made:?}");
}
