//! Who says when jobs are run, kept at work.

use std::sync::Arc;

use crate::jobs::{Builtin, Choice, Runner, Scheduler, Seat, Settings, keep};
use crate::tasks::{Pace, Supervisor};

/// What the task is called.
pub(super) const TASK: &str = "scheduler";

/// A scheduler that has ended so often by itself is no longer relied upon.
const ENDS_MAX: u32 = 3;

/// Starts the scheduler that was chosen. The built-in one takes its place if it ends again and
/// again.
pub(super) fn start(
    supervisor: &mut Supervisor,
    settings: &Settings,
    choice: Choice,
    runner: &Runner,
) {
    let Choice { scheduler: chosen, warning } = choice;
    if let Some(warning) = &warning {
        tracing::warn!("{warning}");
    }
    let builtin: Arc<dyn Scheduler> = Arc::new(Builtin::new(settings.every));
    let (runner, every, mut starts) = (runner.clone(), settings.every.unsigned_abs(), 0);
    supervisor.start(TASK, Pace::of_turns(settings.every), move |mark, stop| {
        starts += 1;
        let mut scheduler = Arc::clone(&chosen);
        if starts > ENDS_MAX && chosen.name() != Builtin::NAME {
            let name = chosen.name();
            let why = format!(
                "the scheduler `{name}` ends again and again: the built-in one is at work instead"
            );
            tracing::warn!("{why}");
            runner.replaced(why);
            scheduler = Arc::clone(&builtin);
        }
        let seat = Seat { runner: runner.clone(), stop, mark };
        async move { keep(&*scheduler, seat, every).await }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::*;
    use crate::cli::inherited::Inherited;
    use crate::cli::serve::Server;
    use crate::clock::Clock;
    use crate::config::{Config, Sources};
    use crate::jobs::Doing;
    use crate::tasks::{Marks, Patience};

    /// A scheduler that ends whenever it is started, or panics.
    struct Broken {
        starts: AtomicU32,
        panics: bool,
    }

    impl Scheduler for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn start(&self, _: Seat) -> Doing<'_, ()> {
            self.starts.fetch_add(1, Ordering::Relaxed);
            let panics = self.panics;
            Box::pin(async move { assert!(!panics, "on purpose") })
        }
    }

    #[test]
    fn r95_a_scheduler_that_ends_again_and_again_is_replaced_by_the_built_in_one() {
        let data = tempfile::tempdir().unwrap();
        let environment = [
            ("TEAWATCH_SALT", "the-salt-of-this-test"),
            ("TEAWATCH_GITEA_TOKEN", "the-token-of-this-test"),
            ("TEAWATCH_MASTER_SECRET", "the-master-secret-of-this-test--"),
            ("TEAWATCH_GITEA_URL", "http://127.0.0.1:1/"),
            ("TEAWATCH_GITEA_REPOSITORY", "ops/alerts"),
            ("TEAWATCH_LISTEN", "127.0.0.1:0"),
            ("TEAWATCH_DATA_DIR", data.path().to_str().unwrap()),
        ];
        let environment =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let config = Config::load(&Sources { environment, ..Sources::default() }).unwrap();
        crate::cli::runtime().unwrap().block_on(async {
            let server = Server::start(&config, Clock::system(), Inherited::default());
            let server = server.await.unwrap();
            for panics in [true, false] {
            let marks = Marks::new(Clock::system());
            // As many ends as usual are borne, with shorter pauses.
            let patience = Patience { first: Duration::from_millis(1), ..Patience::default() };
            let mut supervisor = Supervisor::new(marks.clone(), patience);
            let every = SignedDuration::from_millis(20);
            let settings = Settings { every, ..config.scheduler.clone() };
            let broken = Arc::new(Broken { starts: AtomicU32::new(0), panics });
            let scheduler: Arc<dyn Scheduler> = Arc::<Broken>::clone(&broken);
            start(&mut supervisor, &settings, Choice { scheduler, warning: None }, &server.runner);
            let is_at_work = async {
                while marks.report()[0].success_at.is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let patience = Duration::from_secs(20);
            tokio::time::timeout(patience, is_at_work).await.expect("jobs are looked for");
            assert_eq!(broken.starts.load(Ordering::Relaxed), ENDS_MAX);
            let why = "the scheduler `broken` ends again and again: the built-in one is at work \
                       instead";
            assert_eq!(server.runner.warning(), Some(why));
            let note = marks.report()[0].note.clone().unwrap_or_default();
            assert!(note.ends_with(why), "{note}");
            }
        });
    }
}
