//! teawatch turns trouble into Gitea issues that open, speak and close by themselves.

pub mod alert;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod gitea;
pub mod http;
pub mod observation;
pub mod outbox;
pub mod sandbox;
pub mod signature;
pub mod store;
pub mod telemetry;
