//! The report of the night as a job, and what it says of jobs.

use serde_json::Value;

use super::{Work, answer_of};
use crate::support::eventually;

#[test]
fn r76_a_job_makes_the_report_of_a_night_one_issue_however_often_it_is_run() {
    let work = Work::with(&[]);
    work.add("morning", "report", "30 6 * * *");
    work.run("morning");
    eventually("the report is open", || work.gitea.open() == 1);
    let title = work.gitea.issues()[0].title.clone();
    assert!(title.starts_with("[watchdog] Night to "), "{title}");
    eventually("it is done", || work.states("morning") == ["done"]);
    work.run("morning");
    eventually("it is done again", || work.states("morning") == ["done", "done"]);
    let why = work.runs("morning")[0]["why"].clone();
    assert!(why.as_str().unwrap().ends_with("already"), "{why}");
    let work = work.killed(&[]);
    work.run("morning");
    eventually("it is done after a kill", || work.states("morning") == ["done"; 3]);
    work.teawatch.settles(&work.gitea);
    assert_eq!(work.gitea.issues().len(), 1);
}

#[test]
fn runs_that_went_wrong_are_in_the_report_and_those_that_went_well_are_not() {
    let work = Work::switched(&[], |_| answer_of(500, "no"));
    work.add("beat", "dead-man", "every 1d");
    work.add("fine", "sweep", "every 1d");
    work.run("beat");
    work.run("fine");
    eventually("both have ended", || {
        work.states("beat") == ["failed"] && work.states("fine") == ["done"]
    });
    let report = |form: &str| {
        let output = work.teawatch.cli(&["report", "--since", "1h", form]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&report("--json")).unwrap();
    let rows = json["jobs"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&rows[0]["job"], &rows[0]["state"]), (&"beat".into(), &"failed".into()));
    assert!(json["summary"].as_str().unwrap().contains("1 run of a job went wrong"), "{json}");
    let markdown = report("--markdown");
    assert!(markdown.contains("### Jobs that went wrong: 1\n"), "{markdown}");
    assert!(markdown.contains("| beat | failed | "), "{markdown}");
}
