//! What people ask for in comments is done, once, and they are told.

mod each;
mod hostile;
mod kills;
mod unreadable;

use serde_json::Value;
use teawatch::sandbox::Event;

use crate::support::{CHECK, Gitea, REPOSITORY, Teawatch, eventually, failing};

/// Gitea is asked all the time.
const OFTEN: (&str, &str) = ("reconcile.every", "50ms");

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

    fn explanation(&self) -> String {
        self.alert()["explanation"].as_str().unwrap().to_owned()
    }

    /// Writes a comment, so many hours ago, and returns its id.
    fn writes_ago(&self, user: &str, text: &str, hours: i64) -> u64 {
        let at = self.gitea.now() - jiff::SignedDuration::from_hours(hours);
        self.gitea.world().comment_as(user, REPOSITORY, 1, text, at).unwrap()
    }

    fn writes(&self, user: &str, text: &str) -> u64 {
        self.writes_ago(user, text, 0)
    }

    /// The same, and waits for the reactions to it.
    #[track_caller]
    fn says(&self, user: &str, text: &str, reaction: &str) -> u64 {
        let id = self.writes(user, text);
        self.reacts(id, reaction);
        id
    }

    /// Waits until it has been seen, and reacted to like this.
    #[track_caller]
    fn reacts(&self, comment: u64, reaction: &str) {
        eventually("it reacts", || self.reactions(comment) == ["eyes", reaction]);
        self.teawatch.settles(&self.gitea);
    }

    fn comment(&self, id: u64) -> Event {
        self.gitea.issue(1).comments().find(|comment| comment.id == id).unwrap().clone()
    }

    fn reactions(&self, comment: u64) -> Vec<String> {
        self.comment(comment).reactions.iter().map(|it| it.content.clone()).collect()
    }

    /// What teawatch has written on the issue, without the markers.
    fn answers(&self) -> Vec<String> {
        let bodies = self.gitea.comments(1).into_iter();
        let ours = bodies.filter_map(|body| {
            let (marker, text) = body.split_once("\n\n")?;
            marker.starts_with("<!-- teawatch:").then(|| text.trim().to_owned())
        });
        ours.collect()
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
