//! Carrying an effect out: the requests it takes, and nothing decided.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::learn::chain;
use super::queue::priority;
use super::{Host, Priority, Settings};
use crate::alert::table::with_table;
use crate::alert::{EffectKind, Issue, Learned};
use crate::engine::{Prospect, SEEN, Trimming};
use crate::gitea::{self, Concern, IssueState, LabelId};

/// After so many fruitless attempts an opening goes without labels that can neither be read
/// nor made: nobody is to wait for them in the dark.
const LABEL_ATTEMPTS_MAX: u32 = 3;

/// The colour of labels that we make.
pub const LABEL_COLOR: &str = "#d73a4a";
/// What people are told about labels that we make.
pub const LABEL_DESCRIPTION: &str = "Opened and closed by teawatch";

/// Why an effect was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    #[error(transparent)]
    Gitea(#[from] gitea::Error),
    /// Under the repository's name there is another repository.
    #[error("the repository has the id {found}, and it was {expected} before: it is another one")]
    OtherRepository { expected: i64, found: i64 },
    /// Somebody is at work on the issue: not before this time.
    #[error("the issue was changed a moment ago")]
    Busy { until: Timestamp },
}

/// The labels that an issue is to wear, and in words what could not be had.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    pub ids: Vec<LabelId>,
    pub left_out: Vec<String>,
}

/// Carries effects out.
#[derive(Debug, Default)]
pub struct Courier {
    labels: Mutex<BTreeMap<(String, String), LabelId>>,
    /// Held while a label is looked for and made: Gitea makes a second one of the same name
    /// without a word.
    making: tokio::sync::Mutex<()>,
}

impl Courier {
    /// Carries an effect out. `path` is the repository's present owner and name,
    /// `expected` its id as far as it is known, `labels` what [`Self::labels`] gave.
    ///
    /// The entry is in doubt on the disk before this is called.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one request")]
    pub async fn send(
        &self,
        host: &Host,
        settings: &Settings,
        path: (&str, &str),
        expected: Option<i64>,
        prospect: &Prospect,
        labels: Labels,
        now: Timestamp,
    ) -> Result<Learned, Failure> {
        let entry = &prospect.entry;
        let text = entry.text.clone().unwrap_or_default();
        let issues = host.client(priority_of(prospect)).issues(path.0, path.1);
        let number = prospect.issue.map(|issue| issue.number).unwrap_or_default();
        match entry.effect.kind {
            EffectKind::Open => {
                let Labels { ids, left_out } = labels;
                let create = issues.create(text.title).body(text.body).labels(ids);
                let create = create.assignees(prospect.assignees_in_play().cloned());
                let made = create.send().await?.value;
                self.opened(host, path, expected, prospect, made, left_out).await
            }
            EffectKind::Comment => {
                let comments = host.client(Priority::Talk).comments(path.0, path.1);
                comments.create(number, text.body).send().await?;
                Ok(settled(settings, prospect))
            }
            EffectKind::Edit => {
                let read = issues.get(number).await?;
                let issue = read.value;
                check_home(expected, &issue)?;
                let body = with_table(&issue.body, &text.body);
                if body == issue.body {
                    return Ok(settled(settings, prospect));
                }
                let mut edit = issues.edit(number).body(body);
                if let Some(version) = issue.content_version {
                    edit = edit.content_version(version);
                } else {
                    let age = read.date.map(|date| date.duration_since(issue.updated_at));
                    if let Some(age) = age.filter(|age| *age < settings.edit_quiet) {
                        // A clock of Gitea's that was put back makes it no longer.
                        let age = age.max(SignedDuration::ZERO);
                        let until =
                            now.checked_add(settings.edit_quiet - age).unwrap_or(Timestamp::MAX);
                        return Err(Failure::Busy { until });
                    }
                }
                edit.send().await?;
                Ok(settled(settings, prospect))
            }
            EffectKind::React => {
                let comments = host.client(Priority::Answer).comments(path.0, path.1);
                let comment = i64::try_from(entry.effect.number).unwrap_or_default();
                for reaction in [SEEN, &text.body] {
                    match comments.react(comment, reaction).await {
                        // Which reactions there are is for each Gitea to say.
                        Err(error) if !is_dispensable(&error) => return Err(error.into()),
                        Ok(_) | Err(_) => {}
                    }
                }
                Ok(settled(settings, prospect))
            }
            EffectKind::Reply => {
                let comments = host.client(Priority::Answer).comments(path.0, path.1);
                comments.create(number, text.body).send().await?;
                Ok(settled(settings, prospect))
            }
            EffectKind::Heal => {
                let comments = host.client(Priority::LookOrClose).comments(path.0, path.1);
                match comments.create(number, text.body).send().await {
                    // A comment that Gitea does not take holds up no closing.
                    Err(error) if !is_dispensable(&error) => return Err(error.into()),
                    Ok(_) | Err(_) => {}
                }
                close(host, path, expected, number).await?;
                Ok(settled(settings, prospect))
            }
            EffectKind::Close => {
                close(host, path, expected, number).await?;
                Ok(settled(settings, prospect))
            }
            EffectKind::Reopen => {
                let edited = issues.edit(number).state(IssueState::Open).send().await?;
                check_home(expected, &edited.value)?;
                Ok(settled(settings, prospect))
            }
        }
    }

