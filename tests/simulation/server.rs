//! One life of the server: the real engine's writer, agenda, gate and worker, without
//! threads.
//!
//! What the product's threads and tasks do by waiting, the simulation does by calling
//! [`Server::round`] and [`Server::work`].

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use teawatch::alert::Salt;
use teawatch::clock::Clock;
use teawatch::engine::{self, Accepted, Command, Core, Feed, Weight, Writer};
use teawatch::observation::Report;
use teawatch::outbox::{Agenda, Courier, Gate, Host, Ledger, News, Work, Worker};
use teawatch::reconcile;
use teawatch::sandbox::BOT_TOKEN;
use teawatch::store::{self, Memory};
use tokio::sync::{oneshot, watch};

use super::knobs::Knobs;
use super::network::Network;

/// The clock of the machine, in milliseconds; people and daemons set it.
#[derive(Debug, Clone)]
pub struct WallClock(Arc<AtomicI64>);

impl WallClock {
    pub fn new(milli: i64) -> Self {
        Self(Arc::new(AtomicI64::new(milli)))
    }

    pub fn milli(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milli()).unwrap()
    }

    pub fn advance(&self, milli: i64) {
        self.0.fetch_add(milli, Ordering::Relaxed);
    }
}

/// The queue in front of the engine.
#[derive(Debug, Clone, Default)]
pub struct Desk(Arc<Mutex<VecDeque<Command>>>);

impl Desk {
    fn put(&self, command: Command) {
        self.0.lock().unwrap().push_back(command);
    }

    fn take(&self) -> Option<Command> {
        self.0.lock().unwrap().pop_front()
    }

    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Ledger for Desk {
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, engine::Error>> + Send {
        let (command, answered) = Command::new(Weight::default(), work);
        self.put(command);
        async move { answered.await.map_err(|_| engine::Error::Stopped) }
    }
}

type Finished = Result<News, engine::Error>;

/// Reconcile after a comparison.
type Compared = (reconcile::Task<Desk>, Result<(), engine::Error>);

/// How often reconcile looks whether its time has come.
const RECONCILE: SignedDuration = SignedDuration::from_mins(5);

pub struct Server {
    pub writer: Writer,
    pub desk: Desk,
    pub agenda: Agenda,
    worker: Arc<Worker<Desk>>,
    gate: Arc<Gate>,
    network: Network,
    clock: WallClock,
    works: Vec<(Work, BoxFuture<'static, Finished>)>,
    /// Reconcile between two comparisons, and when the next is due.
    rests: Option<(reconcile::Task<Desk>, Timestamp)>,
    compares: Option<BoxFuture<'static, Compared>>,
    feed: Vec<Feed>,
    /// Whether the outbox knows what the store held, and the engine has not ended.
    is_fed: bool,
    fed: Option<oneshot::Receiver<()>>,
}

impl Server {
    /// Starts from what is on the disk. `instance` is for a store that is new. Returns nothing
    /// if the first commit fails.
    pub fn start(
        memory: &Memory,
        knobs: &Knobs,
        salt: &Salt,
        instance: &str,
        network: &Network,
        clock: &WallClock,
    ) -> Result<Option<Self>, String> {
        let now = clock.now();
        let core = load(memory, knobs, salt, instance, now)?;
        let mut feed = Vec::new();
        let writer = Writer::start(core, Box::new(memory.clone()), now, &mut |news| {
            feed.push(news);
        });
        let Ok(writer) = writer else { return Ok(None) };
        let settings = knobs.outbox();
        let reading = clock.clone();
        let time = Clock::from_fn(move || reading.now());
        let gate = Arc::new(Gate::new(&settings, time.clone()));
        let base = "http://gitea.test".parse().unwrap();
        let transport = Arc::new(network.clone());
        let host = Host::new(&base, &BOT_TOKEN.into(), transport, Some(Arc::clone(&gate)));
        let desk = Desk::default();
        let routes = knobs.engine().routes;
        let named = routes.repositories().into_iter().map(str::to_owned);
        let agenda = Agenda::new(settings.clone(), named, now);
        let worker = Worker {
            ledger: desk.clone(),
            host: host.unwrap(),
            settings,
            salt: salt.clone(),
            clock: time,
            courier: Courier::default(),
            dice: || u32::MAX / 2,
        };
        let worker = Arc::new(worker);
        let settings = reconcile::Settings::default();
        let (compared, _) = watch::channel(reconcile::Status::new(settings));
        let reconcile = reconcile::Task::new(Arc::clone(&worker), settings, compared);
        let (network, clock) = (network.clone(), clock.clone());
        // As the task does: it begins when the engine has answered once.
        let (command, fed) = Command::new(Weight::default(), |_, _| ());
        desk.put(command);
        Ok(Some(Self {
            writer,
            desk,
            agenda,
            worker,
            gate,
            network,
            clock,
            works: Vec::new(),
            rests: Some((reconcile, now)),
            compares: None,
            feed,
            is_fed: false,
            fed: Some(fed),
        }))
    }

