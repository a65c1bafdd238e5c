//! What an agent costs its host.
//!
//! `cargo bench --bench agent` prints the figures: the memory and the processor time of a
//! cycle, a scan of many heartbeats, what `run` adds to a command, and the size of the
//! binary that holds the agent alone, which is built for it.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use teawatch::agent::{folder, seconds};
use teawatch::clock::Clock;

/// Goals for the binary that hosts run, which is the agent alone.
const MEMORY_GOAL_MIB: f64 = 12.0;
const CYCLE_GOAL: Duration = Duration::from_millis(50);
const SCAN_GOAL: Duration = Duration::from_secs(2);
const RUN_GOAL: Duration = Duration::from_millis(10);

/// Heartbeats that are scanned.
const HEARTBEATS: usize = 100_000;
/// How often a command is run with and without `run`.
const RUNS: usize = 50;
/// Cycles of which the processor time is taken together: it is counted in ticks.
const CYCLES: u32 = 20;
/// In what Linux counts processor time, on every machine that it runs on today.
const TICK: Duration = Duration::from_millis(10);

const TEAWATCH: &str = env!("CARGO_BIN_EXE_teawatch");

fn main() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let alone = build_alone()?;
    let whole = Path::new(TEAWATCH);
    let rows = [
        vec![
            row("binary of the agent alone", &mib(size(&alone)?), "-"),
            row("binary of everything", &mib(size(whole)?), "-"),
        ],
        cycles(home.path(), &alone, "worker.sh", "the agent alone, a shell's source")?,
        cycles(home.path(), &alone, "worker.py", "the agent alone, a Python source")?,
        cycles(home.path(), whole, "worker.sh", "the whole binary, a shell's source")?
            .into_iter()
            .map(|(what, measured, _)| row(&what, &measured, "-"))
            .collect(),
        scan(home.path())?,
        overhead(home.path(), &alone)?,
    ];
    let mut out = std::io::stdout().lock();
    writeln!(out, "| what | measured | goal |\n|---|---|---|")?;
    for (what, measured, goal) in rows.into_iter().flatten() {
        writeln!(out, "| {what} | {measured} | {goal} |")?;
    }
    Ok(())
}

type Row = (String, String, String);

/// The four checks of a worker: its port, its process, its heartbeat, its source.
fn cycles(home: &Path, teawatch: &Path, source: &str, what: &str) -> anyhow::Result<Vec<Row>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let now = seconds(Clock::system().now());
    std::fs::write(home.join("hb.json"), format!("{{\"timestamp\": {}}}", now + 4.0))?;
    std::fs::write(home.join("worker.sh"), "echo hello\n")?;
    std::fs::write(home.join("worker.py"), "print('hello')\n")?;
    let settings = format!(
        "source = \"bench\"\ndata_dir = \"data\"\nserver = \"http://127.0.0.1:9/\"\n\
         [[tcp]]\nname = \"gateway\"\naddress = \"127.0.0.1:{port}\"\n\
         [[process]]\nname = \"worker\"\npattern = \"agent --watch\"\n\
         [[heartbeat]]\nname = \"heartbeat\"\npath = \"hb.json\"\n\
         [[syntax]]\nname = \"source\"\npath = \"{source}\"\n"
    );
    std::fs::write(home.join("teawatch-agent.toml"), settings)?;
    let mut agent = Command::new(teawatch)
        .env("PATH", format!("{}:/usr/bin:/bin", python_folder()?.display()))
        .args(["agent", "--watch", "--interval", "100ms", "--json"])
        .env("TEAWATCH_AGENT_SECRET", "a-secret-of-the-benches-0123456789")
        .current_dir(home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("the agent cannot be started")?;
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(agent.stdout.take().context("no output")?));
    let mut after = |cycles: u32| -> anyhow::Result<()> {
        let mut seen = 0;
        while seen < cycles {
            let line = lines.next().context("the agent has ended")??;
            seen += u32::from(line == "}");
        }
        Ok(())
    };
    after(2)?;
    let before = processor_time(agent.id())?;
    after(CYCLES)?;
    let used = processor_time(agent.id())?.saturating_sub(before) / CYCLES;
    let memory = peak_memory_mib(agent.id())?;
    agent.kill()?;
    agent.wait()?;
    Ok(vec![
        row(&format!("memory at most: {what}"), &mib(memory), &mib(MEMORY_GOAL_MIB)),
        row(&format!("processor time of four checks: {what}"), &shown(used), &shown(CYCLE_GOAL)),
    ])
}

