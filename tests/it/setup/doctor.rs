//! What `doctor` sees: all is well, or each fault by itself.

use jiff::SignedDuration;
use serde_json::Value;
use teawatch::sandbox::{ALICE_TOKEN, Right};

use super::*;
use crate::support::{
    Asked, Report, Say, StandIn, Teawatch, answer_of, ask, client, eventually, failing,
    tls_config_of,
};

/// A server's answers, for doors that it has.
struct Stage {
    desk: Desk,
    server: StandIn,
}

const READY: &str = r#"{"ready":true,"reasons":[]}"#;
const NO_CHECKS: &str = r#"{"items":[],"next":null}"#;

impl Stage {
    /// Set up with a webhook, and a server that answers as `say` has it.
    fn new(say: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        let stage = Self { desk: Desk::new(), server: StandIn::start(move |asked, _| say(asked)) };
        let listen = stage.listen();
        well(stage.desk.init_with_hook().args(["--listen", &listen]));
        stage
    }

    /// With a server that is well, and has heard of nothing but the webhooks that come.
    fn well() -> Self {
        let taken = std::sync::Mutex::new(Vec::new());
        Self::new(move |asked| answer_well(asked, &taken, NO_CHECKS))
    }

    /// The same, and it lists these checks.
    fn with_checks(checks: &'static str) -> Self {
        let taken = std::sync::Mutex::new(Vec::new());
        Self::new(move |asked| answer_well(asked, &taken, checks))
    }

    fn listen(&self) -> String {
        self.server.url.trim_start_matches("http://").trim_end_matches('/').to_owned()
    }

    /// `doctor`, with the token of an administrator.
    fn doctor(&self, arguments: &[&str]) -> Command {
        let mut command = self.desk.command(&["doctor"]);
        command.args(arguments).env("TEAWATCH_HOOK_TOKEN", ALICE_TOKEN);
        command
    }

    /// Its only fault, with the fix.
    #[track_caller]
    fn fault(&self, check: &str) -> String {
        only_fault(&mut self.doctor(&[]), check)
    }
}

/// The answers of a server that is well, and notes what Gitea sends.
fn answer_well(asked: &Asked, taken: &std::sync::Mutex<Vec<Value>>, checks: &str) -> Say {
    match asked.path() {
        "/readyz" => answer_of(200, READY),
        "/webhooks/gitea" => {
            let body = asked.json();
            let mut taken = taken.lock().unwrap();
            let number = taken.len() + 1;
            taken.insert(
                0,
                serde_json::json!({
                    "number": number, "action": "", "sender": null,
                    "at": "2026-11-25T18:00:00Z",
                    "id": asked.header("x-gitea-delivery").unwrap(),
                    "event": asked.header("x-gitea-event").unwrap(),
                    "repository": body["repository"]["full_name"],
                    "issue": body["number"],
                    "outcome": "the issue is none of ours",
                }),
            );
            answer_of(200, "")
        }
        path if path.starts_with("/api/v1/deliveries") => {
            let taken = taken.lock().unwrap().clone();
            answer_of(200, &serde_json::json!({ "items": taken, "next": null }).to_string())
        }
        path if path.starts_with("/api/v1/checks") => answer_of(200, checks),
        path => panic!("asked for {path}"),
    }
}

#[track_caller]
fn only_fault(command: &mut Command, check: &str) -> String {
    let told = fails(command);
    let faults: Vec<_> = told.lines().filter(|line| line.starts_with("FAULT")).collect();
    let [fault] = faults.as_slice() else { panic!("not one fault:\n{told}") };
    assert!(fault.starts_with(&format!("FAULT    {check} ")), "{told}");
    let mut lines = told.lines().skip_while(|line| line != fault);
    lines.next();
    let fix = lines.next().unwrap_or_default();
    assert!(fix.trim_start().starts_with("-> "), "no fix:\n{told}");
    format!("{fault}\n{fix}")
}

/// Has Gitea send something, so that a delivery was seen.
fn something_happens(stage: &Stage) {
    let now = stage.desk.gitea.now();
    stage.desk.gitea.world().open_as("alice", REPOSITORY, "hello", "", now).unwrap();
    eventually("it was sent", || {
        stage.server.asked().iter().any(|asked| asked.path() == "/webhooks/gitea")
    });
}

