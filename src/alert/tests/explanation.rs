//! How an alert is, in one sentence.

use super::super::{Alert, OnManualClose, Placement, Rule};
use super::script::play;
use super::wishes::{OPEN, OVER, check, ends, rule};

#[test]
fn one_sentence_says_how_it_is_and_what_people_want() {
    let script = format!("{OPEN} 5:/silence_1h_new_disk 6:/ack 7:/hold");
    let says = |script: &str| ends(script).explanation(&rule(), None);
    assert_eq!(
        says(&script),
        "In trouble since 1970-01-01 00:00 UTC; alice has silenced it until 1970-01-01 01:00 UTC \
         (new disk); alice knows of it and wants no reminders until recovery; alice keeps its \
         issue open on recovery."
    );
    assert_eq!(says(OVER), "All is well.");
    // What waits is said with all the rest.
    assert_eq!(
        ends(OPEN).explanation(&rule(), Some("the repository is archived")),
        "In trouble since 1970-01-01 00:00 UTC; what there is to tell waits: the repository is \
         archived."
    );
}

#[test]
fn one_sentence_says_what_became_of_the_issue() {
    let insists = Rule { on_manual_close: OnManualClose::Reopen, ..rule() };
    for (script, rule, says) in [
        ("0:x", rule(), "its issue is on its way"),
        ("60:c", rule(), "somebody had closed its issue by 00:01, and it is reopened after 02:47"),
        ("60:/close", rule(), "alice closed its issue at 00:01, and it is reopened after 02:47"),
        // A silence that lasts longer holds up the rest.
        (
            "60:c 60:/silence_4h",
            rule(),
            "closed its issue by 00:01, and it is reopened after 04:01",
        ),
        ("60:n 60:/silence_4h", rule(), "and a new one follows after 04:01"),
        (
            "60:c 10060:w",
            rule(),
            "somebody had closed its issue by 00:01, and it is being reopened",
        ),
        ("60:c 60:w", insists, "somebody had closed its issue by 00:01, and it is being reopened"),
        (
            "60:n",
            rule(),
            "somebody had deleted its issue by 00:01, and a new one follows after 02:47",
        ),
        ("60:c 70:.", rule(), "closed its issue by 00:01, so further trouble has a new one."),
        ("60:n 70:.", rule(), "deleted its issue by 00:01, so further trouble has a new one."),
        ("60:m", rule(), "its issue wears a label that keeps it quiet until recovery."),
    ] {
        let begin = if script == "0:x" { "" } else { OPEN };
        let (alert, _) = play(&rule, Placement::Own, check(), &format!("{begin} {script}"));
        let said = alert.explanation(&rule, None).replace("1970-01-01 ", "").replace(" UTC", "");
        assert!(said.contains(says), "{script}: {said}");
    }
    // One that is closed and muted is not reopened before recovery.
    let muted = Alert { is_muted: true, ..ends(&format!("{OPEN} 60:c")) };
    let said = muted.explanation(&rule(), None);
    assert!(
        said.contains("; somebody had closed its issue by 1970-01-01 00:01 UTC; its"),
        "{said}"
    );
    let (row, _) = play(&rule(), Placement::Row, check(), "0:x");
    assert!(row.explanation(&rule(), None).ends_with("; it is a row of the overflow issue."));
}
