//! The table in an issue's body, and the words of people around it.

use http::Method;
use teawatch::sandbox::{Action, Fault, Outcome, Route};

use crate::support::{
    Gitea, REPOSITORY, Report, Teawatch, all_is_told, eventually, failing, passing,
};

const BEGIN: &str = "<!-- teawatch: this table is kept up to date -->";
const END: &str = "<!-- teawatch: end of the table -->";

struct Issue {
    /// Dropped last: the server's state is in it.
    _data: tempfile::TempDir,
    teawatch: Teawatch,
    gitea: Gitea,
}

/// An issue about `db1/disk` that is open.
fn an_issue() -> Issue {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("an issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    Issue { _data: data, teawatch, gitea }
}

impl Issue {
    /// Reports that the check fails with this summary.
    fn fails(&self, summary: &str) {
        self.teawatch.report(&Report::new("db1").check("disk", "failure", summary));
    }

    #[track_caller]
    fn shows(&self, summary: &str) {
        let row = format!(" | {summary} |\n");
        eventually("the table is up to date", || self.gitea.issue(1).body.contains(&row));
    }

    fn body(&self) -> String {
        self.gitea.issue(1).body
    }

    fn alice_writes(&self, body: &str) {
        let now = self.gitea.now();
        self.gitea.world().edit_body_as("alice", REPOSITORY, 1, body, now).unwrap();
    }

    fn ends(self) {
        self.teawatch.report(&passing("db1/disk"));
        eventually("it is closed", || self.gitea.open() == 0);
        all_is_told(&self.teawatch, &self.gitea);
        assert_eq!(self.gitea.issues().len(), 1);
    }
}

#[test]
fn what_people_write_around_the_table_stays() {
    let issue = an_issue();
    let body = issue.body();
    assert_eq!((body.matches(BEGIN).count(), body.matches(END).count()), (1, 1));
    let mine = format!("Ask Bob first.\n\n{body}\n\nBob: it was the fan.");
    issue.alice_writes(&mine);
    issue.fails("98 % full");
    issue.shows("98 % full");
    let around = |body: &str| {
        let (before, rest) = body.split_once(BEGIN).unwrap();
        format!("{before}{}", rest.split_once(END).unwrap().1)
    };
    let found = issue.body();
    assert!(found.starts_with("Ask Bob first.\n\n") && found.ends_with("Bob: it was the fan."));
    assert_eq!(around(&found), around(&mine));
    assert!(!found.contains(" | it is broken |\n"));
    issue.ends();
}

#[test]
fn an_edit_between_our_reading_and_our_writing_is_not_overwritten() {
    let issue = an_issue();
    // The write waits at the door, with the version that was read before.
    let stall = Fault::new(Action::StallAndDo { after_ms: Some(700) });
    issue.gitea.order(stall.on(&Method::PATCH, Route::Issue));
    issue.fails("99 % full");
    eventually("the write is on its way", || {
        issue.gitea.world().log().any(|entry| entry.outcome == Outcome::Held)
    });
    let body = issue.body();
    assert!(!body.contains("99 % full"));
    issue.alice_writes(&format!("{body}\n\nAlice was here."));
    issue.shows("99 % full");
    assert!(issue.body().ends_with("Alice was here."), "{}", issue.body());
    issue.ends();
}

#[test]
fn a_body_without_its_delimiters_gets_the_table_once_more_and_only_once() {
    let issue = an_issue();
    let mine = issue.body().replace(BEGIN, "").replace(END, "");
    issue.alice_writes(&mine);
    issue.fails("one");
    issue.shows("one");
    let body = issue.body();
    assert!(body.starts_with(mine.trim_end()), "{body}");
    issue.fails("two");
    issue.shows("two");
    let body = issue.body();
    assert_eq!((body.matches(BEGIN).count(), body.matches(END).count()), (1, 1), "{body}");
    assert!(body.starts_with(mine.trim_end()), "{body}");
    assert!(!body.contains(" | one |\n"), "{body}");
    issue.ends();
}

#[test]
fn a_body_with_doubled_delimiters_gets_the_table_once_more_and_only_once() {
    let issue = an_issue();
    let body = issue.body();
    let mine = format!("{body}\n\nAs it was at noon:\n\n{body}");
    issue.alice_writes(&mine);
    for summary in ["one", "two", "three"] {
        issue.fails(summary);
        issue.shows(summary);
    }
    let body = issue.body();
    assert!(body.starts_with(mine.trim_end()), "{body}");
    assert_eq!((body.matches(BEGIN).count(), body.matches(END).count()), (3, 3), "{body}");
    issue.ends();
}

#[test]
fn a_table_that_is_already_right_is_not_written() {
    let issue = an_issue();
    let writes = issue.gitea.world().writes();
    // The same once more is no news.
    for _ in 0..3 {
        issue.fails("it is broken");
    }
    issue.fails("it is broken still");
    issue.shows("it is broken still");
    assert_eq!(issue.gitea.world().writes(), writes + 1);
    issue.ends();
}
