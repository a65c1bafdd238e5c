//! Repositories that the configuration no longer names.

use crate::support::{Gitea, Teawatch, eventually, failing, passing, readiness, status};

/// A repository that does not exist.
const TYPO: &str = "[[route]]\nmatch.source = \"db1\"\nrepository = \"ops/alerst\"\n";

#[test]
fn a_name_that_was_mended_is_asked_about_and_told_only_as_long_as_something_waits_there() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let start = || Teawatch::start(data.path(), &gitea, &[]);
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], TYPO);
    teawatch.report(&failing("db1/disk"));
    let refuses = "ops/alerst refuses since";
    let told = |teawatch: &Teawatch| readiness(teawatch).1["reasons"].to_string();
    eventually("it is told", || told(&teawatch).contains(refuses));
    assert!(teawatch.stop().success());

    let teawatch = start();
    eventually("it is told as long as something waits", || told(&teawatch).contains(refuses));
    teawatch.report(&passing("db1/disk"));
    eventually("nothing waits", || teawatch.outbox().is_empty());
    eventually("all is well", || readiness(&teawatch).0);
    assert!(teawatch.stop().success());

    gitea.world().forget_requests();
    let teawatch = start();
    eventually("all is well", || status(data.path()).0 == 0);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.settles(&gitea);
    assert!(!gitea.world().log().any(|entry| entry.path.contains("alerst")));
}