fn scan(home: &Path) -> anyhow::Result<Vec<Row>> {
    let beats = home.join("beats");
    std::fs::create_dir(&beats)?;
    let now = Clock::system().now();
    let at = seconds(now);
    for number in 0..HEARTBEATS {
        let beat = format!(
            "{{\"job\":\"job{number}\",\"pid\":1,\"timestamp\":{at},\"interval_seconds\":300.0,\"status\":\"alive\"}}"
        );
        std::fs::write(beats.join(format!("job{number}.last")), beat)?;
    }
    let began = Instant::now();
    let jobs = folder::scan(&beats, &[], now)?;
    let took = began.elapsed();
    ensure!(jobs.len() == HEARTBEATS && jobs.iter().all(|job| !job.status.is_trouble()));
    Ok(vec![row(&format!("scan of {HEARTBEATS} heartbeats"), &shown(took), &shown(SCAN_GOAL))])
}

/// `teawatch run -- true` against `true`, in turn: with a server that takes its reports.
fn overhead(home: &Path, teawatch: &Path) -> anyhow::Result<Vec<Row>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|count| count > 0) {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    let settings =
        format!("source = \"bench\"\ndata_dir = \"data\"\nserver = \"http://127.0.0.1:{port}/\"\n");
    std::fs::write(home.join("run.toml"), settings)?;
    let time = |program: &Path, arguments: &[&str]| -> anyhow::Result<f64> {
        let began = Instant::now();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(home).stdin(Stdio::null()).stderr(Stdio::null());
        command.env("TEAWATCH_AGENT_CONFIG", "run.toml");
        command.env("TEAWATCH_AGENT_SECRET", "a-secret-of-the-benches-0123456789");
        ensure!(command.status()?.success());
        Ok(began.elapsed().as_secs_f64())
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        with.push(time(teawatch, &["run", "--", "true"])?);
        without.push(time(Path::new("true"), &[])?);
    }
    let added = Duration::try_from_secs_f64(median(with) - median(without)).unwrap_or_default();
    Ok(vec![row("what `run` adds to a command", &shown(added), &shown(RUN_GOAL))])
}

/// Where Python itself is: what is found first may be a script that looks for it each time,
/// and costs more than it.
fn python_folder() -> anyhow::Result<PathBuf> {
    let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let said = String::from_utf8(asked.context("there is no python3")?.stdout)?;
    let folder = Path::new(said.trim()).parent().context("python3 does not say where it is")?;
    Ok(folder.to_owned())
}

/// Builds the binary that holds the agent and nothing else.
fn build_alone() -> anyhow::Result<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("agent-alone");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--no-default-features", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(built.success(), "the agent alone cannot be built");
    Ok(target.join("release/teawatch"))
}

fn size(path: &Path) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let bytes = std::fs::metadata(path)?.len() as f64;
    Ok(bytes / 1024.0 / 1024.0)
}

fn mib(size: f64) -> String {
    format!("{size:.1} MiB")
}

fn row(what: &str, measured: &str, goal: &str) -> Row {
    (what.to_owned(), measured.to_owned(), goal.to_owned())
}

fn shown(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Of a process and of its children that have ended.
fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no name")?;
    // User and system time, its own and its children's.
    let ticks = fields.split(' ').skip(11).take(4).map(str::parse::<u32>);
    Ok(TICK * ticks.collect::<Result<Vec<_>, _>>()?.into_iter().sum())
}

fn peak_memory_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
