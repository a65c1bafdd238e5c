//! More than teawatch can take, and a disk that takes nothing.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Resource, Rlimit, prlimit};
use teawatch::clock::Clock;
use teawatch::engine::Ended;
use teawatch::engine::settings::Settings;
use teawatch::store::{Fault, Memory};

use super::refused;
use crate::support::{
    Gitea, Inside, Letter, Teawatch, ask, client, eventually, failing, passing, stopped_clock,
};

#[test]
fn a_full_queue_turns_reports_away_and_loses_none_that_it_took() {
    let memory = Memory::new();
    let settings = Settings { queue_commands: 2, ..Settings::default() };
    let mut inside = Inside::start(&memory, &stopped_clock(), settings);
    let letter = |n: u32| Letter::of(&failing(&format!("db{n}/disk")));
    assert_eq!(letter(0).send_to(&inside.url).status, 200);
    memory.order(memory.commits() + 1, Fault::Hang);
    let letters: Vec<_> = (1..=8).map(letter).collect();
    let before = memory.commits();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let url = &inside.url;
        let first = scope.spawn(|| letters[0].send_to(url));
        eventually("the disk stalls", || memory.commits() > before);
        let others: Vec<_> =
            letters[1..].iter().map(|letter| scope.spawn(|| letter.send_to(url))).collect();
        // Two of them wait, for the queue is not longer.
        eventually("five are turned away", || {
            others.iter().filter(|other| other.is_finished()).count() == 5
        });
        assert!(!first.is_finished(), "it was answered before the disk had it");
        memory.release();
        std::iter::once(first).chain(others).map(|sending| sending.join().unwrap()).collect()
    });
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(taken, 3, "{answers:?}");
    for (letter, answer) in letters.iter().zip(&answers) {
        if answer.status != 200 {
            refused("a full queue", answer, 503, "busy");
            assert_eq!(answer.headers["retry-after"], "1");
        }
        let again = letter.send_to(&inside.url);
        assert_eq!(again.body["duplicate"], answer.status == 200, "{again:?}");
    }
    inside.engine.stop();
    assert!(matches!(inside.end(), Ended::Stopped));
}

/// How many commits 50 reports take that wait together.
fn commits_for_fifty(round_commands: usize) -> u64 {
    let memory = Memory::new();
    let settings = Settings { queue_commands: 50, round_commands, ..Settings::default() };
    let mut inside = Inside::start(&memory, &stopped_clock(), settings);
    let letter = |n: u32| Letter::of(&failing(&format!("db{n}/disk")));
    assert_eq!(letter(0).send_to(&inside.url).status, 200);
    memory.order(memory.commits() + 1, Fault::Hang);
    let letters: Vec<_> = (0..53).map(|n| letter(n + 2)).collect();
    let before = memory.commits();
    let url = &inside.url;
    let (statuses, commits) = std::thread::scope(|scope| {
        let first = letter(1);
        let first = scope.spawn(move || first.send_to(url).status);
        eventually("the disk stalls", || memory.commits() > before);
        let others: Vec<_> =
            letters.iter().map(|letter| scope.spawn(|| letter.send_to(url).status)).collect();
        // The queue is full now, so all others wait in it.
        eventually("three are turned away", || {
            others.iter().filter(|other| other.is_finished()).count() == 3
        });
        let stalled = memory.commits();
        memory.release();
        assert_eq!(first.join().unwrap(), 200);
        let statuses: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
        (statuses, memory.commits() - stalled)
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 50, "{statuses:?}");
    inside.engine.stop();
    assert!(matches!(inside.end(), Ended::Stopped));
    commits
}

#[test]
fn reports_that_wait_together_share_a_commit_as_far_as_a_round_goes() {
    let commits = commits_for_fifty(256);
    assert!((1..=2).contains(&commits), "{commits} commits");
    let commits = commits_for_fifty(10);
    assert!((5..=6).contains(&commits), "{commits} commits of 10 commands");
}

#[test]
fn a_commit_that_fails_is_acknowledged_to_nobody_and_ends_the_engine() {
    for fault in [Fault::Lost, Fault::Applied] {
        let memory = Memory::new();
        let mut inside = Inside::start(&memory, &stopped_clock(), Settings::default());
        let before = Letter::of(&failing("db1/disk"));
        assert_eq!(before.send_to(&inside.url).status, 200);
        memory.order(memory.commits() + 1, fault);
        let letter = Letter::of(&failing("db2/disk"));
        refused("a failed commit", &letter.send_to(&inside.url), 503, "busy");
        assert!(matches!(inside.end(), Ended::Failed(_)));
        refused("afterwards", &letter.send_to(&inside.url), 503, "busy");
        let ready = ask(client().get(format!("{}/readyz", inside.url)));
        assert_eq!(ready.status, 503);
        assert!(ready.body["reasons"].to_string().contains("the engine has stopped"), "{ready:?}");

        let memory = memory.crash();
        let inside = Inside::start(&memory, &stopped_clock(), Settings::default());
        assert_eq!(before.send_to(&inside.url).body["duplicate"], true);
        let again = letter.send_to(&inside.url);
        assert_eq!(again.status, 200);
        assert_eq!(again.body["duplicate"], fault == Fault::Applied);
    }
}

#[test]
fn a_disk_that_takes_nothing_ends_the_process_with_74_and_a_restart_goes_on() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let plain = Teawatch::command(data.path(), &gitea, &[]);
    // A write beyond the limit shall fail, and not kill.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg0("sh");
    command.arg(plain.get_program()).args(plain.get_args()).env_clear();
    command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let mut teawatch = Teawatch::launch(command);
    teawatch.report(&failing("db1/before"));
    eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let limit = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Some(teawatch.pid()), Resource::Fsize, limit).unwrap();
    let letter = Letter::of(&failing("db1/after"));
    // The process may be gone before it could say that it is busy.
    if let Some(answer) = letter.try_send_to(&teawatch.url) {
        refused("a full disk", &answer, 503, "busy");
    }
    let status = teawatch.wait();
    assert_eq!(status.code(), Some(74), "{}", teawatch.log());
    assert!(teawatch.log().contains("the disk did not take a commit"), "{}", teawatch.log());

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert_eq!(letter.send(&teawatch).status, 200);
    eventually("both are open", || gitea.open() == 2 && teawatch.outbox().is_empty());
    teawatch.report(&passing("db1/before"));
    eventually("one is closed", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(gitea.issues().len(), 2);
}

#[test]
fn a_source_that_has_gone_wild_is_slowed_down_and_others_are_not() {
    let began = Timestamp::now();
    let millis = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&millis);
    let clock =
        Clock::from_fn(move || began + SignedDuration::from_millis(read.load(Ordering::SeqCst)));
    let inside = Inside::start(&Memory::new(), &clock, Settings::default());
    // Proven, and then found to be no report: that costs no commit, and a token.
    let letter = |source| Letter::new(source, "no report");
    let wild = letter("wild");
    for n in 0..2_000 {
        assert_eq!(wild.send_to(&inside.url).status, 422, "{n}");
    }
    let answer = wild.send_to(&inside.url);
    refused("2,001 at once", &answer, 429, "too_many");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(letter("calm").send_to(&inside.url).status, 422);
    // Whoever cannot prove to be that source does not use its rate up, nor is told of it.
    let stranger = Letter::bare("wild", "{}");
    assert_eq!(stranger.send_to(&inside.url).status, 401);
    millis.store(2, Ordering::SeqCst);
    assert_eq!(wild.send_to(&inside.url).status, 422);
    assert_eq!(wild.send_to(&inside.url).status, 429);
}
