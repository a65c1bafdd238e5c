//! Who would speak for teawatch itself.

use std::process::Command;

use serde_json::json;
use teawatch::signature::{Master, manage_key, ping_key};

use super::{known, refused, settled};
use crate::support::{
    Gitea, InTime as _, Letter, MASTER, Report, Teawatch, ask, client, failing, text,
};

const OURS: &str = "teawatch";

#[test]
fn nobody_outside_reports_for_teawatch_itself_at_any_door() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let master = Master::parse(MASTER).unwrap();
    let secret = Teawatch::secret(OURS);
    let [ping, manage] =
        [ping_key, manage_key].map(|key| key(&master, OURS, 1).expose().to_owned());
    let url = |path: &str| format!("{}{path}", teawatch.url);

    let forged = Report::new(OURS).check("job-sweep", "success", "all is well").body.to_string();
    let bearer = format!("Bearer {}", secret.expose());
    for letter in [
        Letter::new(OURS, forged.clone()),
        Letter::bare(OURS, forged).with("authorization", &bearer),
    ] {
        let answer = letter.send(&teawatch);
        refused("a report", &answer, 403, "reserved");
        assert!(answer.message().contains("teawatch's own checks"), "{}", answer.message());
    }
    let alert = json!({ "version": "4", "receiver": "r", "status": "resolved", "alerts": [] });
    let alert = client().post(url("/api/v1/alertmanager")).json(&alert);
    refused("an alert", &ask(alert.basic_auth(OURS, Some(secret.expose()))), 403, "reserved");
    for path in [
        format!("/ping/{ping}/job-sweep?create=1"),
        format!("/api/push/{ping}/job-sweep?status=up"),
    ] {
        assert_eq!(ask(client().post(url(&path))).status, 404, "{path}");
    }
    let gatus = client().post(url("/api/v1/endpoints/job-sweep/external?success=true"));
    assert_eq!(ask(gatus.bearer_auth(&ping)).status, 401);
    let managed = client().post(url("/api/v3/checks/")).header("x-api-key", manage);
    assert_eq!(ask(managed.json(&json!({ "name": "job-sweep" }))).status, 401);
    let defined = client().post(url("/api/v1/checks?source=teawatch&name=job-sweep"));
    let answer = ask(defined.json(&json!({ "interval_seconds": 60 })));
    refused("a definition", &answer, 422, "bad_body");
    let words = "source: must be another than `teawatch`, which has teawatch's own checks";
    assert_eq!(answer.message(), words);
    assert_eq!(known(&teawatch), before, "something was taken");
    // It is that word alone.
    for source in ["teawatch1", "Teawatch", "tea-watch"] {
        teawatch.report(&failing(&format!("{source}/disk")));
    }
}

#[test]
fn no_secret_is_printed_for_teawatch_itself_and_no_configuration_names_it() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
        command.env_clear().env("TEAWATCH_MASTER_SECRET", MASTER).args(arguments);
        command.output_in_time()
    };
    let own = "must be another than `teawatch`, which has teawatch's own checks";
    for call in [
        &["secret", "agent", OURS][..],
        &["secret", "ping", OURS],
        &["secret", "ping", OURS, "--check=job-sweep"],
        &["secret", "manage", OURS],
        &["agent", "enroll", OURS],
    ] {
        let output = run(call);
        assert_eq!(output.status.code(), Some(1), "{call:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{call:?}: {output:?}");
        assert!(text(&output.stderr).contains(own), "{call:?}: {output:?}");
    }
    // Who fires jobs is no source.
    assert!(run(&["secret", "fire", OURS]).status.success());
    let settings = ["--set", "agents.auto=false", "--set", "agents.allow=web1,teawatch"];
    let output = run(&[&["config", "check"], &settings[..]].concat());
    let own = "`agents.allow` names \"teawatch\", which has teawatch's own checks: name another";
    assert!(text(&output.stderr).contains(own), "{output:?}");
}
