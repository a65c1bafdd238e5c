//! `teawatch serve`: puts everything together, and takes it apart in order.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ConfigArgs;
use super::background::Background;
use super::doors::{door_settings, scheduler_settings};
use super::inherited::Inherited;
use super::pid_file::PidFile;
use super::unstarted::{is_disk_full, not_loaded};
use super::watchers::{self, Watchers};
use super::way::{host, worker};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{self, Core, Ended};
use crate::http::{self, App, Told};
use crate::jobs::Runner;
use crate::notify::Systemd;
use crate::outbox::{self, Gate, TokenProbe};
use crate::reconcile::{self, Bell};
use crate::store::Sled;
use crate::tasks::{self, Folder, GivenUp, Marks, Supervisor};
use crate::telemetry;

/// Standard exit codes: an input or output error, here of the store; and an internal one.
const EXIT_STORE: u8 = 74;
const EXIT_INTERNAL: u8 = 70;

/// How long requests and effects under way may take to finish after a signal. Whatever
/// does not finish is on the disk and goes on after the next start.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the engine may take for its last commit. One that hangs is cut off: nobody was
/// answered, and a restart finds out.
const ENGINE_PATIENCE: Duration = Duration::from_secs(30);

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
    let runtime = super::runtime()?;
    let ended = runtime.block_on(async {
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
    });
    // What hangs on the disk then holds up nobody.
    runtime.shutdown_background();
    ended
}

