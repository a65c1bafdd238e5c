//! A Gitea that is none, or that will not do: what is missing is told, and nothing written.

use teawatch::sandbox::{BOB_TOKEN, Right};

use super::*;
use crate::support::{StandIn, answer_of, tls_fixture};

/// What `init` says, which must fail and leave nothing.
#[track_caller]
fn refused(desk: &Desk, command: &mut Command) -> String {
    let told = fails(command);
    assert!(desk.files().is_empty(), "{:?}\n{told}", desk.files());
    assert!(desk.hooks().is_empty() && desk.labels().is_empty() && desk.gitea.issues().is_empty());
    assert!(told.contains("Nothing was written."), "{told}");
    told
}

/// The line about this, with its fix.
#[track_caller]
fn fault(told: &str, check: &str) -> String {
    let mut lines = told.lines().skip_while(|line| !line.starts_with(&format!("FAULT    {check}")));
    let line = lines.next().unwrap_or_else(|| panic!("no fault of {check}:\n{told}"));
    let fix = lines.next().unwrap();
    assert!(fix.trim_start().starts_with("-> "), "{told}");
    format!("{line}\n{fix}")
}

#[test]
fn an_address_without_a_gitea_is_told() {
    let desk = Desk::new();
    let page = StandIn::start(|_, _| answer_of(200, "<html><title>Welcome</title></html>"));
    let json = StandIn::start(|_, _| answer_of(200, "{\"hello\":1}"));
    let missing = StandIn::start(|_, _| answer_of(404, "404 page not found"));
    let broken = StandIn::start(|_, _| answer_of(503, "Service Unavailable"));
    let moved = StandIn::start(|_, _| crate::support::Say::Answer {
        status: 301,
        headers: "location: https://git.example/api/v1/version\r\n".to_owned(),
        body: String::new(),
    });
    for (url, says) in [
        (page.url.as_str(), "is HTML"),
        (&json.url, "makes no sense"),
        (&missing.url, "404"),
        (&broken.url, "503"),
        (&moved.url, "it leads to https://git.example/"),
        ("http://127.0.0.1:1/", "cannot read gitea's version"),
    ] {
        let told = refused(&desk, &mut desk.init_for(url, REPOSITORY));
        assert!(fault(&told, "address").contains(says), "{told}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told_and_one_can_be_trusted() {
    let desk = Desk::new();
    let gitea = StandIn::with_tls(|_, _| answer_of(200, "{\"version\":\"1.26.3\"}"));
    let told = refused(&desk, &mut desk.init_for(&gitea.url, REPOSITORY));
    assert!(fault(&told, "certificate").contains("`gitea.ca_file`"), "{told}");
    let root = tls_fixture("ca.pem");
    let mut command = desk.init_for(&gitea.url, REPOSITORY);
    command.arg("--ca-file").arg(root);
    let told = refused(&desk, &mut command);
    assert!(told.contains("ok       certificate"), "{told}");
}

#[test]
fn a_version_that_is_too_old_is_told() {
    let desk = Desk::new();
    desk.gitea.world().set_version("1.19.4");
    let told = refused(&desk, &mut desk.init());
    assert!(fault(&told, "version").contains("older than 1.20"), "{told}");
    desk.gitea.world().set_version("15.0.3+gitea-1.22.0");
    let told = well(&mut desk.init());
    assert!(told.contains("Forgejo 15.0.3+gitea-1.22.0 is new enough"), "{told}");
}

#[test]
fn a_wrong_token_is_told_and_not_shown() {
    let desk = Desk::new();
    let told = refused(&desk, desk.init().env("TEAWATCH_GITEA_TOKEN", "wr0ng"));
    assert!(fault(&told, "token").contains("make a new one"), "{told}");
    assert!(!told.contains("wr0ng"), "{told}");
}

#[test]
fn each_missing_scope_is_told_with_what_it_is_for() {
    const SCOPES: [(&str, &str); 3] = [
        ("read:user", "who it is"),
        ("read:repository", "a repository that is gone"),
        ("write:issue", "opens issues"),
    ];
    for (missing, why) in SCOPES {
        let desk = Desk::new();
        let held: Vec<_> = SCOPES.iter().map(|(scope, _)| *scope).collect();
        let held: Vec<_> = held.into_iter().filter(|scope| *scope != missing).collect();
        desk.gitea.world().add_token("teawatch", "few", &held).unwrap();
        let told = refused(&desk, desk.init().env("TEAWATCH_GITEA_TOKEN", "few"));
        let fault = fault(&told, missing);
        assert!(fault.contains(why) && fault.contains("make a new token"), "{told}");
        assert_eq!(told.matches("FAULT").count(), 1, "{told}");
        for scope in held {
            assert!(told.contains(&format!("ok       {scope}")), "{told}");
        }
    }
    // Reading issues is not enough, and several are told at once.
    let desk = Desk::new();
    desk.gitea.world().add_token("teawatch", "few", &["read:issue"]).unwrap();
    let told = refused(&desk, desk.init().env("TEAWATCH_GITEA_TOKEN", "few"));
    for (scope, _) in SCOPES {
        fault(&told, scope);
    }
}

#[test]
fn a_repository_that_is_missing_or_out_of_sight_is_told() {
    let desk = Desk::new();
    for repository in ["ops/nothing", "nobody/alerts"] {
        let told = refused(&desk, &mut desk.init_for(&desk.gitea.url, repository));
        let fault = fault(&told, "repository");
        assert!(fault.contains(repository) && fault.contains("collaborator"), "{told}");
    }
    desk.gitea.world().set_rights(REPOSITORY, "teawatch", None).unwrap();
    let told = refused(&desk, &mut desk.init());
    assert!(fault(&told, "repository").contains("teawatch cannot see ops/alerts"), "{told}");
}

#[test]
fn a_repository_with_another_name_is_told() {
    let desk = Desk::new();
    desk.gitea.world().rename_repository(REPOSITORY, "alarms").unwrap();
    let told = fails(&mut desk.init());
    let fault = fault(&told, "repository");
    assert!(fault.contains("/repos/ops/alarms") && fault.contains("its new name"), "{told}");
}

#[test]
fn a_user_without_rights_is_told() {
    let desk = Desk::new();
    let told = refused(&desk, desk.init().env("TEAWATCH_GITEA_TOKEN", BOB_TOKEN));
    assert!(fault(&told, "rights").contains("make bob a collaborator"), "{told}");
    desk.gitea.world().set_rights(REPOSITORY, "bob", Some(Right::Write)).unwrap();
    well(desk.init().env("TEAWATCH_GITEA_TOKEN", BOB_TOKEN));
}

#[test]
fn a_repository_that_takes_no_issues_is_told() {
    let desk = Desk::new();
    desk.gitea.world().archive(REPOSITORY, true).unwrap();
    let told = refused(&desk, &mut desk.init());
    assert!(fault(&told, "repository").contains("archived"), "{told}");
    desk.gitea.world().archive(REPOSITORY, false).unwrap();
    desk.gitea.world().disable_issues(REPOSITORY).unwrap();
    let told = refused(&desk, &mut desk.init());
    assert!(fault(&told, "repository").contains("switched off"), "{told}");
}

#[test]
fn a_second_token_that_may_make_no_webhook_is_told_and_can_be_left_out() {
    let desk = Desk::new();
    desk.gitea.world().add_token("alice", "narrow", &["read:repository"]).unwrap();
    for token in [BOB_TOKEN, "narrow", "wr0ng"] {
        let told = fails(desk.init().env("TEAWATCH_HOOK_TOKEN", token));
        let fault = fault(&told, "webhook");
        assert!(fault.contains("administ"), "{told}");
        assert!(
            !told.contains("wr0ng") && told.contains("teawatch.toml was not written"),
            "{told}"
        );
        assert!(!desk.path("teawatch.toml").exists() && desk.hooks().is_empty());
    }
    well(&mut desk.init());
    assert_eq!(desk.files(), WRITTEN);
}
