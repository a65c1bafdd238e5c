//! Folders of heartbeats: which jobs live, which do not, and the panel.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Host, text};
use crate::support::{Gitea, InTime as _, Teawatch, eventually};

fn last(host: &Host, job: &str, seconds_ago: f64, interval: f64) {
    let at = Timestamp::now().duration_since(Timestamp::UNIX_EPOCH).as_secs_f64() - seconds_ago;
    let beat = json!({ "job": job, "timestamp": at, "interval_seconds": interval });
    host.write(&format!("beats/{job}.last"), &beat.to_string());
}

#[test]
fn r68_a_job_is_stale_after_strictly_more_than_twice_its_interval() {
    use teawatch::agent::folder::{Status, scan};
    let host = Host::new("");
    host.write("beats/a.last", r#"{"timestamp":1700000000,"interval_seconds":300}"#);
    let status = |seconds| {
        let now =
            Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_millis(seconds);
        scan(&host.path("beats"), &[], now).unwrap()[0].status
    };
    assert_eq!(status(600_000), Status::Fresh);
    assert_eq!(status(600_001), Status::Stale);
    assert_eq!(status(-5_000), Status::Fresh);
    assert_eq!(status(-5_001), Status::Future);
}

#[test]
fn r70_any_stale_job_is_trouble_for_the_folder_and_a_job_that_never_wrote_is_seen() {
    let host =
        Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\njobs = [\"a\", \"never\"]\n");
    last(&host, "a", 10.0, 300.0);
    last(&host, "b", 10.0, 300.0);
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "failure", "{summary}");
    assert!(summary.contains("never (never seen)"), "{summary}");
    last(&host, "never", 1.0, 300.0);
    assert_eq!(host.look_at_one().0, "success");
    last(&host, "b", 601.0, 300.0);
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "failure");
    assert!(summary.contains("1 of 3 jobs: b (stale)"), "{summary}");
}

#[test]
fn each_job_has_a_check_of_its_own_where_the_settings_say_so() {
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\nper_job = true\n");
    last(&host, "a", 10.0, 300.0);
    last(&host, "b", 601.0, 300.0);
    host.write("beats/c.last", "?");
    let (_, said) = host.look();
    assert_eq!(said["failed"], json!(["jobs/b", "jobs/c"]), "{said:#}");
    // The folder's own check does not come and go.
    let folder = &said["checks"][0];
    assert_eq!((&folder["name"], &folder["result"]), (&json!("jobs"), &json!("success")));
    std::fs::rename(host.path("beats"), host.path("elsewhere")).unwrap();
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "unknown", "{summary}");
}

#[test]
fn r69_the_issue_of_a_folder_begins_with_its_own_prefix_and_closes_when_all_is_fresh() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let server = format!("server = \"{}\"\n", teawatch.url);
    let host = Host::new(&(server + "[[folder]]\nname = \"jobs\"\npath = \"beats\"\n"));
    last(&host, "a", 601.0, 300.0);
    last(&host, "b", 10.0, 300.0);
    host.run(&["agent", "--quiet"]);
    eventually("an issue is open", || gitea.open() == 1);
    let issue = gitea.issue(1);
    assert_eq!(issue.title, "[heartbeat-checker] web1/jobs: 1 of 2 jobs: a (stale)");
    assert!(issue.body.contains("stale"), "{}", issue.body);
    last(&host, "a", 1.0, 300.0);
    host.run(&["agent", "--quiet"]);
    eventually("the issue is closed", || gitea.open() == 0);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn r74_the_panel_is_printed_alone_for_embedding_elsewhere() {
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\njobs = [\"never\"]\n");
    last(&host, "quick|job", 6_010.0, 18_000.0);
    last(&host, "late", 7_270.0, 3_600.0);
    host.write("beats/broken.last", "?");
    host.write("beats/none.last", r#"{"timestamp":1,"interval_seconds":0}"#);
    last(&host, "ahead", -60.0, 300.0);
    let output = host.run(&["agent", "--panel"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let panel = text(&output.stdout);
    let lines: Vec<_> = panel.lines().collect();
    assert_eq!(lines[0], "| job | status | age | interval | ratio |");
    assert!(panel.contains("| late | stale | 2 h 1 min | 1 h | 2.0 |"), "{panel}");
    assert!(panel.contains("| quick\\|job | fresh | 1 h 40 min | 5 h | 0.3 |"), "{panel}");
    for line in [
        "| never | never seen | - | - | - |",
        "| broken | corrupt | - | - | - |",
        "| none | no interval | - | - | - |",
    ] {
        assert!(lines.contains(&line), "{line} in {panel}");
    }
    assert!(panel.contains("| ahead | in the future |"), "{panel}");
    let output = host.run(&["agent", "--panel", "--text"]);
    let panel = text(&output.stdout);
    let lines: Vec<_> = panel.lines().collect();
    assert!(lines[0].starts_with("JOB  ") && lines.len() == 7, "{panel}");
    assert!(panel.contains("quick|job  fresh"), "{panel}");
    let output = host.run(&["agent", "--panel", "--json"]);
    let jobs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(jobs.as_array().unwrap().len(), 6);
}

#[test]
fn r150_the_readme_lists_every_status_of_a_job() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for status in teawatch::agent::folder::Status::ALL {
        assert!(readme.contains(&format!("| {status} |")), "{status}");
    }
}

#[test]
fn r67_a_job_that_is_called_oddly_dies_as_visibly_as_others() {
    use std::os::unix::ffi::OsStrExt as _;
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\n");
    last(&host, "fine", 1.0, 300.0);
    assert_eq!(host.look_at_one(), ("success".to_owned(), "1 jobs, all fresh".to_owned()));
    let stale = r#"{"timestamp":1700000000,"interval_seconds":300}"#;
    for name in [&b"\xff.last"[..], b"two\nlines.last"] {
        std::fs::write(host.path("beats").join(std::ffi::OsStr::from_bytes(name)), stale).unwrap();
    }
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "failure", "{summary}");
    assert_eq!(summary, r"2 of 3 jobs: \xff (stale), two\u{a}lines (stale)");
}

#[test]
fn u1_a_folder_that_is_not_there_and_a_file_that_leads_nowhere_are_not_called_well() {
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\n");
    let (result, summary) = host.look_at_one();
    assert_eq!((result.as_str(), summary.as_str()), ("unknown", "beats holds no heartbeat"));
    last(&host, "fine", 1.0, 300.0);
    std::os::unix::fs::symlink("nowhere", host.path("beats/gone.last")).unwrap();
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "unknown", "{summary}");
    std::fs::remove_file(host.path("beats/gone.last")).unwrap();
    std::fs::create_dir(host.path("beats/folder.last")).unwrap();
    assert_eq!(host.look_at_one().1, "1 of 2 jobs: folder (corrupt)");
}

