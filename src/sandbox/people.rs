//! What tests, pages and the admin door look at and do as people.
//!
//! Repositories are named `owner/name`. Nothing here asks for rights: these are the hands
//! of whoever plays the person.

use http::Method;
use jiff::Timestamp;

use super::issues::Issue;
use super::labels::{Label, normal_color};
use super::repository::Repository;
use super::route::Route;
use super::world::World;

/// What is not in the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    #[error("there is no user `{0}`")]
    User(String),
    #[error("there is no repository `{0}`")]
    Repository(String),
    #[error("there is no issue {number} in `{repository}`")]
    Issue { repository: String, number: u64 },
    #[error("there is no label `{name}` in `{repository}`")]
    Label { repository: String, name: String },
}

/// Looking.
impl World {
    /// All repositories.
    pub fn repositories(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    /// The repository of this name, which is `owner/name` in any case.
    pub fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.values().find(|found| self.full_name(found).eq_ignore_ascii_case(name))
    }

    /// `owner/name` of a repository of this world.
    pub fn name_of(&self, repository: &Repository) -> String {
        self.full_name(repository)
    }

    /// The login of a user, `Ghost` if there is none.
    pub fn login(&self, user: u64) -> &str {
        self.users.get(&user).map_or("Ghost", |user| user.login.as_str())
    }

    /// The issues and pull requests of a repository by number; none if there is no such
    /// repository.
    pub fn issues(&self, repository: &str) -> impl DoubleEndedIterator<Item = &Issue> {
        self.repository(repository).into_iter().flat_map(|found| found.issues.values())
    }

    /// One of them.
    pub fn issue(&self, repository: &str, number: u64) -> Option<&Issue> {
        self.repository(repository)?.issues.get(&number)
    }

    /// The names of an issue's labels.
    pub fn labels_of(&self, repository: &str, number: u64) -> Vec<&str> {
        let Some(found) = self.repository(repository) else { return Vec::new() };
        let ids = found.issues.get(&number).into_iter().flat_map(|issue| &issue.labels);
        ids.filter_map(|id| found.labels.get(id)).map(|label| label.name.as_str()).collect()
    }

    /// How many requests came that asked to change something.
    pub fn writes(&self) -> u64 {
        let get = Method::GET.as_str();
        self.counts().filter(|(method, ..)| *method != get).map(|(_, _, count)| count).sum()
    }

    /// How many requests came that the model does not know.
    pub fn unknown_requests(&self) -> u64 {
        let unknown = self.counts().filter(|(_, route, _)| *route == Route::Unknown);
        unknown.map(|(_, _, count)| count).sum()
    }
}

/// Acting in an issue.
impl World {
    /// Opens an issue and returns its number.
    pub fn open_as(
        &mut self,
        user: &str,
        repository: &str,
        title: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<u64, Missing> {
        let (user, repository) = (self.user_id(user)?, self.repository_id(repository)?);
        let now = self.time(now);
        let number = self.open_issue(repository, user, title, body, now);
        self.tell_of_issue(repository, number, user, "opened", None);
        Ok(number)
    }

    /// Writes a comment and returns its id.
    pub fn comment_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        body: &str,
        now: Timestamp,
    ) -> Result<u64, Missing> {
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        Ok(self.comment(repository, number, user, body, now))
    }

