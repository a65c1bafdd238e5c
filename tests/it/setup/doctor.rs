//! What `doctor` sees: all is well, or each fault by itself.

use serde_json::Value;
use teawatch::sandbox::ALICE_TOKEN;

use super::*;
use crate::support::{Asked, InTime as _, Say, StandIn, Teawatch, answer_of, eventually};

/// A server's answers, for doors that it has.
pub struct Stage {
    pub desk: Desk,
    pub server: StandIn,
}

pub const READY: &str = r#"{"ready":true,"reasons":[]}"#;
pub const NO_CHECKS: &str = r#"{"items":[],"next":null}"#;

impl Stage {
    /// Set up with a webhook, and a server that answers as `say` has it.
    pub fn new(say: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        let stage = Self { desk: Desk::new(), server: StandIn::start(move |asked, _| say(asked)) };
        let listen = stage.listen();
        well(stage.desk.init_with_hook().args(["--listen", &listen]));
        stage
    }

    /// With a server that is well, and has heard of nothing but the webhooks that come.
    pub fn well() -> Self {
        let taken = std::sync::Mutex::new(Vec::new());
        Self::new(move |asked| answer_well(asked, &taken, NO_CHECKS))
    }

    /// The same, and it lists these checks.
    pub fn with_checks(checks: &'static str) -> Self {
        let taken = std::sync::Mutex::new(Vec::new());
        Self::new(move |asked| answer_well(asked, &taken, checks))
    }

    pub fn listen(&self) -> String {
        self.server.url.trim_start_matches("http://").trim_end_matches('/').to_owned()
    }

    /// `doctor`, with the token of an administrator.
    pub fn doctor(&self, arguments: &[&str]) -> Command {
        let mut command = self.desk.command(&["doctor"]);
        command.args(arguments).env("TEAWATCH_HOOK_TOKEN", ALICE_TOKEN);
        command
    }

    /// Its only fault, with the fix.
    #[track_caller]
    pub fn fault(&self, check: &str) -> String {
        only_fault(&mut self.doctor(&[]), check)
    }
}

/// The answers of a server that is well, and notes what Gitea sends.
pub fn answer_well(asked: &Asked, taken: &std::sync::Mutex<Vec<Value>>, checks: &str) -> Say {
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
pub fn only_fault(command: &mut Command, check: &str) -> String {
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
pub fn something_happens(stage: &Stage) {
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
    child.wait_in_time();
    assert_eq!(stage.desk.gitea.open(), 2);
    let told = well(&mut stage.doctor(&["--write"]));
    assert!(told.contains("1 that an earlier test had left open"), "{told}");
    // What stops it is told.
    let refusal = Action::Refuse { status: 502, retry_after: None, body: Default::default() };
    stage.desk.gitea.order(Fault::new(refusal).on(&Method::POST, Route::Comments));
    let fault = only_fault(&mut stage.doctor(&["--write"]), "test issue");
    assert!(fault.contains("502") && fault.contains("the next --write"), "{fault}");
    well(&mut stage.doctor(&["--write"]));
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