#[test]
fn a_job_with_a_name_that_no_report_may_hold_does_not_cost_the_whole_report() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let server = format!("server = \"{}\"\n", teawatch.url);
    let folder = "[[folder]]\nname = \"jobs\"\npath = \"beats\"\nper_job = true\n";
    let host = Host::new(&(server + folder));
    last(&host, "a", 601.0, 300.0);
    last(&host, "blank ", 1.0, 300.0);
    last(&host, &"long".repeat(60), 1.0, 300.0);
    let output = host.run(&["agent", "--quiet"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(gitea.issue(1).title, "[heartbeat-checker] web1/jobs/a: stale");
}

#[test]
fn more_jobs_than_a_report_holds_are_judged_as_one() {
    let host = Host::new("[[folder]]\nname = \"jobs\"\npath = \"beats\"\nper_job = true\n");
    for job in 0..500 {
        last(&host, &format!("j{job:03}"), 1.0, 300.0);
    }
    assert_eq!(host.look().1["checks"].as_array().unwrap().len(), 501);
    last(&host, "late", 601.0, 300.0);
    let (result, summary) = host.look_at_one();
    assert_eq!(result, "failure", "{summary}");
    assert_eq!(summary, "1 of 501 jobs: late (stale); at most 500 can have a check each");
}

#[test]
fn what_does_not_fit_into_a_report_is_unknown_and_does_not_cost_the_rest() {
    let folder =
        |name: &str| format!("[[folder]]\nname = \"{name}\"\npath = \"beats\"\nper_job = true\n");
    let host = Host::new(&[folder("one"), folder("two")].concat());
    for job in 0..500 {
        last(&host, &format!("j{job:03}"), 1.0, 300.0);
    }
    let (_, said) = host.look();
    assert_eq!(said["checks"].as_array().unwrap().len(), 502);
    assert_eq!(said["unknown"], json!(["two"]));
    assert_eq!(
        said["checks"][501]["summary"],
        "501 results are too many beside the others, a report holds 1000: leave out `per_job`"
    );
}

#[test]
fn jobs_of_a_folder_that_nobody_can_look_into_are_unknown_and_told_by_none_of_their_checks() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let host = Host::new(&format!(
        "server = \"{}\"\npause_file = \"pause\"\n[[command]]\nname = \"c\"\ncommand = [\"true\"]\n\
         [[folder]]\nname = \"jobs\"\npath = \"beats\"\nper_job = true\n",
        teawatch.url
    ));
    let check = |name: &str| {
        let checks = teawatch.get("/api/v1/checks").1["items"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == name).unwrap_or_default()
    };
    let status = |name: &str| check(name)["status"].as_str().unwrap_or_default().to_owned();
    last(&host, "a", 1.0, 300.0);
    let mut agent =
        host.command(&["agent", "--watch", "--interval", "500ms", "--quiet"]).spawn().unwrap();
    eventually("the job is watched", || status("jobs/a") == "up");
    let (beats, elsewhere) = (host.path("beats"), host.path("elsewhere"));
    std::fs::rename(&beats, &elsewhere).unwrap();
    std::fs::write(&beats, "no folder").unwrap();
    eventually("the job is unknown", || status("jobs/a") == "unknown");
    let results = || check("c")["results"].as_u64().unwrap();
    let before = results();
    // More than twice the interval in which the job is not heard of.
    eventually("four more cycles have arrived", || results() >= before + 4);
    assert_eq!(status("jobs/a"), "unknown");
    // It is the folder that cannot be read, and it wears what it always does.
    assert_eq!(check("jobs")["labels"]["title_prefix"], "[heartbeat-checker]");
    std::fs::remove_file(&beats).unwrap();
    std::fs::rename(&elsewhere, &beats).unwrap();
    eventually("the job is watched again", || status("jobs/a") == "up");
    host.write("pause", "");
    eventually("a pause is one as well", || status("jobs/a") == "unknown");
    std::fs::remove_file(host.path("pause")).unwrap();
    eventually("the job is watched again", || status("jobs/a") == "up");
    // A job whose file has gone while the others can be seen is missed.
    last(&host, "b", 1.0, 300.0);
    eventually("the other job is watched", || status("jobs/b") == "up");
    std::fs::remove_file(host.path("beats/b.last")).unwrap();
    eventually("it is missed", || status("jobs/b") == "down");
    agent.kill().unwrap();
    agent.wait_in_time();
    let told: Vec<_> = gitea.issues().into_iter().map(|issue| issue.title).collect();
    assert!(!told.iter().any(|title| title.contains("jobs/a")), "{told:?}");
}
