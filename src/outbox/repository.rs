//! What is asked about a repository as a whole: whether it still refuses, what it is
//! called now, and which issues of ours are open there.

use super::deliver::Failure;
use super::learn::chain;
use super::look::{self, Pass};
use super::worker::{Ledger, News, Worker};
use super::{Identity, Priority};
use crate::alert::table::members_in;
use crate::engine::{self, Found, Repository};
use crate::gitea::{self, Concern, StateFilter};

/// A repository as a request needs it.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// As the configuration calls it.
    pub repository: &'a str,
    /// Its present owner and name.
    pub owner: String,
    pub name: String,
    /// Gitea's id of it, once it is known.
    pub id: Option<i64>,
    /// Whether it has carried out something else since it refused what is tried now.
    pub takes_others: bool,
}

impl<'a> Place<'a> {
    /// Where a repository is now, by what is known of it.
    pub fn new(repository: &'a str, record: &Repository) -> Self {
        let present = record.renamed.as_deref().unwrap_or(repository);
        let (owner, name) = present.split_once('/').unwrap_or((present, ""));
        let id = record.admission.id;
        let (owner, name) = (owner.to_owned(), name.to_owned());
        Self { repository, owner, name, id, takes_others: false }
    }

    /// Its present owner and name.
    pub fn path(&self) -> (&str, &str) {
        (&self.owner, &self.name)
    }
}

impl<L: Ledger> Worker<L> {
    /// Asks a repository that refuses whether it still does.
    pub async fn probe(
        &self,
        repository: &str,
        record: &Repository,
    ) -> Result<News, engine::Error> {
        let place = Place::new(repository, record);
        match self.question(&place).await {
            Ok(None) => Ok(News::Allowed),
            Ok(Some(reason)) => Ok(News::Refused(reason)),
            Err(error) if matches!(error.concern(), Concern::Moved { .. }) => {
                self.follow(&error, &place).await
            }
            Err(error) => Ok(News::Refused(chain(&error))),
        }
    }

    /// Asks for the repository. Returns why it cannot take issues, if it says so.
    pub async fn question(&self, place: &Place<'_>) -> gitea::Result<Option<String>> {
        let (owner, name) = place.path();
        let client = self.host.client(Priority::Probe);
        let repository = match client.repository(owner, name).get().await {
            Ok(answer) => answer.value,
            // A token without `read:repository` may still work with issues.
            Err(error) if error.status() == Some(http::StatusCode::FORBIDDEN) => {
                client.issues(owner, name).list().page_size(1).page(1).await?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(if repository.archived {
            Some("the repository is archived".to_owned())
        } else if !repository.has_own_issues() {
            Some("issues are switched off in the repository".to_owned())
        } else {
            match place.id.filter(|&id| id != repository.id) {
                Some(id) => Some(format!(
                    "the repository has the id {}, and it was {id} before: it is another one",
                    repository.id
                )),
                None => None,
            }
        })
    }

    /// The repository has another name: asks for it by its id, and remembers the name.
    pub async fn follow(
        &self,
        error: &gitea::Error,
        place: &Place<'_>,
    ) -> Result<News, engine::Error> {
        let client = self.host.client(Priority::LookOrClose);
        let found = match (place.id, error.concern()) {
            (Some(id), _) => client.repository_by_id(id).await,
            (None, Concern::Moved { location }) => match repository_in(&location) {
                Some((owner, name)) => client.repository(owner, name).get().await,
                None => return Ok(News::Refused(chain(error))),
            },
            (None, _) => return Ok(News::Refused(chain(error))),
        };
        match found {
            // Asking again under the name that was just asked for would go on for ever.
            Ok(answer) if answer.value.full_name == format!("{}/{}", place.owner, place.name) => {
                let name = answer.value.full_name;
                Ok(News::Refused(format!("{name} is redirected to itself: {}", chain(error))))
            }
            Ok(answer) => {
                let (id, full_name) = (answer.value.id, answer.value.full_name);
                tracing::warn!("the repository {} is now {full_name}", place.repository);
                let repository = place.repository.to_owned();
                self.ledger
                    .ask(move |core, _| {
                        core.identified(&repository, id);
                        core.renamed(&repository, &full_name);
                    })
                    .await?;
                Ok(News::Allowed)
            }
            Err(error) => Ok(News::Refused(chain(&error))),
        }
    }

    /// Reads all open issues of ours in a repository, before anything is opened there.
    pub async fn adopt(
        &self,
        repository: &str,
        record: &Repository,
    ) -> Result<News, engine::Error> {
        let place = Place::new(repository, record);
        let found = match self.identity(Priority::LookOrClose).await? {
            Ok(identity) => self.open_issues(&identity, &place).await,
            Err(error) => Err(error),
        };
        let (id, pass) = match found {
            Ok(found) => found,
            Err(error) => {
                return match error.concern() {
                    Concern::Moved { .. } => self.follow(&error, &place).await,
                    Concern::Identity => {
                        self.host.forget_identity();
                        Ok(News::Refused(chain(&error)))
                    }
                    _ => Ok(News::Refused(chain(&error))),
                };
            }
        };
        if let (Some(expected), Some(found)) = (place.id, id)
            && expected != found
        {
            return Ok(News::Refused(chain(&Failure::OtherRepository { expected, found })));
        }
        if let Some(refused) = self.inspect(pass.markers()).await? {
            return Ok(refused);
        }
        let (date, highest, open) = (pass.date, pass.highest(), pass.open());
        let found: Vec<_> = pass
            .seen
            .into_iter()
            .filter_map(|seen| {
                let members = members_in(&seen.issue.body);
                Some(Found { number: seen.issue.number, marker: seen.marker?, members })
            })
            .collect();
        let repository = repository.to_owned();
        self.ledger
            .ask(move |core, now| {
                core.adopt(&repository, id, &found, now);
                core.remarks_from(&repository, date, now);
                core.polled(&repository, date, highest, now);
                core.heal(&repository, &open, now);
            })
            .await?;
        Ok(News::Allowed)
    }

    async fn open_issues(
        &self,
        identity: &Identity,
        place: &Place<'_>,
    ) -> gitea::Result<(Option<i64>, Pass)> {
        let (owner, name) = place.path();
        let client = self.host.client(Priority::LookOrClose);
        let id = match client.repository(owner, name).get().await {
            Ok(answer) => Some(answer.value.id),
            Err(error) if error.status() == Some(http::StatusCode::FORBIDDEN) => None,
            Err(error) => return Err(error),
        };
        let open = StateFilter::Open;
        let pass = look::issues(client, place.path(), identity, &self.salt, open, None, 0).await?;
        Ok((id, pass))
    }
}

/// Owner and name in the path of an API call: `.../repos/owner/name/...`.
fn repository_in(location: &str) -> Option<(String, String)> {
    let (_, rest) = location.split_once("/repos/")?;
    let mut parts = rest.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    Some((owner.to_owned(), name.to_owned()))
}
