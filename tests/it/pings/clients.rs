//! The calls that a client of Healthchecks makes, one after the other.

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::blocking::Response;
use reqwest::header::CONTENT_TYPE;
use teawatch::check::Kind;

use super::{check, key};
use crate::support::{Gitea, Teawatch, client, eventually};

/// What runitor sends: always POST and plain text, a run of its own, and the wish that the
/// check is made. Nothing but 200 and 201 is a success to it.
fn runitor(teawatch: &Teawatch, action: &str, run: u32, body: &str) -> Response {
    let rid = format!("0f1e2d3c-4b5a-4697-8877-{run:012x}");
    let url = format!("{}/ping/{}/backup{action}?create=1&rid={rid}", teawatch.url, key("web1"));
    let request = client().post(url).header(CONTENT_TYPE, "text/plain");
    let answer = request.body(body.to_owned()).send().unwrap();
    let status = answer.status().as_u16();
    assert!([200, 201].contains(&status), "{action}: {status}");
    answer
}

#[test]
fn the_calls_of_runitor_tell_how_a_job_ended() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let runs = AtomicU32::new(0);
    let run = |ends: &str, output: &str| {
        let number = runs.fetch_add(1, Ordering::Relaxed);
        let started = runitor(&teawatch, "/start", number, "");
        assert_eq!(started.status(), if number == 0 { 201 } else { 200 });
        // It keeps as much of the end of the output as this says.
        let limit = started.headers()["ping-body-limit"].to_str().unwrap().to_owned();
        assert!(limit.parse::<usize>().unwrap() >= 10_000, "{limit}");
        assert!(check(&teawatch, "backup")["running_since"].is_string());
        runitor(&teawatch, ends, number, output);
        let check = check(&teawatch, "backup");
        assert!(check["running_since"].is_null(), "{check:#}");
        assert!(check["last_run"]["took"].is_string(), "{check:#}");
        check
    };
    assert_eq!(run("/0", "[runitor] exit status: 0\n")["status"], "up");
    let failed = run("/3", "copying\nno space left on device\n");
    assert_eq!((&failed["status"], &failed["results"]), (&"down".into(), &2.into()));
    eventually("an issue is open", || gitea.open() == 1);
    let title = "[watchdog] web1/backup: exit status 3: no space left on device";
    assert_eq!(gitea.issue(1).title, title);
    // It pings so where it could not run the command, or was told to.
    assert_eq!(
        run("/fail", "exec: \"backup\": not found")["last_run"]["kind"],
        kind(Kind::Failure)
    );
    runitor(&teawatch, "/log", 99, "nothing to say");
    assert_eq!(run("", "all is well")["last_run"]["kind"], kind(Kind::Success));
    eventually("it is closed", || gitea.open() == 0);
    // What it sends once more, since it got no answer in time.
    let before = check(&teawatch, "backup");
    runitor(&teawatch, "", runs.load(Ordering::Relaxed) - 1, "all is well");
    assert_eq!(check(&teawatch, "backup"), before);
}

fn kind(kind: Kind) -> serde_json::Value {
    serde_json::to_value(kind).unwrap()
}