    /// What is learned from an issue that was made or found: it gets the labels that it
    /// lacks, and what Gitea dropped without a word is told. `no_labels` says which labels
    /// could not be had, and why.
    pub async fn opened(
        &self,
        host: &Host,
        path: (&str, &str),
        expected: Option<i64>,
        prospect: &Prospect,
        issue: gitea::Issue,
        no_labels: Vec<String>,
    ) -> Result<Learned, Failure> {
        check_home(expected, &issue)?;
        let may_have_labels =
            no_labels.is_empty() && !prospect.entry.left_out.contains(&Trimming::Labels);
        let mut left_out = no_labels;
        left_out.extend(prospect.entry.told.iter().cloned());
        let has_label = |name: &&String| issue.labels.iter().any(|label| label.name == **name);
        let missing: Vec<_> =
            prospect.labels.iter().filter(|name| !has_label(name)).cloned().collect();
        if !missing.is_empty() && may_have_labels {
            // The ids that we remember may be those of labels that are gone.
            self.forget_labels(path);
            if let Err(note) = self.add_labels(host, path, issue.number, &missing).await {
                left_out.push(note);
            }
        }
        let is_assigned = |login: &&String| {
            issue.assignees.iter().any(|user| user.login.eq_ignore_ascii_case(login))
        };
        let dropped = prospect.assignees_in_play().filter(|login| !is_assigned(login));
        left_out.extend(dropped.map(|login| {
            format!("{login} could not be assigned: teawatch may need the right to write")
        }));
        let found = issue.repository.as_ref().map(|repository| repository.id);
        let repository_id = found.or(expected).unwrap_or_default();
        let issue = Issue { repository_id, number: issue.number };
        let before = issue.number.saturating_sub(1);
        let floor = prospect.entry.doubt.map_or(before, |doubt| doubt.highest.min(before));
        Ok(Learned::Opened { issue, floor, left_out })
    }

