//! However many issues there are, only what has changed is read.

use std::collections::BTreeSet;

use http::Method;
use teawatch::sandbox::Route;

use crate::support::{
    CHECK, OTHER, REPOSITORY, Report, Scene, Teawatch, eventually, failing, passing,
};

fn page_of(query: &str) -> &str {
    query.split('&').find_map(|part| part.strip_prefix("page=")).unwrap()
}

/// So many issues of our own user that nothing has changed for a year.
const OLD: usize = 10_000;

#[test]
fn with_ten_thousand_issues_a_comparison_takes_two_requests_and_the_changed_pages() {
    let scene = Scene::with(&[]);
    let long_ago = scene.gitea.now() - jiff::SignedDuration::from_hours(365 * 24);
    {
        let mut world = scene.gitea.world();
        for _ in 0..OLD {
            let number = world.open_as("teawatch", REPOSITORY, "old", "", long_ago).unwrap();
            world.close_as("teawatch", REPOSITORY, number, long_ago).unwrap();
        }
    }
    scene.is_compared();
    scene.gitea.world().forget_requests();
    scene.is_compared();
    // Each time a page with the one issue, and an empty one.
    let pages: BTreeSet<_> = {
        let world = scene.gitea.world();
        let lists = world.log().filter(|entry| entry.route == Route::Issues);
        lists.map(|entry| page_of(&entry.query).to_owned()).collect()
    };
    assert_eq!(pages, ["1", "2"].map(str::to_owned).into());
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.count(&Method::POST, Route::Issues), 0);
}

#[test]
fn of_many_open_issues_twenty_are_looked_at_by_themselves_in_one_go() {
    let many = [("storm.max_new_issues", "100"), ("storm.max_open_issues", "100")];
    let Scene { data, gitea, teawatch } = Scene::with(&many);
    let all = (0..24).fold(Report::new("db1"), |report, number| {
        report.check(&format!("check {number}"), "failure", "")
    });
    teawatch.report(&all);
    eventually("all are open", || gitea.open() == 25);
    teawatch.settles(&gitea);
    assert!(teawatch.stop().success());
    let looks = || gitea.count(&Method::GET, Route::Issue);
    let before = looks();
    // One comparison, at the start.
    let settings = [("reconcile.every", "6h"), ("reconcile.look_every", "1us"), many[0], many[1]];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    eventually("twenty are looked at", || looks() == before + 20);
    teawatch.report(&failing(OTHER));
    eventually("another one is open", || gitea.open() == 26);
    teawatch.settles(&gitea);
    assert_eq!(looks(), before + 20);
}

/// What Gitea was asked for, in the order in which it was.
fn asked(scene: &Scene) -> Vec<Route> {
    scene.gitea.world().log().map(|entry| entry.route).collect()
}

#[test]
fn the_next_comparison_notices_what_people_did_with_a_request_for_each_issue_that_changed() {
    let scene = Scene::with(&[("reconcile.every", "1s")]);
    let other = failing(OTHER);
    scene.teawatch.report(&other);
    eventually("there are two", || scene.gitea.open() == 2);
    scene.teawatch.settles(&scene.gitea);
    scene.is_compared();
    // Where nothing has changed: a page, and an empty one.
    scene.gitea.world().forget_requests();
    scene.is_compared();
    let quiet = asked(&scene);
    let comparisons = quiet.len() / 2;
    assert!((1..=4).contains(&comparisons), "{quiet:?}");
    assert_eq!(quiet, vec![Route::Issues; comparisons * 2]);
    // There is a second until the next one. A comment is read, and a closing is in the list.
    scene.gitea.world().forget_requests();
    let now = scene.gitea.now();
    scene.gitea.world().comment_as("bob", REPOSITORY, 2, "I look at it.", now).unwrap();
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    let asked = asked(&scene);
    assert_eq!(asked, [Route::Issues, Route::Issues, Route::Comments]);
}

#[test]
fn the_next_look_notices_a_deletion() {
    let scene = Scene::with(&[("reconcile.look_every", "1s")]);
    scene.gitea.world().forget_requests();
    let began = std::time::Instant::now();
    scene.gitea.world().delete_issue(REPOSITORY, 1).unwrap();
    eventually("it is noticed", || !scene.alert()["deleted_at"].is_null());
    // It was looked at once, and its repository asked for.
    let mut asked = asked(&scene);
    asked.retain(|route| *route != Route::Issues);
    assert_eq!(asked, [Route::Issue, Route::Repository]);
    // One interval, and what a busy machine takes.
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}
