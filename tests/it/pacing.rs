//! How much teawatch says, and how fast: comments, reminders, storms, the rate budget.

use std::sync::Barrier;
use std::time::Instant;

use http::Method;
use serde_json::json;
use teawatch::sandbox::{Action, BodyKind, Route};

use crate::support::{
    CHECK, Deed, Gitea, PATIENCE, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing,
    passing, turns,
};

/// How many results a comment sums up, and how many of them failed.
fn summed_up(comment: &str) -> (u64, u64) {
    let number = |text: &str| text.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    let Some((before, _)) = comment.split_once(" of them failing") else { return (0, 0) };
    let (results, failures) = before.rsplit_once(", ").unwrap();
    let results = results.trim_end_matches(" results").trim_end_matches(" result");
    (number(results), number(failures))
}

fn all_summed_up(comments: &[String]) -> (u64, u64) {
    let sums = comments.iter().map(|comment| summed_up(comment));
    sums.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

#[test]
fn k9_ten_thousand_flapping_results_make_the_comments_that_the_interval_allows_and_all_are_counted()
{
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alerts.comment_interval", "1s"), ("alerts.flapping.window", "0")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());

    let began = Instant::now();
    let (reports, size) = (80, 125);
    for report in 0..reports {
        let kinds = (0..size).map(|n| report * size + n);
        let report = kinds.fold(Report::new("db1"), |report, n| {
            let kind = if n % 2 == 0 { "success" } else { "failure" };
            report.check("disk", kind, &format!("result {n}"))
        });
        teawatch.report(&report);
    }
    eventually("every result is told", || all_summed_up(&gitea.comments(1)).0 == 10_000);
    let allowed = began.elapsed().as_secs() + 1;
    let comments = gitea.comments(1);
    assert_eq!(all_summed_up(&comments).1, 5_000);
    assert!((2..=allowed).contains(&(comments.len() as u64)), "{} of {allowed}", comments.len());
    // The newest diagnostics, not those of when it was ordered.
    assert!(comments.last().unwrap().contains("result 9999"), "{}", comments.last().unwrap());
    assert_eq!((gitea.issues().len(), gitea.open()), (1, 1));

    teawatch.report(&passing("db1/disk"));
    eventually("the end is told", || all_summed_up(&gitea.comments(1)) == (10_001, 5_000));
    eventually("the issue is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    // The issue's own text is edited as rarely.
    let allowed = 2 * (began.elapsed().as_secs() + 2);
    let closings = gitea.issue(1).timeline.len() as u64;
    assert!(gitea.world().count(&Method::PATCH, Route::Issue) <= allowed + closings);
}

#[test]
fn a_check_that_changes_all_the_time_is_told_to_be_flapping_and_closes_when_it_settles() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let flapping = (0..1_000).fold(Report::new("db1"), |report, n| {
        let kind = if n % 2 == 0 { "success" } else { "failure" };
        report.check("disk", kind, "now this, now that")
    });
    teawatch.report(&flapping);
    eventually("it is told", || {
        let issues = gitea.issues();
        issues.first().is_some_and(|issue| issue.body.contains("**db1/disk is flapping**"))
    });
    assert_eq!(gitea.issues()[0].title, "[watchdog] db1/disk: flapping");
    // Whatever flaps on is one state, so there is nothing to comment.
    let more = (0..999).fold(Report::new("db1"), |report, n| {
        report.check("disk", if n % 2 == 0 { "success" } else { "failure" }, "and again")
    });
    teawatch.report(&more);
    let calm = (0..25).fold(Report::new("db1"), |report, _| report.check("disk", "success", "ok"));
    teawatch.report(&calm);
    eventually("the issue is closed", || gitea.open() == 0);
    eventually("the recovery is told", || gitea.comments(1).len() == 1);
    let comment = gitea.comments(1).remove(0);
    assert!(comment.contains("**Recovered**"), "{comment}");
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn a_thousand_checks_failing_at_once_make_twenty_issues_and_one_with_the_rest() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("alerts.comment_interval", "200ms")]);
    let all = |kind: &str| {
        (0..1_000).fold(Report::new("db1"), |report, n| {
            report.check(&format!("check-{n:03}"), kind, &format!("{kind} of {n}"))
        })
    };
    teawatch.report(&all("failure"));
    eventually("twenty issues and one are open", || gitea.open() == 21);
    let overflow = || {
        let title = "[watchdog] overflow of ops/alerts: too much trouble at once";
        let mut issues = gitea.issues().into_iter();
        issues.find(|issue| issue.title == title).unwrap()
    };
    eventually("the table shows what there is room for", || {
        overflow().body.contains("\n… and 880 more.\n")
    });
    let rows = |body: &str| body.lines().filter(|line| line.starts_with("| db1/check-")).count();
    assert_eq!(rows(&overflow().body), 100);
    let own: Vec<_> = gitea.issues().into_iter().filter(|issue| rows(&issue.body) == 1).collect();
    assert_eq!(own.len(), 20);
    let (_, alerts) = teawatch.get("/api/v1/alerts?limit=500");
    let is_row = |alert: &&serde_json::Value| alert["is_row"] == true;
    let first = alerts["items"].as_array().unwrap().iter().filter(is_row).count();
    let next = alerts["next"].as_str().unwrap();
    let (_, alerts) = teawatch.get(&format!("/api/v1/alerts?limit=500&after={next}"));
    let second = alerts["items"].as_array().unwrap().iter().filter(is_row).count();
    // The cursor's third page holds one: 1,000 checks and the overflow.
    let next = alerts["next"].as_str().unwrap();
    let (_, alerts) = teawatch.get(&format!("/api/v1/alerts?limit=500&after={next}"));
    let third = alerts["items"].as_array().unwrap().iter().filter(is_row).count();
    assert_eq!(first + second + third, 980);

    teawatch.report(&all("success"));
    eventually("all are closed", || gitea.open() == 0);
    let told = |number| {
        let comments = gitea.comments(number);
        comments.iter().filter(|comment| comment.contains("**Recovered**")).count() == 1
    };
    eventually("each recovery is told", || (1..=21).all(told));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 21);
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 21);
}