    /// Hands a report in.
    pub fn submit(&self, report: Report) -> oneshot::Receiver<Accepted> {
        let weight = Weight { bytes: 0, observations: report.observations.len() };
        let (command, accepted) = Command::new(weight, move |core, now| core.accept(&report, now));
        self.desk.put(command);
        accepted
    }

    /// One round of the engine. After an error this life is over.
    pub fn round(&mut self) -> Result<(), store::Error> {
        let (desk, feed) = (self.desk.clone(), &mut self.feed);
        let now = self.clock.now();
        self.writer.round(&mut || desk.take(), now, &mut |news| feed.push(news))?;
        if let Some(fed) = &mut self.fed
            && fed.try_recv().is_ok()
        {
            (self.is_fed, self.fed) = (true, None);
        }
        Ok(())
    }

    /// Lets the outbox do what can be done at once. Returns for how long nothing more can,
    /// in milliseconds. Fails if the outbox waits for what is past: it would never rest.
    pub fn work(&mut self) -> Result<i64, String> {
        const LONGEST: i64 = 30_000;
        if !self.is_fed {
            return Ok(LONGEST);
        }
        let mut pause = None;
        // Each pass can only go on where the one before has changed something.
        for _ in 0..1_000 {
            let before = (self.desk.waiting(), self.network.waiting(), self.works.len());
            let mut has_finished = self.begin_and_poll()?;
            pause = self.gate.hand_out();
            has_finished |= self.begin_and_poll()?;
            let after = (self.desk.waiting(), self.network.waiting(), self.works.len());
            if !self.is_fed || !has_finished && before == after {
                let now = self.clock.now();
                let until = self.worker.host.paused().map(|pause| pause.until);
                let due = until.or_else(|| self.agenda.next_due(now));
                let due = due.map(|at| at.duration_since(now)).into_iter().chain(pause).min();
                let due = due.map_or(LONGEST.into(), |due| due.as_millis() + 1);
                return Ok(i64::try_from(due).unwrap().clamp(1, LONGEST));
            }
        }
        Err(format!("the outbox never rests: {:?} {pause:?}", self.agenda))
    }

    /// Returns whether any work is done.
    fn begin_and_poll(&mut self) -> Result<bool, String> {
        self.feed.drain(..).for_each(|news| self.agenda.take(news));
        let now = self.clock.now();
        if self.agenda.look(now) {
            self.worker.host.forget_identity();
        }
        while self.works.len() < self.worker.settings.in_flight
            && self.worker.host.paused().is_none()
        {
            let Some(work) = self.agenda.begin(now) else { break };
            let (worker, of) = (Arc::clone(&self.worker), work.clone());
            self.works.push((work, Box::pin(async move { worker.work(&of).await })));
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut done = Vec::new();
        self.works.retain_mut(|(work, future)| match future.as_mut().poll(&mut context) {
            Poll::Ready(news) => {
                done.push((work.clone(), news));
                false
            }
            Poll::Pending => true,
        });
        let has_finished = !done.is_empty() | self.compare(now, &mut context);
        for (work, news) in done {
            if let Ok(News::Wait(until)) = &news
                && *until <= now
            {
                return Err(format!("the outbox waits for what is past: {work:?} until {until}"));
            }
            // What the work has changed is in the feed before it was answered.
            self.feed.drain(..).for_each(|news| self.agenda.take(news));
            // Without an engine the outbox ends.
            self.is_fed &= self.agenda.finish(&work, news, (self.worker.dice)(), now);
        }
        Ok(has_finished)
    }

    /// Lets reconcile do what it can. Returns whether a comparison is done.
    fn compare(&mut self, now: Timestamp, context: &mut Context<'_>) -> bool {
        // A clock that was set back ends its rest.
        let is_due = |(_, at): &mut (_, Timestamp)| *at <= now || *at > now + RECONCILE;
        if let Some((mut task, _)) = self.rests.take_if(is_due) {
            self.compares = Some(Box::pin(async move {
                let turned = task.turn().await;
                (task, turned)
            }));
        }
        let Some(comparison) = &mut self.compares else { return false };
        let Poll::Ready((task, turned)) = comparison.as_mut().poll(context) else { return false };
        self.compares = None;
        // Without an engine it ends.
        self.rests = turned.is_ok().then_some((task, now + RECONCILE));
        true
    }

    pub fn is_idle(&self) -> bool {
        self.is_fed && self.works.is_empty() && self.compares.is_none() && self.desk.waiting() == 0
    }
}

pub fn load(
    memory: &Memory,
    knobs: &Knobs,
    salt: &Salt,
    instance: &str,
    now: Timestamp,
) -> Result<Core, String> {
    let (settings, salt, instance) = (knobs.engine(), salt.clone(), instance.to_owned());
    Core::load(&mut memory.clone(), settings, salt, None, instance, now)
        .map_err(|error| error.to_string())
}
