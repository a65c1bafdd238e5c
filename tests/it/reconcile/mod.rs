//! What people do to issues is noticed without webhooks, and acted on.

mod bounds;
mod closed;
mod deleted;
mod healing;
mod reopened;
mod truth;
mod words;

use crate::support::{REPOSITORY, Scene};

impl Scene {
    fn alice_closes(&self, number: u64) {
        let now = self.gitea.now();
        self.gitea.world().close_as("alice", REPOSITORY, number, now).unwrap();
    }

    fn alice_reopens(&self, number: u64) {
        let now = self.gitea.now();
        self.gitea.world().reopen_as("alice", REPOSITORY, number, now).unwrap();
    }
}
