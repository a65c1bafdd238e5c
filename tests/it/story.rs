//! The shortest story: a check fails, one issue opens, is commented, and closes itself.

use crate::support::{Gitea, Teawatch, eventually, failing, passing};

#[test]
fn k5_a_failing_check_becomes_one_issue_that_closes_on_recovery() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.report(&failing("db1/disk"));
    teawatch.report(&passing("db1/disk"));
    eventually("the issue is closed", || gitea.issues().len() == 1 && gitea.open() == 0);
    eventually("the recovery is told", || {
        gitea.comments(1).iter().any(|comment| comment.contains("**Recovered**"))
    });
    eventually("nothing waits", || teawatch.outbox().is_empty());
    assert!(gitea.issue(1).title.starts_with("[watchdog] db1/disk: "));
}
