//! What somebody with all rights does to repositories, users and tokens.
//!
//! Like the deeds of people these ask for no rights.

use super::people::Missing;
use super::repository::Right;
use super::world::World;

/// Acting on repositories and users.
impl World {
    /// Makes a private repository of `owner`, who is a user or an organisation, and returns
    /// its id. One of the same name must be deleted first.
    pub fn add_repository(&mut self, owner: &str, name: &str) -> Result<u64, Missing> {
        let owner = self.user_id(owner)?;
        Ok(self.insert_repository(owner, name))
    }

    /// Deletes a repository with all that is in it, and what its former names pointed to.
    pub fn delete_repository(&mut self, repository: &str) -> Result<(), Missing> {
        let id = self.repository_id(repository)?;
        self.repositories.remove(&id);
        self.former_names.retain(|_, to| *to != id);
        self.comments.retain(|_, (of, _)| *of != id);
        Ok(())
    }

    /// Gives a repository another name; the old one redirects.
    pub fn rename_repository(&mut self, repository: &str, name: &str) -> Result<(), Missing> {
        let found = self.repository_named(repository)?;
        let (id, owner) = (found.id, found.owner);
        let old = std::mem::replace(&mut found.name, name.to_owned());
        self.former_names.remove(&(owner, name.to_ascii_lowercase()));
        self.former_names.insert((owner, old.to_ascii_lowercase()), id);
        Ok(())
    }

    /// Gives a repository to another owner; the old name redirects.
    pub fn transfer_repository(&mut self, repository: &str, to: &str) -> Result<(), Missing> {
        let to = self.user_id(to)?;
        let found = self.repository_named(repository)?;
        let (id, name) = (found.id, found.name.to_ascii_lowercase());
        let from = std::mem::replace(&mut found.owner, to);
        self.former_names.remove(&(to, name.clone()));
        self.former_names.insert((from, name), id);
        Ok(())
    }

    /// Archives a repository, or takes it out of the archive.
    pub fn archive(&mut self, repository: &str, archived: bool) -> Result<(), Missing> {
        self.repository_named(repository)?.archived = archived;
        Ok(())
    }

    /// Takes all commits out of a repository, or puts one in.
    pub fn set_empty(&mut self, repository: &str, is_empty: bool) -> Result<(), Missing> {
        self.repository_named(repository)?.is_empty = is_empty;
        Ok(())
    }

    /// Makes a repository private, or public.
    pub fn set_private(&mut self, repository: &str, private: bool) -> Result<(), Missing> {
        self.repository_named(repository)?.private = private;
        Ok(())
    }

    /// Switches issues off; pull requests stay.
    pub fn disable_issues(&mut self, repository: &str) -> Result<(), Missing> {
        self.set_units(repository, false, true)
    }

    /// Switches issues and pull requests on or off. With neither, every issue route is gone.
    pub fn set_units(
        &mut self,
        repository: &str,
        issues: bool,
        pulls: bool,
    ) -> Result<(), Missing> {
        let found = self.repository_named(repository)?;
        (found.has_issues, found.has_pulls) = (issues, pulls);
        Ok(())
    }

    /// Gives a user this right in a repository, or takes all of them.
    pub fn set_rights(
        &mut self,
        repository: &str,
        user: &str,
        right: Option<Right>,
    ) -> Result<(), Missing> {
        let user = self.user_id(user)?;
        let rights = &mut self.repository_named(repository)?.rights;
        match right {
            Some(right) => rights.insert(user, right),
            None => rights.remove(&user),
        };
        Ok(())
    }

    /// Makes a token for a user, with scopes as in `write:issue`, or `all`.
    pub fn add_token(&mut self, user: &str, secret: &str, scopes: &[&str]) -> Result<(), Missing> {
        let user = self.user_id(user)?;
        self.insert_token(secret, user, scopes);
        Ok(())
    }

    /// Makes a token worthless.
    pub fn revoke_token(&mut self, secret: &str) {
        self.tokens.remove(secret);
    }

    /// Says whether a user administers the whole site.
    pub fn set_site_admin(&mut self, user: &str, is_admin: bool) -> Result<(), Missing> {
        let id = self.user_id(user)?;
        if let Some(user) = self.users.get_mut(&id) {
            user.is_admin = is_admin;
        }
        Ok(())
    }

    /// Deletes a user. What the user wrote stays, and is nobody's.
    pub fn delete_user(&mut self, login: &str) -> Result<(), Missing> {
        let id = self.user_id(login)?;
        self.users.remove(&id);
        Ok(())
    }

    /// Gives a user another login. The old one redirects in the paths of repositories, and
    /// is unknown everywhere else.
    pub fn rename_user(&mut self, login: &str, new: &str) -> Result<(), Missing> {
        let id = self.user_id(login)?;
        if let Some(user) = self.users.get_mut(&id) {
            let old = std::mem::replace(&mut user.login, new.to_owned());
            self.former_logins.remove(&new.to_ascii_lowercase());
            self.former_logins.insert(old.to_ascii_lowercase(), id);
        }
        Ok(())
    }
}
