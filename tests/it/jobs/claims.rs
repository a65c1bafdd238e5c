//! A claim is held for as long as its run goes on, and whoever has lost it works no further:
//! the real runner, by a clock that is turned.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::job::{CLAIM_LASTS, RunState};
use teawatch::jobs;
use tokio::sync::Notify;

use super::runs::{Bench, Deed, builtin, filed};
use super::within::{GAP, settings, turned};
use crate::support::eventually;

/// A bench by such a clock, where claims are renewed so often and one run is made at a time.
fn bench(
    clock: &Clock,
    renewed: SignedDuration,
    parallel: usize,
    work: impl Fn() -> Deed + Send + Sync + 'static,
) -> Bench {
    let engine = Settings { absence_gap: GAP, ..Settings::default() };
    let jobs = jobs::Settings { parallel, renewed, ..settings("") };
    Bench::by(clock, engine, &jobs, builtin(), work)
}

#[test]
fn b4_a_claim_is_renewed_while_its_run_waits_for_room_and_while_it_works() {
    let (clock, passed) = turned();
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let bench = bench(&clock, SignedDuration::from_millis(20), 1, move || {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.notified().await;
            filed()
        })
    });
    bench.add("works", "1h");
    bench.add("waits", "1h");
    let state = |name: &str| bench.runs(name)[0].state;
    let runs = [bench.run("works"), {
        eventually("it works", || state("works") == RunState::Running);
        bench.run("waits")
    }];
    // Each time nearly as long as a claim lasts that nobody renews.
    for _ in 0..6 {
        let before = bench.memory.commits();
        passed.fetch_add(CLAIM_LASTS.as_secs() - 1, Ordering::Relaxed);
        // The first may be a mark of the engine's, and some belong to both of them.
        eventually("both are renewed", || bench.memory.commits() > before + 5);
        let states = [state("works"), state("waits")];
        assert_eq!(states, [RunState::Running, RunState::Claimed]);
    }
    for (name, run) in ["works", "waits"].into_iter().zip(runs) {
        go_on.notify_one();
        let ended = bench.ended(name);
        assert_eq!((ended.number, ended.state), (run, RunState::Done), "{ended:?}");
    }
}

/// Counts when it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn b4_work_whose_claim_is_lost_stops_and_leaves_no_result() {
    // It is noticed that nobody holds the claim any more, or that somebody else does.
    for renewed in [10, 700] {
        let (clock, passed) = turned();
        let [stopped, finished] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let go_on = Arc::new(Notify::new());
        let (ends, done, gate) = (Arc::clone(&stopped), Arc::clone(&finished), Arc::clone(&go_on));
        let bench = bench(&clock, SignedDuration::from_millis(renewed), 4, move || {
            let (guard, done) = (Counted(Arc::clone(&ends)), Arc::clone(&done));
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                let _guard = guard;
                gate.notified().await;
                done.fetch_add(1, Ordering::Relaxed);
                filed()
            })
        });
        bench.add("job", "1h");
        let first = bench.run("job");
        eventually("it works", || bench.runs("job")[0].state == RunState::Running);
        passed.fetch_add(CLAIM_LASTS.as_secs(), Ordering::Relaxed);
        // Whoever asks for it now gets it.
        let second = bench.run("job");
        eventually("the other works", || bench.runs("job")[0].state == RunState::Running);
        eventually("the first stops", || stopped.load(Ordering::Relaxed) == 1);
        assert_eq!(finished.load(Ordering::Relaxed), 0);
        // The other is not disturbed.
        go_on.notify_one();
        let ended = bench.ended("job");
        assert_eq!((ended.number, ended.state), (second, RunState::Done), "{ended:?}");
        assert_eq!(finished.load(Ordering::Relaxed), 1);
        let lost = bench.runs("job").pop().unwrap();
        assert_eq!((lost.number, lost.state), (first, RunState::Unknown), "{lost:?}");
        assert!(lost.why.ends_with("how it ended is not known"), "{lost:?}");
        assert_eq!(lost.output, "");
    }
}
