//! Reports, as an agent would send them.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

static SEQ: AtomicU64 = AtomicU64::new(1);

/// One report of a source; numbered in the order in which reports are made.
#[derive(Debug, Clone)]
pub struct Report {
    pub source: String,
    pub body: Value,
}

impl Report {
    pub fn new(source: &str) -> Self {
        let seq = SEQ.fetch_add(1, Ordering::Relaxed);
        let body = json!({
            "source": source,
            "id": { "epoch": "tests", "seq": seq },
            "observations": [],
        });
        Self { source: source.to_owned(), body }
    }

    /// Says when the next report is due.
    pub fn every(mut self, seconds: f64) -> Self {
        self.body["interval_seconds"] = json!(seconds);
        self
    }

    pub fn check(self, name: &str, kind: &str, summary: &str) -> Self {
        self.observation(json!({ "name": name, "kind": kind, "summary": summary }))
    }

    pub fn observation(mut self, observation: Value) -> Self {
        self.body["observations"].as_array_mut().unwrap().push(observation);
        self
    }
}

/// A report of one failing check, `source/name`.
pub fn failing(check: &str) -> Report {
    let (source, name) = check.split_once('/').unwrap();
    Report::new(source).check(name, "failure", "it is broken")
}

/// A report of one check that passes.
pub fn passing(check: &str) -> Report {
    let (source, name) = check.split_once('/').unwrap();
    Report::new(source).check(name, "success", "it works")
}
