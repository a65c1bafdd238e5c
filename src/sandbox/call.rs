//! One request on its way through the checks that come before every handler.
//!
//! Their order is Gitea's: token, scope, repository, right, unit, token where one is
//! needed, archive. What the body says is judged later, by the handler.

use http::header::{AUTHORIZATION, HOST};
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::issues::Issue;
use super::json::Frame;
use super::message::Request;
use super::refusal::Refusal;
use super::repository::{Repository, Right};
use super::route::{Place, Route};
use super::user::Token;
use super::world::World;

/// A request that was let in.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) place: &'a Place,
    pub(super) now: Timestamp,
    viewer: Option<u64>,
    repository: Option<u64>,
    /// The address that the caller used, for the links that people follow.
    public_url: String,
}

impl Call<'_> {
    /// Whose token it is.
    pub(super) fn viewer(&self) -> Result<u64, Refusal> {
        self.viewer.ok_or_else(|| Refusal::unauthorized("token is required"))
    }

    /// The id of the repository in the path.
    pub(super) fn repository(&self) -> Result<u64, Refusal> {
        self.repository.ok_or_else(Refusal::not_found)
    }

    /// The number in the path, or that of a comment or label.
    pub(super) fn number(&self) -> Result<u64, Refusal> {
        self.place.subject.parse().map_err(|_| Refusal::not_found())
    }
}

