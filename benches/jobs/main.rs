//! What a look at ten thousand jobs costs, of which none is due, and one at which all are.
//!
//! The engine runs on its own, over a store in memory, so that nothing else takes processor
//! time. `cargo bench --bench jobs` prints the figures. Each look is what the built-in
//! scheduler does every minute: a turn, the claims of what is due, and how jobs are.

use std::fs;
use std::io::{Write as _, stdout};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde_json::json;
use teawatch::alert::Salt;
use teawatch::engine::settings::Settings;
use teawatch::engine::{Core, JOBS_MAX};
use teawatch::job::By;
use teawatch::store::{Memory, Store as _};

/// Looks at which nothing is due.
const LOOKS: usize = 2_000;
/// Claims in a commit, as the scheduler has it.
const CLAIMS: usize = 500;
/// The goal, in milliseconds of the processor.
const GOAL: f64 = 10.0;
/// What `/proc` counts processor time in, in milliseconds.
const TICK: f64 = 10.0;
/// Fields of `/proc/self/stat` between the name and the time in user mode; that in the kernel
/// follows.
const USER_TIME: usize = 11;

fn main() -> anyhow::Result<()> {
    let mut memory = Memory::new();
    let (salt, instance) = (Salt::new("the-salt-of-all-the-benches"), "0123456789abcdef");
    let core = Core::load(&mut memory, Settings::default(), salt, None, instance.to_owned(), at(0));
    let mut core = core?;
    for number in 0..JOBS_MAX {
        let draft =
            json!({ "name": format!("job-{number}"), "do": "sweep", "schedule": "every 1h" });
        core.add_job(&serde_json::from_value(draft)?, at(0)).context("a job is not taken")?;
    }
    memory.commit(core.take_writes().0)?;
    let before = processor_time()?;
    for _ in 0..LOOKS {
        core.turn(at(1));
        ensure!(core.fire_due(By::Ticker, None, CLAIMS, at(1)).is_empty(), "one is due");
        ensure!(core.jobs_health().active == JOBS_MAX, "one is missing");
    }
    let idle = (processor_time()? - before) / f64::from(u32::try_from(LOOKS)?);
    let before = processor_time()?;
    let mut claimed = 0;
    while claimed < JOBS_MAX {
        let due = core.fire_due(By::Ticker, None, CLAIMS, at(3_601)).len();
        ensure!(due > 0, "only {claimed} are due");
        memory.commit(core.take_writes().0)?;
        claimed += due;
    }
    let busy = processor_time()? - before;
    writeln!(
        stdout(),
        "{JOBS_MAX} jobs: {idle:.2} ms of the processor for a look (goal: {GOAL:.0} ms), and \
         {busy:.0} ms to claim all of them"
    )?;
    Ok(())
}

fn at(second: i64) -> Timestamp {
    Timestamp::constant(second, 0)
}

/// The processor time that this process has used so far, in milliseconds.
fn processor_time() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("no name in it")?;
    let ticks = fields.split_whitespace().skip(USER_TIME).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * TICK)
}
