//! The client for Gitea: handlers, builders and models over a transport.
//!
//! `client.issues("ops", "alerts").create(title).body(text).send().await` makes one request
//! and gives one [`Answer`] or one [`Error`]. What the answer means for the caller, such as
//! whether the request may have been carried out and whom a refusal concerns, is known here
//! ([`Error::aftermath`], [`Error::concern`]); what to do about it is not.
//!
//! This module knows how Gitea and Forgejo behave. It knows no alert and no marker, reads no
//! clock, never sends a request twice, never follows a redirect, and never sends the token
//! anywhere but to the configured address.

mod answer;
mod client;
mod comments;
mod error;
mod hooks;
mod issues;
mod labels;
mod meaning;
mod models;
mod network;
mod page;
mod repositories;
pub mod text;
mod transport;

pub use self::answer::{Answer, date, retry_after};
pub use self::client::{Client, USER_AGENT};
pub use self::comments::{Comments, CreateComment, EditComment, ListComments};
pub use self::error::{Cause, Error, MESSAGE_LIMIT_CHARS, Result, SetupError};
pub use self::hooks::Hooks;
pub use self::issues::{CreateIssue, EditIssue, Issues, ListIssues, StateFilter};
pub use self::labels::{CreateLabel, Labels, ListLabels};
pub use self::meaning::{Aftermath, Concern, Operation};
pub use self::models::{
    ApiSettings, Comment, HomeRepository, Hook, HookConfig, Identified, Issue, IssueState, Label,
    LabelId, Permissions, Repository, User, Version,
};
pub use self::network::{ANSWER_LIMIT_BYTES, Network, NetworkOptions, install_crypto};
pub use self::page::{MAX_PAGES, PAGE_SIZE, Page, Walk};
pub use self::repositories::RepositoryHandle;
pub use self::transport::{Transport, TransportError};
