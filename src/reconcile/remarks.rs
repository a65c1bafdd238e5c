//! Reading what people write on our issues, and who of them may command.
//!
//! A comment changes its issue, so that only the comments of changed issues are read: what is
//! written elsewhere in the repository costs no request.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::failing::Failing;
use super::sight::{self, Unread};
use super::task::{FAILURES_MAX, OVERLAP};
use crate::alert::markdown::line;
use crate::alert::{Sighted, commands};
use crate::engine::{Core, Remark, Remarked, Round, Sighting};
use crate::gitea::{self, Comment, Concern, Issue};
use crate::outbox::{Identity, Ledger, Place, Priority, Worker, chain};

/// For so long it is believed who may write to a repository.
const RIGHTS_FOR: SignedDuration = SignedDuration::from_mins(5);

/// A comment may be dated in the second in which a list was made that does not show it.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// What is remembered of a repository's comments from one reading to the next.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// When an issue was changed last and how many comments it had, when they were read.
    read: BTreeMap<u64, (Timestamp, u64)>,
    /// Who may write, and when that was asked.
    rights: Option<(Timestamp, Rights)>,
    /// Issues whose comments cannot be read.
    pub(super) failing: Failing,
}

/// Who may write to a repository.
#[derive(Debug, Clone)]
enum Rights {
    Of(BTreeSet<i64>),
    /// Gitea does not say, and why.
    Unknown(String),
}

/// Where something is read, and as whom.
#[derive(Debug)]
pub(super) struct Reading<'a, L> {
    pub(super) worker: &'a Worker<L>,
    pub(super) place: &'a Place<'a>,
    pub(super) identity: &'a Identity,
    /// Logins that may command whatever Gitea says.
    pub(super) allow: &'a BTreeSet<String>,
    /// The longest pause before comments that could not be read are asked for again.
    pub(super) pause_max: SignedDuration,
}

impl Ear {
    /// Reads what is new on issues of ours that have changed, and hands it to the engine.
    /// `date` is Gitea's time of the list that shows them.
    ///
    /// What cannot be read of one issue holds up no other, and is remembered on the disk: it
    /// is read as soon as it can be. An error says that nothing can be read.
    pub(super) async fn listen<L: Ledger>(
        &mut self,
        reading: &Reading<'_, L>,
        round: &Round,
        changed: impl Iterator<Item = &Issue>,
        date: Option<Timestamp>,
    ) -> Result<(), Unread> {
        let changed: BTreeMap<_, _> =
            changed.map(|issue| (issue.number, (issue.updated_at, issue.comments))).collect();
        self.read.retain(|number, _| changed.contains_key(number));
        let is_unread = |(number, seen): &(&u64, &(Timestamp, u64))| {
            seen.1 > 0 && self.read.get(number) != Some(*seen)
        };
        let owed = &round.record.remarked.owed;
        let unread: BTreeSet<_> =
            changed.iter().filter(is_unread).map(|(number, _)| *number).collect();
        let unread = &unread | &owed.keys().copied().collect();
        self.failing.retain(|number| unread.contains(&number));
        if unread.is_empty() {
            return Ok(());
        }
        let name = round.repository.clone();
        let ours = reading.worker.ledger.ask(move |core, _| core.issues_remarked(&name)).await?;
        let now = reading.worker.clock.now();
        let mut numbers: Vec<_> = unread.intersection(&ours).copied().collect();
        numbers.retain(|&number| !self.failing.rests(number, now));
        numbers.sort_by_key(|&number| self.failing.contains(number));
        let window = round.record.polled_until.and_then(|at| at.checked_sub(OVERLAP).ok());
        let (mut is_read, mut failures, mut trouble) = (false, 0, None);
        for number in numbers {
            let since = owed.get(&number).copied().or(window);
            if !is_read && failures == FAILURES_MAX {
                owe(reading, round, number, since).await?;
                continue;
            }
            match self.read_issue(reading, round, number, since).await {
                Ok(()) => {
                    is_read = true;
                    if self.failing.read(number, now) {
                        tracing::info!("#{number} of {} can be read again", round.repository);
                    }
                    let Some(&seen) = changed.get(&number) else { continue };
                    if date.is_some_and(|date| date.duration_since(seen.0) >= SETTLED_AFTER) {
                        self.read.insert(number, seen);
                    }
                }
                Err(Unread::Issue(why)) => {
                    failures += 1;
                    owe(reading, round, number, since).await?;
                    if self.failing.fail(number, why.clone(), reading.pause_max, now) {
                        tracing::warn!(why, "#{number} of {} cannot be read", round.repository);
                    }
                }
                Err(Unread::Failed(why)) => {
                    owe(reading, round, number, since).await?;
                    trouble = Some(why);
                }
                Err(error) => return Err(error),
            }
        }
        match trouble {
            Some(why) => Err(Unread::Failed(why)),
            None => self.judge(reading, round, &ours, window).await,
        }
    }