    /// Finds the labels that an issue is to wear, and makes those that do not exist.
    ///
    /// Asked for before the opening is in doubt: all of it can take longer than the
    /// opening, and how long that may take is counted from the doubt.
    pub async fn labels(
        &self,
        host: &Host,
        path: (&str, &str),
        prospect: &Prospect,
    ) -> Result<Labels, Failure> {
        let mut labels = Labels::default();
        let entry = &prospect.entry;
        if entry.effect.kind != EffectKind::Open || entry.left_out.contains(&Trimming::Labels) {
            return Ok(labels);
        }
        for name in &prospect.labels {
            match self.label(host, path, name).await {
                Ok(id) => labels.ids.push(id),
                // Without the right to make labels the alert goes without.
                Err(error) if is_dispensable(&error) => {
                    let note = format!("the label {name} could not be made: {error}");
                    labels.left_out.push(note);
                }
                Err(error) if entry.unprepared >= LABEL_ATTEMPTS_MAX && !is_of_target(&error) => {
                    // The others would fare no better, and each would be waited for.
                    let named = prospect.labels.join(", ");
                    let note = format!("the labels {named} could not be had: {}", chain(&error));
                    return Ok(Labels { ids: Vec::new(), left_out: vec![note] });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(labels)
    }

    async fn add_labels(
        &self,
        host: &Host,
        path: (&str, &str),
        issue: u64,
        names: &[String],
    ) -> Result<(), String> {
        let failed =
            |error: gitea::Error| format!("the labels could not be set: {}", chain(&error));
        let mut ids = Vec::new();
        for name in names {
            ids.push(self.label(host, path, name).await.map_err(failed)?);
        }
        let labels = host.client(Priority::Open).labels(path.0, path.1);
        let now = labels.add_to_issue(issue, ids).await.map_err(failed)?.value;
        match names.iter().find(|name| now.iter().all(|label| label.name != **name)) {
            Some(name) => Err(format!("Gitea did not take the label {name}")),
            None => Ok(()),
        }
    }

    async fn label(&self, host: &Host, path: (&str, &str), name: &str) -> gitea::Result<LabelId> {
        let key = (format!("{}/{}", path.0, path.1), name.to_owned());
        if let Some(&id) = self.known_labels().get(&key) {
            return Ok(id);
        }
        let _making = self.making.lock().await;
        if let Some(&id) = self.known_labels().get(&key) {
            return Ok(id);
        }
        let labels = host.client(Priority::Open).labels(path.0, path.1);
        let label = labels.ensure(name, LABEL_COLOR, LABEL_DESCRIPTION).await?.value;
        self.known_labels().insert(key, label.id);
        Ok(label.id)
    }

    fn forget_labels(&self, path: (&str, &str)) {
        let repository = format!("{}/{}", path.0, path.1);
        self.known_labels().retain(|(of, _), _| *of != repository);
    }

    fn known_labels(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), LabelId>> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn priority_of(prospect: &Prospect) -> Priority {
    match prospect.entry.effect.kind {
        // It is in doubt by now, and still goes with its kind.
        EffectKind::Open | EffectKind::Reopen => Priority::Open,
        EffectKind::Close | EffectKind::Heal => Priority::LookOrClose,
        EffectKind::React | EffectKind::Reply => Priority::Answer,
        EffectKind::Comment | EffectKind::Edit => priority(&prospect.entry).max(Priority::Talk),
    }
}

/// Closes an issue. May be repeated.
pub(super) async fn close(
    host: &Host,
    path: (&str, &str),
    expected: Option<i64>,
    number: u64,
) -> Result<(), Failure> {
    let issues = host.client(Priority::LookOrClose).issues(path.0, path.1);
    let edited = issues.edit(number).state(IssueState::Closed).send().await?;
    check_home(expected, &edited.value)
}

/// An answer from a repository of the same name that is not ours is not believed.
pub fn check_home(expected: Option<i64>, issue: &gitea::Issue) -> Result<(), Failure> {
    let found = issue.repository.as_ref().map(|repository| repository.id);
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => {
            Err(Failure::OtherRepository { expected, found })
        }
        _ => Ok(()),
    }
}

/// It is done. What an earlier attempt may still do is waited for.
pub(super) fn settled(settings: &Settings, prospect: &Prospect) -> Learned {
    let doubt = prospect.entry.doubt;
    let late_until = doubt
        .and_then(|doubt| doubt.earlier)
        .and_then(|earlier| earlier.checked_add(settings.settle_wait).ok());
    Learned::Settled { left_out: Vec::new(), late_until }
}

fn is_dispensable(error: &gitea::Error) -> bool {
    error.concern() == Concern::Trimmings
}

/// Whether nothing else would fare better at this address, the opening neither.
fn is_of_target(error: &gitea::Error) -> bool {
    matches!(error.concern(), Concern::Target | Concern::Moved { .. })
}
