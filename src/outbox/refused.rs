//! What follows when Gitea says no, or nothing: the verdict, and the questions that it takes.

use http::StatusCode;

use super::Priority;
use super::deliver::Failure;
use super::learn::{Verdict, backoff, blame, chain, later, learn};
use super::look;
use super::repository::Place;
use super::worker::{Ledger, News, Worker};
use crate::alert::Learned;
use crate::engine::{self, Outcome, Prospect};
use crate::gitea::Concern;

impl<L: Ledger> Worker<L> {
    /// What follows from an attempt or a look that failed.
    pub(super) async fn failed(
        &self,
        prospect: &Prospect,
        failure: Failure,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let (seq, now) = (prospect.entry.seq, self.clock.now());
        let message = chain(&failure);
        tracing::warn!(outbox.entry = seq, error = message, "an effect will be tried again");
        let error = match failure {
            Failure::Gitea(error) => error,
            Failure::Busy { until } => {
                let outcome = Outcome::Refused { retry_at: Some(until), error: message };
                return self.postpone(seq, outcome, News::Nothing).await;
            }
            Failure::OtherRepository { .. } => {
                // Whatever was written there is not believed, nor written again.
                let outcome = Outcome::Unknown { retry_at: now, error: message.clone() };
                return self.postpone(seq, outcome, News::Refused(message)).await;
            }
        };
        // Gitea says so of a repository without rights and of what nobody may do to a thing.
        // All else that concerns the target concerns nothing but that.
        let is_forbidden = error.status() == Some(StatusCode::FORBIDDEN);
        match learn(&self.settings, prospect, &error, (self.dice)(), now) {
            Verdict::Effect(outcome) => self.settle(seq, outcome, News::Nothing).await,
            // It is refused for what it is, and holds up nothing else.
            Verdict::Target { outcome, .. } if is_forbidden && place.takes_others => {
                let outcome = match outcome {
                    Outcome::Refused { retry_at: None, error } => {
                        let pause = backoff(&self.settings, prospect.entry.attempts, (self.dice)());
                        Outcome::Refused { retry_at: Some(later(now, pause)), error }
                    }
                    outcome => outcome,
                };
                self.settle(seq, outcome, News::Nothing).await
            }
            Verdict::Target { outcome, reason } if is_forbidden => {
                self.postpone(seq, outcome, News::Forbidden(reason)).await
            }
            Verdict::Target { outcome, reason } => {
                self.postpone(seq, outcome, News::Refused(reason)).await
            }
            Verdict::Identity { outcome } => self.ask_identity(seq, outcome, place).await,
            Verdict::Moved { outcome } => {
                let news = self.follow(&error, place).await?;
                self.postpone(seq, outcome, news).await
            }
            Verdict::AskAssignees => self.ask_assignees(prospect, message, place).await,
            Verdict::AskIssue { otherwise } => self.ask_issue(prospect, otherwise, place).await,
        }
    }

    /// Finds out whether an issue is gone, or its repository, or neither.
    async fn ask_issue(
        &self,
        prospect: &Prospect,
        otherwise: Outcome,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let seq = prospect.entry.seq;
        let number = prospect.issue.map_or(0, |issue| issue.number);
        let Err(error) = look::issue(&self.host, place.path(), number).await else {
            return self.settle(seq, otherwise, News::Nothing).await;
        };
        if !error.is_not_found() {
            return self.settle(seq, otherwise, News::Nothing).await;
        }
        match self.question(place).await {
            // The repository answers and has issues: so it is the issue that is gone.
            Ok(None) => {
                tracing::warn!(issue.number = number, "the issue was deleted");
                self.settle(seq, Outcome::Done(Learned::IssueGone), News::Delivered).await
            }
            Ok(Some(reason)) => self.postpone(seq, otherwise, News::Refused(reason)).await,
            Err(error) => self.postpone(seq, otherwise, News::Refused(chain(&error))).await,
        }
    }

    /// A list by our login was not found. Asks who we are, and if that has not changed,
    /// whether the repository is there at all.
    async fn ask_identity(
        &self,
        seq: u64,
        outcome: Outcome,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let before = self.host.known_identity();
        self.host.forget_identity();
        let now = self.identity(Priority::LookOrClose).await?;
        if before != now.ok() {
            return self.settle(seq, outcome, News::Nothing).await;
        }
        match self.question(place).await {
            Ok(None) => self.settle(seq, outcome, News::Nothing).await,
            Ok(Some(reason)) => self.postpone(seq, outcome, News::Refused(reason)).await,
            Err(error) => {
                let news = match error.concern() {
                    Concern::Moved { .. } => self.follow(&error, place).await?,
                    _ => News::Refused(chain(&error)),
                };
                self.postpone(seq, outcome, news).await
            }
        }
    }

    /// Gitea refused an assignee without naming one: asks whom it would take.
    async fn ask_assignees(
        &self,
        prospect: &Prospect,
        error: String,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let (owner, name) = place.path();
        let repository = self.host.client(Priority::Open).repository(owner, name);
        let taken = repository.assignees().await.map(|answer| answer.value);
        let now = self.clock.now();
        let outcome = blame(&self.settings, prospect, taken, error, (self.dice)(), now);
        self.settle(prospect.entry.seq, outcome, News::Nothing).await
    }
}
