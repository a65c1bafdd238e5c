//! `kill -9` at known moments, and answers that are lost: nothing happens twice, and
//! nothing is left undone.

use std::net::TcpStream;
use std::path::Path;
use std::thread;

use http::Method;
use serde_json::Value;
use teawatch::sandbox::{Action, Fault, Route};

use crate::support::{
    CHECK, Deed, Gitea, InTime as _, OTHER, REPOSITORY, Report, Teawatch, eventually, failing,
    passing, turns,
};

/// Settings under which something that lands late does so before it is believed lost,
/// however busy the machine is.
const PATIENT: &[(&str, &str)] = &[("gitea.settle_wait", "6s")];

/// Runs a test for each deed, all at once: they wait most of the time.
fn for_each(deeds: &[Deed], test: impl Fn(Deed) + Sync) {
    thread::scope(|scope| {
        for &deed in deeds {
            let test = &test;
            let named = thread::Builder::new().name(format!("{deed:?}"));
            named.spawn_scoped(scope, move || test(deed)).unwrap();
        }
    });
}

/// Lives up to the moment in which the deed's request is held by Gitea, not done.
fn in_flight(deed: Deed, data: &Path, gitea: &Gitea) -> Teawatch {
    let teawatch = Teawatch::start(data, gitea, &[("gitea.timeout", "20s"), WAIT]);
    deed.prepare(&teawatch, gitea);
    gitea.order(deed.fault(Action::StallAndDo { after_ms: None }));
    deed.cause(&teawatch);
    let (method, route) = deed.request();
    eventually("the request is in flight", || gitea.held(&method, route) == 1);
    assert!(!deed.is_done(gitea));
    teawatch
}

/// What a timeout of 20 s asks for.
const WAIT: (&str, &str) = ("gitea.settle_wait", "40s");

/// Starts again, and checks that the end is as if nothing had happened.
fn start_again(deed: Deed, data: &Path, gitea: &Gitea) {
    let teawatch = Teawatch::start(data, gitea, &[]);
    ends_well(deed, &teawatch, gitea);
}

fn ends_well(deed: Deed, teawatch: &Teawatch, gitea: &Gitea) {
    eventually("it was done after all", || deed.is_done(gitea));
    teawatch.settles(gitea);
    deed.happened_once(gitea);
    deed.goes_on(teawatch, gitea);
}

/// How often the request of the deed came, where nothing else sends such requests.
fn sent(deed: Deed, gitea: &Gitea) -> Option<u64> {
    let (method, route) = deed.request();
    matches!(deed, Deed::Open | Deed::Comment).then(|| gitea.count(&method, route))
}

#[test]
fn killed_before_the_intent_is_on_the_disk_everything_is_done_after_the_restart() {
    for_each(&Deed::ALL, |deed| {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        deed.prepare(&teawatch, &gitea);
        // Gitea refuses everything, so that what is ordered now is not even begun.
        gitea.order(Fault::new(refuse(401)).until_cleared());
        teawatch.report(&failing(OTHER));
        eventually("the refusal is known", || teawatch.get("/readyz").0 == 503);
        deed.cause(&teawatch);
        let outbox = teawatch.outbox();
        let is_untried = |entry: &Value| entry["text"].is_null() && entry["doubt"].is_null();
        assert!(outbox.len() >= 2 && outbox[1..].iter().all(is_untried), "{outbox:#?}");
        teawatch.kill();
        gitea.world().clear_faults();

        start_again(deed, data.path(), &gitea);
        assert_eq!(gitea.issues_about(OTHER).len(), 1);
        assert_eq!(gitea.issues().len(), 2);
    });
}

#[test]
fn killed_with_a_request_in_flight_that_gets_lost_it_is_sent_again() {
    for_each(&Deed::ALL, |deed| {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        in_flight(deed, data.path(), &gitea).kill();

        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        eventually("it was done after all", || deed.is_done(&gitea));
        assert!(sent(deed, &gitea).is_none_or(|times| times == 2));
        ends_well(deed, &teawatch, &gitea);
        assert_eq!(gitea.issues().len(), 1);
    });
}

#[test]
fn killed_with_a_request_in_flight_that_lands_after_the_restart_it_is_not_sent_again() {
    for_each(&Deed::ALL, |deed| {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        in_flight(deed, data.path(), &gitea).kill();
        let looks = gitea.count(&Method::GET, deed.look());

        let teawatch = Teawatch::start(data.path(), &gitea, PATIENT);
        eventually("it was looked for", || gitea.count(&Method::GET, deed.look()) > looks);
        gitea.release();
        eventually("it was done after all", || deed.is_done(&gitea));
        teawatch.settles(&gitea);
        assert!(sent(deed, &gitea).is_none_or(|times| times == 1));
        ends_well(deed, &teawatch, &gitea);
        assert_eq!(gitea.issues().len(), 1);
    });
}