    /// Closes an issue.
    pub fn close_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.set_open(repository, number, false, user, now);
        Ok(())
    }

    /// Opens an issue again.
    pub fn reopen_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.set_open(repository, number, true, user, now);
        Ok(())
    }

    /// Changes the title.
    pub fn edit_title_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        title: &str,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.set_title(repository, number, title, user, now);
        Ok(())
    }

    /// Writes another body.
    pub fn edit_body_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        body: &str,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.set_body(repository, number, body, user, now);
        Ok(())
    }

    /// Locks an issue, or unlocks it.
    pub fn lock_issue(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        is_locked: bool,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.set_locked(repository, number, is_locked, user, now);
        Ok(())
    }

    /// Puts a label on an issue, by name; of several with the name, the oldest.
    pub fn add_label_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        label: &str,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let label = self.label_id(repository, label)?;
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.add_labels(repository, number, &[label], user, now);
        self.tell_of_issue(repository, number, user, "label_updated", None);
        Ok(())
    }

    /// Takes a label off an issue, by name; of several with the name, the oldest.
    pub fn remove_label_as(
        &mut self,
        user: &str,
        repository: &str,
        number: u64,
        label: &str,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let label = self.label_id(repository, label)?;
        let (user, repository) = (self.user_id(user)?, self.issue_id(repository, number)?);
        let now = self.time(now);
        self.remove_labels(repository, number, &[label], user, now);
        self.tell_of_issue(repository, number, user, "label_updated", None);
        Ok(())
    }

    /// Deletes an issue, as whoever the pages act for.
    pub fn delete_issue(&mut self, repository: &str, number: u64) -> Result<(), Missing> {
        let repository = self.issue_id(repository, number)?;
        self.drop_issue(repository, number, self.human);
        Ok(())
    }

    /// Moves an issue's `updated_at` and nothing else.
    pub fn touch(&mut self, repository: &str, number: u64, now: Timestamp) -> Result<(), Missing> {
        let now = self.time(now);
        self.issue_named(repository, number)?.updated = now;
        Ok(())
    }

    /// Says whether lists show an empty object in an issue's place.
    pub fn set_zero(
        &mut self,
        repository: &str,
        number: u64,
        is_zero: bool,
    ) -> Result<(), Missing> {
        self.issue_named(repository, number)?.is_zero = is_zero;
        Ok(())
    }

    /// Says whether an issue is a pull request.
    pub fn set_pull(
        &mut self,
        repository: &str,
        number: u64,
        is_pull: bool,
    ) -> Result<(), Missing> {
        self.issue_named(repository, number)?.is_pull = is_pull;
        Ok(())
    }

    /// Makes a label and returns its id. A colour that is none becomes grey.
    pub fn add_label(&mut self, repository: &str, name: &str, color: &str) -> Result<u64, Missing> {
        let repository = self.repository_id(repository)?;
        let label = Label {
            id: 0,
            name: name.to_owned(),
            color: normal_color(color).unwrap_or_else(|_| "808080".to_owned()),
            description: String::new(),
            exclusive: false,
            is_archived: false,
        };
        Ok(self.insert_label(repository, label))
    }

    /// Deletes all labels of this name; they come off the issues without a trace.
    pub fn delete_label(&mut self, repository: &str, name: &str) -> Result<(), Missing> {
        self.label_id(repository, name)?;
        let found = self.repository_named(repository)?;
        let (gone, kept) = std::mem::take(&mut found.labels)
            .into_iter()
            .partition(|(_, label)| label.name == name);
        found.labels = kept;
        let gone: std::collections::BTreeMap<u64, Label> = gone;
        for issue in found.issues.values_mut() {
            issue.labels.retain(|id| !gone.contains_key(id));
        }
        Ok(())
    }
}

/// Finding by name.
impl World {
    pub(super) fn user_id(&self, login: &str) -> Result<u64, Missing> {
        let user = self.user_by_login(login);
        user.map(|user| user.id).ok_or_else(|| Missing::User(login.to_owned()))
    }

    pub(super) fn repository_id(&self, name: &str) -> Result<u64, Missing> {
        let found = self.repository(name).map(|repository| repository.id);
        found.ok_or_else(|| Missing::Repository(name.to_owned()))
    }

    pub(super) fn repository_named(&mut self, name: &str) -> Result<&mut Repository, Missing> {
        let id = self.repository_id(name)?;
        self.repositories.get_mut(&id).ok_or_else(|| Missing::Repository(name.to_owned()))
    }

    /// The id of the repository, if it has this issue.
    fn issue_id(&self, repository: &str, number: u64) -> Result<u64, Missing> {
        let id = self.repository_id(repository)?;
        match self.issue(repository, number) {
            Some(_) => Ok(id),
            None => Err(Missing::Issue { repository: repository.to_owned(), number }),
        }
    }

    fn issue_named(&mut self, repository: &str, number: u64) -> Result<&mut Issue, Missing> {
        let id = self.repository_id(repository)?;
        self.issue_mut(id, number)
            .ok_or_else(|| Missing::Issue { repository: repository.to_owned(), number })
    }

    fn label_id(&self, repository: &str, name: &str) -> Result<u64, Missing> {
        let found = self.repository(repository);
        let found = found.ok_or_else(|| Missing::Repository(repository.to_owned()))?;
        let label = found.labels.values().find(|label| label.name == name);
        label.map(|label| label.id).ok_or_else(|| Missing::Label {
            repository: repository.to_owned(),
            name: name.to_owned(),
        })
    }
}
