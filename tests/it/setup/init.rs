//! What `init` leaves behind: a configuration that works, and nothing broken.

use std::time::{Duration, Instant};

use http::Method;
use teawatch::sandbox::{ALICE_TOKEN, Action, Fault, Outcome, Route};

use super::*;
use crate::support::{InTime as _, Teawatch, ask, client, eventually};

#[test]
fn two_commands_lead_from_nothing_to_a_first_issue_in_less_than_a_minute() {
    let began = Instant::now();
    let desk = Desk::new();
    let told = well(&mut desk.init_with_hook());
    assert!(told.contains("teawatch serve\n"), "{told}");
    let teawatch = Teawatch::launch(desk.command(&["serve", "--listen", "127.0.0.1:0"]));
    let secret = well(&mut desk.command(&["secret", "agent", "db1"]));
    let body = r#"{"source":"db1","id":{"epoch":"a","seq":1},
                   "observations":[{"name":"disk","kind":"failure","summary":"97 % full"}]}"#;
    let report = client().post(format!("{}/api/v1/reports", teawatch.url));
    let report = report.header("teawatch-source", "db1").bearer_auth(secret.trim()).body(body);
    assert_eq!(ask(report).status, 200);
    eventually("an issue is open", || desk.gitea.open() == 1);
    let issue = desk.gitea.issue(1);
    assert_eq!(issue.title, "[watchdog] db1/disk: 97 % full");
    assert_eq!(desk.gitea.world().labels_of(REPOSITORY, 1), ["watchdog"]);
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_written_is_for_its_owner_alone_and_the_server_takes_it() {
    let desk = Desk::new();
    let told = well(&mut desk.init_with_hook());
    assert_eq!(desk.files(), WRITTEN);
    for name in WRITTEN {
        assert_eq!(mode(&desk.path(name)), 0o600, "{name}");
    }
    let judged = well(&mut desk.command(&["config", "check"]));
    assert!(judged.contains("configuration is fine"), "{judged}");
    let config = desk.read("teawatch.toml");
    assert!(config.contains("\n# Where Gitea is"), "{config}");
    assert!(config.contains(&format!("\nurl = \"{}\"\n", desk.gitea.url)), "{config}");
    let secrets = ["salt", "master-secret", "webhook-secret"].map(|name| desk.read(name));
    for secret in &secrets {
        assert_eq!(secret.trim().len(), 64);
    }
    // No secret but in its own file, and that of the administrator in none.
    let everything: String = WRITTEN.map(|name| desk.read(name)).concat();
    assert!(!everything.contains(ALICE_TOKEN) && !told.contains(ALICE_TOKEN));
    for secret in secrets.iter().map(|secret| secret.trim()).chain([desk.gitea.token()]) {
        assert!(!told.contains(secret) && !config.contains(secret));
    }
}

#[test]
fn the_webhook_is_one_that_gitea_uses_and_the_label_is_there() {
    let desk = Desk::new();
    let told = well(&mut desk.init_with_hook());
    let [hook] = desk.hooks().try_into().unwrap();
    assert_eq!(hook.url, "http://127.0.0.1:8710/webhooks/gitea");
    assert!(hook.is_active && !hook.is_form);
    let wanted =
        ["issue_assign", "issue_comment", "issue_label", "issue_milestone", "issues", "push"];
    assert_eq!(Vec::from_iter(hook.events), wanted);
    assert_eq!(desk.labels(), ["watchdog"]);
    // A Gitea refuses to call this machine, unless it is told otherwise.
    assert!(told.contains("warning") && told.contains("ALLOWED_HOST_LIST"), "{told}");
    assert!(told.contains("external,loopback"), "{told}");
}

#[test]
fn a_public_url_is_where_the_webhook_points_to() {
    let desk = Desk::new();
    let url = "https://198.51.100.7/teawatch";
    let told = well(desk.init_with_hook().args(["--public-url", url]));
    assert_eq!(desk.hooks()[0].url, "https://198.51.100.7/teawatch/webhooks/gitea");
    assert!(!told.contains("ALLOWED_HOST_LIST"), "{told}");
    assert!(desk.read("teawatch.toml").contains("public_url = \"https://198.51.100.7/teawatch\""));
}

#[test]
fn without_the_second_token_there_is_no_webhook_and_it_says_how_to_get_one() {
    let desk = Desk::new();
    let told = well(&mut desk.init());
    assert!(desk.hooks().is_empty());
    assert!(told.contains("teawatch hook install"), "{told}");
    assert_eq!(desk.files(), WRITTEN);
}

