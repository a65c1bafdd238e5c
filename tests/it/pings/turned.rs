//! Doors and engine over a clock that a test turns, and checks that it defines.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use teawatch::alert::Salt;
use teawatch::check::{CheckId, Definition};
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::engine::{Core, Defined};
use teawatch::store::{CACHE_BYTES, Memory, Sled, Store as _};

use super::said;
use crate::support::{Inside, SALT, client};

/// The source of all these checks.
pub const SOURCE: &str = "web1";

pub struct Turned {
    pub inside: Inside,
    /// In seconds.
    at: Arc<AtomicI64>,
}

impl Turned {
    /// Begins at a time. How long the test turns the clock at once is no absence.
    pub fn start(at: &str) -> Self {
        let gap = SignedDuration::from_hours(24 * 365);
        let settings = Settings { absence_gap: gap, ..Settings::default() };
        Self::over(&Memory::new(), at, settings)
    }

    pub fn over(memory: &Memory, at: &str, settings: Settings) -> Self {
        let at: Timestamp = at.parse().unwrap();
        let at = Arc::new(AtomicI64::new(at.as_second()));
        let shared = Arc::clone(&at);
        let now = move || Timestamp::from_second(shared.load(Ordering::Relaxed)).unwrap();
        Self { inside: Inside::start(memory, &Clock::from_fn(now), settings), at }
    }

    /// Turns the clock on, and lets the engine notice.
    pub fn pass(&self, seconds: i64) {
        self.at.fetch_add(seconds, Ordering::Relaxed);
        // What is due is woken at the end of a round.
        self.inside.ask(|_, _| ());
    }

    pub fn define(&self, name: &str, definition: Definition) -> Defined {
        let id = CheckId::new(SOURCE, name);
        self.inside.ask(move |core, now| core.define(&id, definition, now))
    }

    /// The address of a check by its UUID.
    pub fn uuid(&self, name: &str) -> String {
        let id = CheckId::new(SOURCE, name);
        self.inside.ask(move |core, _| core.ping_uuid(&id)).unwrap().to_string()
    }

    pub fn send(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let url = format!("{}/ping/{path}", self.inside.url);
        said(client().request(method, url).body(body.to_owned()).send().unwrap())
    }

    /// A ping that is taken.
    #[track_caller]
    pub fn ping(&self, path: &str) {
        let (status, words) = self.send(Method::POST, path, "");
        assert!(status == 200 && words == "OK", "{path}: {status} {words}");
    }

    pub fn check(&self, name: &str) -> Value {
        let url = format!("{}/api/v1/check?source={SOURCE}&name={name}", self.inside.url);
        client().get(url).send().unwrap().json().unwrap()
    }

    pub fn status(&self, name: &str) -> String {
        self.check(name)["status"].as_str().unwrap().to_owned()
    }

    /// The titles of the alerts that fire.
    pub fn firing(&self) -> Vec<String> {
        let url = format!("{}/api/v1/alerts", self.inside.url);
        let alerts: Value = client().get(url).send().unwrap().json().unwrap();
        let alerts = alerts["items"].as_array().unwrap().iter();
        let firing = alerts.filter(|alert| alert["phase"] == "firing");
        firing.map(|alert| alert["title"].as_str().unwrap().to_owned()).collect()
    }
}

/// Defines checks in the store of a server that does not run.
pub fn define_in(data: &Path, definitions: &[(&str, Definition)]) {
    let mut store = Sled::open(data, CACHE_BYTES).unwrap();
    let (salt, instance) = (Salt::new(SALT), "0123456789abcdef".to_owned());
    let now = Timestamp::now();
    let mut core = Core::load(&mut store, Settings::default(), salt, None, instance, now).unwrap();
    for (name, definition) in definitions {
        core.define(&CheckId::new(SOURCE, name), definition.clone(), now);
    }
    core.mark(now);
    store.commit(core.take_writes().0).unwrap();
}
