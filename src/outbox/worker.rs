//! One piece of work: ask the engine, do what the plan says, hand back what was learned.

use std::fmt;
use std::future::Future;

use jiff::Timestamp;

use super::agenda::{What, Work};
use super::deliver::{Courier, check_home, close, settled};
use super::learn::written;
use super::look::{self, Needle, Pass};
use super::plan::{Look, Step, plan};
use super::repository::Place;
use super::{Host, Identity, Priority, Settings};
use crate::alert::marker::Marker;
use crate::alert::{EffectKind, Learned, Salt};
use crate::clock::Clock;
use crate::engine::{self, Core, Engine, Entry, Outcome, Prospect};
use crate::gitea::{self, IssueState, StateFilter};

/// Whoever runs commands on the state and answers once they are on the disk: the engine,
/// or a simulation of it.
pub trait Ledger: fmt::Debug + Send + Sync + 'static {
    /// Runs `work` and returns its result once it is durable.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, engine::Error>> + Send;
}

impl Ledger for Engine {
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core, Timestamp) -> T + Send + 'static,
    ) -> Result<T, engine::Error> {
        Self::ask(self, work).await
    }
}

/// Works on one effect, or asks about one repository, at a time.
#[derive(Debug)]
pub struct Worker<L> {
    pub ledger: L,
    pub host: Host,
    pub settings: Settings,
    pub salt: Salt,
    pub clock: Clock,
    pub courier: Courier,
    /// Spreads pauses: any number each time.
    pub dice: fn() -> u32,
}

/// What a piece of work has shown about its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// An effect was carried out.
    Delivered,
    /// A question was answered well.
    Allowed,
    /// Everything for the repository has to wait.
    Refused(String),
    /// The same, unless the repository takes others: then this alone is not allowed.
    Forbidden(String),
    /// Not before this time.
    Wait(Timestamp),
    /// Nothing about the repository.
    Nothing,
}

impl<L: Ledger> Worker<L> {
    /// Does a piece of work.
    pub async fn work(&self, work: &Work) -> Result<News, engine::Error> {
        let Work { repository, record, what } = work;
        match what {
            What::Probe => self.probe(repository, record).await,
            What::Adopt => self.adopt(repository, record).await,
            What::Attempt { seq, others, others_got_through } => {
                let mut place = Place::new(repository, record);
                place.takes_others = *others_got_through;
                self.attempt(*seq, others, &place).await
            }
        }
    }

    /// Does the next thing about an effect. `others` are effects in doubt in the same
    /// repository, which share a look.
    async fn attempt(
        &self,
        seq: u64,
        others: &[u64],
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let Some(prospect) = self.ledger.ask(move |core, _| core.prospect(seq)).await? else {
            return Ok(News::Nothing);
        };
        match plan(&self.settings, &prospect, self.clock.now()) {
            Step::Wait(until) => Ok(News::Wait(until)),
            Step::Settle(outcome) => self.settle(seq, outcome, News::Nothing).await,
            Step::Try => self.send(&prospect, place).await,
            Step::Look(look) => {
                self.host.figures().looks.inc();
                self.look(look, prospect, others, place).await
            }
        }
    }

    async fn look(
        &self,
        look: Look,
        prospect: Prospect,
        others: &[u64],
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        match look {
            Look::Issues { thorough } => {
                self.look_for_issues(prospect, others, thorough, place).await
            }
            Look::Comments { thorough } => self.look_for_comment(&prospect, thorough, place).await,
            Look::State => self.look_at_state(&prospect, place).await,
        }
    }

    async fn send(&self, prospect: &Prospect, place: &Place<'_>) -> Result<News, engine::Error> {
        let seq = prospect.entry.seq;
        let writes_marker = matches!(
            prospect.entry.effect.kind,
            EffectKind::Open | EffectKind::Comment | EffectKind::Heal | EffectKind::Reply
        );
        if writes_marker {
            // Whoever we are when we write must be known when we look. If it cannot be read,
            // nothing else can, and the next request shows why.
            self.identity(Priority::LookOrClose).await?.ok();
        }
        let labels = match self.courier.labels(&self.host, place.path(), prospect).await {
            Ok(labels) => labels,
            Err(failure) => return self.failed(prospect, failure, place).await,
        };
        let date = self.host.date();
        let begun = self.ledger.ask(move |core, now| core.begin(seq, date, now)).await?;
        let Some(begun) = begun else {
            // Not wanted any more, or there is a copy of this store: then all of it waits.
            return Ok(self.inspect(Vec::new()).await?.unwrap_or(News::Nothing));
        };
        let now = self.clock.now();
        let sent = self
            .courier
            .send(&self.host, &self.settings, place.path(), place.id, &begun, labels, now)
            .await;
        match sent {
            Ok(learned) => {
                tracing::info!(
                    outbox.entry = seq,
                    key = begun.entry.key(),
                    "told Gitea: {}",
                    begun.entry.effect.kind
                );
                self.settle(seq, Outcome::Done(learned), News::Delivered).await
            }
            Err(failure) => self.failed(&begun, failure, place).await,
        }
    }

