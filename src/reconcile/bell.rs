//! How one task is told that there is something for it to do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Rung when there may be something to look at. Ringing twice is ringing once.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits until it is rung, or has been since the last time.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}

/// Says in which repositories somebody has commented on issues of ours, so that whoever
/// reads comments does so now. It is a hint: what nobody waits for is found by polling.
#[derive(Debug, Clone, Default)]
pub struct Poke(Arc<Poked>);

#[derive(Debug, Default)]
struct Poked {
    repositories: Mutex<BTreeSet<String>>,
    bell: Bell,
}

impl Poke {
    /// The comments of a repository, as the configuration calls it, are to be read now.
    pub fn comments(&self, repository: &str) {
        let mut repositories = self.0.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        repositories.insert(repository.to_owned());
        self.0.bell.ring();
    }

    /// Waits until there is something to read, and takes over where.
    pub async fn poked(&self) -> BTreeSet<String> {
        loop {
            self.0.bell.rung().await;
            let mut repositories =
                self.0.repositories.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = std::mem::take(&mut *repositories);
            if !taken.is_empty() {
                return taken;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_pokes_are_one_for_each_repository_and_none_gets_lost() {
        let poke = Poke::default();
        for repository in ["a/b", "c/d", "a/b"] {
            poke.comments(repository);
        }
        assert_eq!(poke.poked().await, BTreeSet::from(["a/b".to_owned(), "c/d".to_owned()]));
        let waits = poke.clone();
        let waiting = async move { waits.poked().await };
        let (taken, ()) = tokio::join!(waiting, async { poke.comments("e/f") });
        assert_eq!(taken, BTreeSet::from(["e/f".to_owned()]));
    }
}
