//! Whose turn it is: a probe is not begun again while a thread of its last look hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads in which one probe is busy.
#[derive(Debug, Clone, Default)]
pub(in crate::agent) struct Turn(Arc<AtomicUsize>);

/// One that is busy.
#[derive(Debug)]
pub(in crate::agent) struct Busy(Arc<AtomicUsize>);

impl Turn {
    /// Begins a look, if nothing of the one before goes on.
    pub(super) fn take(&self) -> Option<Busy> {
        let is_free = self.0.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_free.then(|| Busy(Arc::clone(&self.0)))
    }

    /// Works in a thread where waiting holds up nobody. It stays busy also when whoever
    /// waits for it gives up. Nothing comes of work that breaks off.
    pub(in crate::agent) async fn in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let busy = Busy(Arc::clone(&self.0));
        let worked = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            work()
        });
        worked.await.ok()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn while_a_thread_hangs_its_probe_is_not_begun_again() {
        let turn = Turn::default();
        let (release, held) = mpsc::channel::<()>();
        let look = turn.take().unwrap();
        let hangs = turn.in_thread(move || held.recv().ok());
        assert!(tokio::time::timeout(Duration::from_millis(50), hangs).await.is_err());
        drop(look);
        assert!(turn.take().is_none());
        release.send(()).unwrap();
        let is_free = async {
            while turn.take().is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), is_free).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_breaks_off_gives_nothing_and_frees_its_turn() {
        let turn = Turn::default();
        let broken = turn.in_thread::<()>(|| std::panic::resume_unwind(Box::new(()))).await;
        assert!(broken.is_none());
        assert!(turn.take().is_some());
    }
}