#[test]
fn killed_after_gitea_has_done_it_it_is_found_and_not_sent_again() {
    for_each(&Deed::ALL, |deed| {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &[("gitea.timeout", "20s"), WAIT]);
        deed.prepare(&teawatch, &gitea);
        gitea.order(deed.fault(Action::DoAndStall));
        deed.cause(&teawatch);
        eventually("Gitea has done it", || deed.is_done(&gitea));
        teawatch.kill();

        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        teawatch.settles(&gitea);
        assert!(sent(deed, &gitea).is_none_or(|times| times == 1));
        ends_well(deed, &teawatch, &gitea);
        assert_eq!(gitea.issues().len(), 1);
    });
}

/// The answer has arrived on the machine of a process that does not get to read it.
#[test]
fn killed_between_the_answer_and_its_settling_it_is_found_and_not_sent_again() {
    for_each(&Deed::ALL, |deed| {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = in_flight(deed, data.path(), &gitea);
        teawatch.freeze();
        gitea.release();
        eventually("Gitea has done it", || deed.is_done(&gitea));
        teawatch.kill();

        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        teawatch.settles(&gitea);
        assert!(sent(deed, &gitea).is_none_or(|times| times == 1));
        ends_well(deed, &teawatch, &gitea);
        assert_eq!(gitea.issues().len(), 1);
    });
}

/// One deed after the other with one fault, and how often it may have been sent.
fn survives(action: &Action, settings: &[(&str, &str)], times: u64) {
    for_each(&Deed::ALL, |deed| {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, settings);
        deed.prepare(&teawatch, &gitea);
        gitea.order(deed.fault(action.clone()));
        deed.cause(&teawatch);
        eventually("it was done", || deed.is_done(&gitea));
        teawatch.settles(&gitea);
        assert!(gitea.world().faults().is_empty(), "the fault did not strike");
        assert!(sent(deed, &gitea).is_none_or(|sent| sent == times), "{:?}", sent(deed, &gitea));
        ends_well(deed, &teawatch, &gitea);
        assert_eq!(gitea.issues().len(), 1);
    });
}

#[test]
fn a_lost_answer_is_no_reason_to_send_again() {
    survives(&Action::DoAndHangUp, &[], 1);
}

#[test]
fn a_500_after_the_commit_is_no_reason_to_send_again() {
    survives(&Action::DoAndFail, &[], 1);
}

#[test]
fn a_lost_request_is_sent_again() {
    survives(&Action::HangUp, &[], 2);
}

#[test]
fn a_write_that_lands_after_its_timeout_is_waited_for() {
    survives(&Action::StallAndDo { after_ms: Some(1_300) }, PATIENT, 1);
}

/// What comes before the opening, here finding and making its label, can take longer than
/// `settle_wait`.
#[test]
fn a_late_opening_is_waited_for_from_its_own_request_on() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let slow = Fault::new(Action::StallAndDo { after_ms: Some(1_200) }).until_cleared();
    gitea.order(slow.clone().on(&Method::GET, Route::Labels));
    gitea.order(slow.on(&Method::POST, Route::Labels));
    gitea.order(Deed::Open.fault(Action::StallAndDo { after_ms: Some(2_200) }));
    let settings = [("gitea.timeout", "1500ms"), ("gitea.settle_wait", "4s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    Deed::Open.cause(&teawatch);
    eventually("it was done", || Deed::Open.is_done(&gitea));
    teawatch.settles(&gitea);
    assert_eq!(sent(Deed::Open, &gitea), Some(1));
    gitea.world().clear_faults();
    ends_well(Deed::Open, &teawatch, &gitea);
}

/// The late closing would close again what was reopened meanwhile.
#[test]
fn a_reopening_waits_for_a_closing_that_may_still_land() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, PATIENT);
    Deed::Close.prepare(&teawatch, &gitea);
    gitea.order(Deed::Close.fault(Action::StallAndDo { after_ms: None }));
    Deed::Close.cause(&teawatch);
    eventually("the closing was tried again", || Deed::Close.is_done(&gitea));
    teawatch.report(&failing(CHECK));
    // By now the reopening would have been sent, were it not for the closing.
    eventually("the reopening waits", || {
        teawatch.outbox().iter().any(|entry| entry["effect"]["kind"] == "reopen")
    });
    teawatch.report(&failing(OTHER));
    eventually("others need not wait", || gitea.issues_about(OTHER).len() == 1);
    gitea.release();
    teawatch.settles(&gitea);
    let issue = &gitea.issues_about(CHECK)[0];
    assert_eq!(turns(issue), ["closed", "reopened"]);
    assert!(issue.is_open);
}

