//! The issue of a night's report: one of each night, and that of the next closes it.

use std::path::Path;
use std::thread;

use http::Method;
use serde_json::{Value, json};
use teawatch::sandbox::{Action, Fault, Route};

use super::{issues, report};
use crate::support::{
    CHECK, Gitea, LOOKS, OFTEN, REPOSITORY, Scene, Teawatch, ask, client, eventually, failing,
    passing, turns,
};

/// Two zones that never have the same day, so that it is the next night in the second.
const TODAY: (&str, &str) = ("night.zone", "Etc/GMT+12");
const NEXT: (&str, &str) = ("night.zone", "Etc/GMT-14");

fn start(data: &Path, gitea: &Gitea, zone: (&'static str, &'static str)) -> Teawatch {
    Teawatch::start(data, gitea, &[zone, OFTEN, LOOKS])
}

/// Makes the report of the last night an issue. Returns what is answered.
#[track_caller]
fn files(teawatch: &Teawatch) -> Value {
    let answer = ask(client().post(format!("{}/api/v1/report", teawatch.url)));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn a_night_has_one_issue_and_that_of_the_next_closes_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, TODAY);
    teawatch.report(&failing(CHECK));
    eventually("the trouble has its issue", || gitea.open() == 1);
    let day = files(&teawatch)["day"].as_str().unwrap().to_owned();
    eventually("the report has its issue", || gitea.open() == 2);
    teawatch.settles(&gitea);
    let again = format!("the report of the night to {day} is {REPOSITORY}#2 already\n");
    assert_eq!(report(&teawatch, &["--issue"]), again);
    assert_eq!(report(&teawatch, &["--issue"]), again);
    let issue = gitea.issue(2);
    let title = format!("[watchdog] Night to {day}: Not well: 1 down, 1 up of 2 checks; ");
    assert!(issue.title.starts_with(&title), "{}", issue.title);
    assert!(issue.body.contains("\n\n**Not well: 1 down, "), "{}", issue.body);
    assert!(issue.body.contains(&format!("| {CHECK} | **down** | ")), "{}", issue.body);
    assert_eq!(gitea.world().labels_of(REPOSITORY, 2).len(), 1);
    // It is no trouble: nobody sees it among the alerts.
    let alerts = teawatch.get("/api/v1/alerts").1["items"].clone();
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts:#}");
    let engine = teawatch.get("/readyz").1["engine"].clone();
    assert_eq!((&engine["alerts"], &engine["firing"]), (&json!(1), &json!(1)));
    teawatch.kill();

    let teawatch = start(data.path(), &gitea, NEXT);
    teawatch.report(&passing(CHECK));
    eventually("the trouble is over", || !gitea.issue(1).is_open);
    let said = report(&teawatch, &["--issue"]);
    assert!(said.ends_with(&format!(" goes to {REPOSITORY}\n")), "{said}");
    eventually("there is another one", || gitea.issues().len() == 3);
    teawatch.settles(&gitea);
    assert_eq!(issues(&gitea), [(1, false), (2, false), (3, true)]);
    assert_eq!((turns(&gitea.issue(2)), gitea.comments(2).len()), (vec!["closed"], 0));
    // It stays so, however often somebody looks at it.
    files(&teawatch);
    teawatch.kill();
    let teawatch = start(data.path(), &gitea, NEXT);
    assert_eq!(files(&teawatch)["issue"], 3);
    teawatch.settles(&gitea);
    assert_eq!((gitea.issues().len(), gitea.comments(3).len()), (3, 0));
}

