//! What teawatch could be at best: the null handler, which also keeps the least that makes a
//! repeated report known, the newest id of its source, in sled, as many at once as wait; and
//! of pings that name their runs as many of those as teawatch remembers. It decides nothing
//! and tells nobody.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{Path as Parts, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use teawatch::check::ENDED_MAX;
use teawatch::signature::Master;
use teawatch::store::CACHE_BYTES;
use tokio::sync::oneshot;

use super::load::server::Server;
use super::null::{self, accepted, listen, master, read};

/// With this argument, and a directory, the bench is this server.
pub(crate) const ARGUMENT: &str = "ids-in-sled";

/// Commands in a round, as many as teawatch takes by default.
const ROUND_COMMANDS: usize = 256;
/// Commands that wait, likewise.
const QUEUE_COMMANDS: usize = 8_192;

/// What waits for the disk.
struct Kept {
    key: String,
    id: Vec<u8>,
    answer: oneshot::Sender<()>,
}

/// This server in a process of its own, with its sled in `data`.
pub(crate) fn server(data: &Path) -> anyhow::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(ARGUMENT).arg(data);
    Server::start(command)
}

/// Serves until it is killed. Prints its address first.
pub(crate) fn serve() -> anyhow::Result<()> {
    let data = std::env::args_os().nth(2).map(PathBuf::from).context("no directory")?;
    let (queue, waiting) = sync_channel(QUEUE_COMMANDS);
    let write = write(&data, waiting)?;
    std::thread::spawn(move || write().expect("the disk takes it"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let router = Router::new()
        .route("/api/v1/reports", post(report))
        .route("/ping/{key}/{slug}", post(ping))
        .with_state((master()?, queue));
    runtime.block_on(listen(router))
}

/// Commits all that waits at once, and then answers. As in the store: sled's flush alone is
/// not durable.
fn write(
    data: &Path,
    waiting: Receiver<Kept>,
) -> anyhow::Result<impl FnOnce() -> anyhow::Result<()> + use<>> {
    let config = sled::Config::new().path(data).cache_capacity(CACHE_BYTES);
    let tree = config.flush_every_ms(None).open()?;
    let file = File::open(data.join("db"))?;
    Ok(move || {
        while let Ok(first) = waiting.recv() {
            let more = std::iter::from_fn(|| waiting.try_recv().ok());
            let round: Vec<_> = std::iter::once(first).chain(more).take(ROUND_COMMANDS).collect();
            let mut batch = sled::Batch::default();
            for Kept { key, id, .. } in &round {
                batch.insert(key.as_str(), id.as_slice());
            }
            tree.apply_batch(batch)?;
            tree.flush()?;
            file.sync_data()?;
            for Kept { answer, .. } in round {
                // Who has hung up needs no answer.
                answer.send(()).unwrap_or_default();
            }
        }
        Ok(())
    })
}

type Queue = SyncSender<Kept>;

/// Returns once the disk has it.
async fn keep(queue: &Queue, key: String, id: Vec<u8>) -> Result<(), StatusCode> {
    let (answer, answered) = oneshot::channel();
    let queued = queue.try_send(Kept { key, id, answer });
    queued.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    answered.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

async fn report(
    State((master, queue)): State<(Master, Queue)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let report = read(&master, &headers, &body)?;
    let id = serde_json::to_vec(&report.id).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    keep(&queue, report.source.clone(), id).await?;
    Ok(accepted(&report))
}

async fn ping(
    State((master, queue)): State<(Master, Queue)>,
    Parts((key, _)): Parts<(String, String)>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    let source = null::source(&master, &key, &body)?;
    let query = query.unwrap_or_default();
    let key = match run(&query) {
        Some(run) => format!("{source}/{}", run % ENDED_MAX),
        None => source.to_owned(),
    };
    keep(&queue, key, query.into_bytes()).await?;
    Ok("OK")
}

/// The number that a run of a [`Pinger`](super::pings::Pingers) has for a name.
fn run(query: &str) -> Option<u64> {
    let (_, rid) = query.split_once("rid=")?;
    rid.rsplit('-').next()?.parse().ok()
}
