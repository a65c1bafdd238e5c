//! `teawatch serve`: puts everything together, and takes it apart in order.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::ConfigArgs;
use super::doors::door_settings;
use super::inherited::Inherited;
use super::pid_file::PidFile;
use super::space::watch_space;
use super::watchers::{dead_man, fallback};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{self, Core, Ended};
use crate::gitea::{Network, NetworkOptions};
use crate::http::{self, App};
use crate::loopback::is_on_this_machine;
use crate::notify::Supervisor;
use crate::outbox::{self, Courier, Gate, Host, Task, Worker};
use crate::reconcile;
use crate::store::Sled;
use crate::telemetry;

/// Standard exit codes: an input or output error, here of the store; and an internal one.
const EXIT_STORE: u8 = 74;
const EXIT_INTERNAL: u8 = 70;

/// How long requests and effects under way may take to finish after a signal. Whatever
/// does not finish is on the disk and goes on after the next start.
const PATIENCE: Duration = Duration::from_secs(5);

/// Take reports and keep Gitea's issues in line with them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config.sources())?;
    telemetry::init(&config.log.level, config.log.format)?;
    // Before the runtime starts its threads.
    let inherited = Inherited::take(config.listen)?;
    super::runtime()?.block_on(async {
        let stop = super::stop_signal()?;
        match Server::start(&config, Clock::system(), inherited).await {
            Ok(server) => server.run_until(stop).await,
            // It passes, and a supervisor is told as it was when the disk ran full.
            Err(error) if is_disk_full(&error) => {
                tracing::error!("cannot start: {error:#}: make room on the disk of the data");
                Ok(ExitCode::from(EXIT_STORE))
            }
            Err(error) => Err(error),
        }
    })
}

/// Makes what a server makes of its configuration alone, to see whether it could.
pub(super) fn judge(config: &Config) -> anyhow::Result<()> {
    host(config, None)?;
    door_settings(config)?;
    dead_man(config)?;
    fallback(config)?;
    Ok(())
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    engine: engine::Started,
    doors: JoinHandle<std::io::Result<()>>,
    outbox: JoinHandle<()>,
    /// There unless it is switched off.
    reconcile: Option<JoinHandle<()>>,
    gate: JoinHandle<()>,
    space: JoinHandle<()>,
    /// Those that tell others of teawatch, where somebody is to be told.
    watchers: JoinSet<()>,
    supervisor: Option<Supervisor>,
    stop_doors: CancellationToken,
    stop_outbox: CancellationToken,
    pid_file: PidFile,
}

impl Server {
    /// Starts everything. Callers are taken from the moment that the address is bound,
    /// and answered once the state is loaded.
    pub(super) async fn start(
        config: &Config,
        clock: Clock,
        mut inherited: Inherited,
    ) -> anyhow::Result<Self> {
        let listener = inherited.door(config.listen).await?;
        let address = listener.local_addr().context("cannot tell the address")?;
        let (data_dir, cache) = (config.data_dir.clone(), config.store_cache_bytes);
        let mut store = tokio::task::spawn_blocking(move || Sled::open(&data_dir, cache))
            .await
            .context("opening the store was cut short")??;
        let pid_file = PidFile::write(&config.data_dir)?;
        // Nobody is sent to a page that does not answer.
        let public_url = config.public_url.as_ref().filter(|_| config.has_page());
        let public_url = public_url.map(|url| url.as_str().trim_end_matches('/'));
        let core = Core::load(
            &mut store,
            config.engine.clone(),
            config.salt.clone(),
            public_url.map(str::to_owned),
            random_id()?,
            clock.now(),
        )
        .map_err(not_loaded)?;
        let mut engine = engine::start(core, Box::new(store), clock.clone())?;

        // The first answer comes after the first commit, which tells the outbox what waits
        // and what is known of the repositories. Without that it would begin anew.
        if let Err(error) = engine.engine.ask(|_, _| ()).await {
            return Err(match engine.ended.await {
                Ok(Ended::Failed(error)) => anyhow::Error::new(error),
                Ok(Ended::Stopped) | Err(_) => anyhow::Error::new(error),
            }
            .context("the engine has ended at its start"));
        }

        let settings = config.gitea.outbox.clone();
        let gate = Arc::new(Gate::new(&settings, clock.clone()));
        let (_, empty) = tokio::sync::mpsc::unbounded_channel();
        let feed = std::mem::replace(&mut engine.feed, empty);
        let worker = worker(config, settings, &gate, &engine.engine, clock.clone())?;
        let figures = worker.host.figures().clone();
        let worker = Arc::new(worker);
        let repositories = config.engine.routes.repositories().into_iter().map(str::to_owned);
        let (task, status) = Task::new(Arc::clone(&worker), feed, repositories);
        let has_reconcile = config.reconcile.every > SignedDuration::ZERO;
        let (reconcile, compared) = reconcile::Task::new(worker, config.reconcile);
        let (stop_doors, stop_outbox) = (CancellationToken::new(), CancellationToken::new());

        let (shortage_in, shortage) = watch::channel(None);
        let space = watch_space(config.data_dir.clone(), config.free_bytes, shortage_in);
        let doors = door_settings(config)?;
        let (dead_man, fallback) = (dead_man(config)?, fallback(config)?);
        let mut watchers = JoinSet::new();
        if let Some(dead_man) = dead_man {
            watchers.spawn(dead_man.run(engine.engine.clone(), status.clone(), clock.clone()));
        }
        if let Some(fallback) = fallback {
            watchers.spawn(fallback.run(engine.engine.clone(), status.clone()));
        }
        let seen_by_supervisor = (status.clone(), shortage.clone());
        let app =
            App::new(engine.engine.clone(), status, compared, figures, shortage, clock, doors);
        let stopped = stop_doors.clone().cancelled_owned();
        let doors = axum::serve(listener, http::router(app)).with_graceful_shutdown(stopped);
        tracing::info!(%address, "teawatch {} is ready", env!("CARGO_PKG_VERSION"));
        let doors = super::spawn(doors.into_future());
        let supervisor = inherited.supervisor;
        if let Some(supervisor) = supervisor.clone() {
            let (status, shortage) = seen_by_supervisor;
            watchers.spawn(supervisor.run(engine.engine.clone(), status, shortage));
        }
        Ok(Self {
            address,
            engine,
            doors,
            outbox: super::spawn(task.run(stop_outbox.clone(), PATIENCE)),
            reconcile: has_reconcile.then(|| super::spawn(reconcile.run(stop_outbox.clone()))),
            gate: super::spawn(async move { gate.run().await }),
            space: super::spawn(space),
            watchers,
            supervisor,
            stop_doors,
            stop_outbox,
            pid_file,
        })
    }

