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

use self::moves::{Case, Fate, Knobs, Move, Order, case};
use self::play::Play;

/// Enough to meet every bug that was planted, and few enough for every run of the tests.
const CASES: u32 = 20_000;

#[test]
fn whatever_happens_there_is_exactly_one_issue_per_trouble() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases: u32 = cases.unwrap_or(CASES);
    println!("{cases} cases");
    let players = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let players = u32::try_from(players).unwrap().min(cases);
    std::thread::scope(|scope| {
        let each = cases.div_ceil(players);
        let players: Vec<_> = (0..players).map(|_| scope.spawn(move || play(each))).collect();
        let failed: Vec<_> =
            players.into_iter().filter_map(|player| player.join().unwrap().err()).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    });
}

/// Plays so many cases, and says why one of them failed.
fn play(cases: u32) -> Result<(), String> {
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    TestRunner::new(config).run(&case(), |case| run(&case)).map_err(|error| match error {
        TestError::Fail(why, case) => format!("{why}\n{case:#?}"),
        TestError::Abort(_) => error.to_string(),
    })
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

/// One dead host is one issue, and when it comes back its checks have not been silent.
#[test]
fn a_host_that_comes_back_was_one_trouble() {
    let mut play = Play::new(&Knobs::plain());
    let report = Move::Report { source: 0, order: Order::Next, observations: vec![(0, 0), (1, 0)] };
    for step in [&report, &Move::Wait(300), &Move::Wake] {
        play.make(step).unwrap();
    }
    play.drain().unwrap();
    play.make(&report).unwrap();
    play.make(&Move::Wake).unwrap();
    let alerts = play.book.pages().core.alerts_page(None, 500).items;
    let titles: Vec<_> = alerts.iter().map(|alert| alert.title.as_str()).collect();
    assert_eq!(titles, ["s0/agent"]);
}

/// A closing that is under way is not forgotten when its repetition is refused: it arrives
/// while the alert is firing again, and the issue is open all the same.
#[test]
fn a_refused_repetition_says_nothing_about_the_request_before_it() {
    let mut play = Play::new(&Knobs { recover_after: 1, ..Knobs::plain() });
    let report =
        |kind| Move::Report { source: 0, order: Order::Next, observations: vec![(0, kind)] };
    let work = |fate| Move::Work { fate, on_write: true };
    let script = [
        work(Fate::Answered),
        report(1),
        work(Fate::Answered),
        report(0),
        work(Fate::Late(50)),
        Move::Wait(2),
        work(Fate::Answered),
        work(Fate::Refused(401)),
        report(1),
    ];
    for step in &script {
        play.make(step).unwrap();
        play.check().unwrap();
    }
    play.drain().unwrap();
    play.check().unwrap();
}

/// An alert that had only a row while the open issues were not yet read leaves it for the
/// issue that goes on.
#[test]
fn an_adopted_issue_takes_its_alert_out_of_the_overflow() {
    let mut play = Play::new(&Knobs { max_open_issues: 1, ..Knobs::plain() });
    let report = |observations| Move::Report { source: 0, order: Order::Next, observations };
    let work = || Move::Work { fate: Fate::Answered, on_write: true };
    let script =
        [work(), report(vec![(0, 1)]), work(), Move::LoseData, report(vec![(1, 1), (0, 1)])];
    for step in &script {
        play.make(step).unwrap();
        play.check().unwrap();
    }
    play.drain().unwrap();
    play.recover_all().unwrap();
}
