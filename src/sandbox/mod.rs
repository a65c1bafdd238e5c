//! A stand-in for Gitea on loopback.

mod body;
mod call;
mod comments;
mod deeds;
mod faults;
mod issues;
mod journal;
mod json;
mod labels;
mod lists;
mod message;
mod people;
mod reactions;
mod refusal;
mod repository;
mod route;
mod timeline;
mod upkeep;
mod user;
mod world;

pub use faults::{Action, BodyKind, Fate, Fault, Matcher};
pub use issues::{Event, EventKind, Issue, Reaction};
pub use journal::{Entry, Outcome};
pub use labels::Label;
pub use message::{Request, Response};
pub use people::Missing;
pub use repository::{Repository, Right};
pub use route::Route;
pub use user::User;
pub use world::{ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, ROOT_URL, VERSION, World};
