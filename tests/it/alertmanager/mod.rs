//! Messages of Alertmanager, as a real one has sent them.

mod issues;
mod refused;

use reqwest::blocking::RequestBuilder;
use serde_json::Value;

use crate::support::{Answer, Teawatch, ask, client};

const SOURCE: &str = "prom1";
/// What the group of the recorded messages is called.
const GROUP: &str = r#"tea.watch-1/DiskFull{job="node"}"#;

/// A recorded message: `firing`, `partly_resolved`, `resolved`.
fn message(name: &str) -> Value {
    let path = format!("fixtures/alertmanager/0.25.0/{name}.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn request(teawatch: &Teawatch, query: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
    let url = format!("{}/api/v1/alertmanager{query}", teawatch.url);
    client().post(url).header("content-type", "application/json").body(body.into())
}

/// Sends a message as Alertmanager does with `basic_auth`.
fn send(teawatch: &Teawatch, message: &Value) -> Answer {
    let secret = Teawatch::secret(SOURCE);
    let request = request(teawatch, "", message.to_string());
    ask(request.basic_auth(SOURCE, Some(secret.expose())))
}

#[track_caller]
fn tell(teawatch: &Teawatch, message: &Value) {
    let answer = send(teawatch, message);
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The checks of the source, by name.
fn checks(teawatch: &Teawatch) -> Vec<(String, Value)> {
    let found = teawatch.get("/api/v1/checks?limit=500").1["items"].clone();
    let found = found.as_array().unwrap().iter();
    found.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone())).collect()
}
