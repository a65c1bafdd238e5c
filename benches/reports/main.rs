//! How many reports a second teawatch takes and keeps, and how many pings.
//!
//! 256 sources, each on a connection of its own, send one report after the other: 1,024
//! bytes with one check whose result does not change. The real server, with its store on
//! the disk, takes turns with a handler that checks the same signature and reads the same
//! body but stores nothing. What is between the two is the price of "it is on the disk
//! before you are answered".
//!
//! `cargo bench --bench reports` prints the figures. Client and servers share the cores of
//! the machine; elsewhere than on two, say `taskset -c 0,1` in front of it.

#[path = "../load/mod.rs"]
mod load;
mod null;
mod pings;

use std::time::Duration;

use self::load::client::{self, Clients, Round};
use self::load::directory::Directory;
use self::load::server::{Server, Stage};
use self::load::table::{median, print};
use self::pings::{Pingers, Runs};

/// Reports under way at once, each on its own connection and of its own source.
const IN_FLIGHT: usize = 256;
/// The goal: durable reports for each that is only checked and read.
const GOAL: f64 = 0.6;
/// The goal: durable pings a second, twenty times what a Healthchecks took on such a machine.
const PINGS_GOAL: u32 = 2_500;
/// How long one round takes, and how many each server has.
const ROUND: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;
/// Long enough for every connection and cache to be warm.
const WARM_UP: Duration = Duration::from_secs(2);
/// Checks whose memory is measured, and the sources that they share.
const CHECKS: usize = 10_000;
const SOURCES: usize = 10;

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some(null::ARGUMENT) {
        return null::serve();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stage = Stage::set().await?;
        throughput(&stage).await?;
        ping_throughput(&stage, Runs::Unnamed).await?;
        ping_throughput(&stage, Runs::Named).await?;
        memory(&stage).await
    })
}

async fn throughput(stage: &Stage) -> anyhow::Result<()> {
    let data = Directory::new("throughput")?;
    let (teawatch, null) = (Server::teawatch(stage, data.path(), &[])?, null::server()?);
    let mut reporters = Clients::connect(teawatch.address, IN_FLIGHT, 1).await?;
    let mut others = Clients::connect(null.address, IN_FLIGHT, 1).await?;
    reporters.round(WARM_UP).await?;
    others.round(WARM_UP).await?;
    let mut match_up = Match::begin(&teawatch, &null)?;
    for _ in 0..ROUNDS {
        match_up.durable.push(reporters.round(ROUND).await?);
        match_up.checked.push(others.round(ROUND).await?);
    }
    match_up.print("report", client::BODY_BYTES, &format!("{GOAL:.2}"))
}

/// The same with pings: one POST after the other, each of a check that was well before.
async fn ping_throughput(stage: &Stage, runs: Runs) -> anyhow::Result<()> {
    let data = Directory::new("pings")?;
    let (teawatch, null) = (Server::teawatch(stage, data.path(), &[])?, null::server()?);
    let mut pingers = Pingers::connect(teawatch.address, IN_FLIGHT, runs).await?;
    let mut others = Pingers::connect(null.address, IN_FLIGHT, runs).await?;
    pingers.round(WARM_UP).await?;
    others.round(WARM_UP).await?;
    let mut match_up = Match::begin(&teawatch, &null)?;
    for _ in 0..ROUNDS {
        match_up.durable.push(pingers.round(ROUND).await?);
        match_up.checked.push(others.round(ROUND).await?);
    }
    let one = match runs {
        Runs::Unnamed => "ping",
        Runs::Named => "run",
    };
    match_up.print(one, pings::BODY.len(), &format!("{PINGS_GOAL}/s"))
}

/// Teawatch and the null handler in turns.
struct Match<'a> {
    teawatch: &'a Server,
    null: &'a Server,
    /// The processor time that each had used before.
    used_before: [Duration; 2],
    durable: Vec<Round>,
    checked: Vec<Round>,
}

impl<'a> Match<'a> {
    fn begin(teawatch: &'a Server, null: &'a Server) -> anyhow::Result<Self> {
        let used_before = [teawatch.processor_time()?, null.processor_time()?];
        Ok(Self { teawatch, null, used_before, durable: Vec::new(), checked: Vec::new() })
    }

    /// Prints the figures of what is called `one`, with so many bytes of a body.
    fn print(&self, one: &str, body_bytes: usize, goal: &str) -> anyhow::Result<()> {
        let row = |name: &str, rounds: &[Round], server: &Server, before: Duration| {
            let used = server.processor_time()?.saturating_sub(before);
            let calls: f64 = rounds.iter().map(Round::reports).sum();
            let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
            let each: Vec<_> =
                rounds.iter().map(|round| format!("{:.0}", round.per_second())).collect();
            anyhow::Ok(vec![
                name.to_owned(),
                each.join(", "),
                format!("{:.0}", of(Round::per_second)),
                format!("{:.1} ms", of(|round| round.percentile(50.0))),
                format!("{:.1} ms", of(|round| round.percentile(99.0))),
                format!("{:.0} µs", used.as_secs_f64() * 1e6 / calls),
                format!("{:.0} MiB", server.memory_mib()?),
            ])
        };
        let [teawatch_used, null_used] = self.used_before;
        let (each, used) = (format!("{one}s/s in each round"), format!("processor per {one}"));
        print(
            &["", &each, "median", "p50", "p99", &used, "memory"],
            &[
                row("teawatch", &self.durable, self.teawatch, teawatch_used)?,
                row("null handler", &self.checked, self.null, null_used)?,
            ],
        )?;
        let rate = |rounds: &[Round]| median(rounds.iter().map(Round::per_second));
        let ratio = rate(&self.durable) / rate(&self.checked);
        print(
            &["ratio", "goal", "in flight", "body"],
            &[vec![
                format!("{ratio:.2}"),
                goal.to_owned(),
                IN_FLIGHT.to_string(),
                format!("{body_bytes} bytes"),
            ]],
        )
    }
}

/// What a server with many checks holds.
async fn memory(stage: &Stage) -> anyhow::Result<()> {
    let data = Directory::new("memory")?;
    let teawatch = Server::teawatch(stage, data.path(), &[])?;
    let empty = teawatch.memory_mib()?;
    client::report_checks(teawatch.address, SOURCES, CHECKS / SOURCES).await?;
    let full = teawatch.memory_mib()?;
    teawatch.stop()?;
    print(
        &["checks", "memory without them", "with them"],
        &[vec![CHECKS.to_string(), format!("{empty:.0} MiB"), format!("{full:.0} MiB")]],
    )
}