#[test]
fn what_no_place_is_left_for_is_a_row_until_it_recovers_and_closing_makes_room() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("storm.max_open_issues", "2")]);
    for check in ["db1/a", "db1/b", "db1/c"] {
        teawatch.report(&failing(check));
    }
    eventually("two issues and the overflow are open", || gitea.open() == 3);
    teawatch.report(&passing("db1/a"));
    eventually("one is closed", || gitea.open() == 2);
    teawatch.report(&passing("db1/b"));
    eventually("two are closed", || gitea.open() == 1);
    // It stays a row although there is room now.
    teawatch.report(&failing("db1/c"));
    teawatch.report(&failing("db1/d"));
    eventually("the next one has an issue of its own", || gitea.open() == 2);
    assert!(gitea.issues().iter().any(|issue| issue.title.starts_with("[watchdog] db1/d: ")));
    assert!(!gitea.issues().iter().any(|issue| issue.title.starts_with("[watchdog] db1/c: ")));
    teawatch.report(&passing("db1/c"));
    eventually("the overflow is closed", || gitea.open() == 1);
    // Its next trouble is an episode of its own.
    teawatch.report(&failing("db1/c"));
    eventually("it has an issue", || {
        gitea.issues().iter().any(|issue| issue.title.starts_with("[watchdog] db1/c: "))
    });
    teawatch.report(&passing("db1/c"));
    teawatch.report(&passing("db1/d"));
    eventually("all are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn requests_never_exceed_the_budget() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let (rate, burst) = (20.0, 5.0);
    let settings = [("gitea.rate", "20"), ("gitea.burst", "5"), ("gitea.in_flight", "8")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let checks: Vec<_> = (0..12).map(|n| format!("db{n}/disk")).collect();
    for check in &checks {
        teawatch.report(&failing(check));
    }
    eventually("all are open", || gitea.open() == checks.len());
    for check in &checks {
        teawatch.report(&passing(check));
    }
    eventually("all are closed", || gitea.open() == 0);
    eventually("nothing waits", || teawatch.outbox().is_empty());
    let times: Vec<_> = gitea.world().log().map(|entry| entry.at).collect();
    assert!(times.len() > 60, "{} requests say too little", times.len());
    // A request that was slow on its way arrives closer to the next one than it was sent.
    let on_its_way = 0.5;
    for (index, first) in times.iter().enumerate() {
        for (further, last) in times[index..].iter().enumerate() {
            let seconds = last.duration_since(*first).as_secs_f64() + on_its_way;
            let requests = f64::from(u32::try_from(further + 1).unwrap());
            assert!(requests <= burst + rate * seconds, "{requests} requests in {seconds} s");
        }
    }
    all_is_told(&teawatch, &gitea);
}

#[test]
fn r37_sixty_four_reports_at_once_about_one_check_make_one_issue() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let barrier = Barrier::new(64);
    let reports: Vec<_> = (0..64).map(|_| failing("db1/disk")).collect();
    std::thread::scope(|scope| {
        for report in &reports {
            let (teawatch, barrier) = (&teawatch, &barrier);
            scope.spawn(move || {
                barrier.wait();
                teawatch.report(report);
            });
        }
    });
    eventually("an issue is open", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 1);
}

