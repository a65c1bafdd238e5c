//! `kill -9` at many moments under load, counted by phase: whatever it cuts off, there is
//! one issue per trouble, and what was acknowledged is there.
//!
//! Several servers live at once, each with a Gitea of its own, and are killed again and
//! again. `KILLS` sets how often in all, `SEED` repeats what is random of a run; what
//! remains is the machine's own timing. What is missed on a busy machine is counted as a kill
//! elsewhere. `KILLS=500 cargo test --test it kills::` is what a
//! release has to go through.

mod lane;
mod load;
mod phase;
mod tally;

use std::io::Write as _;

use self::lane::Lane;
use self::tally::Tally;

/// Enough to meet every bug that was planted, and few enough for every run of the tests.
const KILLS: u32 = 50;

/// How many of the kills must at least fall into each phase: one of so many.
const SHARE: u32 = 25;

/// Servers that live at the same time. They wait most of the time.
const LANES: u32 = 6;

#[test]
fn killed_in_every_phase_under_load_nothing_is_lost_and_nothing_happens_twice() {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
    let kills = number("KILLS").map_or(KILLS, |kills: u64| u32::try_from(kills).unwrap());
    let seed = number("SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    let tally = Tally::new(kills, kills / SHARE);
    let lives = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|number| {
                let tally = &tally;
                scope.spawn(move || Lane::new(seed, number).live(tally))
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().ok()).collect::<Vec<_>>()
    });
    // Also of a run that went well: the runner keeps to itself what is printed otherwise.
    let table = format!("seed {seed}\n{tally}");
    std::io::stderr().write_all(table.as_bytes()).unwrap();
    assert!(lives.iter().all(Option::is_some), "a lane has failed; {table}");
    assert!(tally.is_complete(), "{table}");
}