#[test]
fn many_who_ask_at_once_get_one_issue() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, TODAY);
    let new: Vec<_> = thread::scope(|scope| {
        let asks: Vec<_> =
            (0..8).map(|_| scope.spawn(|| files(&teawatch)["is_new"].clone())).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert_eq!(new.iter().filter(|is_new| **is_new == true).count(), 1, "{new:?}");
    eventually("it is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    assert_eq!(issues(&gitea), [(1, true)]);
}

/// Lives up to the moment in which the request to open is held by Gitea, and is killed.
fn killed_while_it_opens(data: &Path, gitea: &Gitea, action: Action) {
    let patient = [TODAY, ("gitea.timeout", "20s"), ("gitea.settle_wait", "40s")];
    let teawatch = Teawatch::start(data, gitea, &patient);
    gitea.order(Fault::new(action).on(&Method::POST, Route::Issues));
    files(&teawatch);
    eventually("the request is in flight", || gitea.count(&Method::POST, Route::Issues) == 1);
    teawatch.kill();
}

#[test]
fn killed_while_it_opens_the_issue_that_gitea_has_made_is_found() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    killed_while_it_opens(data.path(), &gitea, Action::DoAndStall);
    let teawatch = start(data.path(), &gitea, TODAY);
    files(&teawatch);
    teawatch.settles(&gitea);
    assert_eq!(files(&teawatch)["issue"], 1);
    assert_eq!(issues(&gitea), [(1, true)]);
    assert_eq!(gitea.count(&Method::POST, Route::Issues), 1);
}

#[test]
fn killed_while_it_opens_what_is_lost_is_sent_again_with_the_same_words() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    killed_while_it_opens(data.path(), &gitea, Action::Stall);
    let teawatch = start(data.path(), &gitea, TODAY);
    let words = teawatch.outbox()[0]["text"]["body"].as_str().unwrap().to_owned();
    teawatch.report(&failing(CHECK));
    files(&teawatch);
    teawatch.settles(&gitea);
    let report = gitea.issues().into_iter().find(|issue| issue.title.contains("Night to")).unwrap();
    assert_eq!((gitea.issues().len(), &report.body), (2, &words));
}

#[test]
fn killed_while_it_opens_what_lands_after_the_restart_is_found_and_not_sent_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    killed_while_it_opens(data.path(), &gitea, Action::StallAndDo { after_ms: None });
    // So long that what lands late does so before it is believed lost.
    let patient = [TODAY, ("gitea.settle_wait", "6s")];
    let looks = gitea.count(&Method::GET, Route::Issues);
    let teawatch = Teawatch::start(data.path(), &gitea, &patient);
    eventually("it was looked for", || gitea.count(&Method::GET, Route::Issues) > looks);
    gitea.release();
    files(&teawatch);
    teawatch.settles(&gitea);
    assert_eq!((issues(&gitea), files(&teawatch)["issue"].clone()), (vec![(1, true)], json!(1)));
    assert_eq!(gitea.count(&Method::POST, Route::Issues), 1);
}

#[test]
fn a_night_whose_opening_is_in_doubt_is_closed_by_the_next_once_it_is_found() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    killed_while_it_opens(data.path(), &gitea, Action::DoAndStall);
    let teawatch = start(data.path(), &gitea, NEXT);
    assert_eq!(files(&teawatch)["is_new"], true);
    eventually("both were opened", || gitea.issues().len() == 2);
    teawatch.settles(&gitea);
    assert_eq!(issues(&gitea), [(1, false), (2, true)]);
    // By its own closing, without a word, and not since it was found open later.
    assert_eq!((turns(&gitea.issue(1)), gitea.comments(1).len()), (vec!["closed"], 0));
}

/// A Gitea with the report of a night, of which nobody knows any more.
fn with_the_report_of_a_lost_store() -> Gitea {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, TODAY);
    files(&teawatch);
    eventually("it is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    teawatch.kill();
    gitea
}

