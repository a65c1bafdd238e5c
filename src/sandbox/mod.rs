//! A stand-in for Gitea 1.26, on loopback: part of the product, and what the tests drive.
//!
//! A newcomer needs no Gitea to see teawatch work, and a test needs no other fake: this is
//! a model with faults to order, not a script. It knows nothing but HTTP; of the rest of
//! teawatch it uses the clock only. How faithful it is, is measured by what real servers
//! answered: the tables at the end of this page list every difference.
//!
//! - [`World`] is the model: users, tokens, repositories, issues, comments, labels. It is
//!   pure, so that a property test and a simulation can ask it by the thousand:
//!   [`World::answer`] carries a [`Request`] out, [`World::answer_with_fault`] tells the
//!   [`Fate`] of a request that an ordered [`Fault`] may strike.
//! - [`serve`] shows a world over HTTP: the API below `/api/v1`, pages for people, and
//!   `/-/admin/`, the door for faults and for deeds of people (its routes are listed in
//!   `admin.rs`). It sends the messages of webhooks, which [`World::take_deliveries`] hands
//!   out, and which can get lost, doubled, late, out of order or replayed by a [`Mishap`]. [`bind`] and [`run`] are for the command line.
//!
//! Where it hurts, it behaves like Gitea: pages have a size of their own, `Link` points to
//! an address that nobody listens on, labels and assignees are dropped without a word, a
//! filter by an unknown label filters nothing, a comment on a missing issue is a 500.
//!
//! What it does not have: due dates, attachments, dependencies,
//! organisations' labels, notifications, and the login of a browser.
//!
#![doc = include_str!("fidelity.md")]

mod admin;
mod body;
mod call;
mod comments;
mod courier;
mod deeds;
mod deliveries;
mod face;
mod faults;
mod hooks;
mod issues;
mod journal;
mod json;
mod labels;
mod line;
mod lists;
mod markdown;
mod message;
mod milestones;
mod news;
mod pages;
mod people;
mod reactions;
mod refusal;
mod repository;
mod route;
mod start;
mod timeline;
mod upkeep;
mod user;
mod world;

pub use deliveries::{Delivery, Mishap, PostFault};
pub use face::{Shared, serve};
pub use faults::{Action, BodyKind, Fate, Fault, Matcher};
pub use hooks::Hook;
pub use issues::{Event, EventKind, Issue, Reaction};
pub use journal::{Entry, Outcome};
pub use labels::Label;
pub use message::{Request, Response};
pub use milestones::Milestone;
pub use people::Missing;
pub use repository::{Repository, Right};
pub use route::Route;
pub use start::{Bound, Error, Options, Welcome, bind, run};
pub use user::User;
pub use world::{ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, ROOT_URL, VERSION, World};
