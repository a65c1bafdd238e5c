//! Everything that shows behaviour through the public doors, linked once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "tests may panic, print and read the clock"
)]

mod absences;
mod adoption;
mod agent;
mod alertmanager;
mod backup;
mod bad_input;
mod chaos;
mod checks;
mod cli;
mod commands;
mod config;
mod crash;
mod crowds;
mod damage;
mod demo;
mod doors;
mod dumps;
mod explained;
mod fallback;
mod gatus;
mod gitea_client;
mod jobs;
mod kills;
mod model;
mod neighbours;
mod night;
mod notify;
mod outbox_cli;
mod outbox_edits;
mod outbox_identity;
mod outbox_left_out;
mod outbox_pauses;
mod outbox_redirect;
mod pacing;
mod package;
mod page;
mod pagination;
mod people;
mod pings;
mod proxy;
mod reconcile;
mod refusals;
mod retention;
mod returning;
mod routing;
mod sandbox;
mod self_watch;
mod setup;
mod silences;
mod sockets;
mod starts;
mod store;
mod story;
mod supervised;
mod support;
mod table;
mod tasks;
mod title_prefix;
mod token;
mod unconfigured;
mod units;
mod watching;
mod webhooks;