#[test]
fn a_store_that_was_lost_opens_no_second_issue_of_a_night_and_closes_the_one_before() {
    let gitea = with_the_report_of_a_lost_store();
    let data = tempfile::tempdir().unwrap();
    let teawatch = start(data.path(), &gitea, TODAY);
    eventually("the open issues were read", || {
        teawatch.get("/readyz").1["notes"].to_string().contains("#1")
    });
    let filed = files(&teawatch);
    assert_eq!((&filed["issue"], &filed["is_new"]), (&json!(1), &json!(false)));
    teawatch.settles(&gitea);
    assert_eq!(issues(&gitea), [(1, true)]);
    teawatch.kill();

    let teawatch = start(data.path(), &gitea, NEXT);
    files(&teawatch);
    eventually("there is another one", || gitea.issues().len() == 2);
    teawatch.settles(&gitea);
    assert_eq!(issues(&gitea), [(1, false), (2, true)]);
    assert_eq!((gitea.comments(1).len(), gitea.comments(2).len()), (0, 0));
}

#[test]
fn a_night_that_is_told_before_the_lost_one_was_read_has_an_issue_of_its_own() {
    let gitea = with_the_report_of_a_lost_store();
    let refusal = Action::Refuse { status: 503, retry_after: None, body: Default::default() };
    gitea.order(Fault::new(refusal).on(&Method::GET, Route::Issues).until_cleared());
    let data = tempfile::tempdir().unwrap();
    let teawatch = start(data.path(), &gitea, NEXT);
    assert_eq!(files(&teawatch)["is_new"], true);
    gitea.world().clear_faults();
    eventually("there is another one", || gitea.issues().len() == 2);
    eventually("all is told", || teawatch.outbox().is_empty());
    assert_eq!(files(&teawatch)["issue"], 2);
    // What the lost store has left goes with the next call.
    eventually("it is closed", || issues(&gitea) == [(1, false), (2, true)]);
    teawatch.settles(&gitea);
    let last = gitea.comments(1).remove(0);
    assert!(last.contains("an earlier night**: that of the newest is #2"), "{last}");
}

#[test]
fn an_older_report_that_somebody_reopens_is_closed_once_with_a_word() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = start(data.path(), &gitea, TODAY);
    files(&teawatch);
    eventually("it is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    teawatch.kill();
    let teawatch = start(data.path(), &gitea, NEXT);
    files(&teawatch);
    eventually("the older one is closed", || issues(&gitea) == [(1, false), (2, true)]);
    teawatch.settles(&gitea);
    gitea.world().reopen_as("alice", REPOSITORY, 1, gitea.now()).unwrap();
    eventually("it is closed once more", || issues(&gitea) == [(1, false), (2, true)]);
    eventually("with a word", || gitea.comments(1).len() == 1);
    teawatch.settles(&gitea);
    assert!(gitea.comments(1)[0].contains("that of the newest is #2"));
    // Whoever reopens it once more keeps it.
    gitea.world().reopen_as("alice", REPOSITORY, 1, gitea.now()).unwrap();
    let looks = gitea.count(&Method::GET, Route::Issues);
    eventually("it was looked at", || gitea.count(&Method::GET, Route::Issues) > looks + 3);
    teawatch.settles(&gitea);
    assert_eq!(issues(&gitea), [(1, true), (2, true)]);
    assert_eq!(gitea.comments(1).len(), 1);
}

#[test]
fn what_people_do_to_it_is_respected_and_answered() {
    let scene = Scene::with(&[TODAY, LOOKS]);
    let Scene { gitea, teawatch, .. } = &scene;
    files(teawatch);
    eventually("it is open", || gitea.open() == 2);
    teawatch.settles(gitea);
    gitea.world().comment_as("alice", REPOSITORY, 2, "/status", gitea.now()).unwrap();
    eventually("it is answered", || gitea.comments(2).len() == 2);
    let answer = gitea.comments(2).remove(1);
    assert!(answer.contains("closed when that of the next one opens"), "{answer}");
    gitea.world().close_as("alice", REPOSITORY, 2, gitea.now()).unwrap();
    scene.is_compared();
    scene.is_compared();
    assert_eq!(files(teawatch)["issue"], 2);
    teawatch.settles(gitea);
    assert_eq!((gitea.open(), gitea.issues().len(), gitea.comments(2).len()), (1, 2, 2));
}