    async fn look_for_issues(
        &self,
        first: Prospect,
        others: &[u64],
        thorough: bool,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let now = self.clock.now();
        let step = Step::Look(Look::Issues { thorough });
        let mut prospects = vec![first];
        for &seq in others {
            let other = self.ledger.ask(move |core, _| core.prospect(seq)).await?;
            prospects.extend(other.filter(|other| plan(&self.settings, other, now) == step));
        }
        let identity = self.identity(Priority::LookOrClose).await?;
        let pass = match identity {
            Ok(identity) => self.pass(&prospects, thorough, &identity, place).await,
            Err(error) => Err(error),
        };
        let pass = match pass {
            Ok(pass) => pass,
            Err(error) => return self.failed(&prospects[0], error.into(), place).await,
        };
        tracing::info!(
            requests = pass.requests,
            effects = prospects.len(),
            thorough,
            "looked for effects in doubt in {}",
            place.repository
        );
        if let Some(refused) = self.inspect(pass.markers()).await? {
            return Ok(refused);
        }
        let mut news = News::Nothing;
        for prospect in &prospects {
            news = self.judge_look(prospect, &pass, thorough, place).await?;
        }
        Ok(news)
    }

    /// Reads the issues among which the effects would be.
    async fn pass(
        &self,
        prospects: &[Prospect],
        thorough: bool,
        identity: &Identity,
        place: &Place<'_>,
    ) -> gitea::Result<Pass> {
        let doubts = || prospects.iter().filter_map(|prospect| prospect.entry.doubt);
        let since = doubts().map(|doubt| doubt.since).min().flatten();
        let floor = doubts().map(|doubt| doubt.highest).min().unwrap_or(0);
        let (client, all) = (self.host.client(Priority::LookOrClose), StateFilter::All);
        let read =
            |since| look::issues(client, place.path(), identity, &self.salt, all, since, floor);
        let mut pass = read(since).await?;
        if thorough {
            // An item can slip from one page to another while a list is read, and times
            // can be wrong: a second reading goes by numbers.
            let second = read(None).await?;
            pass.requests += second.requests;
            pass.seen.extend(second.seen);
        }
        Ok(pass)
    }

    async fn judge_look(
        &self,
        prospect: &Prospect,
        pass: &Pass,
        thorough: bool,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let entry = &prospect.entry;
        let marker = self.marker(entry);
        let needle = Needle { entry, marker: marker.as_ref() };
        let mut found = pass.find(needle);
        if found.is_none()
            && let Some(issue) = pass.find_by_title(needle)
        {
            let (repository, number) = (place.repository.to_owned(), issue.number);
            let is_held = self.ledger.ask(move |core, _| core.is_held(&repository, number));
            found = (!is_held.await?).then_some(issue);
        }
        let Some(issue) = found else {
            return self.settle(entry.seq, self.not_found(entry, thorough), News::Nothing).await;
        };
        tracing::info!(
            outbox.entry = entry.seq,
            issue.number,
            "an earlier attempt had opened issue #{}",
            issue.number
        );
        let opened = self
            .courier
            .opened(&self.host, place.path(), place.id, prospect, issue.clone(), Vec::new())
            .await;
        match opened {
            Ok(learned) => self.settle(entry.seq, Outcome::Done(learned), News::Delivered).await,
            Err(failure) => self.failed(prospect, failure, place).await,
        }
    }

