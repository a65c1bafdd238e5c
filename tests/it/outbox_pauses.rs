//! A Gitea that asks for a pause: it gets one, from everything that would call it.

use http::{Method, StatusCode};
use teawatch::sandbox::{Action, BodyKind, Entry, Fault, Outcome, Route};

use crate::support::{Gitea, Teawatch, all_is_told, eventually, failing, passing, readiness};

fn busy(status: u16, seconds: u32) -> Fault {
    Fault::new(Action::Refuse { status, retry_after: Some(seconds), body: BodyKind::Html })
}

/// The request that was answered with this status, and those that came after it.
fn since_refused(gitea: &Gitea, status: u16) -> (Entry, Vec<Entry>) {
    let log: Vec<_> = gitea.world().log().cloned().collect();
    let refused = log.iter().position(|entry| entry.outcome == Outcome::Answered(status)).unwrap();
    (log[refused].clone(), log[refused + 1..].to_vec())
}

fn is_refused(gitea: &Gitea, status: u16) -> bool {
    gitea.world().log().any(|entry| entry.outcome == Outcome::Answered(status))
}

#[test]
fn a_pause_is_told_at_once_also_when_nothing_is_to_be_sent() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("reconcile.every", "500ms")]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.order(busy(429, 600).on(&Method::GET, Route::Issues));
    eventually("a comparison is refused", || is_refused(&gitea, 429));
    let began = std::time::Instant::now();
    eventually("the pause is told", || {
        readiness(&teawatch).1["notes"].to_string().contains("Gitea asked for a pause")
    });
    // A turn that comes by itself is up to 30 s away.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn while_the_host_wants_a_pause_nothing_else_is_sent_to_it_either() {
    for (status, method, route) in [
        (StatusCode::TOO_MANY_REQUESTS, Method::PATCH, Route::Issue),
        (StatusCode::SERVICE_UNAVAILABLE, Method::GET, Route::Issues),
    ] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        // One at a time, so that nothing is on its way yet when the pause is asked for.
        let settings = [("gitea.in_flight", "1"), ("gitea.retry_first", "10ms")];
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        gitea.order(busy(status.as_u16(), 3).on(&method, route));
        if method == Method::GET {
            // An answer that is lost makes teawatch look, and it is the look that is refused.
            gitea.order(Fault::new(Action::DoAndHangUp).on(&Method::POST, Route::Issues));
            teawatch.report(&failing("db1/fan"));
        } else {
            teawatch.report(&passing("db1/disk"));
        }
        eventually("it is refused", || is_refused(&gitea, status.as_u16()));
        teawatch.report(&failing("db1/cpu"));
        eventually("the pause is told", || {
            let (ready, body) = readiness(&teawatch);
            assert!(ready, "{body}");
            let note = body["notes"][0].as_str().unwrap_or_default();
            note.starts_with("Gitea asked for a pause: nothing is sent until 20")
        });
        let waiting = teawatch.outbox();
        let opening = waiting.last().unwrap();
        assert!(opening["attempts"] == 0 && opening["doubt"].is_null(), "{opening}");
        eventually("the new one is open", || !gitea.issues_about("db1/cpu").is_empty());
        all_is_told(&teawatch, &gitea);
        let (refused, later) = since_refused(&gitea, status.as_u16());
        let pause = later[0].at.duration_since(refused.at).as_millis();
        assert!(pause >= 3_000, "{pause} ms before {:?}", later[0]);
        // Whoever was refused has lost its place to nobody.
        assert_eq!((later[0].method.as_str(), later[0].route), (method.as_str(), route));
    }
}

#[test]
fn a_pause_is_never_shorter_than_the_first_one_of_ours_nor_longer_than_the_setting_allows() {
    let settings = [
        ("gitea.retry_first", "800ms"),
        ("gitea.retry_max", "2s"),
        ("gitea.retry_after_max", "2s"),
    ];
    for (asked, at_least) in [(0, 800), (86_400, 2_000)] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.report(&failing("db1/disk"));
        eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
        gitea.order(busy(429, asked).on(&Method::PATCH, Route::Issue));
        teawatch.report(&passing("db1/disk"));
        eventually("it is closed", || gitea.open() == 0);
        all_is_told(&teawatch, &gitea);
        let (refused, later) = since_refused(&gitea, 429);
        let pause = later[0].at.duration_since(refused.at).as_millis();
        assert!(pause >= at_least, "{pause} ms before {:?}", later[0]);
    }
}
