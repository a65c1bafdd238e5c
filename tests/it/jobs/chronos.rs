//! A scheduler outside, as a small real server: it is told when each job is due, and knows it
//! until it forgets. When it fires is up to the test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use teawatch::clock::Clock;
use teawatch::jobs::Settings;
use teawatch::signature::{Headers, WINDOW, verify};

use super::secret;
use super::within::settings;
use crate::support::{Asked, Say, StandIn, answer_of};

/// Where it is to call.
pub(super) const CALLBACK: &str = "https://tea.test/webhooks/fire_due";

/// How often a call that is held looks whether it still is.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) struct Outside {
    pub(super) server: StandIn,
    known: Arc<Known>,
}

/// The settings, in this process, of who tells the scheduler at `url`.
pub(super) fn arming(url: &str) -> Settings {
    Settings {
        arming_url: Some(url.parse().unwrap()),
        callback_url: Some(CALLBACK.parse().unwrap()),
        secret: Some(secret()),
        ..settings("webhook")
    }
}

/// The times of a job that `server` was told, in the order in which they came.
pub(super) fn times_told(server: &StandIn, job: &str) -> Vec<String> {
    let asked = server.asked();
    let told = asked.iter().filter(|asked| asked.path().ends_with("/provision"));
    let told = told.map(Asked::json).filter(|body| body["job_id"] == job);
    told.map(|body| body["fire_at"].as_str().unwrap().to_owned()).collect()
}

/// What it knows, and how it is.
struct Known {
    /// Each job's time.
    armed: Mutex<BTreeMap<String, String>>,
    /// What it answers to everything, if it takes nothing.
    refusal: Mutex<Option<(u16, &'static str)>>,
    /// Whoever tells it of a time waits for the answer; before or after it is remembered.
    holds_before: AtomicBool,
    holds_after: AtomicBool,
    /// It answers no time with a success.
    takes_none: AtomicBool,
    clock: Clock,
}

impl Outside {
    pub(super) fn start() -> Self {
        Self::by(Clock::system(), |_, _| true)
    }

    /// By another clock. `hear` is told of each job and its time, and says whether that is
    /// remembered.
    pub(super) fn by(
        clock: Clock,
        hear: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let known = Arc::new(Known {
            armed: Mutex::default(),
            refusal: Mutex::default(),
            holds_before: AtomicBool::new(false),
            holds_after: AtomicBool::new(false),
            takes_none: AtomicBool::new(false),
            clock,
        });
        let knows = Arc::clone(&known);
        let server = StandIn::start(move |asked, _| {
            let refusal = *knows.refusal.lock().unwrap();
            refusal.map_or_else(
                || knows.answer(asked, &hear),
                |(status, body)| answer_of(status, body),
            )
        });
        Self { server, known }
    }

    /// When it is to fire a job, as far as it knows.
    pub(super) fn at(&self, job: &Value) -> Option<String> {
        self.known.armed.lock().unwrap().get(job["id"].as_str().unwrap()).cloned()
    }

    /// Everything that it knows.
    pub(super) fn armed(&self) -> BTreeMap<String, String> {
        self.known.armed.lock().unwrap().clone()
    }

    /// It knows this, and nothing else.
    pub(super) fn remember(&self, armed: BTreeMap<String, String>) {
        *self.known.armed.lock().unwrap() = armed;
    }

    pub(super) fn be_away(&self, is_away: bool) {
        self.refuse(is_away.then_some((503, "{}")));
    }

    /// From now on it answers this to everything; with nothing, it is at work again.
    pub(super) fn refuse(&self, refusal: Option<(u16, &'static str)>) {
        *self.known.refusal.lock().unwrap() = refusal;
    }

    /// From now on no time is answered, before or after it is remembered.
    pub(super) fn hold(&self, is_before: bool) {
        self.known.holds_before.store(is_before, Ordering::Relaxed);
        self.known.holds_after.store(!is_before, Ordering::Relaxed);
    }

    /// From now on it fails whenever it is told a time, or no longer does.
    pub(super) fn take_no_time(&self, takes_none: bool) {
        self.known.takes_none.store(takes_none, Ordering::Relaxed);
    }

    pub(super) fn release(&self) {
        self.known.holds_before.store(false, Ordering::Relaxed);
        self.known.holds_after.store(false, Ordering::Relaxed);
    }

    /// The times of a job, by its id, that it was told, in the order in which they came.
    pub(super) fn told(&self, job: &str) -> Vec<String> {
        times_told(&self.server, job)
    }

    /// The settings of who tells it, in this process.
    pub(super) fn settings(&self) -> Settings {
        arming(&self.server.url)
    }

    /// How often it was asked for this.
    pub(super) fn calls(&self, path: &str) -> usize {
        self.server.asked().iter().filter(|asked| asked.path().ends_with(path)).count()
    }
}

impl Known {
    /// Does as such a scheduler does, to whoever proves to be the one it knows.
    fn answer(&self, asked: &Asked, hear: &dyn Fn(&str, &str) -> bool) -> Say {
        let headers = Headers {
            id: asked.header("webhook-id"),
            timestamp: asked.header("webhook-timestamp"),
            signature: asked.header("webhook-signature"),
        };
        let (body, now) = (asked.body.as_bytes(), self.clock.now());
        if verify(&[secret()], headers, body, now, WINDOW).is_err() {
            return answer_of(401, "{}");
        }
        if asked.path().ends_with("/list") {
            let armed = self.armed.lock().unwrap();
            let armed: Vec<_> = armed
                .iter()
                .map(|(job, at)| json!({ "job_id": job, "fire_at": at, "schedule_id": "x" }))
                .collect();
            return answer_of(200, &json!({ "armed": armed }).to_string());
        }
        let body = asked.json();
        let job = body["job_id"].as_str().unwrap().to_owned();
        if asked.path().ends_with("/cancel") {
            self.armed.lock().unwrap().remove(&job);
            return answer_of(200, "{}");
        }
        if self.takes_none.load(Ordering::Relaxed) {
            return answer_of(500, "{}");
        }
        let at = body["fire_at"].as_str().unwrap().to_owned();
        assert_eq!(body["dedup_key"], format!("{job}:{at}"));
        assert_eq!(body["agent_callback_url"], CALLBACK);
        wait_for(&self.holds_before);
        if hear(&job, &at) {
            self.armed.lock().unwrap().insert(job, at);
        }
        wait_for(&self.holds_after);
        answer_of(200, &json!({ "schedule_id": "x" }).to_string())
    }
}

fn wait_for(hold: &AtomicBool) {
    while hold.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE);
    }
}
