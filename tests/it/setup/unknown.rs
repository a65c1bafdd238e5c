//! What `doctor` cannot find out: it is told with what would help, and is no fault.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use teawatch::sandbox::{Action, BodyKind, Fault, Right, Route};

use super::doctor::{NO_CHECKS, READY, Stage, answer_well, only_fault, something_happens};
use super::*;
use crate::support::{answer_of, refused};

/// What stands about this, which is unknown, with what would help.
#[track_caller]
fn unknown(told: &str, check: &str) -> String {
    let head = format!("unknown  {check} ");
    let mut lines = told.lines().skip_while(|line| !line.starts_with(&head));
    let line = lines.next().unwrap_or_else(|| panic!("{check} is known:\n{told}"));
    let fix = lines.next().unwrap();
    assert!(fix.trim_start().starts_with("-> "), "{told}");
    format!("{line}\n{fix}")
}

#[test]
fn what_gitea_does_not_tell_is_unknown() {
    let stage = Stage::well();
    something_happens(&stage);
    let gitea = &stage.desk.gitea;
    gitea.world().set_version("main");
    let said = unknown(&well(&mut stage.doctor(&[])), "version");
    assert!(said.contains("no version that can be compared"), "{said}");
    gitea.world().set_version("1.26.3");

    let refuse = |route| {
        let action = Action::Refuse { status: 502, retry_after: None, body: BodyKind::Json };
        gitea.order(Fault::new(action).on(&Method::GET, route));
    };
    refuse(Route::Labels);
    let said = unknown(&well(&mut stage.doctor(&[])), "label");
    assert!(said.contains("the labels of ops/alerts cannot be read"), "{said}");
    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Read)).unwrap();
    refuse(Route::Assignees);
    let said = unknown(&well(&mut stage.doctor(&[])), "rights");
    assert!(said.contains("whether teawatch may write cannot be told"), "{said}");
    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap();
    // Without this scope nothing is known of the repository.
    gitea.world().add_token("teawatch", gitea.token(), &["read:user", "write:issue"]).unwrap();
    let said = unknown(&fails(&mut stage.doctor(&[])), "repository");
    assert!(said.contains("see read:repository above"), "{said}");
}

#[test]
fn a_webhook_of_an_empty_repository_is_not_tested_and_an_issue_can_try_it() {
    let stage = Stage::well();
    something_happens(&stage);
    stage.desk.gitea.world().set_empty(REPOSITORY, true).unwrap();
    let said = unknown(&well(&mut stage.doctor(&[])), "round trip");
    assert!(said.contains("ops/alerts, which has no commit so far"), "{said}");
    assert!(said.contains("--write tries it"), "{said}");
    let told = well(&mut stage.doctor(&["--write"]));
    unknown(&told, "round trip");
    assert!(told.contains("a message about the test issue arrived"), "{told}");
    stage.desk.gitea.world().set_empty(REPOSITORY, false).unwrap();
    assert!(well(&mut stage.doctor(&[])).contains("a test of the webhook arrived"));
}

#[test]
fn what_the_server_does_not_tell_is_unknown() {
    let stage = Stage::new(|asked| match asked.path() {
        "/readyz" => answer_of(200, READY),
        _ => refused(403, "denied"),
    });
    let told = well(&mut stage.doctor(&[]));
    for (check, fix) in [
        ("agents", "see that `api.read_token_file` is the server's"),
        ("round trip", "mend what is told of deliveries"),
        ("deliveries", "`api.read_token_file` its own"),
    ] {
        let said = unknown(&told, check);
        assert!(said.contains("it is denied") && said.contains(fix), "{said}");
    }
    // It ends while the message of the webhook is waited for.
    let (asked_so_far, taken) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let stage = Stage::new(move |asked| {
        let is_waiting = asked.path().starts_with("/api/v1/deliveries")
            && asked_so_far.fetch_add(1, Ordering::Relaxed) == 2;
        if is_waiting { refused(503, "busy") } else { answer_well(asked, &taken, NO_CHECKS) }
    });
    something_happens(&stage);
    let said = unknown(&well(&mut stage.doctor(&[])), "round trip");
    assert!(said.contains("it is busy") && said.contains("goes on running"), "{said}");
}

#[test]
fn a_webhook_that_would_lead_gitea_to_itself_is_a_fault() {
    let stage = Stage::well();
    something_happens(&stage);
    let elsewhere = |public_url: &str| {
        // The stand-in does as a proxy does: it answers for a host that nobody can find.
        let mut command = stage.doctor(&["--gitea-url", "http://203.0.113.7/"]);
        command.args(["--set", &format!("public_url={public_url}")]);
        command.env("http_proxy", &stage.desk.gitea.url);
        command
    };
    let fault = only_fault(&mut elsewhere(&stage.server.url), "webhook");
    assert!(fault.contains("is this machine, and Gitea runs on another"), "{fault}");
    assert!(fault.contains("set `public_url`"), "{fault}");
    let told = fails(&mut elsewhere(&stage.server.url));
    assert!(told.contains("warning  certificate  ") && told.contains("is not encrypted"), "{told}");
    // Where Gitea runs here too, it is only doubted, and only until a message has come.
    let doubt = "ALLOWED_HOST_LIST = external,loopback";
    assert!(!well(&mut stage.doctor(&[])).contains(doubt));
    let fresh = Stage::well();
    let told = fails(fresh.doctor(&[]).env_remove("TEAWATCH_HOOK_TOKEN"));
    assert!(told.contains("warning  webhook ") && told.contains(doubt), "{told}");
}
