//! Reading what people write on our issues, and who of them may command.
//!
//! A comment changes its issue, so that only the comments of changed issues are read: what is
//! written elsewhere in the repository costs no request.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::sight::Unread;
use super::task::OVERLAP;
use crate::alert::commands;
use crate::alert::markdown::line;
use crate::engine::{Core, Remark, Remarked, Round};
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
}

impl Ear {
    /// Reads what is new on issues of ours that have changed, and hands it to the engine.
    /// `date` is Gitea's time of the list that shows them.
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
        let unread: Vec<_> = changed.iter().filter(is_unread).map(|(number, _)| *number).collect();
        if unread.is_empty() {
            return Ok(());
        }
        let name = round.repository.clone();
        let ours = reading.worker.ledger.ask(move |core, _| core.issues_remarked(&name, &unread));
        let since = round.record.polled_until.and_then(|at| at.checked_sub(OVERLAP).ok());
        for number in ours.await? {
            self.read_issue(reading, round, number, since).await?;
            let Some(&seen) = changed.get(&number) else { continue };
            if date.is_some_and(|date| date.duration_since(seen.0) >= SETTLED_AFTER) {
                self.read.insert(number, seen);
            }
        }
        Ok(())
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
        let answer = match list.send().await {
            Ok(answer) => answer,
            // It is gone, which the next look at it finds.
            Err(error) if error.concern() == Concern::IssueOrTarget => return Ok(()),
            Err(error) => return Err(Unread::Failed(chain(&error))),
        };
        let date = answer.date.unwrap_or_else(|| worker.clock.now());
        let remarked = &round.record.remarked;
        let mut remarks = Vec::new();
        for comment in answer.value {
            if let Some(mut remark) = remark(&comment, identity, remarked, since, date) {
                if !remark.commands.is_empty() {
                    remark.refusal = self.refusal(reading, &remark).await?;
                }
                remarks.push(remark);
            }
        }
        if remarks.is_empty() {
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

/// Whether Gitea would refuse the question once more.
fn is_refusal(error: &gitea::Error) -> bool {
    matches!(error.concern(), Concern::Trimmings | Concern::Thing)
}

/// What somebody else has written, if it was not read before. `since` is where the list
/// begins: what was written earlier is in it only because it was edited.
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
    if is_own || is_edited || !remarked.is_new(id, written_at) {
        return None;
    }
    let (person, login) = match &comment.user {
        Some(user) => (user.id, user.login.clone()),
        None => (0, String::new()),
    };
    let age = date.duration_since(written_at);
    let commands = commands::read(&comment.body);
    Some(Remark { id, person, login, written_at, age, commands, refusal: None })
}