#[test]
fn what_was_answered_is_there_after_a_kill_at_once() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let checks: Vec<_> = (0..8).map(|number| format!("db1/disk{number}")).collect();
    for check in &checks {
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        teawatch.report(&failing(check));
        teawatch.kill();
    }
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.settles(&gitea);
    for check in &checks {
        assert_eq!(gitea.issues_about(check).len(), 1, "{check}");
    }
}

#[test]
fn killed_ten_times_in_a_row_with_effects_under_way_everything_ends_well() {
    const CHECKS: [&str; 4] = ["a/disk", "a/load", "b/disk", "b/load"];
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    // What each check said last, and was heard to say.
    let mut is_failing = [false; 4];
    for round in 0..10_usize {
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        let requests = gitea.world().counts().map(|(_, _, count)| count).sum::<u64>();
        for (index, check) in CHECKS.iter().enumerate() {
            // Each check in its own rhythm, so that every turn is cut off by some kill.
            if (round + index) % 3 != 2 {
                is_failing[index] = !is_failing[index];
                let report = if is_failing[index] { failing(check) } else { passing(check) };
                teawatch.report(&report);
            }
        }
        // A different number of requests each time: that is the moment of the kill.
        let enough = requests + u64::try_from(round).unwrap() * 3;
        eventually("some requests have come, or all is done", || {
            gitea.world().counts().map(|(_, _, count)| count).sum::<u64>() >= enough
                || teawatch.outbox().is_empty()
        });
        teawatch.kill();
    }
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.settles(&gitea);
    for (check, is_failing) in CHECKS.iter().zip(is_failing) {
        let issues = gitea.issues_about(check);
        assert!(issues.len() <= 1, "{check}: {issues:#?}");
        let is_open = issues.iter().any(|issue| issue.is_open);
        assert_eq!(is_open, is_failing, "{check}");
    }
}

#[test]
fn sigterm_ends_it_in_order_and_what_was_under_way_goes_on_after_the_next_start() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let pid_file = data.path().join("teawatch.pid");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    assert_eq!(pid.trim(), teawatch.pid().as_raw_nonzero().to_string());
    gitea.order(Deed::Open.fault(Action::DoAndStall));
    teawatch.report(&failing(CHECK));
    eventually("Gitea has done it", || Deed::Open.is_done(&gitea));
    teawatch.report(&failing(OTHER));
    assert_eq!(teawatch.stop().code(), Some(0));
    assert!(!pid_file.exists());

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.settles(&gitea);
    assert_eq!((gitea.issues_about(CHECK).len(), gitea.issues_about(OTHER).len()), (1, 1));
    Deed::Open.goes_on(&teawatch, &gitea);
}

#[test]
fn sigterm_lets_an_effect_finish_that_gitea_is_about_to_answer() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = in_flight(Deed::Open, data.path(), &gitea);
    let address = teawatch.url.trim_start_matches("http://").to_owned();
    let stopped = thread::scope(|scope| {
        let stopped = scope.spawn(|| teawatch.stop());
        eventually("the doors are closed", || TcpStream::connect(&address).is_err());
        gitea.release();
        stopped.join().unwrap()
    });
    assert_eq!(stopped.code(), Some(0));
    let looks = gitea.count(&Method::GET, Deed::Open.look());

    // Nobody else reads the list.
    let teawatch = Teawatch::start(data.path(), &gitea, &[("reconcile.every", "0s")]);
    assert!(teawatch.outbox().is_empty());
    ends_well(Deed::Open, &teawatch, &gitea);
    assert_eq!(gitea.count(&Method::GET, Deed::Open.look()), looks, "nothing was in doubt");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_harms_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let pid_file = data.path().join("teawatch.pid");
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    let second = Teawatch::command(data.path(), &gitea, &[]).output_in_time();
    assert!(!second.status.success());
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("another teawatch is using"), "{message}");
    assert_eq!(std::fs::read_to_string(&pid_file).unwrap(), pid);
    Deed::Open.cause(&teawatch);
    ends_well(Deed::Open, &teawatch, &gitea);
}