#[test]
fn where_all_is_well_it_says_so_and_exits_0() {
    let stage = Stage::well();
    something_happens(&stage);
    let told = well(&mut stage.doctor(&[]));
    let checks = [
        "configuration",
        "secrets",
        "data",
        "disk",
        "server",
        "address",
        "clock",
        "version",
        "token",
        "read:user",
        "read:repository",
        "write:issue",
        "repository",
        "rights",
        "label",
        "deliveries",
        "webhook",
        "round trip",
    ];
    for check in checks {
        assert!(told.contains(&format!("ok       {check} ")), "{check}:\n{told}");
    }
    assert!(!told.contains("FAULT") && !told.contains("unknown"), "{told}");
    let json: Value = serde_json::from_str(&well(&mut stage.doctor(&["--json"]))).unwrap();
    assert_eq!(json["well"], true);
    assert!(json["checks"].as_array().unwrap().len() >= checks.len());
    assert_eq!(stage.desk.gitea.issues().len(), 1, "nothing was written");
}

#[test]
fn a_fault_in_json_has_its_fix_and_exits_1() {
    let stage = Stage::well();
    something_happens(&stage);
    stage.desk.gitea.world().delete_label(REPOSITORY, "watchdog").unwrap();
    let json: Value = serde_json::from_str(&fails(&mut stage.doctor(&["--json"]))).unwrap();
    assert_eq!(json["well"], false);
    let checks = json["checks"].as_array().unwrap();
    let fault = checks.iter().find(|check| check["state"] == "fault").unwrap();
    assert_eq!(fault["check"], "label");
    assert!(fault["fix"].as_str().unwrap().contains("--write"));
}

#[test]
fn a_server_of_the_real_binary_is_looked_at() {
    let desk = Desk::new();
    well(&mut desk.init());
    let fault = only_fault(&mut desk.command(&["doctor", "--listen", "127.0.0.1:1"]), "server");
    assert!(fault.contains("teawatch serve"), "{fault}");
    let teawatch = Teawatch::launch(desk.command(&["serve", "--listen", "127.0.0.1:0"]));
    eventually("it is ready", || teawatch.get("/readyz").0 == 200);
    let listen = teawatch.url.trim_start_matches("http://").to_owned();
    let with_hook = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.args(["--listen", &listen]).env("TEAWATCH_HOOK_TOKEN", ALICE_TOKEN);
        command
    };
    let told = fails(&mut with_hook(&["doctor"]));
    assert!(told.contains("none was ever seen") && told.contains("none that points to"), "{told}");
    well(&mut with_hook(&["hook", "install"]));
    let told = well(&mut with_hook(&["doctor", "--write"]));
    for well in ["server", "data", "deliveries", "webhook", "round trip", "test issue"] {
        assert!(told.contains(&format!("ok       {well} ")), "{well}:\n{told}");
    }
    assert!(told.contains("a message about the test issue arrived"), "{told}");
    assert!(told.contains("none has reported so far"), "{told}");
    // The server took the test for nobody's trouble.
    assert_eq!((desk.gitea.issues().len(), desk.gitea.open()), (1, 0));
}

#[test]
fn with_write_an_issue_comes_and_goes_and_its_webhook_arrives() {
    let stage = Stage::well();
    something_happens(&stage);
    let told = well(&mut stage.doctor(&["--write"]));
    assert!(told.contains("#2 of ops/alerts was opened, labelled, commented and closed"), "{told}");
    assert!(told.contains("a message about the test issue arrived"), "{told}");
    let issue = stage.desk.gitea.issue(2);
    assert!(!issue.is_open && issue.comments().count() == 1);
    assert_eq!(stage.desk.gitea.world().labels_of(REPOSITORY, 2), ["watchdog"]);
}