    /// Says whether it is the fault of single issues that they cannot be read: then another
    /// one can be.
    async fn judge<L: Ledger>(
        &mut self,
        reading: &Reading<'_, L>,
        round: &Round,
        ours: &BTreeSet<u64>,
        window: Option<Timestamp>,
    ) -> Result<(), Unread> {
        let Some(why) = self.failing.last().map(str::to_owned) else { return Ok(()) };
        let Some(&other) = ours.iter().find(|&&number| !self.failing.contains(number)) else {
            return Err(Unread::Failed(why));
        };
        match self.read_issue(reading, round, other, window).await {
            Ok(()) => {
                self.failing.read(other, reading.worker.clock.now());
                Ok(())
            }
            Err(Unread::Issue(why)) => Err(Unread::Failed(why)),
            Err(error) => Err(error),
        }
    }

    async fn read_issue<L: Ledger>(
        &mut self,
        reading: &Reading<'_, L>,
        round: &Round,
        number: u64,
        since: Option<Timestamp>,
    ) -> Result<(), Unread> {
        let &Reading { worker, place, identity, .. } = reading;
        let (owner, name) = place.path();
        let mut list = worker.host.client(Priority::Reconcile).comments(owner, name).list(number);
        if let Some(since) = since {
            list = list.since(since);
        }
        let (comments, date) = match list.send().await {
            Ok(answer) => (answer.value, answer.date),
            // It is gone, which the next look at it finds.
            Err(error) if error.concern() == Concern::IssueOrTarget => (Vec::new(), None),
            // It would be too long the next time as well.
            Err(error) if error.is_too_long() => {
                let repository = place.repository;
                tracing::warn!(
                    error = chain(&error),
                    "the newest comments on #{number} of {repository} are too long to be read: \
                     no command in them is obeyed"
                );
                (Vec::new(), None)
            }
            // Gitea says the same of an issue that is gone.
            Err(error) if error.concern() == Concern::IssueOrTransient => {
                match sight::issue(worker, number, place).await {
                    Ok(Sighting { sighted: Sighted::Gone, .. }) => (Vec::new(), None),
                    Err(Unread::Engine(error)) => return Err(error.into()),
                    Ok(_) | Err(_) => return Err(Unread::Issue(chain(&error))),
                }
            }
            Err(error) => return Err(Unread::Issue(chain(&error))),
        };
        let date = date.unwrap_or_else(|| worker.clock.now());
        let remarked = &round.record.remarked;
        let mut remarks = Vec::new();
        for comment in comments {
            if let Some(mut remark) = remark(&comment, identity, remarked, since, date) {
                if !remark.commands.is_empty() && !remark.is_own {
                    remark.refusal = self.refusal(reading, &remark).await?;
                }
                remarks.push(remark);
            }
        }
        if remarks.is_empty() && !remarked.owed.contains_key(&number) {
            return Ok(());
        }
        let repository = round.repository.clone();
        let taken = move |core: &mut Core, now| {
            core.take_remarks(&repository, number, &remarks, now);
        };
        Ok(worker.ledger.ask(taken).await?)
    }

