//! Finding out whether an effect in doubt was carried out.
//!
//! Lists are read to their first empty page, newest first, and never searched: only a
//! list comes from Gitea's database. Times are Gitea's own.

use jiff::Timestamp;

use super::{Host, Identity, Priority};
use crate::alert::Salt;
use crate::alert::marker::Marker;
use crate::engine::Entry;
use crate::gitea::{self, Client, Issue, IssueState, StateFilter, Walk};

/// An issue of ours, as a look saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub issue: Issue,
    pub marker: Option<Marker>,
}

/// What a look through a repository's issues saw.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    pub seen: Vec<Seen>,
    /// List requests that it took.
    pub requests: u32,
    /// Gitea's clock when it was begun: what was changed before was seen.
    pub date: Option<Timestamp>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Needle<'a> {
    pub entry: &'a Entry,
    /// The marker in the text that was sent, or may have been.
    pub marker: Option<&'a Marker>,
}

impl Pass {
    /// The highest number that was seen.
    pub fn highest(&self) -> u64 {
        self.seen.iter().map(|seen| seen.issue.number).max().unwrap_or(0)
    }

    /// The open issues that have a marker, with it.
    pub fn open(&self) -> Vec<(u64, Marker)> {
        let open = self.seen.iter().filter(|seen| seen.issue.state == IssueState::Open);
        open.filter_map(|seen| Some((seen.issue.number, seen.marker.clone()?))).collect()
    }

    /// The markers of all issues that were seen.
    pub fn markers(&self) -> Vec<Marker> {
        self.seen.iter().filter_map(|seen| seen.marker.clone()).collect()
    }

    /// The issue with the marker of the effect; of several the oldest.
    pub fn find(&self, needle: Needle<'_>) -> Option<&Issue> {
        let is_ours = |seen: &&Seen| seen.marker.is_some() && seen.marker.as_ref() == needle.marker;
        let found = self.seen.iter().filter(is_ours).map(|seen| &seen.issue);
        found.min_by_key(|issue| issue.number)
    }

    /// An issue that has lost its marker to somebody's edit: ours, newer than the intent,
    /// with the very title that was sent. The caller makes sure that no alert holds it.
    ///
    /// Numbers do not say what is newer while a store is new, so the time must agree. A
    /// marker that we cannot read is no lost one if it names another store: a teawatch with
    /// another salt may share our user, and have the same trouble with the same title.
    pub fn find_by_title(&self, needle: Needle<'_>) -> Option<&Issue> {
        let (doubt, text) = (needle.entry.doubt?, needle.entry.text.as_ref()?);
        let title = gitea::text::title(&text.title);
        let since = doubt.since?;
        let is_it = |seen: &&Seen| {
            let issue = &seen.issue;
            let is_newer = issue.number > doubt.highest && issue.created_at >= since;
            let claimant = Marker::claimant(&issue.body);
            let is_own = |id| needle.marker.is_some_and(|marker| marker.instance.id == id);
            let is_unmarked = seen.marker.is_none() && claimant.is_none_or(is_own);
            is_unmarked && is_newer && issue.title == title
        };
        let found = self.seen.iter().filter(is_it).map(|seen| &seen.issue);
        found.min_by_key(|issue| issue.number)
    }
}

/// Reads our issues, in any state, that were touched at or after `since`; without it,
/// those with a number above `floor`.
pub async fn issues(
    client: &Client,
    (owner, name): (&str, &str),
    identity: &Identity,
    salt: &Salt,
    state: StateFilter,
    since: Option<Timestamp>,
    floor: u64,
) -> gitea::Result<Pass> {
    let mut list = client.issues(owner, name).list().state(state);
    // A login that was given up may be anybody's by now: then all are read, and ids decide.
    if identity.is_the_only_one() {
        list = list.created_by(&*identity.login);
    }
    if let Some(since) = since {
        list = list.since(since);
    }
    let mut walk = Walk::default();
    let mut requests = 0;
    let mut date = None;
    while let Some(number) = walk.next_page() {
        let answer = list.page(number).await?;
        if requests == 0 {
            date = answer.date;
        }
        requests += 1;
        let page = answer.value;
        // Numbers only fall from page to page, so below the floor there is nothing new.
        let is_below =
            !page.items.is_empty() && page.items.iter().all(|issue| issue.number <= floor);
        walk.take(page);
        if since.is_none() && is_below {
            break;
        }
    }
    let is_ours = |issue: &Issue| issue.user.as_ref().is_some_and(|user| identity.is(user));
    let seen = walk
        .into_items()
        .into_iter()
        .filter(is_ours)
        .map(|issue| Seen { marker: Marker::find(salt, &issue.body), issue })
        .collect();
    Ok(Pass { seen, requests, date })
}

/// The markers in our comments on an issue that were touched at or after `since`.
pub(super) async fn comments(
    host: &Host,
    (owner, name): (&str, &str),
    identity: &Identity,
    salt: &Salt,
    issue: u64,
    since: Option<Timestamp>,
) -> gitea::Result<Vec<Marker>> {
    let comments = host.client(Priority::LookOrClose).comments(owner, name);
    let mut list = comments.list(issue);
    if let Some(since) = since {
        list = list.since(since);
    }
    let found = list.send().await?.value;
    Ok(found
        .into_iter()
        .filter(|comment| comment.user.as_ref().is_some_and(|user| identity.is(user)))
        .filter_map(|comment| Marker::find(salt, &comment.body))
        .collect())
}

/// An issue as it is now.
pub(super) async fn issue(
    host: &Host,
    (owner, name): (&str, &str),
    number: u64,
) -> gitea::Result<Issue> {
    Ok(host.client(Priority::LookOrClose).issues(owner, name).get(number).await?.value)
}
