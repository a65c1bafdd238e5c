//! What size costs: the same server with ten thousand, a hundred thousand and a million
//! checks.
//!
//! `cargo bench --bench sizes` prints the figures, with the goals beside them. Client and
//! server share the cores of the machine; elsewhere than on two, say `taskset -c 0,1` in
//! front of it. It takes some minutes and a few gigabytes of disk.

#[path = "../load/mod.rs"]
mod load;
mod speed;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use self::load::client::{self, Clients, Round};
use self::load::directory::Directory;
use self::load::server::{Server, Stage};
use self::load::table::print;

/// How many checks there are in each of the runs.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Sources that share them, each on a connection of its own.
const SOURCES: usize = 256;
const WARM_UP: Duration = Duration::from_secs(2);
const ROUND: Duration = Duration::from_secs(10);
/// Checks that fall silent at the same moment, and how long after their report.
const SILENT: usize = 1_000;
const INTERVAL: Duration = Duration::from_secs(10);
/// Reports after which the size of the store is looked at, twice.
const REPORTS: usize = 1_000_000;

const HEAD: [&str; 8] = [
    "checks",
    "reports/s",
    "p99",
    "processor per report",
    "memory",
    "start",
    "1,000 deadlines are seen late by",
    "times slower than the first",
];
const GOALS: [&str; 8] =
    ["goals", "-", "-", "-", "64 MiB with 10,000, 600 with 1,000,000", "5 s", "1 s", "2"];

fn main() -> anyhow::Result<()> {
    // The callers' HTTP client wants one, also where nothing is encrypted.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stage = Stage::set().await?;
        let mut rows = Vec::new();
        let mut smallest: Option<f64> = None;
        for checks in SIZES {
            let (row, per_second) = with(&stage, checks).await?;
            let first = *smallest.get_or_insert(per_second);
            rows.push([row, vec![format!("{:.2}", first / per_second)]].concat());
        }
        rows.push(GOALS.map(str::to_owned).to_vec());
        print(&HEAD, &rows)?;
        speed::print(&stage).await?;
        growth(&stage).await
    })
}

/// One run: what a server with so many checks takes, holds and needs to start.
async fn with(stage: &Stage, checks: usize) -> anyhow::Result<(Vec<String>, f64)> {
    let data = Directory::new("sizes")?;
    let teawatch = Server::teawatch(stage, data.path(), &[])?;
    let each = checks / SOURCES;
    client::report_checks(teawatch.address, SOURCES, each).await?;
    let mut callers = Clients::connect(teawatch.address, SOURCES, each).await?;
    callers.round(WARM_UP).await?;
    let used_before = teawatch.processor_time()?;
    let round = callers.round(ROUND).await?;
    let used = teawatch.processor_time()?.saturating_sub(used_before);
    drop(callers);
    let memory = teawatch.memory_mib()?;
    teawatch.stop()?;
    let began = Instant::now();
    let teawatch = Server::teawatch(stage, data.path(), &[])?;
    let start = began.elapsed();
    let late = silence(&teawatch).await?;
    let row = vec![
        (each * SOURCES).to_string(),
        format!("{:.0}", round.per_second()),
        format!("{:.1} ms", round.percentile(99.0)),
        format!("{:.0} µs", used.as_secs_f64() * 1e6 / round.reports()),
        format!("{memory:.0} MiB"),
        format!("{:.2} s", start.as_secs_f64()),
        format!("{:.0} ms", late.as_secs_f64() * 1e3),
    ];
    Ok((row, round.per_second()))
}

/// How long after the moment at which many checks fall silent the last of them is down.
async fn silence(teawatch: &Server) -> anyhow::Result<Duration> {
    let observation = |number| {
        json!({
            "name": format!("brief{number}"),
            "kind": "success",
            "interval_seconds": INTERVAL.as_secs_f64(),
        })
    };
    let observations: Vec<_> = (0..SILENT).map(observation).collect();
    client::send(teawatch.address, "brief", 1, 3_600.0, &observations).await?;
    // Silent for strictly more than twice the interval.
    let due = Instant::now() + INTERVAL * 2;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let metrics = format!("http://{}/metrics", teawatch.address);
    loop {
        let asked = Instant::now();
        let figures = http.get(&metrics).send().await?.text().await?;
        let down = figures.lines().find_map(|line| {
            line.strip_prefix("teawatch_checks{state=\"down\"} ")?.parse::<usize>().ok()
        });
        if down.context("no figure of checks that are down")? >= SILENT {
            return Ok(asked.saturating_duration_since(due));
        }
        let now = Instant::now();
        // Looking costs time as well, so not before there is something to see.
        tokio::time::sleep_until((due.max(now) + Duration::from_millis(5)).into()).await;
    }
}

/// What the store takes on the disk after a million reports, and after another million.
async fn growth(stage: &Stage) -> anyhow::Result<()> {
    let data = Directory::new("growth")?;
    let teawatch = Server::teawatch(stage, data.path(), &[])?;
    let each = SIZES[0] / SOURCES;
    client::report_checks(teawatch.address, SOURCES, each).await?;
    let mut callers = Clients::connect(teawatch.address, SOURCES, each).await?;
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let mut sent = 0.0;
        while sent < REPORTS as f64 {
            sent += Round::reports(&callers.round(WARM_UP).await?);
        }
        sizes.push(format!("{:.0} MiB", size_mib(data.path())?));
    }
    print(&["on the disk after 1,000,000 reports", "after 2,000,000 (goal: the same)"], &[sizes])
}

/// What the files of a folder hold.
fn size_mib(folder: &Path) -> anyhow::Result<f64> {
    let (mut bytes, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += found.len();
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let bytes = bytes as f64;
    Ok(bytes / 1024.0 / 1024.0)
}