/// Makes what a server makes of its configuration alone, to see whether it could.
pub(super) fn judge(config: &Config) -> anyhow::Result<()> {
    host(config, None)?;
    door_settings(config)?;
    Watchers::of(config, None)?;
    Ok(())
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    engine: engine::Started,
    doors: JoinHandle<std::io::Result<()>>,
    supervisor: Supervisor,
    pub(super) runner: Runner,
    /// There where somebody started this process who wants to be told.
    systemd: Option<Systemd>,
    stop_doors: CancellationToken,
    marks: Marks,
    /// Copies the marks to the disk, to the very end.
    folder: Option<Folder>,
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
        // What the configuration says is judged before anything is opened: a mistake in it is
        // no end of a server.
        let settings = config.gitea.outbox.clone();
        let gate = Arc::new(Gate::new(&settings, clock.clone()));
        let host = host(config, Some(Arc::clone(&gate)))?;
        let doors = door_settings(config)?;
        let scheduler = scheduler_settings(config)?;
        let tellers = Watchers::of(config, inherited.systemd.clone())?;
        let id = random_id()?;
        let listener = inherited.door(config.listen).await?;
        let address = listener.local_addr().context("cannot tell the address")?;
        let (data_dir, cache) = (config.data_dir.clone(), config.store_cache_bytes);
        let mut store = tokio::task::spawn_blocking(move || Sled::open(&data_dir, cache))
            .await
            .context("opening the store was cut short")??;
        let pid_file = PidFile::write(&config.data_dir)?;
        let marks = Marks::new(clock.clone());
        // Marks are best effort: without them `status` is blind, and nothing else is amiss.
        let folder = Folder::start(&marks, &config.data_dir)
            .inspect_err(|error| tracing::warn!(%error, "no marks are written"))
            .ok();
        let failed = |error: anyhow::Error| {
            marks.end(format!("it could not start: {error:#}"));
            error
        };
        // Nobody is sent to a page that does not answer.
        let public_url = config.public_url.as_ref().filter(|_| config.has_page());
        let public_url = public_url.map(|url| url.as_str().trim_end_matches('/'));
        let mut core = Core::load(
            &mut store,
            config.engine.clone(),
            config.salt.clone(),
            public_url.map(str::to_owned),
            id,
            clock.now(),
        )
        .map_err(|error| failed(not_loaded(error)))?;
        core.address_by(doors.ping_uuids());
        let engine = engine::start(core, Box::new(store), clock.clone(), &marks);
        let mut engine = engine.map_err(|error| failed(error.into()))?;

        // The first answer comes after the first commit, which tells the outbox what waits
        // and what is known of the repositories. Without that it would begin anew.
        if let Err(error) = engine.engine.ask(|_, _| ()).await {
            let error = match engine.ended.await {
                Ok(Ended::Failed(error)) => anyhow::Error::new(error),
                Ok(Ended::Stopped) | Err(_) => anyhow::Error::new(error),
            };
            return Err(failed(error.context("the engine has ended at its start")));
        }

        let (_, empty) = tokio::sync::mpsc::unbounded_channel();
        let feed = std::mem::replace(&mut engine.feed, empty);
        let worker = worker(config, settings, host, &engine.engine, clock.clone());
        let outbox_figures = worker.host.figures().clone();
        let worker = Arc::new(worker);
        let repositories = config.engine.routes.repositories().into_iter().map(str::to_owned);
        let repositories: Vec<_> = repositories.collect();
        let token = TokenProbe::new(Arc::clone(&worker), repositories.clone(), config.token_probe);
        let (status, outbox) = watch::channel(outbox::Status::default());
        let (compared_in, compared) = watch::channel(reconcile::Status::new(config.reconcile));
        let (shortage_in, shortage) = watch::channel(None);
        let told = Told {
            outbox,
            outbox_figures,
            reconcile: compared,
            shortage,
            marks: marks.clone(),
            watchers: watchers::TASKS,
        };
        let bell = Bell::default();
        let app = App::new(engine.engine.clone(), told.clone(), bell.clone(), clock.clone(), doors);
        let background = Background {
            engine: engine.engine.clone(),
            feed,
            gate,
            worker,
            repositories,
            status,
            reconcile: config.reconcile,
            commands_allow: config.commands_allow.clone(),
            compared: compared_in,
            looks: config.webhooks.secret.is_some().then_some((config.webhooks.look_every, bell)),
            data_dir: config.data_dir.clone(),
            free_bytes: config.free_bytes,
            shortage: shortage_in,
            token: Arc::new(token),
            is_token_tried: config.token_probe.is_positive(),
            dead_man: tellers.dead_man.clone(),
            scheduler,
            marks: marks.clone(),
            clock: clock.clone(),
            app: app.clone(),
        };
        let mut supervisor = Supervisor::new(marks.clone(), tasks::Patience::default());
        let runner = background.start(&mut supervisor, PATIENCE);

        let stop_doors = CancellationToken::new();
        let accepting = http::Accepting::new(listener, stop_doors.clone());
        let over = accepting.over();
        let doors = axum::serve(accepting, http::doors(app)).with_graceful_shutdown(over);
        tracing::info!(%address, "teawatch {} is ready", env!("CARGO_PKG_VERSION"));
        let doors = super::spawn(doors.into_future());
        tellers.start(&mut supervisor, &engine.engine, &told);
        let systemd = inherited.systemd;
        Ok(Self {
            address,
            engine,
            doors,
            supervisor,
            runner,
            systemd,
            stop_doors,
            marks,
            folder,
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
        let (code, why) = tokio::select! {
            why = stop => {
                tracing::info!("stopping on {why}");
                (ExitCode::SUCCESS, format!("it was asked to ({why})"))
            }
            ended = &mut self.engine.ended => engine_ended(ended.ok()),
            GivenUp { task, why } = self.supervisor.given_up() => {
                tracing::error!("the task `{task}` ends again and again: stopping; {why}");
                let why = format!("the task `{task}` ended again and again: {why}");
                (ExitCode::from(EXIT_INTERNAL), why)
            }
            _ = &mut self.doors => {
                tracing::error!("the doors have closed by themselves: stopping");
                let why = "the doors closed by themselves".to_owned();
                (ExitCode::from(EXIT_INTERNAL), why)
            }
        };
        Ok(self.take_down(code, why).await)
    }

    async fn take_down(mut self, mut code: ExitCode, mut why: String) -> ExitCode {
        Watchers::finish(&self.supervisor).await;
        if let Some(systemd) = &self.systemd {
            systemd.stopping();
        }
        self.runner.close();
        self.stop_doors.cancel();
        if !self.doors.is_finished()
            && tokio::time::timeout(PATIENCE, &mut self.doors).await.is_err()
        {
            tracing::warn!("some callers were still talking and are cut off");
        }
        // It keeps its own time.
        Background::finish(&self.supervisor, &self.runner, PATIENCE).await;
        match tokio::time::timeout(ENGINE_PATIENCE, self.stop_engine()).await {
            Ok(Some(Ended::Failed(error))) => (code, why) = store_failed(&error),
            Ok(Some(Ended::Stopped) | None) => {}
            Err(_) => {
                tracing::error!("the engine does not end and is cut off");
                (code, why) = (EXIT_INTERNAL.into(), format!("{why}; the engine was cut off"));
            }
        }
        drop(self.supervisor);
        self.marks.end(why);
        drop(self.folder);
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

fn engine_ended(ended: Option<Ended>) -> (ExitCode, String) {
    match ended {
        Some(Ended::Failed(error)) => store_failed(&error),
        Some(Ended::Stopped) | None => {
            tracing::error!("the engine has ended by itself: stopping");
            (ExitCode::from(EXIT_INTERNAL), "the engine ended by itself".to_owned())
        }
    }
}

fn store_failed(error: &crate::store::Error) -> (ExitCode, String) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the disk did not take a commit, and whether it is there is not known: stopping; \
         nobody was answered, and a restart finds out"
    );
    (ExitCode::from(EXIT_STORE), format!("the disk did not take a commit: {error}"))
}

/// The name of a new store: 16 hex digits.
pub(super) fn random_id() -> anyhow::Result<String> {
    Ok(format!("{:016x}", getrandom::u64().context("the system gives no random numbers")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::tasks::{BEAT, Pace, Patience};

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
            let patience = Patience { first: Duration::from_millis(1), ..Patience::default() };
            let pace = Pace::of_turns(BEAT);
            let parts: [&dyn Fn(&mut Server); 3] = [
                &|it| it.doors.abort(),
                &|it| it.supervisor.start("broken", pace, |_, _| async { panic!("on purpose") }),
                &|it| it.supervisor.start("short", pace, |_, _| std::future::ready(())),
            ];
            for end in parts {
                let server = Server::start(&config, Clock::system(), Inherited::default());
                let mut server = server.await.unwrap();
                server.supervisor.patience = patience;
                end(&mut server);
                let ended = server.run_until(std::future::pending());
                let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
                let code = ended.expect("it serves on").unwrap();
                // Codes cannot be compared otherwise.
                assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(EXIT_INTERNAL)));
            }
        });
    }
}
