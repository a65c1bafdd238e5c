//! Everything but success that a Gitea 1.26.3 was recorded with, asked of the sandbox again.

use std::collections::BTreeSet;

use teawatch::sandbox::{Request, Response, Right};

use super::*;
use crate::support::{Exchange, recorded};

/// What was recorded and is not played, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("129-issue-create-bad-date", "the sandbox has no due dates"),
    ("292-issue-close-with-open-dependency-412", "the sandbox has no dependencies"),
    ("551-blocked-bob-comments", "nobody can block somebody in the sandbox"),
    ("552-blocked-bob-opens", "nobody can block somebody in the sandbox"),
    ("569-user-inactive-token", "all users of the sandbox are active"),
    ("571-user-prohibited-token", "all users of the sandbox may sign in"),
];

/// Where the recordings are: those that the client is tested with, and some for the sandbox.
const FOLDERS: [&str; 2] = ["1.26.3", "1.26.3-refusals"];

const ROOTS: &str = "root/demo024014";
const PRIVATE: &str = "root/priv024014";
const ARCHIVE: &str = "root/arch024014";
/// Without issues; the second one is a person's own.
const WITHOUT_ISSUES: [&str; 2] = ["root/noiss024014", "alice024014/anoiss024014"];

fn now() -> Timestamp {
    Timestamp::from_second(START).unwrap()
}

/// The server of the recordings as it was before this exchange: the users, tokens,
/// repositories, issues and comments that the exchanges name.
fn before(name: &str) -> World {
    let mut world = World::new();
    for user in ["root", "alice024014", "bob024014"] {
        world.add_user(user);
    }
    world.set_site_admin("root", true).unwrap();
    for (user, token, scope) in [
        ("root", "<root-token>", "all"),
        ("root", "<root-read-issue-token>", "read:issue"),
        ("root", "<root-write-repository-token>", "write:repository"),
        ("alice024014", "<alice-token>", "all"),
        ("bob024014", "<bob-token>", "all"),
    ] {
        world.add_token(user, token, &[scope]).unwrap();
    }
    for repository in [ROOTS, PRIVATE, ARCHIVE].iter().chain(&WITHOUT_ISSUES) {
        let (owner, short) = repository.split_once('/').unwrap();
        world.add_repository(owner, short).unwrap();
        world.set_private(repository, *repository == PRIVATE).unwrap();
        for title in ["one", "two"] {
            world.open_as(owner, repository, title, "", now()).unwrap();
        }
    }
    comment(&mut world, ROOTS, 47);
    comment(&mut world, ARCHIVE, 72);
    world.archive(ARCHIVE, true).unwrap();
    for repository in WITHOUT_ISSUES {
        world.set_rights(repository, "root", Some(Right::Admin)).unwrap();
        world.set_units(repository, false, true).unwrap();
    }
    world.add_repository("root", "old024014").unwrap();
    world.rename_repository("root/old024014", "new024014").unwrap();
    match name {
        "274-comment-delete-again-404" | "275-comment-get-deleted" => {
            let comment = format!("/api/v1/repos/{ROOTS}/issues/comments/47");
            let delete = Request::new(Method::DELETE, &comment).token("<root-token>");
            assert_eq!(world.answer(&delete, now()).status, 204);
        }
        "277-comment-on-locked-as-bob-403" => {
            world.lock_issue("root", ROOTS, 1, true, now()).unwrap();
        }
        "355-issue-get-deleted-404" | "356-issue-delete-again-404" => {
            world.delete_issue(ROOTS, 2).unwrap();
        }
        "567-repo-get-deleted" => world.delete_repository(WITHOUT_ISSUES[0]).unwrap(),
        _ => {}
    }
    world
}

/// Comments of root on the first issue, up to the one with this id.
fn comment(world: &mut World, repository: &str, id: u64) {
    while world.comment_as("root", repository, 1, "c", now()).unwrap() < id {}
}

/// The same request.
fn again(exchange: &Exchange) -> Request {
    let target = format!("{}?{}", exchange.path, exchange.query);
    let method = Method::from_bytes(exchange.method.as_bytes()).unwrap();
    let mut request = Request::new(method, target.trim_end_matches('?'));
    request.headers = exchange.headers.clone();
    request.body = exchange.sent.clone().into_bytes();
    request
}

/// The exchanges that did not succeed.
fn refusals() -> impl Iterator<Item = (String, Exchange)> {
    let all = FOLDERS.into_iter().flat_map(recorded);
    all.filter(|(_, exchange)| !exchange.answer.status().is_success())
}

/// What a client sees of an answer: status, kind, where it points, and the text, which is
/// read if it is JSON. The address of the server itself differs.
fn seen(answer: &Response) -> (u16, Option<String>, Option<String>, Value) {
    let header = |name: &str| Some(answer.headers.get(name)?.to_str().unwrap().to_owned());
    let text = || std::str::from_utf8(&answer.body).unwrap().trim_end().into();
    let mut body: Value = answer.read().unwrap_or_else(|_| text());
    if let Some(url) = body.get_mut("url") {
        let (_, path) = url.as_str().unwrap().split_once("/api/").unwrap();
        *url = format!("/api/{path}").into();
    }
    (answer.status.as_u16(), header("content-type"), header("location"), body)
}

#[test]
fn what_a_real_gitea_did_not_do_is_not_done_in_the_same_words() {
    let mut left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    let mut played = 0;
    let mut differences = String::new();
    for (name, exchange) in refusals() {
        if left_out.remove(name.as_str()) {
            continue;
        }
        let recorded = seen(&exchange.answer.clone().into());
        let answered = seen(&before(&name).answer(&again(&exchange), now()));
        if answered != recorded {
            differences += &format!("{name}\n  recorded {recorded:?}\n  answered {answered:?}\n");
        }
        played += 1;
    }
    assert!(differences.is_empty(), "{differences}");
    assert!(left_out.is_empty(), "left out, and recorded otherwise: {left_out:?}");
    assert!(played > 60, "only {played} refusals were found");
}

#[test]
fn what_is_left_out_would_not_be_refused_alike() {
    for (name, exchange) in refusals() {
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            let answered = seen(&before(&name).answer(&again(&exchange), now()));
            let recorded = seen(&exchange.answer.clone().into());
            assert_ne!(answered, recorded, "{name} need not be left out");
        }
    }
}