#[test]
fn a_test_that_was_cut_short_is_closed_by_the_next_one() {
    use http::Method;
    use teawatch::sandbox::{Action, Fault, Outcome, Route};

    let stage = Stage::well();
    something_happens(&stage);
    let fault = Fault::new(Action::Stall).on(&Method::POST, Route::Comments);
    stage.desk.gitea.order(fault);
    let mut child = stage.doctor(&["--write"]).stdout(Stdio::null()).spawn().unwrap();
    eventually("it waits", || {
        stage.desk.gitea.world().log().any(|entry| entry.outcome == Outcome::Stalled)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.desk.gitea.open(), 2);
    let told = well(&mut stage.doctor(&["--write"]));
    assert!(told.contains("1 that an earlier test had left open"), "{told}");
    assert_eq!(stage.desk.gitea.open(), 1, "what people opened stays");
}

#[test]
fn a_wrong_configuration_is_a_fault() {
    let desk = Desk::new();
    std::fs::write(desk.path("teawatch.toml"), "[gitea]\nurll = 1\n").unwrap();
    let told = fails(&mut desk.command(&["doctor"]));
    assert!(told.contains("FAULT    configuration"), "{told}");
    assert!(told.contains("did you mean `url`?"), "{told}");
}

#[test]
fn each_fault_of_this_machine_is_found() {
    let stage = Stage::well();
    something_happens(&stage);
    let readable = stage.desk.path("salt");
    std::fs::set_permissions(&readable, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(stage.fault("secrets").contains("chmod 600"));
    std::fs::set_permissions(&readable, std::fs::Permissions::from_mode(0o600)).unwrap();

    let fault =
        only_fault(&mut stage.doctor(&["--set", "limits.free_bytes=1152921504606846976"]), "disk");
    assert!(fault.contains("MiB left") && fault.contains("`data_dir`"), "{fault}");

    let data = stage.desk.path("teawatch-data");
    std::fs::write(&data, "").unwrap();
    assert!(stage.fault("data").contains("is no directory"));
    std::fs::remove_file(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(stage.fault("data").contains("chmod 700"));
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    well(&mut stage.doctor(&[]));
}

#[test]
fn each_fault_of_gitea_is_found() {
    let stage = Stage::well();
    something_happens(&stage);
    let gitea = &stage.desk.gitea;
    gitea.world().set_clock_offset(SignedDuration::from_secs(90));
    assert!(stage.fault("clock").contains("ahead of ours"));
    gitea.world().set_clock_offset(SignedDuration::from_secs(-90));
    assert!(stage.fault("clock").contains("behind ours"));
    gitea.world().set_clock_offset(SignedDuration::ZERO);

    gitea.world().set_version("1.19.0");
    stage.fault("version");
    gitea.world().set_version("1.26.3");

    gitea.world().delete_label(REPOSITORY, "watchdog").unwrap();
    stage.fault("label");
    gitea.world().add_label(REPOSITORY, "watchdog", "#ff0000").unwrap();

    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Read)).unwrap();
    stage.fault("rights");
    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap();

    gitea.world().archive(REPOSITORY, true).unwrap();
    stage.fault("repository");
    gitea.world().archive(REPOSITORY, false).unwrap();

    let token = |scopes: &[&str]| {
        gitea.world().add_token("teawatch", gitea.token(), scopes).unwrap();
    };
    token(&["read:user", "read:repository", "read:issue"]);
    stage.fault("write:issue");
    token(&["read:repository", "write:issue"]);
    stage.fault("read:user");
    token(&["read:user", "write:issue"]);
    stage.fault("read:repository");
    gitea.world().revoke_token(gitea.token());
    stage.fault("token");
    token(&["read:user", "read:repository", "write:issue"]);
    well(&mut stage.doctor(&[]));

    for (url, check) in [("http://127.0.0.1:1/", "address"), (&*stage.server.url, "address")] {
        only_fault(&mut stage.doctor(&["--gitea-url", url]), check);
    }
    let tls = StandIn::with_tls(|_, _| answer_of(200, "{\"version\":\"1.26.3\"}"));
    let fault = only_fault(&mut stage.doctor(&["--gitea-url", &tls.url]), "certificate");
    assert!(fault.contains("`gitea.ca_file`"), "{fault}");
}

#[test]
fn a_certificate_of_gitea_that_expires_is_found_in_time() {
    let stage = Stage::well();
    something_happens(&stage);
    let looked = |days| {
        let (config, pem) = tls_config_of(days);
        let gitea = stage.desk.gitea.url.clone();
        let tls = StandIn::with_certificate(config, move |asked, _| asked.pass_on(&gitea));
        std::fs::write(stage.desk.path("root.pem"), pem).unwrap();
        let mut command =
            stage.doctor(&["--gitea-url", &tls.url, "--set", "gitea.ca_file=root.pem"]);
        match days {
            // Whole days: it is less than one from now.
            -1 | 1 => only_fault(&mut command, "certificate"),
            _ => well(&mut command),
        }
    };
    assert!(looked(-1).contains("it expired at "));
    let fault = looked(1);
    assert!(fault.contains("it expires in 0.") && fault.contains("renew it"), "{fault}");
    let told = looked(3);
    assert!(told.contains("warning  certificate") && told.contains("it expires in 2."), "{told}");
    let told = looked(100);
    assert!(told.contains("it is trusted, and good for 9"), "{told}");
}

#[test]
fn each_fault_of_the_webhook_is_found() {
    let stage = Stage::well();
    let install = || {
        let mut command = stage.desk.command(&["hook", "install"]);
        well(command.env("TEAWATCH_HOOK_TOKEN", ALICE_TOKEN));
    };
    // The server has heard of nothing, and then of the test that the doctor orders itself.
    let fault = only_fault(stage.doctor(&[]).env_remove("TEAWATCH_HOOK_TOKEN"), "deliveries");
    assert!(fault.contains("none was ever seen"), "{fault}");
    well(&mut stage.doctor(&[]));

    let edit = |change: Value| {
        let id = stage.desk.hooks()[0].id;
        let url = format!("{}api/v1/repos/{REPOSITORY}/hooks/{id}", stage.desk.gitea.url);
        let request = client().patch(url).header("authorization", format!("token {ALICE_TOKEN}"));
        assert_eq!(ask(request.json(&change)).status, 200);
    };
    edit(serde_json::json!({ "active": false, "events": ["issues", "push"] }));
    assert!(stage.fault("webhook").contains("switched off"));
    edit(serde_json::json!({ "active": true, "events": ["issues_only", "push"] }));
    assert!(stage.fault("webhook").contains("issue_label, issue_comment"));
    install();
    edit(serde_json::json!({
        "active": true, "events": ["issues", "push"],
        "config": { "url": "http://127.0.0.1:1/webhooks/gitea" },
    }));
    // Its messages have come so far: they may come from one that only others see.
    let told = well(&mut stage.doctor(&[]));
    assert!(told.contains("warning  webhook") && told.contains("none that points to"), "{told}");
    assert!(told.contains("messages about it arrive, the last at 2026-11-25"), "{told}");
    install();
    well(&mut stage.doctor(&[]));

    // Its messages get lost.
    let lost = teawatch::sandbox::PostFault {
        mishap: teawatch::sandbox::Mishap::Drop,
        event_type: Some("push".to_owned()),
        skip: 0,
        times: None,
    };
    stage.desk.gitea.world().order_mishap(lost);
    assert!(stage.fault("round trip").contains("ALLOWED_HOST_LIST"));
    stage.desk.gitea.world().clear_mishaps();

    let told = only_fault(stage.doctor(&[]).env("TEAWATCH_HOOK_TOKEN", "wr0ng"), "webhook");
    assert!(!told.contains("wr0ng"), "{told}");
    // Without a second token it cannot be told, which is no fault.
    let told = well(stage.doctor(&[]).env_remove("TEAWATCH_HOOK_TOKEN"));
    assert!(told.contains("unknown  webhook") && told.contains("TEAWATCH_HOOK_TOKEN"), "{told}");
}

#[test]
fn a_server_that_cannot_work_and_one_that_is_none_are_found() {
    for (readyz, says) in [
        (r#"{"ready":false,"reasons":["the engine does not answer"]}"#, "the engine does not"),
        ("{}", "no teawatch"),
    ] {
        let stage = Stage::new(move |asked| match asked.path() {
            "/readyz" => answer_of(503, readyz),
            "/api/v1/checks?limit=500" => answer_of(200, NO_CHECKS),
            _ => answer_of(404, "{}"),
        });
        let fault = stage.fault("server");
        assert!(fault.contains(says), "{fault}");
    }
}

#[test]
fn a_silent_agent_is_found() {
    // What a real server lists, as if time had passed.
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    teawatch.report(&Report::new("web1").check("disk", "success", "fine"));
    let listed = teawatch.get("/api/v1/checks?limit=500").1;
    let up: &'static str = listed.to_string().leak();
    let mut silent = listed;
    let items = silent["items"].as_array_mut().unwrap();
    let agent = items.iter_mut().find(|it| it["source"] == "web1" && it["name"] == "agent");
    agent.unwrap()["status"] = "down".into();
    let silent: &'static str = silent.to_string().leak();

    let stage = Stage::with_checks(up);
    something_happens(&stage);
    assert!(well(&mut stage.doctor(&[])).contains("2 report; the oldest last report came"));
    let stage = Stage::with_checks(silent);
    something_happens(&stage);
    let fault = stage.fault("agents");
    assert!(fault.contains("web1 is silent") && fault.contains("forget web1/agent"), "{fault}");
}
