//! Whether Gitea still takes the token, found out before it is needed.

use std::path::Path;

use http::Method;
use teawatch::sandbox::{Action, BodyKind, Fault, Route};

use crate::support::{
    Gitea, Teawatch, all_is_told, eventually, failing, passing, readiness, status, status_json,
    task_state,
};

const OFTEN: &[(&str, &str)] = &[("token_probe.every", "50ms")];
const SELDOM: &[(&str, &str)] = &[("token_probe.every", "1h")];

fn refuse(status: u16) -> Fault {
    Fault::new(Action::Refuse { status, retry_after: None, body: BodyKind::Json })
}

fn asked(gitea: &Gitea, route: Route) -> u64 {
    gitea.world().count(&Method::GET, route)
}

/// How many requests came that could change something.
fn writes(gitea: &Gitea) -> usize {
    gitea.world().log().filter(|entry| entry.method != "GET").count()
}

/// A server that has read its repository before and has nothing to send: only the probe asks
/// Gitea anything.
fn settled(data: &Path, gitea: &Gitea, settings: &[(&str, &str)]) -> Teawatch {
    let first = Teawatch::start(data, gitea, settings);
    first.report(&failing("db1/disk"));
    first.report(&passing("db1/disk"));
    all_is_told(&first, gitea);
    assert!(first.stop().success());
    Teawatch::start(data, gitea, settings)
}

#[test]
fn r140_r142_a_bad_token_is_told_everywhere_before_it_is_needed_until_it_is_good_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, OFTEN);
    eventually("it is well", || status(data.path()).0 == 0);
    gitea.order(refuse(401).on(&Method::GET, Route::User).until_cleared());
    let why = "Gitea does not take the token";
    eventually("readyz tells", || readiness(&teawatch).1["reasons"].to_string().contains(why));
    assert!(!readiness(&teawatch).0);
    eventually("status tells", || {
        let (code, said) = status(data.path());
        code == 1 && said.contains(why) && said.contains("`gitea.token_file`")
    });
    assert_eq!(task_state(&status_json(data.path()).1, "token"), "failing");
    // Once, however often it is asked.
    let before = asked(&gitea, Route::User);
    eventually("it is asked again", || asked(&gitea, Route::User) > before + 2);
    assert_eq!(teawatch.log().matches(why).count(), 1, "{}", teawatch.log());
    assert!(!teawatch.log().contains(gitea.token()), "{}", teawatch.log());
    gitea.world().clear_faults();
    eventually("it is well again", || status(data.path()).0 == 0);
    assert!(readiness(&teawatch).0);
    assert!(teawatch.log().contains("Gitea takes the token again"), "{}", teawatch.log());
    assert_eq!(writes(&gitea), 0);
}

#[test]
fn one_401_proves_nothing_and_is_asked_about_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.order(refuse(401).on(&Method::GET, Route::User).after(3));
    let teawatch = Teawatch::start(data.path(), &gitea, OFTEN);
    eventually("it was refused once, and taken then", || asked(&gitea, Route::User) > 6);
    let (_, body) = readiness(&teawatch);
    let task = body["tasks"].as_array().unwrap().iter().find(|task| task["name"] == "token");
    assert!(task.unwrap()["error"].is_null(), "{body:#}");
    assert!(!teawatch.log().contains("does not take the token"), "{}", teawatch.log());
}

#[test]
fn r141_r144_it_is_asked_at_the_start_and_then_as_often_as_the_setting_says() {
    let gitea = Gitea::start();
    let (data, off) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let teawatch = Teawatch::start(off.path(), &gitea, &[("token_probe.every", "0s")]);
    eventually("it is well", || status(off.path()).0 == 0);
    let (_, body) = readiness(&teawatch);
    assert!(!body["tasks"].to_string().contains("token"), "{body:#}");
    drop(teawatch);
    let _teawatch = settled(data.path(), &gitea, SELDOM);
    eventually("it is well", || status(data.path()).0 == 0);
    let (users, repositories) = (asked(&gitea, Route::User), asked(&gitea, Route::Repository));
    eventually("time passes", || status(data.path()).0 == 0);
    assert_eq!(asked(&gitea, Route::User), users);
    assert_eq!(asked(&gitea, Route::Repository), repositories);
}

#[test]
fn d18_a_probe_that_is_switched_off_asks_nobody() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("token_probe.every", "0s"), ("reconcile.every", "0s")];
    assert!(settled(data.path(), &gitea, &settings).stop().success());
    // It would be refused, and tell.
    gitea.order(refuse(401).on(&Method::GET, Route::User).until_cleared());
    let before = asked(&gitea, Route::User);
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    eventually("it is well", || status(data.path()).0 == 0);
    assert!(readiness(&teawatch).0);
    assert_eq!(asked(&gitea, Route::User), before);
}

#[test]
fn r143_r145_of_several_repositories_those_are_told_that_take_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let routes = "[[route]]\nmatch.source = \"a*\"\nrepository = \"ops/gone\"\n\
                  [[route]]\nmatch.source = \"b*\"\nrepository = \"ops/lost\"\n";
    // Nobody reads their issues here, so that only the probe can tell.
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, OFTEN, routes);
    eventually("both are told", || {
        let (_, body) = readiness(&teawatch);
        let task = body["tasks"].as_array().unwrap().iter().find(|task| task["name"] == "token");
        let error = task.unwrap()["error"]["text"].as_str().unwrap_or_default().to_owned();
        error.contains("ops/gone: ") && error.contains("; ops/lost: ") && !error.contains("alerts")
    });
}

#[test]
fn r146_a_probe_that_is_refused_does_not_hammer() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [
        ("token_probe.every", "1h"),
        // It asks who we are as well.
        ("reconcile.every", "0s"),
        ("gitea.probe_first", "1h"),
        ("gitea.probe_max", "1h"),
        ("gitea.jitter", "0"),
    ];
    let teawatch = settled(data.path(), &gitea, &settings);
    eventually("it is well", || status(data.path()).0 == 0);
    assert!(teawatch.stop().success());
    let before = asked(&gitea, Route::User);
    gitea.order(refuse(401).on(&Method::GET, Route::User).until_cleared());
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    eventually("it is told", || teawatch.log().contains("does not take the token"));
    eventually("status tells", || status(data.path()).0 == 1);
    assert_eq!(asked(&gitea, Route::User), before + 2);
}

#[test]
fn however_long_gitea_was_away_it_is_asked_soon_whether_it_is_back() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [
        ("token_probe.every", "1h"),
        ("reconcile.every", "0s"),
        ("gitea.probe_first", "50ms"),
        ("gitea.probe_max", "1h"),
        ("gitea.jitter", "0"),
    ];
    assert!(settled(data.path(), &gitea, &settings).stop().success());
    let before = asked(&gitea, Route::User);
    gitea.order(refuse(401).on(&Method::GET, Route::User).until_cleared());
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    // With pauses that doubled, the last of them would take a minute.
    eventually("it is asked ten times", || asked(&gitea, Route::User) >= before + 12);
    gitea.world().clear_faults();
    eventually("it is well again", || status(data.path()).0 == 0);
    assert!(readiness(&teawatch).0);
}
