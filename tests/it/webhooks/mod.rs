//! Gitea's webhooks: what they prove, what they bring about, and what they cannot.

mod effects;
mod hostile;
mod listed;
mod noticed;
mod proofs;
mod recorded;

use std::collections::BTreeMap;
use std::path::Path;

use http::Method;
use reqwest::blocking::RequestBuilder;
use serde_json::Value;
use teawatch::sandbox::Route;

use crate::support::{
    CHECK, Gitea, REPOSITORY, Teawatch, add_hook, client, eventually, failing, figures,
};

/// That of the recordings.
const SECRET: &str = "s3cret-hook";

/// Nobody asks Gitea by itself for what people did, and hints are followed at once.
const ALONE: [(&str, &str); 3] =
    [("reconcile.every", "1h"), ("reconcile.look_every", "6h"), ("webhooks.look_every", "100ms")];

/// A server with an open issue, #1, about [`CHECK`], and a webhook of its repository.
struct Scene {
    gitea: Gitea,
    teawatch: Teawatch,
    /// Dropped last: the server's state is in it.
    data: tempfile::TempDir,
}

impl Scene {
    /// With its webhook.
    #[track_caller]
    fn start() -> Self {
        let scene = Self::without_hook(&[]);
        scene.add_hook("json");
        scene
    }

    #[track_caller]
    fn without_hook(settings: &[(&str, &str)]) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = serve(data.path(), &gitea, settings);
        teawatch.report(&failing(CHECK));
        eventually("an issue is open", || gitea.open() == 1);
        teawatch.settles(&gitea);
        Self { gitea, teawatch, data }
    }

    #[track_caller]
    fn add_hook(&self, content_type: &str) {
        add_hook(&self.gitea, &self.teawatch.url, SECRET, content_type);
    }

    /// The alert that all of it is about.
    fn alert(&self) -> Value {
        let alerts = self.teawatch.get("/api/v1/alerts").1["items"].clone();
        let alerts = alerts.as_array().unwrap();
        alerts.iter().find(|alert| alert["title"] == CHECK).unwrap().clone()
    }

    fn deliveries(&self) -> Vec<Value> {
        deliveries(&self.teawatch)
    }

    /// Waits until there were so many, and nothing waits any more.
    #[track_caller]
    fn all_are_looked_into(&self, count: usize) {
        eventually("so many were taken", || self.deliveries().len() >= count);
        all_are_looked_into(&self.teawatch);
    }

    /// How often Gitea was asked for single issues and for lists of them.
    fn asked(&self) -> [u64; 2] {
        [Route::Issue, Route::Issues].map(|route| self.gitea.count(&Method::GET, route))
    }
}

/// A server that takes webhooks.
fn serve(data: &Path, gitea: &Gitea, settings: &[(&str, &str)]) -> Teawatch {
    let settings: Vec<_> = ALONE.iter().chain(settings).copied().collect();
    let mut command = Teawatch::command(data, gitea, &settings);
    command.env("TEAWATCH_WEBHOOK_SECRET", SECRET);
    Teawatch::launch(command)
}

/// What was taken, the newest first.
fn deliveries(teawatch: &Teawatch) -> Vec<Value> {
    teawatch.get("/api/v1/deliveries?limit=500").1["items"].as_array().unwrap().clone()
}

/// How many deliveries were counted, by what came of them.
fn outcomes(scene: &Scene) -> BTreeMap<String, u64> {
    let figures = figures(&scene.teawatch.url);
    let counts = figures.lines().filter_map(|line| {
        let (class, count) =
            line.strip_prefix("teawatch_delivery_outcomes_total{outcome=\"")?.split_once("\"} ")?;
        Some((class.to_owned(), count.parse().unwrap()))
    });
    counts.collect()
}

/// Waits until nothing of it waits any more.
#[track_caller]
fn all_are_looked_into(teawatch: &Teawatch) {
    eventually("every delivery is looked into", || {
        !deliveries(teawatch).iter().any(|delivery| delivery["outcome"] == "not looked at yet")
    });
}

/// Waits until everything is asked that a start asks for, and lets it be forgotten.
#[track_caller]
fn is_quiet(teawatch: &Teawatch, gitea: &Gitea) {
    eventually("it has compared", || {
        let (status, said) = teawatch.get("/readyz");
        status == 200 && !said["reconcile"][REPOSITORY]["succeeded_at"].is_null()
    });
    gitea.world().forget_requests();
}

/// A message on its way.
fn post(teawatch: &Teawatch) -> RequestBuilder {
    client().post(format!("{}/webhooks/gitea", teawatch.url))
}
