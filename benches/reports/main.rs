//! How many reports a second teawatch takes and keeps, and how many pings.
//!
//! 256 sources, each on a connection of its own, send one report after the other: 1,024
//! bytes with one check whose result does not change. The real server, with its store on
//! the disk, takes turns with a handler that checks the same signature and reads the same
//! body but stores nothing, and with one that also keeps in sled what makes a repeated one
//! known: the newest id of each source, or its newest runs. What is between those two is
//! the price of "it is on the disk before you are answered", which nobody who uses sled
//! comes around; what is between the last and teawatch is what deciding and remembering
//! cost. The same with pings, and with pings that each name a run of their own, which is to
//! be remembered.
//!
//! `cargo bench --bench reports` prints the figures; `-- reports pings runs memory` behind it
//! says which. Client and servers share the cores of
//! the machine; elsewhere than on two, say `taskset -c 0,1` in front of it.

mod ids;
#[path = "../load/mod.rs"]
mod load;
mod null;
mod pings;

use std::net::SocketAddr;
use std::time::Duration;

use self::load::client::{self, Clients, Round};
use self::load::directory::Directory;
use self::load::server::{Server, Stage};
use self::load::table::{median, print};
use self::pings::{Pingers, Runs};

/// Calls under way at once, each on its own connection and of its own source.
const IN_FLIGHT: usize = 256;
/// The goal: reports, or pings, for each of which only the id is kept.
const GOAL: f64 = 0.75;
/// How long one round takes, and how many each server has.
const ROUND: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;
/// Long enough for every connection and cache to be warm.
const WARM_UP: Duration = Duration::from_secs(2);
/// Checks whose memory is measured, and the sources that they share.
const CHECKS: usize = 10_000;
const SOURCES: usize = 10;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some(null::ARGUMENT) => return null::serve(),
        Some(ids::ARGUMENT) => return ids::serve(),
        _ => {}
    }
    // Cargo says itself that this is a bench.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stage = Stage::set().await?;
        let all = [What::Report, What::Ping(Runs::Unnamed), What::Ping(Runs::Named)];
        for what in all {
            let (name, _) = what.described();
            if is_wanted(&format!("{name}s")) {
                throughput(&stage, what).await?;
            }
        }
        if is_wanted("memory") {
            memory(&stage).await?;
        }
        Ok(())
    })
}

async fn throughput(stage: &Stage, what: What) -> anyhow::Result<()> {
    let data = Directory::new("throughput")?;
    let least = Directory::new("ids")?;
    let teawatch = Server::teawatch(stage, data.path(), &[])?;
    let mut contestants = [
        Contestant::new("teawatch", teawatch, what).await?,
        Contestant::new("null handler", null::server()?, what).await?,
        Contestant::new("ids in sled", ids::server(least.path())?, what).await?,
    ];
    for _ in 0..ROUNDS {
        for contestant in &mut contestants {
            contestant.rounds.push(contestant.callers.round(ROUND).await?);
        }
    }
    let row = |Contestant { name, server, rounds, used_before, .. }: &Contestant| {
        let used = server.processor_time()?.saturating_sub(*used_before);
        let calls: f64 = rounds.iter().map(Round::reports).sum();
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
        let each: Vec<_> =
            rounds.iter().map(|round| format!("{:.0}", round.per_second())).collect();
        anyhow::Ok(vec![
            (*name).to_owned(),
            each.join(", "),
            format!("{:.0}", of(Round::per_second)),
            format!("{:.1} ms", of(|round| round.percentile(50.0))),
            format!("{:.1} ms", of(|round| round.percentile(99.0))),
            format!("{:.0} µs", used.as_secs_f64() * 1e6 / calls),
            format!("{:.0} MiB", server.memory_mib()?),
        ])
    };
    let (name, body_bytes) = what.described();
    let (each, used) = (format!("{name}s/s in each round"), format!("processor per {name}"));
    print(
        &["", &each, "median", "p50", "p99", &used, "memory"],
        &contestants.iter().map(row).collect::<Result<Vec<_>, _>>()?,
    )?;
    let rate = |it: &Contestant| median(it.rounds.iter().map(Round::per_second));
    let [teawatch, null, least] = contestants.each_ref().map(rate);
    print(
        &["to ids in sled", "goal", "to the null handler", "in flight", "body"],
        &[vec![
            format!("{:.2}", teawatch / least),
            format!("{GOAL:.2}"),
            format!("{:.2}", teawatch / null),
            IN_FLIGHT.to_string(),
            format!("{body_bytes} bytes"),
        ]],
    )
}

/// What servers are sent.
#[derive(Debug, Clone, Copy)]
enum What {
    Report,
    Ping(Runs),
}

impl What {
    /// What one is called, and how long its body is, in bytes.
    fn described(self) -> (&'static str, usize) {
        match self {
            Self::Report => ("report", client::BODY_BYTES),
            Self::Ping(Runs::Unnamed) => ("ping", pings::BODY.len()),
            Self::Ping(Runs::Named) => ("run", pings::BODY.len()),
        }
    }
}

/// Those who keep a server busy.
enum Callers {
    Reporters(Clients),
    Pingers(Pingers),
}

impl Callers {
    async fn connect(address: SocketAddr, what: What) -> anyhow::Result<Self> {
        Ok(match what {
            What::Report => Self::Reporters(Clients::connect(address, IN_FLIGHT, 1).await?),
            What::Ping(runs) => Self::Pingers(Pingers::connect(address, IN_FLIGHT, runs).await?),
        })
    }

    async fn round(&mut self, length: Duration) -> anyhow::Result<Round> {
        match self {
            Self::Reporters(reporters) => reporters.round(length).await,
            Self::Pingers(pingers) => pingers.round(length).await,
        }
    }
}

/// A server, and those who keep it busy.
struct Contestant {
    name: &'static str,
    server: Server,
    callers: Callers,
    rounds: Vec<Round>,
    used_before: Duration,
}

impl Contestant {
    /// Warms the server up.
    async fn new(name: &'static str, server: Server, what: What) -> anyhow::Result<Self> {
        let mut callers = Callers::connect(server.address, what).await?;
        callers.round(WARM_UP).await?;
        let used_before = server.processor_time()?;
        Ok(Self { name, server, callers, rounds: Vec::new(), used_before })
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
