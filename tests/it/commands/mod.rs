//! What people ask for in comments is done, once, and they are told.

mod each;
mod hostile;
mod kills;
mod traces;
mod unreadable;

use teawatch::sandbox::Event;

use crate::support::{REPOSITORY, Scene, eventually};

impl Scene {
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
}
