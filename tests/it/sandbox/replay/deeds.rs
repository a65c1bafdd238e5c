//! Calls to endpoints that the sandbox lacks, as changes of the model.

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use teawatch::sandbox::{Request, World};

use super::ids::{Ids, Kind};
use crate::support::Exchange;

/// Who is there before the first exchange, and whose tokens.
pub fn founded() -> World {
    let mut world = World::new();
    world.add_user("root");
    world.set_site_admin("root", true).unwrap();
    world.add_token("root", "<root-token>", &["all"]).unwrap();
    world
}

/// Does what the exchange did, if that is one of these calls; one that was refused did
/// nothing. Says whether it was one.
pub fn play(world: &mut World, exchange: &Exchange, ids: &Ids, now: Timestamp) -> bool {
    let path = exchange.path.trim_start_matches("/api/v1/");
    let segments: Vec<&str> = path.split('/').collect();
    let body = &exchange.body;
    let text = |name: &str| body[name].as_str().unwrap();
    let done = exchange.answer.status().is_success();
    match (exchange.method.as_str(), segments.as_slice()) {
        _ if !done => return false,
        ("POST", ["admin", "users"]) => {
            world.add_user(text("username"));
        }
        ("POST", ["users", login, "tokens"]) => {
            let scopes = body["scopes"].as_array().into_iter().flatten();
            let scopes: Vec<&str> = scopes.map(|scope| scope.as_str().unwrap()).collect();
            world.add_token(login, &secret(login, &scopes), &scopes).unwrap();
        }
        ("POST", ["user", "repos"]) => {
            let owner = asker(world, exchange);
            world.add_repository(&owner, text("name")).unwrap();
            let private = body["private"] == true;
            world.set_private(&format!("{owner}/{}", text("name")), private).unwrap();
        }
        ("PATCH", ["repos", owner, name]) => change(world, &format!("{owner}/{name}"), body),
        ("DELETE", ["repos", owner, name]) => {
            world.delete_repository(&format!("{owner}/{name}")).unwrap();
        }
        ("PUT", ["repos", owner, name, "collaborators", login]) => {
            let right = serde_json::from_value(body["permission"].clone()).unwrap();
            world.set_rights(&format!("{owner}/{name}"), login, Some(right)).unwrap();
        }
        (method @ ("PUT" | "DELETE"), ["repos", owner, name, "issues", number, "lock"]) => {
            let (by, number) = (asker(world, exchange), number.parse().unwrap());
            let repository = format!("{owner}/{name}");
            world.lock_issue(&by, &repository, number, method == "PUT", now).unwrap();
        }
        ("DELETE", ["repos", owner, name, "labels", id]) => {
            let repository = format!("{owner}/{name}");
            let labels = &world.repository(&repository).unwrap().labels;
            let label = labels[&ids.ours(Kind::Label, id.parse().unwrap())].name.clone();
            world.delete_label(&repository, &label).unwrap();
        }
        ("POST", ["repos", owner, name, "milestones"]) => {
            world
                .add_milestone(
                    &format!("{owner}/{name}"),
                    body["title"].as_str().unwrap_or_default(),
                    now,
                )
                .unwrap();
        }
        ("POST", ["repos", owner, name, "pulls"]) => {
            let (by, repository) = (asker(world, exchange), format!("{owner}/{name}"));
            let number = world.open_as(&by, &repository, text("title"), text("body"), now).unwrap();
            world.set_pull(&repository, number, true).unwrap();
        }
        ("POST", ["repos", owner, name, "pulls", number, "merge"]) => {
            let (by, repository) = (asker(world, exchange), format!("{owner}/{name}"));
            let number: u64 = number.parse().unwrap();
            let closes = world.issue(&repository, number).unwrap().body.clone();
            let closes = closes.strip_prefix("closes #").unwrap().parse().unwrap();
            for number in [number, closes] {
                world.close_as(&by, &repository, number, now).unwrap();
            }
        }
        _ => return false,
    }
    true
}

/// Does what a refused exchange had done before it was refused: a 1.22 takes off who was
/// assigned before it finds that it may not assign somebody else.
pub fn play_half(world: &mut World, name: &str, exchange: &Exchange, now: Timestamp) {
    if name == "216-issue-assign-without-access" {
        let nobody = json!({ "assignees": [] });
        let request = Request::new(Method::PATCH, &exchange.path).token("<root-token>");
        assert_eq!(world.answer(&request.json(&nobody), now).status, 201);
    }
}

/// What stands for the token in the recording.
fn secret(login: &str, scopes: &[&str]) -> String {
    let login = login.trim_end_matches(|c: char| c.is_ascii_digit());
    match scopes {
        ["all"] => format!("<{login}-token>"),
        scopes => format!("<{login}-{}-token>", scopes.join("-").replace(':', "-")),
    }
}

/// Whose token the exchange was made with.
fn asker(world: &World, exchange: &Exchange) -> String {
    let header = exchange.headers["authorization"].to_str().unwrap();
    let login = header.strip_prefix("token <").unwrap().split('-').next().unwrap();
    // Users are numbered from 1; there are few.
    let known = (1..).map(|id| world.login(id)).find(|known| known.starts_with(login));
    known.unwrap().to_owned()
}

fn change(world: &mut World, repository: &str, body: &Value) {
    if let Some(archived) = body["archived"].as_bool() {
        world.archive(repository, archived).unwrap();
    }
    if let Some(issues) = body["has_issues"].as_bool() {
        world.set_units(repository, issues, true).unwrap();
    }
    if let Some(name) = body["name"].as_str() {
        world.rename_repository(repository, name).unwrap();
    }
}
