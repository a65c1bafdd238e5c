//! teawatch turns trouble into Gitea issues that open, speak and close by themselves:
//! exactly one per trouble, through crashes, restarts and lost answers.
//!
//! This page is the map. How to install and use teawatch stands in the README.
//!
//! # How data flows
//!
//! ```text
//!  agent ── signed report ──▶ http ── observations ──▶ engine ──▶ check::step
//!                            (door)                    (one         │
//!                              ▲                       writer)  alert::step, admit
//!                              │                         │          │
//!                              │                         ▼          ▼ effects
//!                              └── answered only ── one commit: checks, alerts, outbox
//!                                  once it is        (store, on the disk)
//!                                  on the disk            │
//!                                                         ▼ feed
//!                                  engine ◀── learned ── outbox ──▶ gitea ──▶ Gitea
//! ```
//!
//! 1. At the door ([`http`]) a report is proven ([`signature`]), read and checked as a
//!    whole ([`observation`]). Past the door nobody knows JSON, headers or status codes. A
//!    ping proves itself by its address: by a key of its source, or by the UUID of its check
//!    ([`engine::Addresses`]), both of which follow from the master secret.
//! 2. The [`engine`] is one thread and the only writer. A round takes what has queued up,
//!    then the timers that are due, runs the pure steps in memory, and writes everything
//!    that changed in one commit; then it answers everybody of the round at once.
//! 3. [`check::step()`] decides whether something is wrong, [`alert::step()`] who must
//!    know, and [`alert::admit`](alert::admit::admit) whether another issue may open. What
//!    must be told is an [`alert::Effect`], and is committed together with the state from
//!    which it follows.
//! 4. The [`outbox`] carries effects to Gitea: it marks one in doubt on the disk, sends,
//!    and hands back what it learned as a command like any other. An effect that may have
//!    been carried out is looked for before it is ever sent again.
//! 5. [`reconcile`] asks Gitea what people have done to our issues, now and then and as soon
//!    as a webhook tells where, and hands what it saw to the engine, which drops a look that
//!    one of our own writes may have crossed. A webhook is a hint, on the disk before it is
//!    answered, and never believed.
//! 6. [`jobs`] runs things on a schedule. Whoever says that one is due, the ticker, somebody
//!    outside or a person, gets a claim of the engine first, which uses the slot up on the
//!    disk; that the work begins is on the disk before it does ([`job`]).
//!
//! There is no table of timers: `deadline()` is a function of the state
//! ([`check::Check::deadline`], [`alert::Alert::deadline`]). Time in which teawatch was not
//! looking is an [absence](check::Absences), and no silence is counted in it.
//!
//! # Who knows what
//!
//! | module | is for | may use, of this crate |
//! |---|---|---|
//! | [`check`] | is it all right? Pure | nothing |
//! | [`agent`] | looks at a host and reports | `check`, `clock`, `duration`, `loopback`, `observation`, `signature` |
//! | [`job`] | what is due, and who may run it? Pure | `check`, `duration` |
//! | [`alert`] | who must know, and in which words? Pure | `duration` |
//! | [`gitea`] | one request, one answer, and what it means | nothing |
//! | [`store`] | bytes on the disk; alone knows sled | nothing |
//! | [`clock`] | the only reading of the time | nothing |
//! | [`duration`] | durations as people write them | nothing |
//! | [`loopback`] | addresses that every machine has for itself | nothing |
//! | [`signature`] | proofs of a secret | nothing |
//! | [`telemetry`] | logs | nothing |
//! | [`tasks`] | background tasks: marks, supervision, what both tell | `clock` |
//! | [`observation`] | what a report may look like | `check` |
//! | [`night`] | what was in the night? The report and its words. Pure | `alert`, `check` |
//! | [`engine`] | the state, its one writer, the group commit | `check`, `alert`, `job`, `night`, `store`, `observation`, `clock`, `tasks` |
//! | [`outbox`] | effects on their way; alone tries again | `alert`, `engine`, `gitea`, `clock`, `tasks` |
//! | [`reconcile`] | what have people done to our issues? Gitea against our state | `alert`, `clock`, `engine`, `gitea`, `observation`, `outbox`, `tasks` |
//! | [`notify`] | tells others of teawatch: that it lives, hangs, or cannot tell Gitea | `engine`, `outbox`, `tasks` |
//! | [`jobs`] | jobs at work: who says when, and what is then done | `clock`, `engine`, `job`, `loopback`, `notify`, `outbox`, `reconcile`, `signature`, `store`, `tasks` |
//! | [`http`] | doors and proofs; no rule about alerts | `check`, `clock`, `engine`, `job`, `jobs`, `night`, `observation`, `outbox`, `reconcile`, `signature`, `tasks` |
//! | [`config`] | settings, judged as a whole, once | `alert`, `check`, `duration`, `engine`, `job`, `jobs`, `night`, `outbox`, `reconcile`, `telemetry` |
//! | [`sandbox`] | a stand-in for Gitea, for newcomers and tests | `clock` |
//! | [`cli`] | commands; puts everything together | all |
//!
//! `tests/architecture.rs` holds this table.
//!
//! # What always holds
//!
//! - At most one issue of an alert is open, and no [dedup key](alert::Effect::dedup_key)
//!   ever makes a second thing.
//! - Nobody is answered, and nothing is sent, before the disk has it. If the disk fails,
//!   nobody is answered and the process ends: whoever was not answered sends again, and
//!   sending again changes nothing.
//! - No slot of a job begins twice, whoever fires it, and whenever the process is killed.
//! - The state is the truth. Gitea is asked about effects in doubt, and by a store that is
//!   new, never to decide whether to open.
//! - The text of an effect is fixed at its first attempt and carries a signed
//!   [marker](alert::marker), by which it is found again. A marker counts only where
//!   teawatch's own user wrote it.
//! - Nothing pure reads a clock, a file or a socket, can fail, or rolls dice; `now` is an
//!   argument. So a test plays a night in a millisecond.
//! - When the outbox is empty, an issue is open exactly if its alert is firing or
//!   recovering, or a person wanted it otherwise.
//! - Everything has a limit, and what happens at the limit is written down.
//! - Whatever works in the background leaves marks that outlive it ([`tasks`]), and what is
//!   not known is never taken for well.
//!
//! # Two stories
//!
//! **A disk fills up.** An agent reports `db1/disk` as a failure. The door checks the
//! signature and hands an [`observation::Report`] to
//! [`Core::accept`](engine::Core::accept), inside a round of the engine. The step of the
//! check makes it down, and says so to its alert; the step of the alert begins an episode,
//! goes to [`alert::Phase::Firing`] and orders an effect to open an issue. One commit
//! writes check, alert and [`engine::Entry`], and only now the agent gets its 200. The feed
//! wakes the outbox, which asks for the effect
//! ([`Core::begin`](engine::Core::begin)): its text is rendered, stored and marked in
//! doubt. [`gitea`] posts it; Gitea answers 201 with a number; the outbox hands over
//! [`alert::Learned::Opened`], and [`Core::settle`](engine::Core::settle) writes the number
//! down and strikes the entry in one commit. More failures gather in the alert and are
//! summed up in a comment, at most one in each interval. Then the disk is mended: the check
//! is up, the alert orders a closing comment and a close, and it is over.
//!
//! **The server is killed while it opens an issue.** Gitea has committed the issue; the
//! answer never arrives. After the restart [`Core::load`](engine::Core::load) finds the
//! entry in doubt, with Gitea's time from before the attempt. [`outbox::plan()`] says to
//! look, not to send: one pass over our own user's issues, page by page until an empty
//! one. An issue with this very marker is there, so it is adopted as if the answer had
//! come. Had it not been there, the outbox would wait until a late write is no longer
//! possible (`gitea.settle_wait`), look again in two passes, and only then send again. The
//! agent notices nothing: its report was acknowledged, so it was on the disk.

pub mod agent;
#[cfg(feature = "server")]
pub mod alert;
pub mod check;
pub mod cli;
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
pub mod duration;
#[cfg(feature = "server")]
pub mod engine;
#[cfg(feature = "server")]
pub mod gitea;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod job;
#[cfg(feature = "server")]
pub mod jobs;
pub mod loopback;
#[cfg(feature = "server")]
pub mod night;
#[cfg(feature = "server")]
pub mod notify;
pub mod observation;
#[cfg(feature = "server")]
pub mod outbox;
#[cfg(feature = "server")]
pub mod reconcile;
#[cfg(feature = "server")]
pub mod sandbox;
pub mod signature;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod tasks;
#[cfg(feature = "server")]
pub mod telemetry;
