//! One cycle as a whole: its verdict, and the forms in which it is shown and sent.

use std::process::Stdio;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use teawatch::agent::{Cycle, Verdict, json, markdown, text};
use teawatch::check::{Kind, Observation};
use teawatch::observation::{Limits, Report, ReportId};

use super::Host;
use crate::support::InTime as _;

fn cycle(results: &[(&str, Kind, &str, &str)]) -> Cycle {
    let results = results.iter().map(|(name, kind, summary, details)| {
        let mut observation = Observation::new(*kind, (*summary).to_owned());
        observation.details = (*details).to_owned();
        ((*name).to_owned(), observation)
    });
    Cycle {
        unseen: Vec::new(),
        source: "web1".to_owned(),
        started_at: Timestamp::from_second(1_700_000_000).unwrap(),
        took: Duration::from_millis(1_500),
        every: SignedDuration::from_mins(5),
        results: results.collect(),
    }
}

const WELL: (&str, Kind, &str, &str) = ("port", Kind::Success, "open", "");
const BAD: (&str, Kind, &str, &str) = ("worker", Kind::Failure, "gone", "since noon\n");
const UNSURE: (&str, Kind, &str, &str) = ("disk", Kind::Unknown, "no answer", "");

fn id() -> ReportId {
    ReportId { epoch: "e".to_owned(), seq: 1 }
}

#[test]
fn r15_a_cycle_is_healthy_only_if_every_check_passes() {
    assert_eq!(cycle(&[WELL, WELL]).verdict(), Verdict::Healthy);
    assert_eq!(cycle(&[WELL, UNSURE]).verdict(), Verdict::CannotTell);
    assert_eq!(cycle(&[WELL, BAD]).verdict(), Verdict::Failing);
    assert_eq!(cycle(&[UNSURE, BAD, WELL]).verdict(), Verdict::Failing);
}

#[test]
fn r15_what_failed_is_listed_apart_from_what_is_unknown() {
    let second = ("gateway", Kind::Failure, "closed", "");
    let shown: Value = serde_json::from_str(&json(&cycle(&[BAD, WELL, UNSURE, second]))).unwrap();
    assert_eq!(shown["healthy"], false);
    assert_eq!(shown["failed"], json!(["worker", "gateway"]));
    assert_eq!(shown["unknown"], json!(["disk"]));
    let shown: Value = serde_json::from_str(&json(&cycle(&[WELL]))).unwrap();
    let healthy = (&shown["healthy"], &shown["failed"], &shown["unknown"]);
    assert_eq!(healthy, (&json!(true), &json!([]), &json!([])));
}

#[test]
fn r16_a_cycle_is_shown_in_markdown() {
    insta::assert_snapshot!(markdown(&cycle(&[WELL, BAD, UNSURE])), @r"
    ## web1

    3 checks at 2023-11-14 22:13:20 UTC: 1 failing, 1 unknown.

    | check | result | summary |
    |---|---|---|
    | port | well | open |
    | worker | **failing** | gone |
    | disk | **unknown** | no answer |

    **worker**

    ```text
    since noon
    ```
    ");
    insta::assert_snapshot!(text(&cycle(&[WELL, BAD, UNSURE])), @r"
    ok       port    open
    FAILED   worker  gone
                     since noon
    unknown  disk    no answer
    3 checks at 2023-11-14 22:13:20 UTC: 1 failing, 1 unknown.
    ");
}

#[test]
fn r16_names_and_words_from_outside_are_shown_in_markdown_as_they_are() {
    let odd = ("a|b", Kind::Failure, "`x` *y* <b> [l](u) #1 \\| ~z~", "````\nend\n```\n");
    insta::assert_snapshot!(markdown(&cycle(&[odd])), @r"
    ## web1

    1 check at 2023-11-14 22:13:20 UTC: 1 failing.

    | check | result | summary |
    |---|---|---|
    | a\|b | **failing** | \`x\` \*y\* \<b> \[l\](u) \#1 \\\| \~z\~ |

    **a\|b**

    `````text
    ````
    end
    ```
    `````
    ");
}

#[test]
fn r16_a_cycle_is_shown_as_one_json_object() {
    let shown: Value = serde_json::from_str(&json(&cycle(&[BAD]))).unwrap();
    let expected = json!({
        "version": 1,
        "source": "web1",
        "started_at": "2023-11-14T22:13:20Z",
        "took_seconds": 1.5,
        "interval_seconds": 300.0,
        "healthy": false,
        "failed": ["worker"],
        "unknown": [],
        "checks": [{
            "name": "worker",
            "result": "failure",
            "summary": "gone",
            "details": "since noon\n",
            "numbers": {},
        }],
    });
    assert_eq!(shown, expected);
}

#[test]
fn r15_a_report_holds_what_a_server_takes_however_much_was_seen() {
    let details = "\"\\".repeat(1_400);
    let names: Vec<_> = (0..1_000).map(|n| format!("check {n}")).collect();
    let results: Vec<_> =
        names.iter().map(|name| (name.as_str(), Kind::Failure, "bad", details.as_str())).collect();
    let few = cycle(&results[..10]).report(id());
    assert!(few.observations.iter().all(|(_, seen)| seen.details == details));
    let body = cycle(&results).report(id()).to_json();
    assert!(body.len() <= 1024 * 1024, "{} bytes", body.len());
    let read = Report::parse(&body, &Limits::default()).unwrap();
    assert_eq!(read.observations.len(), 1_000);
    assert!(read.observations.iter().all(|(_, seen)| seen.summary == "bad"));
    assert!(read.observations.iter().all(|(_, seen)| seen.details.len() > 200));
}

#[test]
fn r11_a_worker_whose_heartbeat_is_stale_is_dead_although_its_process_and_port_live() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = Host::new(&format!(
        "[[tcp]]\nname = \"gateway\"\naddress = \"127.0.0.1:{port}\"\n\
         [[process]]\nname = \"process\"\npattern = \"stuck-worker-of-r11\"\n\
         [[heartbeat]]\nname = \"heartbeat\"\npath = \"hb\"\n\
         [[syntax]]\nname = \"source\"\npath = \"worker\"\ncommand = [\"sh\", \"-n\"]\n"
    ));
    let script = host.script("worker", "sleep 60");
    host.write("hb", "{\"timestamp\": 1700000000, \"cycle\": 7, \"model\": \"m\"}");
    let mut worker = std::process::Command::new(&script)
        .arg("stuck-worker-of-r11")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (code, said) = host.look();
    worker.kill().unwrap();
    worker.wait_in_time();
    assert_eq!(code, 1);
    assert_eq!(said["failed"], json!(["heartbeat"]), "{said:#}");
    assert_eq!(said["unknown"], json!([]), "{said:#}");
    assert_eq!(said["healthy"], false);
    assert_eq!(said["checks"][2]["details"], "cycle: 7\nmodel: \"m\"");
}

#[test]
fn r14_all_four_checks_always_run_and_none_stops_at_the_failure_of_another() {
    let host = Host::new(
        "[[tcp]]\nname = \"gateway\"\naddress = \"host.invalid\"\n\
         [[process]]\nname = \"process\"\npattern = \"no-such-process-of-r14\"\n\
         [[heartbeat]]\nname = \"heartbeat\"\npath = \"missing\"\n\
         [[syntax]]\nname = \"source\"\npath = \"bad.json\"\n",
    );
    host.write("bad.json", "{");
    let (code, said) = host.look();
    assert_eq!(code, 1);
    let all = json!(["gateway", "process", "heartbeat", "source"]);
    assert_eq!(said["failed"], all, "{said:#}");
}
