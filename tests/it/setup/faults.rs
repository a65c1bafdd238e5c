//! Each fault that `doctor` knows, planted and found.

use http::Method;
use jiff::SignedDuration;
use serde_json::Value;
use teawatch::sandbox::{ALICE_TOKEN, Action, BodyKind, Fault, Right, Route};

use super::doctor::{NO_CHECKS, Stage, only_fault, something_happens};
use super::*;
use crate::support::{
    READ_TOKEN, Report, StandIn, Teawatch, WRITE_TOKEN, answer_of, ask, client, failing,
    tls_config_of,
};

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

    let fault = only_fault(&mut stage.doctor(&["--data-dir", "salt/data"]), "data");
    assert!(fault.contains("cannot be looked at"), "{fault}");

    // Here nobody makes anything, not even root, and there is no room to speak of.
    let elsewhere = |path: &str| {
        let any_room = ["--set", "limits.free_bytes=0", "--data-dir", path];
        only_fault(&mut stage.doctor(&any_room), "data")
    };
    let fault = elsewhere("/proc/sys/teawatch");
    assert!(fault.contains("is not there, and cannot be made") && fault.contains("make it for"));
    let fault = elsewhere("/proc/sys/kernel");
    assert!(fault.contains("cannot be used") && fault.contains("chown it"), "{fault}");

    let data = stage.desk.path("teawatch-data");
    std::fs::write(&data, "").unwrap();
    assert!(stage.fault("data").contains("is no directory"));
    std::fs::remove_file(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(stage.fault("data").contains("chmod 700"));
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    // Where the store would be there is something else.
    std::fs::write(data.join("store"), "").unwrap();
    assert!(stage.fault("disk").contains("its room cannot be told"));
    std::fs::remove_file(data.join("store")).unwrap();
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
    assert!(stage.fault("repository").contains("archived"));
    gitea.world().archive(REPOSITORY, false).unwrap();
    gitea.world().disable_issues(REPOSITORY).unwrap();
    assert!(stage.fault("repository").contains("switched off"));
    gitea.world().set_units(REPOSITORY, true, true).unwrap();
    gitea.world().set_rights(REPOSITORY, "teawatch", None).unwrap();
    assert!(stage.fault("repository").contains("cannot see ops/alerts"));
    gitea.world().set_rights(REPOSITORY, "teawatch", Some(Right::Write)).unwrap();

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
    let refuse = |status, method: Method, route, passes| {
        let action = Action::Refuse { status, retry_after: None, body: BodyKind::Json };
        gitea.order(Fault::new(action).on(&method, route).after(passes));
    };
    // The first is asked without the token.
    for (passes, status, check, fix) in [
        (0, 503, "address", "look at Gitea's log"),
        (1, 403, "token", "sign in as that user once"),
        (1, 500, "token", "look at Gitea's log"),
    ] {
        refuse(status, Method::GET, Route::Version, passes);
        assert!(stage.fault(check).contains(fix), "{status}");
    }
    for (route, check) in [(Route::User, "read:user"), (Route::Repository, "repository")] {
        refuse(502, Method::GET, route, 0);
        assert!(stage.fault(check).contains("look at Gitea's log"), "{check}");
    }
    refuse(403, Method::GET, Route::Version, 0);
    assert!(well(&mut stage.doctor(&[])).contains("wants everybody to sign in"));
    assert!(gitea.world().faults().is_empty());
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
    // It depends on the time of the day.
    let days = ["99", "100"].map(|days| format!("it is trusted, and good for {days} days"));
    assert!(days.iter().any(|days| told.contains(days)), "{told}");
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

    // A second one sends everything once more, which does no harm.
    let url = stage.desk.hooks().last().unwrap().url.clone();
    let hook = serde_json::json!({
        "type": "gitea", "active": true, "events": ["issues", "push"],
        "config": { "url": url, "content_type": "json", "secret": stage.desk.read("webhook-secret").trim() },
    });
    let url = format!("{}api/v1/repos/{REPOSITORY}/hooks", stage.desk.gitea.url);
    let request = client().post(url).header("authorization", format!("token {ALICE_TOKEN}"));
    assert_eq!(ask(request.json(&hook)).status, 201);
    let told = well(&mut stage.doctor(&[]));
    assert!(
        told.contains("warning  webhook") && told.contains("2 of ops/alerts point to"),
        "{told}"
    );
    install();
    // Another points elsewhere.
    assert_eq!(stage.desk.hooks().len(), 2);

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
    // A token may see webhooks, and not test them.
    stage.desk.gitea.world().add_token("alice", "sees", &["read:repository"]).unwrap();
    let told = only_fault(stage.doctor(&[]).env("TEAWATCH_HOOK_TOKEN", "sees"), "round trip");
    assert!(told.contains("write:repository"), "{told}");
    // Where everybody is listened to, nobody knows how Gitea gets here.
    let listen = stage.listen().replace("127.0.0.1", "0.0.0.0");
    let mut command = stage.doctor(&["--listen", &listen]);
    command.env("TEAWATCH_API_READ_TOKEN", READ_TOKEN).env("TEAWATCH_API_WRITE_TOKEN", WRITE_TOKEN);
    assert!(only_fault(&mut command, "webhook").contains("set `public_url`"));
    // Without a secret none is taken, and without a second token nothing can be told: both
    // are no faults.
    let without = stage.desk.read("teawatch.toml").replace("secret_file = \"webhook-secret\"", "");
    std::fs::write(stage.desk.path("without.toml"), without).unwrap();
    let told = well(&mut stage.doctor(&["--config", "without.toml"]));
    assert!(told.contains("warning  deliveries") && told.contains("no webhook is taken"), "{told}");
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
    assert!(fault.contains("web1 is silent") && fault.contains("remove web1/agent"), "{fault}");
}
