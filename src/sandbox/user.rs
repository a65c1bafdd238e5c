//! Who there is, and what their tokens may do.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::call::Call;
use super::message::Response;
use super::refusal::Refusal;
use super::repository::Right;
use super::route::Category;
use super::world::World;

/// A person, a bot or an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    pub id: u64,
    pub login: String,
    /// Administrators of the site may do everything everywhere.
    pub is_admin: bool,
    /// Organisations own repositories and do nothing themselves.
    pub is_organization: bool,
    pub created: Timestamp,
}

/// An access token: whose it is, and its scopes as in `write:issue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) user: u64,
    pub(super) scopes: BTreeSet<String>,
}

impl Token {
    /// Refuses what the token has no scope for; writing includes reading.
    pub(super) fn allow(&self, method: &Method, category: Category) -> Result<(), Refusal> {
        let category = category.name();
        let write = format!("write:{category}");
        let read = format!("read:{category}");
        let reading = method == Method::GET;
        let allowed = self.scopes.contains("all")
            || self.scopes.contains(&write)
            || (reading && self.scopes.contains(&read));
        if allowed {
            return Ok(());
        }
        let held: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        Err(Refusal::forbidden(format!(
            "token does not have at least one of required scope(s), required=[{}], token scope={}",
            if reading { read } else { write },
            held.join(","),
        )))
    }
}

impl World {
    pub(super) fn user_by_login(&self, login: &str) -> Option<&User> {
        self.users.values().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    /// `GET /user`
    pub(super) fn get_self(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let viewer = call.viewer()?;
        Ok(Response::of(StatusCode::OK, &self.frame(call).own_user(viewer)))
    }

    /// `GET /users/{login}`
    pub(super) fn get_user(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let login = &call.place.subject;
        let user = self.user_by_login(login).ok_or_else(|| {
            Refusal::Said(
                StatusCode::NOT_FOUND,
                format!("user redirect does not exist [name: {login}]"),
            )
        })?;
        let frame = self.frame(call);
        Ok(Response::of(StatusCode::OK, &frame.user_for_viewer(user.id)))
    }

    /// `GET /repos/{owner}/{name}/assignees`: all who may write, by login.
    pub(super) fn get_assignees(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let mut writers: Vec<&User> = self
            .users
            .values()
            .filter(|user| !user.is_organization)
            .filter(|user| {
                repository.owner == user.id
                    || repository.rights.get(&user.id).is_some_and(|right| *right >= Right::Write)
            })
            .collect();
        writers.sort_by(|a, b| a.login.cmp(&b.login));
        let frame = self.frame(call);
        let shapes: Vec<_> = writers.iter().map(|user| frame.user_for_viewer(user.id)).collect();
        Ok(Response::of(StatusCode::OK, &shapes))
    }

    /// `GET /repos/{owner}/{name}/collaborators/{login}/permission`: for administrators and
    /// for oneself.
    pub(super) fn get_permission(&self, call: &Call<'_>) -> Result<Response, Refusal> {
        let repository = self.repository_of(call)?;
        let viewer = call.viewer()?;
        let asked = self.user_by_login(&call.place.subject);
        let may_ask = self.right(repository, Some(viewer)) == Some(Right::Admin)
            || asked.is_some_and(|user| user.id == viewer);
        if !may_ask {
            return Err(Refusal::forbidden(
                "Only admins can query all permissions, repo admins \
                 can query all repo permissions, collaborators can query only their own",
            ));
        }
        let asked = asked.ok_or_else(Refusal::not_found)?;
        let permission = match self.right(repository, Some(asked.id)) {
            Some(_) if repository.owner == asked.id => "owner",
            Some(Right::Admin) => "admin",
            Some(Right::Write) => "write",
            Some(Right::Read) => "read",
            None => "none",
        };
        let user = self.frame(call).user_for_viewer(asked.id);
        Ok(Response::of(
            StatusCode::OK,
            &json!({ "permission": permission, "role_name": permission, "user": user }),
        ))
    }
}