#[test]
fn r19_reminders_come_ever_more_rarely_and_carry_the_newest_diagnostics() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alerts.reminders", "1s, 2s, 4s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    for n in 0..3 {
        let observation = json!({
            "name": "disk", "kind": "failure", "summary": format!("97.{n} % full"),
            "details": format!("df says {n}"), "numbers": { "free": n },
        });
        teawatch.report(&Report::new("db1").observation(observation));
    }
    eventually("a reminder", || gitea.comments(1).len() == 1);
    let first = gitea.comments(1).remove(0);
    assert!(first.contains("**Still in trouble**, for "), "{first}");
    assert!(first.contains("**db1/disk is down** since 20"), "{first}");
    assert_eq!(summed_up(&first), (3, 3));
    assert!(first.contains(": 97.2 % full\n"), "{first}");
    assert!(first.contains("free = 2") && first.contains("df says 2"), "{first}");
    eventually("the third reminder", || gitea.comments(1).len() == 3);
    let issue = gitea.issue(1);
    let passed = issue.comments().last().unwrap().created.duration_since(issue.created);
    // Gitea's times are whole seconds.
    assert!(passed.as_secs() >= 3, "{passed:?}");
    // From then on once a day.
    teawatch.report(&failing("db1/disk"));
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    eventually("the recovery is told", || {
        gitea.comments(1).last().unwrap().contains("**Recovered**")
    });
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.comments(1).len(), 4);
}

#[test]
fn k9_the_recovery_says_when_for_how_long_how_many_results_and_what_was_seen_last() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.report(&failing("db1/disk"));
    teawatch.report(&failing("db1/disk"));
    let well =
        json!({ "name": "disk", "kind": "success", "summary": "62 % full", "details": "a lot" });
    teawatch.report(&Report::new("db1").observation(well));
    eventually("the recovery is told", || gitea.comments(1).len() == 1);
    let comment = gitea.comments(1).remove(0);
    let today = gitea.now().strftime("%Y-").to_string();
    assert!(comment.contains(&format!("**Recovered** at {today}")), "{comment}");
    let (_, lasted) = comment.split_once("all is well again, after ").unwrap();
    assert!(lasted.split_once(" s.").unwrap().0.parse::<u32>().is_ok(), "{comment}");
    assert!(comment.contains(": 3 results, 2 of them failing."), "{comment}");
    assert!(comment.contains(": 62 % full\n") && comment.contains("a lot"), "{comment}");
    eventually("the table says so", || gitea.issue(1).body.contains("| db1/disk | well |"));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.comments(1).len(), 1);
}