/// Whatever a proxy says to the question, it is no answer about the opening.
#[test]
fn a_look_that_is_refused_leaves_the_opening_in_doubt() {
    for status in [400, 410, 414, 422, 431, 451] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &[]);
        // The first look of a new store is over then.
        teawatch.report(&failing(OTHER));
        teawatch.settles(&gitea);
        gitea.order(Deed::Open.fault(Action::DoAndHangUp));
        gitea.order(Fault::new(refuse(status)).on(&Method::GET, Route::Issues).times(2));
        Deed::Open.cause(&teawatch);
        eventually("Gitea has done it", || Deed::Open.is_done(&gitea));
        teawatch.settles(&gitea);
        assert!(gitea.world().faults().is_empty(), "the faults did not strike");
        assert_eq!(sent(Deed::Open, &gitea), Some(2), "one for each check");
        ends_well(Deed::Open, &teawatch, &gitea);
    }
}

/// The late closing would close what fails again.
#[test]
fn a_closing_that_is_refused_is_not_forgotten_while_an_earlier_request_may_land() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, PATIENT);
    Deed::Close.prepare(&teawatch, &gitea);
    gitea.order(Deed::Close.fault(Action::StallAndDo { after_ms: None }));
    gitea.order(Deed::Close.fault(refuse(412)).until_cleared());
    Deed::Close.cause(&teawatch);
    let (method, route) = Deed::Close.request();
    let before = gitea.count(&method, route);
    eventually("the second attempt is refused", || {
        let refused =
            |entry: &Value| entry["last_error"].as_str().is_some_and(|e| e.contains("412"));
        gitea.count(&method, route) > before && teawatch.outbox().iter().any(refused)
    });
    teawatch.report(&failing(CHECK));
    gitea.world().clear_faults();
    gitea.release();
    eventually("it is open in the end", || {
        let issue = &gitea.issues_about(CHECK)[0];
        issue.is_open && turns(issue) == ["closed", "reopened"]
    });
    teawatch.settles(&gitea);
}

/// Somebody tidies the text up before the opening is looked for.
#[test]
fn an_issue_that_has_lost_its_marker_is_found_by_its_title() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("gitea.timeout", "20s"), WAIT]);
    gitea.order(Deed::Open.fault(Action::DoAndStall));
    Deed::Open.cause(&teawatch);
    eventually("Gitea has done it", || Deed::Open.is_done(&gitea));
    teawatch.kill();
    let now = gitea.now();
    gitea.world().edit_body_as("alice", REPOSITORY, 1, "We are on it.", now).unwrap();

    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.settles(&gitea);
    assert_eq!(sent(Deed::Open, &gitea), Some(1));
    ends_well(Deed::Open, &teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn an_older_issue_with_the_same_title_is_not_taken_for_the_opening() {
    // What the title will be.
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    Deed::Open.cause(&teawatch);
    teawatch.settles(&gitea);
    let title = gitea.issue(1).title;

    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let an_hour_ago = gitea.now() - jiff::SignedDuration::from_hours(1);
    {
        let mut world = gitea.world();
        world.open_as("teawatch", REPOSITORY, &title, "of another life", an_hour_ago).unwrap();
        world.close_as("teawatch", REPOSITORY, 1, an_hour_ago).unwrap();
    }
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    gitea.order(Deed::Open.fault(Action::HangUp));
    Deed::Open.cause(&teawatch);
    teawatch.settles(&gitea);
    let issues = gitea.issues();
    assert_eq!(issues.iter().map(|issue| issue.is_open).collect::<Vec<_>>(), [false, true]);
    assert_eq!((&*issues[1].title, sent(Deed::Open, &gitea)), (&*title, Some(2)));
}

/// Nothing but this status.
fn refuse(status: u16) -> Action {
    Action::Refuse { status, retry_after: None, body: Default::default() }
}

#[test]
fn what_is_sent_again_after_a_restart_is_what_was_sent_first_though_the_alert_has_moved_on() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    gitea.order(Fault::new(refusal.clone()).on(&Method::POST, Route::Issues).until_cleared());
    teawatch.report(&failing(CHECK));
    eventually("it was tried", || {
        teawatch.outbox().first().is_some_and(|opening| opening["text"].is_object())
    });
    let first = teawatch.outbox()[0]["text"].clone();
    teawatch.kill();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let (source, name) = CHECK.split_once('/').unwrap();
    teawatch.report(&Report::new(source).check(name, "failure", "it is worse"));
    assert_eq!(teawatch.outbox()[0]["text"], first);
    gitea.world().clear_faults();
    // What comes behind it would change the text at once.
    gitea.order(Fault::new(refusal).on(&Method::PATCH, Route::Issue).until_cleared());
    eventually("it is open", || gitea.open() == 1);
    let issue = gitea.issue(1);
    assert_eq!(
        (Some(&*issue.title), Some(&*issue.body)),
        (first["title"].as_str(), first["body"].as_str())
    );
    gitea.world().clear_faults();
    eventually("what is new follows", || gitea.issue(1).body.contains("it is worse"));
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 1);
}
