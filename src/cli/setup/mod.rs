//! What `init`, `doctor` and `hook` share: looking at a Gitea step by step, the webhook, and
//! secrets that are read from whoever sits at the terminal.

mod address;
mod certificate;
mod finding;
mod gitea;
mod hook;
mod prompt;
mod repository;
mod secrets;
mod targets;

pub(super) use self::address::{doubts, hook_address};
pub(super) use self::finding::{Findings, State};
pub(super) use self::gitea::{Examined, Labels, client, examine};
pub(super) use self::hook::{HookToken, Hooked, find, install, remove, told};
pub(super) use self::prompt::{ask, ask_secret, is_at_terminal};
pub(super) use self::secrets::{Folder, read_secret};
pub(super) use self::targets::{Target, targets};
