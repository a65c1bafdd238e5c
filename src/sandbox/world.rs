//! The model: everything the stand-in knows, and how it answers.
//!
//! Pure: no clock, no I/O, no randomness. The same requests at the same times get the
//! same answers, so that a simulation can run it by the thousand.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, DATE, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::call::Call;
use super::deliveries::Post;
use super::faults::{self, Action, Fate, Fault, Faults};
use super::journal::{Entry, Journal, Outcome};
use super::message::{Request, Response};
use super::refusal::Refusal;
use super::repository::{Repository, Right};
use super::route::{Place, Route};
use super::user::{Token, User};

/// The version that the sandbox says it is, and whose behaviour it models.
pub const VERSION: &str = "1.26.3";
/// The server's own idea of its address. It is not where it listens, as behind a proxy:
/// who follows a `Link` or an API `url` gets lost.
pub const ROOT_URL: &str = "http://gitea.sandbox.invalid";
/// The token of `teawatch`, the bot of [`World::demo`]. It is no secret: the sandbox
/// listens on loopback only.
pub const BOT_TOKEN: &str = "0000000000000000000000000000000000000b07";
/// The token of `alice`, the administrator of [`World::demo`].
pub const ALICE_TOKEN: &str = "00000000000000000000000000000000000a11ce";
/// The token of `bob`, who may read in [`World::demo`].
pub const BOB_TOKEN: &str = "0000000000000000000000000000000000000b0b";

/// When users and repositories of the sandbox were made: 2025-01-02T03:04:05Z.
const FOUNDED: Timestamp = Timestamp::constant(1_735_787_045, 0);

/// A small Gitea.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) users: BTreeMap<u64, User>,
    /// By secret.
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) repositories: BTreeMap<u64, Repository>,
    /// Names that repositories had: the owner's id and the name in lower case.
    pub(super) former_names: BTreeMap<(u64, String), u64>,
    /// Logins that users had, in lower case.
    pub(super) former_logins: BTreeMap<String, u64>,
    /// Where each comment is: repository and number. Ids grow with time.
    pub(super) comments: BTreeMap<u64, (u64, u64)>,
    pub(super) ids: Ids,
    pub(super) root_url: String,
    pub(super) page_size: usize,
    pub(super) max_page_size: usize,
    /// Whether issues have a `content_version`, as from 1.26 on.
    pub(super) has_versions: bool,
    version: String,
    pub(super) human: u64,
    offset: SignedDuration,
    pub(super) post: Post,
    faults: Faults,
    journal: Journal,
}

/// The last id of each kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids {
    pub(super) user: u64,
    pub(super) repository: u64,
    pub(super) issue: u64,
    pub(super) label: u64,
    pub(super) milestone: u64,
    pub(super) hook: u64,
    /// Comments and the other events of a timeline share their ids.
    pub(super) event: u64,
}

/// The next id of a kind.
pub(super) fn next(last: &mut u64) -> u64 {
    *last += 1;
    *last
}

impl World {
    /// A Gitea without users and repositories.
    pub fn new() -> Self {
        Self {
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            repositories: BTreeMap::new(),
            former_names: BTreeMap::new(),
            former_logins: BTreeMap::new(),
            comments: BTreeMap::new(),
            ids: Ids::default(),
            root_url: ROOT_URL.to_owned(),
            page_size: 30,
            max_page_size: 50,
            has_versions: true,
            version: VERSION.to_owned(),
            human: 0,
            offset: SignedDuration::ZERO,
            post: Post::default(),
            faults: Faults::default(),
            journal: Journal::default(),
        }
    }

    /// A Gitea with the private repository `ops/alerts` of the organisation `ops` (id 4),
    /// the bot `teawatch` (id 2), who may write, the administrator `alice` (id 1) and the
    /// reader `bob` (id 3).
    pub fn demo() -> Self {
        let mut world = Self::new();
        let alice = world.add_user("alice");
        let bot = world.add_user("teawatch");
        let bob = world.add_user("bob");
        let ops = world.add_user("ops");
        if let Some(ops) = world.users.get_mut(&ops) {
            ops.is_organization = true;
        }
        world.human = alice;
        world.insert_token(ALICE_TOKEN, alice, &["all"]);
        world.insert_token(BOT_TOKEN, bot, &["write:issue", "read:user", "read:repository"]);
        world.insert_token(BOB_TOKEN, bob, &["all"]);
        let alerts = world.insert_repository(ops, "alerts");
        if let Some(alerts) = world.repositories.get_mut(&alerts) {
            alerts.rights =
                BTreeMap::from([(alice, Right::Admin), (bot, Right::Write), (bob, Right::Read)]);
        }
        world
    }