#[test]
fn a_configuration_that_is_there_stays_unless_forced_and_secrets_stay_even_then() {
    let desk = Desk::new();
    std::fs::write(desk.path("teawatch.toml"), "mine").unwrap();
    let told = fails(&mut desk.init_with_hook());
    assert!(told.contains("`--force`"), "{told}");
    assert_eq!((desk.read("teawatch.toml"), desk.files().len()), ("mine".to_owned(), 1));
    assert!(desk.hooks().is_empty());
    assert_eq!(desk.gitea.world().log().len(), 0, "Gitea was asked for nothing");

    well(desk.init_with_hook().arg("--force"));
    let before = WRITTEN.map(|name| desk.read(name));
    let first = desk.hooks();
    well(desk.init_with_hook().arg("--force"));
    assert_eq!(WRITTEN.map(|name| desk.read(name)), before);
    let again = desk.hooks();
    assert_eq!((first.len(), again.len(), desk.labels().len()), (1, 1, 1));
    assert_ne!(first[0].id, again[0].id, "it signs with the secret that the file holds");
}

#[test]
fn a_folder_that_is_missing_is_made_and_the_next_command_names_it() {
    let desk = Desk::new();
    let told = well(desk.init().args(["--dir", "etc/teawatch"]));
    assert!(told.contains("teawatch serve --config etc/teawatch/teawatch.toml\n"), "{told}");
    assert_eq!(mode(&desk.path("etc/teawatch")), 0o700);
    well(&mut desk.command(&["config", "check", "--config", "etc/teawatch/teawatch.toml"]));
}

#[test]
fn killed_in_between_it_leaves_nothing_broken_and_goes_on_when_run_again() {
    // While it waits for: the label, the webhook that is not made, and the one that is.
    for (route, action, is_made) in [
        (Route::Labels, Action::DoAndStall, false),
        (Route::Hooks, Action::Stall, false),
        (Route::Hooks, Action::DoAndStall, true),
    ] {
        let desk = Desk::new();
        desk.gitea.order(Fault::new(action.clone()).on(&Method::POST, route));
        let mut child = desk.init_with_hook().stdout(Stdio::null()).spawn().unwrap();
        eventually("it waits", || {
            desk.gitea.world().log().any(|entry| entry.outcome == Outcome::Stalled)
        });
        child.kill().unwrap();
        child.wait_in_time();
        assert!(!desk.path("teawatch.toml").exists());
        assert_eq!(desk.hooks().len(), usize::from(is_made));
        let salt = std::fs::read_to_string(desk.path("salt")).ok();
        assert_eq!(salt.is_some(), route == Route::Hooks);

        well(&mut desk.init_with_hook());
        assert_eq!(desk.files(), WRITTEN);
        assert_eq!((desk.hooks().len(), desk.labels().len()), (1, 1), "{route:?} {action:?}");
        assert!(salt.is_none_or(|salt| salt == desk.read("salt")));
        well(&mut desk.command(&["config", "check"]));
    }
}

#[test]
fn the_token_of_an_earlier_call_is_used_again_and_a_new_one_takes_its_place() {
    let desk = Desk::new();
    well(&mut desk.init());
    well(desk.init().env_remove("TEAWATCH_GITEA_TOKEN").arg("--force"));
    desk.gitea.world().add_token("teawatch", "another", &["all"]).unwrap();
    std::fs::write(desk.path("new"), "another\n").unwrap();
    well(desk.init().args(["--force", "--gitea-token-file", "new"]));
    assert_eq!(desk.read("gitea-token"), "another\n");
}

#[test]
fn where_nobody_can_be_asked_it_says_what_it_needs() {
    let desk = Desk::new();
    let told = fails(&mut desk.command(&["init"]));
    for needed in ["--gitea-url", "--repository", "TEAWATCH_GITEA_TOKEN", "--gitea-token-file"] {
        assert!(told.contains(needed), "{told}");
    }
    let told = fails(desk.init().args(["--hook-token-file", "nowhere"]));
    assert!(told.contains("there is no nowhere"), "{told}");
    for (flag, value) in [("--gitea-url", "gitea"), ("--repository", "alerts"), ("--listen", "x")] {
        let mut command = desk.command(&["init", flag, value]);
        for (other, good) in [("--gitea-url", &*desk.gitea.url), ("--repository", REPOSITORY)] {
            if other != flag {
                command.args([other, good]);
            }
        }
        let told = fails(command.env("TEAWATCH_GITEA_TOKEN", desk.gitea.token()));
        assert!(told.contains("expects"), "{told}");
    }
    assert!(desk.files().is_empty());
}
