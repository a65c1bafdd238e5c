//! Jobs that do something: backups, and what asks others.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use http::Method;
use serde_json::json;
use teawatch::sandbox::{Action, Fault, Route};
use teawatch::store::Dump;

use super::Work;
use crate::support::eventually;

/// The backups of a server, oldest first.
fn backups(work: &Work) -> Vec<PathBuf> {
    let folder = work.data.path().join("backups");
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_backup_is_whole_the_newest_are_kept_and_others_are_left_alone() {
    let work = Work::with(&[]);
    work.adds(&json!({ "name": "night", "do": "backup", "keep": 2, "schedule": "0 3 * * *" }));
    work.adds(&json!({ "name": "night-2", "do": "backup", "schedule": "0 3 * * *" }));
    work.run("night-2");
    eventually("one is made", || work.states("night-2") == ["done"]);
    let folder = work.data.path().join("backups");
    fs::write(folder.join("night-of-mine.backup"), "mine").unwrap();
    fs::write(folder.join(".unfinished-by-a-kill"), "half").unwrap();
    let mut first = None;
    for number in 1..=3 {
        work.run("night");
        let done = vec!["done"; number];
        eventually("another is made", || work.states("night") == done);
        first = first.or_else(|| backups(&work).into_iter().find(|file| is_of(file, "night-20")));
    }
    let files = backups(&work);
    assert_eq!(files.len(), 4, "{files:?}");
    assert!(!files.contains(&first.unwrap()), "the oldest is still there");
    for file in files.iter().filter(|file| !is_of(file, "night-of")) {
        let mut from = File::open(file).unwrap();
        assert_eq!(from.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let records = Dump::open(&mut from).unwrap().read(&mut |_, _, _| Ok(())).unwrap();
        assert!(records > 2, "{records}");
    }
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let output = work.runs("night")[0]["output"].as_str().unwrap().to_owned();
    assert!(output.ends_with("1 older ones are gone"), "{output}");
}

#[test]
fn a_backup_that_is_just_made_stays_though_a_clock_was_ahead_before() {
    let work = Work::with(&[]);
    let folder = work.data.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let ahead = folder.join("night-29991231T235959.999Z.backup");
    fs::write(&ahead, "of a time that has not come").unwrap();
    work.adds(&json!({ "name": "night", "do": "backup", "keep": 1, "schedule": "0 3 * * *" }));
    work.run("night");
    eventually("one is made", || work.states("night") == ["done"]);
    let files = backups(&work);
    assert_eq!(files.len(), 1, "{files:?}");
    assert_ne!(files[0], ahead);
}

fn is_of(file: &std::path::Path, beginning: &str) -> bool {
    file.file_name().unwrap().to_string_lossy().starts_with(beginning)
}

#[test]
fn a_backup_that_cannot_be_written_is_a_failure_that_names_the_place() {
    let work = Work::with(&[]);
    fs::write(work.data.path().join("backups"), "in the way").unwrap();
    work.adds(&json!({ "name": "night", "do": "backup", "schedule": "0 3 * * *" }));
    work.run("night");
    eventually("it has failed", || work.states("night") == ["failed"]);
    let why = work.runs("night")[0]["why"].as_str().unwrap().to_owned();
    assert!(why.contains("/backups/night-20"), "{why}");
    eventually("it is an issue", || work.gitea.open() == 1);
}

#[test]
fn each_kind_does_what_it_says() {
    let work = Work::with(&[("reconcile.every", "1h")]);
    for kind in ["sweep", "reconcile", "token-probe", "dead-man", "retention"] {
        work.add(kind, kind, "0 3 * * *");
        work.run(kind);
        eventually("it is done", || work.states(kind) == ["done"]);
    }
    let says = |name: &str| work.runs(name)[0]["output"].as_str().unwrap().to_owned();
    assert_eq!(says("reconcile"), "ops/alerts were compared");
    assert!(says("sweep").ends_with("0 alerts fire"), "{}", says("sweep"));
    // A token that Gitea does not take is found out.
    let refuse = Action::Refuse { status: 401, retry_after: None, body: Default::default() };
    work.gitea.order(Fault::new(refuse).on(&Method::GET, Route::User));
    work.run("token-probe");
    eventually("it has failed", || work.states("token-probe")[0] == "failed");
    let why = work.runs("token-probe")[0]["why"].as_str().unwrap().to_owned();
    assert!(why.starts_with("Gitea does not take the token"), "{why}");
}

#[test]
fn a_job_that_works_with_what_is_not_configured_says_what_to_set() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), crate::support::Gitea::start());
    let teawatch = crate::support::Teawatch::start(data.path(), &gitea, &[]);
    let add = ["jobs", "add", "switch", "--do", "dead-man", "--schedule", "0 3 * * *"];
    assert!(teawatch.cli(&add).status.success());
    assert!(teawatch.cli(&["jobs", "run", "switch"]).status.success());
    eventually("it has failed", || {
        let runs = teawatch.get("/api/v1/jobs/switch/runs").1;
        runs["items"][0]["why"] == "there is no dead man's switch: set `deadman.url_file`"
    });
}