    /// Makes a user, who may do nothing yet, and returns the id.
    pub fn add_user(&mut self, login: &str) -> u64 {
        let id = next(&mut self.ids.user);
        let login = login.to_owned();
        let user = User { id, login, is_admin: false, is_organization: false, created: FOUNDED };
        self.users.insert(id, user);
        id
    }

    pub(super) fn insert_token(&mut self, secret: &str, user: u64, scopes: &[&str]) {
        let scopes: BTreeSet<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.tokens.insert(secret.to_owned(), Token { user, scopes });
    }

    pub(super) fn insert_repository(&mut self, owner: u64, name: &str) -> u64 {
        let id = next(&mut self.ids.repository);
        self.former_names.remove(&(owner, name.to_ascii_lowercase()));
        let repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            private: true,
            archived: false,
            is_empty: false,
            has_issues: true,
            has_pulls: true,
            rights: BTreeMap::new(),
            issues: BTreeMap::new(),
            labels: BTreeMap::new(),
            milestones: BTreeMap::new(),
            hooks: BTreeMap::new(),
            created: FOUNDED,
            updated: FOUNDED,
            last_number: 0,
        };
        self.repositories.insert(id, repository);
        id
    }

    /// Sets how many items a page has when nobody asks (`DEFAULT_PAGING_NUM`), and at most
    /// (`MAX_RESPONSE_ITEMS`). Zero counts as one.
    pub fn set_page_size(&mut self, default: usize, max: usize) {
        self.max_page_size = max.max(1);
        self.page_size = default.clamp(1, self.max_page_size);
    }

    /// Sets whether issues have a `content_version`, as from Gitea 1.26 on.
    pub fn set_content_versions(&mut self, has_versions: bool) {
        self.has_versions = has_versions;
    }

    /// Sets the version that is told; the behaviour stays that of [`VERSION`].
    pub fn set_version(&mut self, version: &str) {
        version.clone_into(&mut self.version);
    }

    /// Sets by how much the server's clock is off.
    pub fn set_clock_offset(&mut self, offset: SignedDuration) {
        self.offset = offset;
    }

    /// The server's time: whole seconds, and off by what was set. A time that cannot be
    /// written is left as it is.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        let shifted = now.checked_add(self.offset).unwrap_or(now);
        Timestamp::from_second(shifted.as_second()).unwrap_or(shifted)
    }

    /// As whom the pages for people act; the login of nobody is empty.
    pub fn human(&self) -> &str {
        self.users.get(&self.human).map_or("", |user| user.login.as_str())
    }

    /// Orders a fault. The oldest that matches a request strikes it.
    pub fn order(&mut self, fault: Fault) {
        self.faults.order(fault);
    }

    /// Strikes all faults that are ordered.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The faults that are still ordered, the oldest first.
    pub fn faults(&self) -> &[Fault] {
        self.faults.as_slice()
    }

    /// How many requests of this kind came.
    pub fn count(&self, method: &Method, route: Route) -> u64 {
        self.journal.count(method, route)
    }

    /// How many requests of each kind came.
    pub fn counts(&self) -> impl Iterator<Item = (&str, Route, u64)> {
        self.journal.counts()
    }

    /// The newest requests, the oldest of them first; at most 1,000.
    pub fn log(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.journal.entries()
    }

    /// Forgets counts and log.
    pub fn forget_requests(&mut self) {
        self.journal = Journal::default();
    }

    /// Carries a request out and answers it; faults do not matter.
    pub fn answer(&mut self, request: &Request, now: Timestamp) -> Response {
        let response = self.carry_out(request, now);
        let route = Place::of(&request.path).route;
        self.journal.note(request, route, now, Outcome::Answered(response.status.as_u16()));
        response
    }

    /// Does with a request what the ordered faults say.
    pub fn answer_with_fault(&mut self, request: &Request, now: Timestamp) -> Fate {
        let route = Place::of(&request.path).route;
        let Request { method, path, query, .. } = request;
        let Some(action) = self.faults.strike(method, route, path, query) else {
            return Fate::Answered(self.answer(request, now));
        };
        let fate = match action {
            Action::Refuse { status, retry_after, body } => {
                let refusal = faults::refusal(status, retry_after, body, &self.root_url);
                Fate::Answered(self.finish(refusal, now))
            }
            Action::HangUp => Fate::HungUp,
            Action::DoAndHangUp => {
                self.carry_out(request, now);
                Fate::HungUp
            }
            Action::Stall => Fate::Stalled,
            Action::DoAndStall => {
                self.carry_out(request, now);
                Fate::Stalled
            }
            Action::StallAndDo { after_ms } => {
                Fate::Held(after_ms.map(|ms| SignedDuration::from_millis(i64::from(ms))))
            }
            Action::DoAndFail => {
                self.carry_out(request, now);
                let broken = Refusal::Broken(String::new());
                let response = broken.response(&self.root_url, method, false);
                Fate::Answered(self.finish(response, now))
            }
        };
        self.journal.note(request, route, now, Outcome::of(&fate));
        fate
    }

    /// Carries a request out without counting it: what is left to do for
    /// [`Fate::Held`].
    pub fn carry_out(&mut self, request: &Request, now: Timestamp) -> Response {
        let place = Place::of(&request.path);
        let at = self.time(now);
        let response = match self.admit(request, &place, at) {
            Ok(call) => self.dispatch(&call),
            Err(refusal) => Err(refusal),
        };
        let response = response.unwrap_or_else(|refusal| {
            let told = self
                .authenticate(request)
                .ok()
                .flatten()
                .and_then(|token| self.users.get(&token.user))
                .is_some_and(|user| user.is_admin);
            refusal.response(&self.root_url, &request.method, told)
        });
        self.finish(response, now)
    }

    /// The headers that every answer has.
    fn finish(&self, response: Response, now: Timestamp) -> Response {
        let date = self.time(now).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let response = response.with(X_CONTENT_TYPE_OPTIONS, "nosniff").with(DATE, &date);
        let is_plain = response.status == StatusCode::METHOD_NOT_ALLOWED
            || response
                .headers
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
        if is_plain {
            return response;
        }
        response.with(CACHE_CONTROL, "max-age=0, private, must-revalidate, no-transform")
    }

    fn dispatch(&mut self, call: &Call<'_>) -> Result<Response, Refusal> {
        let method = &call.request.method;
        match (call.place.route, method) {
            (Route::Version, _) => {
                Ok(Response::of(StatusCode::OK, &json!({ "version": self.version })))
            }
            (Route::Settings, _) => Ok(Response::of(
                StatusCode::OK,
                &json!({
                    "max_response_items": self.max_page_size,
                    "default_paging_num": self.page_size,
                    "default_git_trees_per_page": 1_000,
                    "default_max_blob_size": 10_485_760,
                    "default_max_response_size": 104_857_600,
                }),
            )),
            (Route::User, _) => self.get_self(call),
            (Route::UserByLogin, _) => self.get_user(call),
            (Route::Repository | Route::RepositoryById, _) => self.get_repository(call),
            (Route::Assignees, _) => self.get_assignees(call),
            (Route::Permission, _) => self.get_permission(call),
            (Route::Issues, &Method::POST) => self.create_issue(call),
            (Route::Issues, _) => self.list_issues(call),
            (Route::Issue, &Method::PATCH) => self.edit_issue(call),
            (Route::Issue, &Method::DELETE) => self.remove_issue(call),
            (Route::Issue, _) => self.get_issue(call),
            (Route::Comments, &Method::POST) => self.create_comment(call),
            (Route::Comments, _) => self.list_comments(call),
            (Route::RepositoryComments, _) => self.list_repository_comments(call),
            (Route::Comment, &Method::PATCH) => self.edit_comment(call),
            (Route::Comment, &Method::DELETE) => self.remove_comment(call),
            (Route::Comment, _) => self.get_comment(call),
            (Route::Labels, &Method::POST) => self.create_label(call),
            (Route::Labels, _) => self.list_labels(call),
            (Route::Label, _) => self.get_label(call),
            (Route::IssueLabels, &Method::GET) => self.list_issue_labels(call),
            (Route::IssueLabels | Route::IssueLabel, _) => self.change_issue_labels(call),
            (Route::IssueReactions | Route::CommentReactions, &Method::GET) => {
                self.list_reactions(call)
            }
            (Route::IssueReactions | Route::CommentReactions, _) => self.change_reaction(call),
            (Route::Hooks, &Method::POST) => self.create_hook(call),
            (Route::Hook, &Method::PATCH) => self.edit_hook(call),
            (Route::Hook, &Method::DELETE) => self.remove_hook(call),
            (Route::Hooks | Route::Hook, _) => self.get_hooks(call),
            (Route::HookTest, _) => self.test_hook(call),
            (Route::Timeline, _) => self.list_timeline(call),
            (Route::Unknown, _) => Err(Refusal::NoRoute),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
