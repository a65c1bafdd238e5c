//! The machines, the outbox and a Gitea that fails, played against each other by the
//! thousand: what must hold does, whatever the order of events, and whatever the clocks do.
//!
//! Everything but time and the network is the real thing: the engine's core, the outbox's
//! worker, the client, the stand-in's model. `PROPTEST_CASES` sets how many cases are
//! played; a case that failed once is in `mod.regressions` and is played first.

mod gitea;
mod invariants;
mod moves;
mod play;

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};

use self::moves::{Case, case};
use self::play::Play;

/// Enough to meet every bug that was planted, and few enough for every run of the tests.
const CASES: u32 = 20_000;

#[test]
fn whatever_happens_there_is_exactly_one_issue_per_trouble() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    println!("{} cases", config.cases);
    let mut runner = TestRunner::new(config);
    match runner.run(&case(), |case| run(&case)) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}\n{case:#?}"),
        Err(error) => panic!("{error}"),
    }
}

fn run(case: &Case) -> Result<(), TestCaseError> {
    let mut play = Play::new(&case.knobs);
    for step in &case.moves {
        play.make(step)?;
        play.check()?;
    }
    play.drain()?;
    play.recover_all()
}