    async fn look_for_comment(
        &self,
        prospect: &Prospect,
        thorough: bool,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let entry = &prospect.entry;
        let number = prospect.issue.map_or(0, |issue| issue.number);
        let since = entry.doubt.and_then(|doubt| doubt.since).filter(|_| !thorough);
        let markers = match self.identity(Priority::LookOrClose).await? {
            Ok(identity) => {
                look::comments(&self.host, place.path(), &identity, &self.salt, number, since).await
            }
            Err(error) => Err(error),
        };
        let markers = match markers {
            Ok(markers) => markers,
            Err(error) => return self.failed(prospect, error.into(), place).await,
        };
        if let Some(refused) = self.inspect(markers.clone()).await? {
            return Ok(refused);
        }
        if self.marker(entry).is_some_and(|marker| markers.contains(&marker)) {
            if entry.effect.kind == EffectKind::Heal
                && let Err(failure) = close(&self.host, place.path(), place.id, number).await
            {
                return self.failed(prospect, failure, place).await;
            }
            let done = Outcome::Done(settled(&self.settings, prospect));
            return self.settle(entry.seq, done, News::Delivered).await;
        }
        self.settle(entry.seq, self.not_found(entry, thorough), News::Nothing).await
    }

    async fn look_at_state(
        &self,
        prospect: &Prospect,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let entry = &prospect.entry;
        let number = prospect.issue.map_or(0, |issue| issue.number);
        let issue = match look::issue(&self.host, place.path(), number).await {
            Ok(issue) => issue,
            Err(error) => return self.failed(prospect, error.into(), place).await,
        };
        if let Err(failure) = check_home(place.id, &issue) {
            return self.failed(prospect, failure, place).await;
        }
        let is_open = issue.state == IssueState::Open;
        if is_open == (entry.effect.kind == EffectKind::Reopen) {
            // The request itself may still be on its way.
            let late_until = entry
                .doubt
                .and_then(|doubt| doubt.late_from().checked_add(self.settings.settle_wait).ok());
            let learned = Learned::Settled { left_out: Vec::new(), late_until };
            return self.settle(entry.seq, Outcome::Done(learned), News::Delivered).await;
        }
        let look_at = self.clock.now();
        self.settle(entry.seq, Outcome::NotFound { look_at }, News::Nothing).await
    }

    /// The marker in the text of an effect. It names the store that wrote the text, which a
    /// restored one is not.
    fn marker(&self, entry: &Entry) -> Option<Marker> {
        Marker::find(&self.salt, &entry.text.as_ref()?.body)
    }

    /// A look found nothing. After a thorough one it is believed.
    fn not_found(&self, entry: &Entry, thorough: bool) -> Outcome {
        if thorough {
            let error = "an attempt without an answer was not carried out".to_owned();
            return Outcome::Refused { retry_at: None, error };
        }
        let late_from = entry.doubt.map_or_else(|| self.clock.now(), |doubt| doubt.late_from());
        let look_at = late_from.checked_add(self.settings.settle_wait).unwrap_or(Timestamp::MAX);
        Outcome::NotFound { look_at }
    }

    /// Who we are, asked for when it is not known. A user that we were not before is on the
    /// disk before anything is made of it: what it has written stays ours.
    pub async fn identity(
        &self,
        priority: Priority,
    ) -> Result<gitea::Result<Identity>, engine::Error> {
        if let Some(identity) = self.host.known_identity() {
            return Ok(Ok(identity));
        }
        let user = match self.host.client(priority).user().await {
            Ok(answer) => answer.value,
            Err(error) => return Ok(Err(error)),
        };
        let id = user.id;
        let ids = self.ledger.ask(move |core, _| core.we_are(id)).await?;
        let identity = Identity { id, login: user.login, ids };
        self.host.know(identity.clone());
        Ok(Ok(identity))
    }

    /// Shows markers to the engine, which knows whether a copy of the store wrote them.
    pub async fn inspect(&self, markers: Vec<Marker>) -> Result<Option<News>, engine::Error> {
        let copied = self.ledger.ask(move |core, _| core.inspect(&markers)).await?;
        Ok(copied.map(|key| {
            News::Refused(format!(
                "a copy of this store runs elsewhere: it wrote {key}, which this one never did"
            ))
        }))
    }

    pub(super) async fn settle(
        &self,
        seq: u64,
        outcome: Outcome,
        news: News,
    ) -> Result<News, engine::Error> {
        let wait = self.settings.settle_wait;
        let settled =
            move |core: &mut Core, now| core.settle(seq, written(outcome, wait, now), now);
        self.ledger.ask(settled).await?;
        Ok(news)
    }

    /// Settles what says nothing about the effect itself.
    pub(super) async fn postpone(
        &self,
        seq: u64,
        outcome: Outcome,
        news: News,
    ) -> Result<News, engine::Error> {
        self.ledger.ask(move |core, now| core.postpone(seq, outcome, now)).await?;
        Ok(news)
    }
}
