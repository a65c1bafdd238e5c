//! However many issues there are, only what has changed is read.

use http::Method;
use teawatch::sandbox::Route;

use super::Scene;
use crate::support::{CHECK, REPOSITORY, eventually, passing};

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
    let requests = || {
        let world = scene.gitea.world();
        let log = world.log();
        log.filter(|entry| entry.method == "GET" && entry.route == Route::Issues).count()
    };
    scene.gitea.world().forget_requests();
    let before = scene.compared_at();
    eventually("it is compared", || scene.compared_at() > before);
    // A page with the one issue, and an empty one; another comparison may have begun.
    assert!(requests() <= 4 + 2, "{} requests", requests());
    scene.alice_closes(1);
    eventually("it is noticed", || !scene.alert()["closed_by_hand_at"].is_null());
    scene.teawatch.report(&passing(CHECK));
    scene.teawatch.settles(&scene.gitea);
    assert_eq!(scene.gitea.count(&Method::POST, Route::Issues), 0);
}