    /// Serves until `stop` or until a part ends by itself, and then takes everything
    /// down: doors first, then the outbox, and last the engine, so that whoever was
    /// answered is on the disk.
    pub(super) async fn run_until(
        mut self,
        stop: impl Future<Output = &'static str>,
    ) -> anyhow::Result<ExitCode> {
        let code = tokio::select! {
            why = stop => {
                tracing::info!("stopping on {why}");
                ExitCode::SUCCESS
            }
            ended = &mut self.engine.ended => engine_ended(ended.ok()),
            _ = &mut self.outbox => {
                tracing::error!("the outbox has ended by itself: stopping");
                ExitCode::from(EXIT_INTERNAL)
            }
            () = ended(&mut self.reconcile) => {
                tracing::error!("nobody reads any more what people do to issues: stopping");
                ExitCode::from(EXIT_INTERNAL)
            }
            // Without it every effect would wait for its turn for ever.
            _ = &mut self.gate => {
                tracing::error!("the gate of the outbox has ended by itself: stopping");
                ExitCode::from(EXIT_INTERNAL)
            }
            _ = &mut self.space => {
                tracing::error!("nobody looks at the disk any more: stopping");
                ExitCode::from(EXIT_INTERNAL)
            }
            Some(_) = self.watchers.join_next() => {
                tracing::error!("somebody is no longer told how teawatch is: stopping");
                ExitCode::from(EXIT_INTERNAL)
            }
            _ = &mut self.doors => {
                tracing::error!("the doors have closed by themselves: stopping");
                ExitCode::from(EXIT_INTERNAL)
            }
        };
        Ok(self.take_down(code).await)
    }

    async fn take_down(mut self, code: ExitCode) -> ExitCode {
        self.watchers.shutdown().await;
        if let Some(supervisor) = &self.supervisor {
            supervisor.stopping();
        }
        self.stop_doors.cancel();
        if !self.doors.is_finished()
            && tokio::time::timeout(PATIENCE, &mut self.doors).await.is_err()
        {
            tracing::warn!("some callers were still talking and are cut off");
        }
        self.stop_outbox.cancel();
        if !self.outbox.is_finished() {
            // It keeps its own time.
            drop((&mut self.outbox).await);
        }
        self.gate.abort();
        self.space.abort();
        if let Some(reconcile) = &self.reconcile {
            reconcile.abort();
        }
        let code = match self.stop_engine().await {
            Some(Ended::Failed(error)) => store_failed(&error),
            Some(Ended::Stopped) | None => code,
        };
        drop(self.pid_file);
        code
    }

