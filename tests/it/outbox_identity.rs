//! Who we are, whether the repository is there, and which store this is.

use http::Method;
use teawatch::alert::marker::Marker;
use teawatch::alert::{EffectKind, Salt};
use teawatch::sandbox::{Action, BOT_TOKEN, BodyKind, Fault, Right, Route};

use crate::support::{
    Gitea, REPOSITORY, SALT, Teawatch, all_is_told, eventually, failing, passing, readiness,
};

fn refuse(status: u16) -> Fault {
    Fault::new(Action::Refuse { status, retry_after: None, body: BodyKind::Json })
}

/// The answer to an opening is lost, and looks for it fail until the faults are cleared.
fn lose_an_opening(gitea: &Gitea, teawatch: &Teawatch, check: &str) {
    let looks = gitea.count(&Method::GET, Route::Issues);
    gitea.order(refuse(502).on(&Method::GET, Route::Issues).until_cleared());
    gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, Route::Issues));
    teawatch.report(&failing(check));
    eventually("it is looked for", || gitea.count(&Method::GET, Route::Issues) > looks);
}

#[test]
fn an_issue_that_we_opened_as_another_user_is_found_and_stays_ours() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    // After this start nobody has asked yet who we are.
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    lose_an_opening(&gitea, &teawatch, "db1/cpu");
    teawatch.kill();
    {
        let mut world = gitea.world();
        world.add_user("watchtower");
        world.set_rights(REPOSITORY, "watchtower", Some(Right::Write)).unwrap();
        world.add_token("watchtower", BOT_TOKEN, &["all"]).unwrap();
        world.clear_faults();
    }
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("it is found", || teawatch.outbox().is_empty());
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.count(&Method::POST, Route::Issues)), (2, 2));
    for check in ["db1/disk", "db1/cpu"] {
        teawatch.report(&passing(check));
    }
    eventually("both are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn who_we_are_is_known_before_anything_is_written_in_that_name() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    gitea.world().add_user("watchtower");
    gitea.world().set_rights(REPOSITORY, "watchtower", Some(Right::Write)).unwrap();
    gitea.world().add_token("watchtower", BOT_TOKEN, &["all"]).unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    gitea.order(Fault::new(Action::DoAndStall).on(&Method::POST, Route::Issues));
    teawatch.report(&failing("db1/cpu"));
    eventually("it is there", || gitea.open() == 2);
    teawatch.kill();
    gitea.world().add_token("teawatch", BOT_TOKEN, &["all"]).unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("it is found", || teawatch.outbox().is_empty());
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.count(&Method::POST, Route::Issues)), (2, 2));
}

#[test]
fn a_repository_that_is_out_of_sight_of_a_look_refuses_and_the_opening_loses_no_attempt() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("gitea.retry_max", "50ms")]);
    teawatch.report(&passing("db1/disk"));
    eventually("it has read what is open", || gitea.count(&Method::GET, Route::Issues) > 0);
    lose_an_opening(&gitea, &teawatch, "db1/disk");
    gitea.world().set_rights(REPOSITORY, "teawatch", None).unwrap();
    gitea.world().clear_faults();
    eventually("the refusal is told", || {
        let (ready, body) = readiness(&teawatch);
        let told = body["reasons"][0].as_str().unwrap_or_default();
        !ready && told.starts_with("ops/alerts refuses since 20") && told.contains("404")
    });
    let attempts = || teawatch.outbox()[0]["attempts"].clone();
    let before = (attempts(), gitea.count(&Method::GET, Route::Repository));
    eventually("it is asked for again", || {
        gitea.count(&Method::GET, Route::Repository) > before.1 + 3
    });
    assert_eq!(attempts(), before.0);
    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap();
    eventually("it is found", || teawatch.outbox().is_empty());
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.count(&Method::POST, Route::Issues)), (1, 1));
}

#[test]
fn attempts_are_not_counted_while_the_repository_refuses() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("gitea.probe_first", "5ms"), ("gitea.probe_max", "10ms")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&passing("db1/disk"));
    eventually("it has read what is open", || gitea.count(&Method::GET, Route::Issues) > 0);
    // The token may read and no longer write, so that every probe goes well.
    let scopes = ["read:issue", "read:user", "read:repository"];
    gitea.world().add_token("teawatch", BOT_TOKEN, &scopes).unwrap();
    gitea.world().add_label(REPOSITORY, "watchdog", "#ffffff").unwrap();
    teawatch.report(&failing("db1/disk"));
    eventually("it was tried often", || gitea.count(&Method::POST, Route::Issues) > 10);
    let opening = &teawatch.outbox()[0];
    assert!(opening["attempts"] == 0 && opening["last_error"].is_string(), "{opening}");
}

#[test]
fn an_opening_that_may_be_there_already_is_not_dropped_and_none_is_orphaned() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing("db1/disk"));
    eventually("it has read what is open", || gitea.count(&Method::GET, Route::Issues) > 0);
    lose_an_opening(&gitea, &teawatch, "db1/disk");
    let seq = teawatch.outbox()[0]["seq"].to_string();
    let dropped = teawatch.cli(&["outbox", "drop", "--yes", &seq]);
    assert!(!dropped.status.success());
    let said = String::from_utf8(dropped.stderr).unwrap();
    assert!(said.contains("may have been carried out already"), "{said}");
    assert!(said.contains("try again when it is no longer in doubt"), "{said}");
    gitea.world().clear_faults();
    eventually("it is found", || teawatch.outbox().is_empty());
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn that_a_copy_runs_elsewhere_is_remembered_over_restarts_and_a_new_store_ends_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    // What a copy would have written about the next episode.
    let salt = Salt::new(SALT);
    let mut marker = Marker::find(&salt, &gitea.issue(1).body).unwrap();
    assert_eq!(marker.effect.kind, EffectKind::Open);
    marker.effect.episode += 1;
    let (body, now) = (format!("Ours.\n{}\n", marker.line(&salt)), gitea.now());
    gitea.world().open_as("teawatch", REPOSITORY, "Another", &body, now).unwrap();
    gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, Route::Issues));
    teawatch.report(&failing("db1/cpu"));
    let is_told = |teawatch: &Teawatch| {
        let (_, body) = readiness(teawatch);
        let reasons = body["reasons"].to_string();
        reasons.contains("a copy of this store runs elsewhere")
            && reasons.contains("an empty data directory and the same salt")
    };
    eventually("the copy is noticed", || is_told(&teawatch));
    assert!(teawatch.stop().success());

    // Even if what betrayed it is gone.
    gitea.world().delete_issue(REPOSITORY, 2).unwrap();
    let writes = gitea.world().writes();
    let asked = gitea.count(&Method::GET, Route::Repository);
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    assert!(is_told(&teawatch));
    teawatch.report(&passing("db1/disk"));
    eventually("Gitea is asked further questions", || {
        gitea.count(&Method::GET, Route::Repository) > asked + 2
    });
    assert!(is_told(&teawatch) && !teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    assert_eq!(gitea.world().writes(), writes);

    let data = tempfile::tempdir().unwrap();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for check in ["db1/disk", "db1/cpu"] {
        teawatch.report(&passing(check));
    }
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}
