//! The stand-in for Gitea, over real HTTP: the quirks that were recorded from real
//! servers, the faults that can be ordered, and the pages for people.

mod admin;
mod faults;
mod hooks;
mod issues;
mod lists;
mod pages;
mod process;
mod refusals;
mod replay;
mod repositories;
mod shapes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, MutexGuard, Once};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::Value;
use teawatch::clock::Clock;
use teawatch::sandbox::{self, ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, Options, Shared, World};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// 2026-01-02T03:04:05Z, where the tests' clocks begin.
const START: i64 = 1_767_323_045;
const ISSUES: &str = "/api/v1/repos/ops/alerts/issues";
const LABELS: &str = "/api/v1/repos/ops/alerts/labels";
/// The server's own idea of its address.
const ROOT: &str = "http://gitea.sandbox.invalid";
const NULL: Value = Value::Null;
const REPOSITORY: &str = "/api/v1/repos/ops/alerts";
const ALERTS: &str = "ops/alerts";

/// A sandbox on a port of its own, with a clock that the test turns.
struct Sandbox {
    url: String,
    client: Client,
    shared: Shared,
    seconds: Arc<AtomicI64>,
    stop: DropGuard,
    served: JoinHandle<()>,
}

/// An answer, taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    text: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    #[track_caller]
    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    /// The numbers of the issues in a list.
    #[track_caller]
    fn numbers(&self) -> Vec<u64> {
        let json = self.json();
        json.as_array().unwrap().iter().map(|issue| issue["number"].as_u64().unwrap()).collect()
    }

    /// The names of the labels in a list.
    #[track_caller]
    fn names(&self) -> Vec<String> {
        let json = self.json();
        let names = json.as_array().unwrap().iter();
        names.map(|label| label["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn client(timeout: Duration) -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another module of this binary may have been first, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    Client::builder().timeout(timeout).redirect(redirect::Policy::none()).build().unwrap()
}

impl Sandbox {
    async fn start() -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let bound = sandbox::bind(&Options { listen, ..Options::default() }).await.unwrap();
        let (url, shared) = (bound.welcome().url.clone(), bound.world());
        let seconds = Arc::new(AtomicI64::new(START));
        let read = Arc::clone(&seconds);
        let clock =
            Clock::from_fn(move || Timestamp::from_second(read.load(Ordering::Relaxed)).unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = bound.run(clock, async move { stopped.cancelled().await });
        let served = tokio::spawn(async move { serving.await.unwrap() });
        let client = client(Duration::from_secs(10));
        Self { url, client, shared, seconds, stop: stop.drop_guard(), served }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::Relaxed)).unwrap()
    }

    fn turn_clock(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn request(&self, method: &str, path: &str, token: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.url));
        if token.is_empty() {
            request
        } else {
            request.header("authorization", format!("token {token}"))
        }
    }

    /// Asks as somebody; a body of `null` is none.
    async fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(method, path, token);
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(BOT_TOKEN, "GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(BOT_TOKEN, "POST", path, body).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(BOT_TOKEN, "PATCH", path, body).await
    }

    /// Opens an issue as the bot.
    async fn open(&self, title: &str) -> Value {
        let opened = self.post(ISSUES, serde_json::json!({ "title": title })).await;
        assert_eq!(opened.status, 201, "{opened:?}");
        opened.json()
    }

    /// Waits until the model looks as it should, for ten seconds at most.
    async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        for _ in 0..1_000 {
            if holds(&self.world()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("in vain: {what}");
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let mut headers = BTreeMap::new();
    for (name, value) in response.headers() {
        let value = value.to_str().unwrap();
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|before| *before = format!("{before}, {value}"))
            .or_insert_with(|| value.to_owned());
    }
    Answer { status, headers, text: response.text().await.unwrap() }
}