    async fn stop_engine(&mut self) -> Option<Ended> {
        let engine = self.engine.engine.clone();
        // It blocks while the queue is full.
        let stopping = tokio::task::spawn_blocking(move || engine.stop());
        drop(stopping.await);
        if self.engine.ended.is_terminated() {
            return None;
        }
        (&mut self.engine.ended).await.ok()
    }
}

/// Whether there was no room on the disk.
fn is_disk_full(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    kinds.map(std::io::Error::kind).any(|kind| {
        matches!(kind, std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    })
}

/// Why the state cannot be loaded. What is damaged as a whole says by itself what to do.
fn not_loaded(error: engine::Error) -> anyhow::Error {
    let is_one_record = matches!(&error, engine::Error::Store(error) if !error.is_final());
    anyhow::Error::new(error).context(if is_one_record {
        "cannot load the state, and nothing was changed: move the data directory away and bring \
         the newest backup back with `teawatch restore`"
    } else {
        "cannot load the state"
    })
}

fn engine_ended(ended: Option<Ended>) -> ExitCode {
    match ended {
        Some(Ended::Failed(error)) => store_failed(&error),
        Some(Ended::Stopped) | None => {
            tracing::error!("the engine has ended by itself: stopping");
            ExitCode::from(EXIT_INTERNAL)
        }
    }
}

fn store_failed(error: &crate::store::Error) -> ExitCode {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the disk did not take a commit, and whether it is there is not known: stopping; \
         nobody was answered, and a restart finds out"
    );
    ExitCode::from(EXIT_STORE)
}

fn worker(
    config: &Config,
    settings: outbox::Settings,
    gate: &Arc<Gate>,
    engine: &engine::Engine,
    clock: Clock,
) -> anyhow::Result<Worker<engine::Engine>> {
    Ok(Worker {
        ledger: engine.clone(),
        host: host(config, Some(Arc::clone(gate)))?,
        settings,
        salt: config.salt.clone(),
        clock,
        courier: Courier::default(),
        // Without randomness many clients come back at once; nothing worse.
        dice: || getrandom::u32().unwrap_or(u32::MAX / 2),
    })
}

fn host(config: &Config, gate: Option<Arc<Gate>>) -> anyhow::Result<Host> {
    let gitea = &config.gitea;
    let std = |duration: SignedDuration| duration.unsigned_abs();
    let network = Network::new(&NetworkOptions {
        connect_timeout: std(gitea.connect_timeout),
        timeout: std(gitea.timeout),
        extra_roots: gitea.extra_roots.clone(),
        tls: gitea.url.scheme() == "https",
        proxies: !is_on_this_machine(&gitea.url),
    })
    .context("cannot set up the connection to Gitea")?;
    Host::new(&gitea.url, &gitea.token, Arc::new(network), gate)
        .context("cannot set up the connection to Gitea")
}

/// Resolves when a part ends that there may be; one that there is not never does.
async fn ended(part: &mut Option<JoinHandle<()>>) {
    match part {
        Some(part) => drop(part.await),
        None => std::future::pending().await,
    }
}

/// The name of a new store: 16 hex digits.
pub(super) fn random_id() -> anyhow::Result<String> {
    Ok(format!("{:016x}", getrandom::u64().context("the system gives no random numbers")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_part_that_ends_by_itself_ends_the_process_as_an_internal_error() {
        let data = tempfile::tempdir().unwrap();
        let environment = [
            ("TEAWATCH_SALT", "the-salt-of-this-test"),
            ("TEAWATCH_GITEA_TOKEN", "the-token-of-this-test"),
            ("TEAWATCH_MASTER_SECRET", "the-master-secret-of-this-test--"),
            ("TEAWATCH_GITEA_URL", "http://127.0.0.1:1/"),
            ("TEAWATCH_GITEA_REPOSITORY", "ops/alerts"),
            ("TEAWATCH_LISTEN", "127.0.0.1:0"),
            ("TEAWATCH_DATA_DIR", data.path().to_str().unwrap()),
        ];
        let environment =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let sources = Sources { environment, ..Sources::default() };
        let config = Config::load(&sources).unwrap();
        crate::cli::runtime().unwrap().block_on(async {
            let parts: [fn(&Server); 4] = [
                |it| it.gate.abort(),
                |it| it.outbox.abort(),
                |it| it.reconcile.as_ref().unwrap().abort(),
                |it| it.doors.abort(),
            ];
            for end in parts {
                let server = Server::start(&config, Clock::system(), Inherited::default());
                let server = server.await.unwrap();
                end(&server);
                let ended = server.run_until(std::future::pending());
                let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
                let code = ended.expect("it serves on").unwrap();
                // Codes cannot be compared otherwise.
                assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(EXIT_INTERNAL)));
            }
        });
    }
}