impl World {
    /// Lets a request in, or says why not.
    pub(super) fn admit<'a>(
        &self,
        request: &'a Request,
        place: &'a Place,
        now: Timestamp,
    ) -> Result<Call<'a>, Refusal> {
        if place.route == Route::Unknown {
            return Err(Refusal::NoRoute);
        }
        if !place.route.methods().contains(&request.method) {
            return Err(Refusal::Method(place.route.methods()));
        }
        let token = self.authenticate(request)?;
        let viewer = token.map(|token| token.user);
        if let (Some(token), Some(category)) = (token, place.route.category()) {
            token.allow(&request.method, category)?;
        }
        let repository = match &place.repository {
            Some((owner, name)) => Some(self.locate(request, owner, name)?),
            None if place.route == Route::RepositoryById => {
                let id = place.subject.parse().ok();
                let found = id.and_then(|id: u64| self.repositories.get(&id));
                Some(found.ok_or_else(Refusal::not_found)?)
            }
            None => None,
        };
        if let Some(repository) = repository {
            let hidden = self.right(repository, viewer).is_none();
            let off = !repository.has_issues && !repository.has_pulls;
            if hidden || (off && place.route.needs_a_tracker()) {
                return Err(Refusal::not_found());
            }
        }
        let public = request.method == Method::GET
            && !matches!(
                place.route,
                Route::User | Route::Assignees | Route::Permission | Route::Hooks | Route::Hook
            );
        if viewer.is_none() && !public {
            return Err(Refusal::unauthorized("token is required"));
        }
        if let Some(repository) = repository.filter(|repository| repository.archived)
            && refused_in_archive(&request.method, place.route)
        {
            let name = self.full_name(repository);
            return Err(Refusal::Said(StatusCode::LOCKED, format!("{name} is archived")));
        }
        let public_url = match request.header(HOST) {
            Some(host) => format!("http://{host}"),
            None => self.root_url.clone(),
        };
        let repository = repository.map(|repository| repository.id);
        Ok(Call { request, place, now, viewer, repository, public_url })
    }

    /// The token of a request. Anything but `token T` and `Bearer T` counts as none, except
    /// a name with a password: nobody has one here, so it is wrong.
    pub(super) fn authenticate(&self, request: &Request) -> Result<Option<&Token>, Refusal> {
        let wrong = || Refusal::unauthorized("invalid username, password or token");
        let Some(header) = request.header(AUTHORIZATION) else { return Ok(None) };
        let mut words = header.split_ascii_whitespace();
        let (Some(scheme), Some(secret), None) = (words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        if scheme.eq_ignore_ascii_case("basic") {
            return Err(wrong());
        }
        if !scheme.eq_ignore_ascii_case("token") && !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(None);
        }
        self.tokens.get(secret).map(Some).ok_or_else(wrong)
    }

    /// The repository behind a name, or where it went.
    fn locate(&self, request: &Request, owner: &str, name: &str) -> Result<&Repository, Refusal> {
        let Some(found) = self.user_by_login(owner) else {
            return match self.former_logins.get(&owner.to_ascii_lowercase()) {
                Some(id) => {
                    let status = StatusCode::TEMPORARY_REDIRECT;
                    Err(moved(request, status, &format!("{}/{name}", self.login(*id))))
                }
                None => Err(Refusal::NotFound {
                    message: "GetUserByName",
                    error: Some(format!("user redirect does not exist [name: {owner}]")),
                }),
            };
        };
        let named = |repository: &&Repository| {
            repository.owner == found.id && repository.name.eq_ignore_ascii_case(name)
        };
        if let Some(repository) = self.repositories.values().find(named) {
            return Ok(repository);
        }
        let former = (found.id, name.to_ascii_lowercase());
        match self.former_names.get(&former).and_then(|id| self.repositories.get(id)) {
            Some(repository) => {
                let status = StatusCode::MOVED_PERMANENTLY;
                Err(moved(request, status, &self.full_name(repository)))
            }
            None => Err(Refusal::not_found()),
        }
    }

    /// What somebody, or nobody in particular, may do in a repository.
    pub(super) fn right(&self, repository: &Repository, viewer: Option<u64>) -> Option<Right> {
        let public = (!repository.private).then_some(Right::Read);
        let Some(viewer) = viewer else { return public };
        let all =
            repository.owner == viewer || self.users.get(&viewer).is_some_and(|user| user.is_admin);
        if all {
            return Some(Right::Admin);
        }
        repository.rights.get(&viewer).copied().max(public)
    }

    /// What the caller may do in the repository of the call.
    pub(super) fn right_of(&self, call: &Call<'_>) -> Result<Option<Right>, Refusal> {
        Ok(self.right(self.repository_of(call)?, call.viewer))
    }

    /// Whether the caller may write to the issues of the repository; nobody may where the
    /// unit is off.
    pub(super) fn may_write(&self, call: &Call<'_>) -> Result<bool, Refusal> {
        let repository = self.repository_of(call)?;
        Ok(repository.has_issues && self.right_of(call)? >= Some(Right::Write))
    }

    pub(super) fn repository_of(&self, call: &Call<'_>) -> Result<&Repository, Refusal> {
        self.repositories.get(&call.repository()?).ok_or_else(Refusal::not_found)
    }

    /// The issue in the path, whatever its unit.
    pub(super) fn issue_of(&self, call: &Call<'_>) -> Result<&Issue, Refusal> {
        let number = call.number()?;
        self.repository_of(call)?.issues.get(&number).ok_or_else(Refusal::not_found)
    }

    /// What shapes need to know of a call.
    pub(super) fn frame<'a>(&'a self, call: &'a Call<'_>) -> Frame<'a> {
        Frame {
            users: &self.users,
            root: &self.root_url,
            public: &call.public_url,
            has_versions: self.has_versions,
            viewer: call.viewer,
        }
    }
}

fn refused_in_archive(method: &Method, route: Route) -> bool {
    matches!(
        (method, route),
        (&Method::POST, Route::Issues | Route::Comments) | (&Method::PATCH, Route::Comment)
    )
}

/// A redirect to the same place in the repository of this name, without a host.
fn moved(request: &Request, status: StatusCode, full_name: &str) -> Refusal {
    let rest = request.path.trim_start_matches("/api/v1/repos/").splitn(3, '/').nth(2);
    let mut to = format!("/api/v1/repos/{full_name}");
    if let Some(rest) = rest {
        to.push('/');
        to.push_str(rest);
    }
    if !request.query.is_empty() {
        to.push('?');
        to.push_str(&request.query);
    }
    Refusal::Moved(status, to)
}
