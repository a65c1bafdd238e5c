//! What the outbox counts as it goes, since this process began.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The classes of answers, by their first digit; the last one is for none at all.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// What an answer of Gitea was like.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answer {
    class: &'static str,
}

/// Counters that whoever holds a clone reads at any time.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Requests to Gitea, by what became of them.
    pub answers: Family<Answer, Counter>,
    /// Looks for effects in doubt.
    pub looks: Counter,
}

impl Default for Figures {
    fn default() -> Self {
        let answers = Family::default();
        // Every series is there from the start, so that a first time is a change.
        for class in CLASSES {
            drop(answers.get_or_create(&Answer { class }));
        }
        Self { answers, looks: Counter::default() }
    }
}

impl Figures {
    /// Counts a request by its answer, if there was one.
    pub(super) fn count_answer(&self, status: Option<StatusCode>) {
        let [one, two, three, four, five, none] = CLASSES;
        let class = match status.map(|status| status.as_u16() / 100) {
            Some(1) => one,
            Some(2) => two,
            Some(3) => three,
            Some(4) => four,
            // HTTP knows no higher class; what a broken proxy sends is its fault.
            Some(_) => five,
            None => none,
        };
        self.answers.get_or_create(&Answer { class }).inc();
    }
}
