//! However many issues there are, only what has changed is read.

use std::collections::BTreeSet;

use http::Method;
use teawatch::sandbox::Route;

use super::Scene;
use crate::support::{CHECK, OTHER, REPOSITORY, Report, Teawatch, eventually, failing, passing};

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
