//! How fast bad news travels: from a report that is acknowledged to an issue that is there.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::load::client;
use super::load::directory::Directory;
use super::load::server::{Server, Stage};
use super::load::table::{self, median};

/// How often it is measured.
const ROUNDS: usize = 21;
/// Beyond what the stand-in needs to answer one request.
const GOAL: &str = "20 ms";
/// So that no budget of requests is what is measured.
const SETTINGS: [&str; 3] = ["gitea.rate=1000", "gitea.burst=1000", "storm.max_new_issues=1000"];

/// Prints it, beside the answer time of the stand-in alone, measured in turn.
pub(crate) async fn print(stage: &Stage) -> anyhow::Result<()> {
    let data = Directory::new("speed")?;
    let teawatch = Server::teawatch(stage, data.path(), &SETTINGS)?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let issues = format!("{}/api/v1/repos/{}/issues", stage.welcome.url, stage.welcome.repository);
    let authorization = format!("token {}", stage.welcome.human_token);
    let (mut visible, mut alone) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("speed{round}");
        let failure = json!({ "name": name, "kind": "failure", "summary": "broken" });
        client::send(teawatch.address, "speed", round as u64 + 1, 300.0, &[failure]).await?;
        let acknowledged = Instant::now();
        loop {
            let found = http.get(&issues).header("authorization", &authorization).send().await?;
            let found: Vec<Value> = found.json().await?;
            let is_there =
                |issue: &Value| issue["title"].as_str().is_some_and(|title| title.contains(&name));
            if found.iter().any(is_there) {
                break;
            }
            anyhow::ensure!(acknowledged.elapsed() < Duration::from_secs(30), "no issue");
        }
        visible.push(acknowledged.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        let issue = json!({ "title": "by hand", "body": "" });
        let made = http.post(&issues).header("authorization", &authorization).json(&issue);
        made.send().await?.error_for_status().context("the stand-in takes no issue")?;
        alone.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let (visible, alone) = (median(visible.into_iter()), median(alone.into_iter()));
    table::print(
        &["report acknowledged to issue visible", "an issue by hand", "beyond it", "goal"],
        &[vec![
            format!("{visible:.1} ms"),
            format!("{alone:.1} ms"),
            format!("{:.1} ms", visible - alone),
            GOAL.to_owned(),
        ]],
    )
}
