//! Every command, written into the box below the issue.

use super::*;

/// What is written, one comment after the other, and what follows.
struct Row {
    says: &'static [&'static str],
    /// How the alert is explained then; empty where there is nothing to explain.
    explained: &'static [&'static str],
    /// What teawatch writes.
    answer: Option<&'static str>,
    /// Whether the issue is open then, and whether it is after recovery.
    is_open: [bool; 2],
}

const fn row(says: &'static [&'static str], explained: &'static [&'static str]) -> Row {
    Row { says, explained, answer: None, is_open: [true, false] }
}

#[rustfmt::skip] // A table is read by its rows.
const ROWS: &[Row] = &[
    row(&["/ack"], &["alice knows of it and wants no reminders until recovery."]),
    row(&["I know.\r\n\r\n /ACK 2h \r\n"], &["alice knows of it and wants no reminders until 2"]),
    Row { is_open: [true, true], ..row(&["/silence 2h a new disk"], &["alice has silenced it until 2", " (a new disk)."]) },
    Row { answer: Some("**The silence is over**"), ..row(&["/silence 2h", "/unsilence"], &[]) },
    Row { is_open: [true, true], ..row(&["/hold"], &["alice keeps its issue open on recovery."]) },
    row(&["/hold", "/unhold"], &[]),
    Row { is_open: [false, false], ..row(&["/close"], &["alice closed its issue at ", ", and it is reopened after "]) },
    row(&["/close", "/reopen"], &[]),
    Row { answer: Some("**db1/disk is down** since"), ..row(&["/status"], &[]) },
    Row { answer: Some("Each on a line of its own:"), ..row(&["/help"], &[]) },
];

#[test]
fn every_command_is_obeyed_when_a_webhook_tells() {
    all(Way::Told);
}

#[test]
fn every_command_is_obeyed_when_nobody_tells() {
    all(Way::Asked);
}

fn all(way: Way) {
    for (name, ..) in teawatch::alert::commands::COMMANDS {
        let is_it = |said: &&str| said.to_lowercase().contains(&format!("/{name}"));
        assert!(ROWS.iter().any(|row| row.says.last().is_some_and(is_it)), "{name}");
    }
    act(ROWS, |row| row.says[row.says.len() - 1], |row| plays(&Stage::new(way, &[]), row));
}

fn plays(stage: &Stage, row: &Row) {
    for said in row.says {
        stage.press("comments", &[("body", said)]);
        eventually("it reacts", || {
            let (issue, world) = (stage.issue(), stage.gitea().world());
            let hers = issue.comments().filter(|it| world.login(it.user) == "alice");
            let last = hers.last().unwrap();
            let reactions = last.reactions.iter().map(|it| it.content.as_str());
            reactions.eq(["eyes", "+1"])
        });
        stage.settles();
    }
    if row.explained.is_empty() {
        stage.is_plain();
    } else {
        stage.says(row.explained);
    }
    eventually("it is as it should be", || stage.issue().is_open == row.is_open[0]);
    stage.is_noticed();
    stage.settles();
    stage.is_explained();
    match (row.answer, stage.written().as_slice()) {
        (None, []) => {}
        (Some(answer), [written]) if written.starts_with(answer) => {}
        (_, written) => panic!("{written:#?}"),
    }
    stage.reports(&passing(CHECK));
    eventually("all is well", || stage.scene.alert()["in_trouble"].as_array().unwrap().is_empty());
    eventually("it is as it should be", || stage.issue().is_open == row.is_open[1]);
    stage.settles();
    stage.is_explained();
    assert_eq!(stage.gitea().issues().len(), 1);
}