#[test]
fn an_opening_that_was_never_tried_is_struck_on_recovery_and_told_in_the_next_issue() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.go_away();
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for _ in 0..2 {
        teawatch.report(&failing("db1/disk"));
        assert_eq!(teawatch.outbox().len(), 1);
        teawatch.report(&passing("db1/disk"));
        assert_eq!(teawatch.outbox().len(), 0);
    }
    gitea.come_back();
    eventually("teawatch is ready", || teawatch.get("/readyz").0 == 200);
    assert_eq!(gitea.world().writes(), 0);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    let body = gitea.issue(1).body;
    assert!(body.contains("It was in trouble twice before, first at 20"), "{body}");
    assert!(body.contains("well again before an issue could be opened."), "{body}");
    teawatch.report(&passing("db1/disk"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

#[test]
fn an_opening_that_found_nobody_at_home_is_struck_as_well() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("open issues are read", || {
        gitea.world().count(&Method::GET, Route::Issues) > 0 && teawatch.get("/readyz").0 == 200
    });
    gitea.go_away();
    teawatch.report(&failing("db1/disk"));
    eventually("it was tried in vain", || {
        let outbox = teawatch.outbox();
        outbox[0]["last_error"].is_string() && outbox[0]["doubt"].is_null()
    });
    teawatch.report(&passing("db1/disk"));
    assert_eq!(teawatch.outbox().len(), 0);
    gitea.come_back();
    eventually("teawatch is ready", || teawatch.get("/readyz").0 == 200);
    assert_eq!(gitea.world().writes(), 0);
    assert!(gitea.world().issue(REPOSITORY, 1).is_none());
    all_is_told(&teawatch, &gitea);
}

#[test]
fn when_requests_are_short_a_closing_goes_before_openings_and_those_before_comments() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("gitea.in_flight", "1"), ("gitea.rate", "10"), ("gitea.burst", "2")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&Report::new("db1").check("first", "failure", "it is broken"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let before = gitea.world().log().len();
    // Its recovery comes last, so its effects are the youngest.
    let report = (0..10).fold(Report::new("db1"), |report, n| {
        report.check(&format!("check-{n}"), "failure", "it is broken as well")
    });
    teawatch.report(&report.check("first", "success", "it works"));
    eventually("the others are open", || gitea.open() == 10 && !gitea.issue(1).is_open);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.comments(1).len(), 1);

    let world = gitea.world();
    let writes: Vec<_> = world.log().skip(before).filter(|entry| entry.method != "GET").collect();
    let places = |method: &Method, route: Route| {
        let is_it = |index: &usize| {
            writes[*index].method == method.as_str() && writes[*index].route == route
        };
        (0..writes.len()).filter(is_it).collect::<Vec<_>>()
    };
    let openings = places(&Method::POST, Route::Issues);
    assert_eq!(openings.len(), 10, "{writes:#?}");
    let closing = places(&Method::PATCH, Route::Issue)[0];
    assert!(closing < openings[1], "{writes:#?}");
    let comment = places(&Method::POST, Route::Comments)[0];
    assert!(comment > openings[9], "{writes:#?}");
}

#[test]
fn no_more_requests_wait_for_their_answer_than_may_be_in_flight() {
    for in_flight in [2, 4] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let allowed = in_flight.to_string();
        let settings = [
            ("gitea.in_flight", allowed.as_str()),
            ("gitea.timeout", "20s"),
            ("gitea.settle_wait", "40s"),
        ];
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        let hold = Deed::Open.fault(Action::StallAndDo { after_ms: None });
        gitea.order(hold.until_cleared());
        let failing_checks = (0..6).fold(Report::new("db1"), |report, n| {
            report.check(&format!("check-{n}"), "failure", "it is broken")
        });
        teawatch.report(&failing_checks);
        let held = || gitea.held(&Method::POST, Route::Issues);
        eventually("as many are held as may be", || held() >= in_flight);
        teawatch.report(&failing(CHECK));
        eventually("a later one is in the outbox", || teawatch.outbox().len() == 7);
        assert_eq!(held(), in_flight);
        // Whenever some are answered, as many more are sent.
        for held_so_far in (in_flight..7).step_by(in_flight) {
            assert_eq!(held(), held_so_far);
            gitea.release();
            let next = (held_so_far + in_flight).min(7);
            eventually("the next are held", || held() >= next);
        }
        assert_eq!(held(), 7);
        gitea.release();
        eventually("all are open", || gitea.open() == 7);
        gitea.world().clear_faults();
        all_is_told(&teawatch, &gitea);
    }
}

#[test]
fn an_interval_of_an_hour_delays_comments_and_no_closing_and_no_reopening() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alerts.comment_interval", "1h"), ("alerts.group_by", "source")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    teawatch.report(&failing("db1/memory"));
    eventually("the second is told", || gitea.comments(1).len() == 1);
    teawatch.report(&passing("db1/disk"));
    teawatch.report(&passing("db1/memory"));
    eventually("the issue is closed", || turns(&gitea.issue(1)) == ["closed"]);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.comments(1).len(), 1);
    teawatch.report(&failing("db1/disk"));
    eventually("it is reopened", || turns(&gitea.issue(1)) == ["closed", "reopened"]);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.comments(1).len(), 1);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn a_pause_that_gitea_asks_for_is_cut_to_the_longest_that_is_granted() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("gitea.retry_after_max", "200ms")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let retry_after = u32::try_from(3 * PATIENCE.as_secs()).unwrap();
    let body = BodyKind::Json;
    gitea.order(Deed::Open.fault(Action::Refuse {
        status: 429,
        retry_after: Some(retry_after),
        body,
    }));
    teawatch.report(&failing(CHECK));
    eventually("the issue is open nevertheless", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.world().count(&Method::POST, Route::Issues), 2);
}