    /// Why a person may not command, if so. What cannot be found out now is asked again, and
    /// nothing is decided.
    async fn refusal<L: Ledger>(
        &mut self,
        reading: &Reading<'_, L>,
        remark: &Remark,
    ) -> Result<Option<String>, Unread> {
        if remark.person <= 0 {
            return Ok(Some(
                "Nobody is known who has written this, so it is not obeyed.".to_owned(),
            ));
        }
        if reading.allow.contains(&remark.login.to_lowercase()) {
            return Ok(None);
        }
        Ok(match self.rights(reading).await? {
            Rights::Of(people) if people.contains(&remark.person) => None,
            Rights::Of(_) => Some(
                "Commands are obeyed of those who may write to this repository, or whom \
                 `commands.allow` names."
                    .to_owned(),
            ),
            Rights::Unknown(why) => Some(format!(
                "Gitea does not say who may write to this repository, so only those are obeyed \
                 whom `commands.allow` names: {}",
                line(&why)
            )),
        })
    }

    async fn rights<L: Ledger>(&mut self, reading: &Reading<'_, L>) -> Result<Rights, Unread> {
        let &Reading { worker, place, .. } = reading;
        let now = worker.clock.now();
        if let Some((at, rights)) = &self.rights
            && now.duration_since(*at).abs() < RIGHTS_FOR
        {
            return Ok(rights.clone());
        }
        let (owner, name) = place.path();
        let repository = worker.host.client(Priority::Reconcile).repository(owner, name);
        let rights = match repository.assignees().await {
            Ok(answer) => Rights::Of(answer.value.iter().map(|user| user.id).collect()),
            Err(error) if is_refusal(&error) => Rights::Unknown(chain(&error)),
            Err(error) => return Err(Unread::Failed(chain(&error))),
        };
        self.rights = Some((now, rights.clone()));
        Ok(rights)
    }
}

/// Remembers that the comments on an issue are yet to be read.
async fn owe<L: Ledger>(
    reading: &Reading<'_, L>,
    round: &Round,
    number: u64,
    since: Option<Timestamp>,
) -> Result<(), Unread> {
    // Without either nothing that is written there counts.
    let Some(since) = since.or(round.record.remarked.from) else { return Ok(()) };
    let repository = round.repository.clone();
    let owed = move |core: &mut Core, _| core.owe_remarks(&repository, number, since);
    Ok(reading.worker.ledger.ask(owed).await?)
}

/// Whether Gitea would refuse the question once more.
fn is_refusal(error: &gitea::Error) -> bool {
    matches!(error.concern(), Concern::Trimmings | Concern::Thing)
}

/// What was written, if it was not read before and we have not written it ourselves. What
/// our own user has written counts if it commands something. `since` is where the list begins:
/// what was written earlier is in it only because it was edited.
fn remark(
    comment: &Comment,
    identity: &Identity,
    remarked: &Remarked,
    since: Option<Timestamp>,
    date: Timestamp,
) -> Option<Remark> {
    let written_at = comment.created_at;
    let id = u64::try_from(comment.id).ok()?;
    let is_own = comment.user.as_ref().is_some_and(|user| identity.is(user));
    let is_edited = since.is_some_and(|since| written_at < since);
    if is_edited || !remarked.is_new(id, written_at) {
        return None;
    }
    let commands = commands::read(&comment.body);
    if is_own && commands.is_empty() {
        return None;
    }
    let (person, login) = match &comment.user {
        Some(user) => (user.id, user.login.clone()),
        None => (0, String::new()),
    };
    let age = date.duration_since(written_at);
    Some(Remark { id, is_own, person, login, written_at, age, commands, refusal: None })
}
