//! What people do to issues is noticed without webhooks, and acted on.

mod bounds;
mod closed;
mod deleted;
mod healing;
mod reopened;
mod truth;
mod words;

use serde_json::Value;

use crate::support::{CHECK, Gitea, REPOSITORY, Teawatch, eventually, failing};

/// Gitea is asked all the time.
const OFTEN: (&str, &str) = ("reconcile.every", "50ms");
/// Each issue by itself, too.
const LOOKS: (&str, &str) = ("reconcile.look_every", "50ms");

/// A server with an open issue, #1, about [`CHECK`].
struct Scene {
    /// Dropped last: the server's state is in it.
    data: tempfile::TempDir,
    gitea: Gitea,
    teawatch: Teawatch,
}

impl Scene {
    #[track_caller]
    fn with(settings: &[(&str, &str)]) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let settings: Vec<_> = [OFTEN].iter().chain(settings).copied().collect();
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.report(&failing(CHECK));
        eventually("an issue is open", || gitea.open() == 1);
        teawatch.settles(&gitea);
        Self { data, gitea, teawatch }
    }

    /// The alert that all of it is about.
    fn alert(&self) -> Value {
        let alerts = self.teawatch.get("/api/v1/alerts").1["items"].clone();
        let alerts = alerts.as_array().unwrap();
        alerts.iter().find(|alert| alert["title"] == CHECK).unwrap().clone()
    }

    fn alice_closes(&self, number: u64) {
        let now = self.gitea.now();
        self.gitea.world().close_as("alice", REPOSITORY, number, now).unwrap();
    }

    fn alice_reopens(&self, number: u64) {
        let now = self.gitea.now();
        self.gitea.world().reopen_as("alice", REPOSITORY, number, now).unwrap();
    }

    /// Waits until a comparison that began after this call has succeeded.
    #[track_caller]
    fn is_compared(&self) {
        // The first to end may have begun before.
        for _ in 0..2 {
            let before = self.compared_at();
            eventually("Gitea is asked", || self.compared_at() > before);
        }
    }

    fn compared_at(&self) -> String {
        let readiness = self.teawatch.get("/readyz").1;
        readiness["reconcile"][REPOSITORY]["succeeded_at"].as_str().unwrap_or("").to_owned()
    }
}
