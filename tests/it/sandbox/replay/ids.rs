//! Which id of the recording is which id of the sandbox, and requests and texts rewritten.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde_json::{Map, Value};

use crate::support::Exchange;

/// What has ids of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    User,
    Repository,
    Label,
    Issue,
    Hook,
    /// Comments and the other entries of timelines.
    Event,
}

impl Kind {
    /// What an object is, by keys that nothing else has.
    pub fn of(object: &Map<String, Value>) -> Option<Self> {
        let has = |key| object.contains_key(key);
        Some(match () {
            () if has("login") => Self::User,
            () if has("full_name") => Self::Repository,
            () if has("exclusive") => Self::Label,
            () if has("issue_url") => Self::Event,
            () if has("branch_filter") => Self::Hook,
            () if has("content_version") || has("pin_order") => Self::Issue,
            () => return None,
        })
    }
}

/// Recorded ids and ours, learned from answers.
#[derive(Debug, Default)]
pub struct Ids {
    ours: BTreeMap<(Kind, u64), u64>,
    recorded: BTreeMap<(Kind, u64), u64>,
}

/// Where ids stand in paths and texts.
static PLACES: LazyLock<[(Kind, Regex); 6]> = LazyLock::new(|| {
    [
        (Kind::Event, "(/issues/comments/|#issuecomment-)([0-9]+)"),
        (Kind::Event, r"(comment does not exist \[id: )([0-9]+)"),
        (Kind::Hook, "(/hooks/)([0-9]+)"),
        (Kind::Label, "(/labels/)([0-9]+)"),
        (Kind::Repository, "(/repositories/)([0-9]+)"),
        (Kind::Repository, "(repo_id: )([0-9]+)"),
    ]
    .map(|(kind, place)| (kind, Regex::new(place).unwrap()))
});

impl Ids {
    /// Whether both mean the same thing; two ids that were never seen do from now on.
    pub fn agree(&mut self, kind: Kind, recorded: u64, ours: u64) -> bool {
        match (self.ours.get(&(kind, recorded)), self.recorded.get(&(kind, ours))) {
            (None, None) => {
                self.ours.insert((kind, recorded), ours);
                self.recorded.insert((kind, ours), recorded);
                true
            }
            (known, _) => known == Some(&ours),
        }
    }

    /// Our id for a recorded one; the same for one that was never seen.
    pub fn ours(&self, kind: Kind, recorded: u64) -> u64 {
        self.ours.get(&(kind, recorded)).copied().unwrap_or(recorded)
    }

    /// The text with our ids in it.
    pub fn rewrite(&self, text: &str) -> String {
        PLACES.iter().fold(text.to_owned(), |text, (kind, place)| {
            let ours = |found: &Captures<'_>| {
                format!("{}{}", &found[1], self.ours(*kind, found[2].parse().unwrap()))
            };
            place.replace_all(&text, ours).into_owned()
        })
    }

    /// What is to be asked of the sandbox: path and query, and the body.
    /// Hooks get an address at which nobody listens.
    pub fn request(&self, exchange: &Exchange) -> (String, String) {
        let target = format!("{}?{}", exchange.path, exchange.query);
        let target = self.rewrite(target.trim_end_matches('?'));
        let mut body = exchange.body.clone();
        let Some(labels) = body.get_mut("labels").and_then(Value::as_array_mut) else {
            return (target, exchange.sent.replace("//127.0.0.1:3399/", "//127.0.0.1:1/"));
        };
        for label in labels {
            if let Some(id) = label.as_u64() {
                *label = self.ours(Kind::Label, id).into();
            }
        }
        (target, body.to_string())
    }
}
