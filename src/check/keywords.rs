//! What a body says by the words in it.

use serde::{Deserialize, Serialize};

use super::Kind;

/// Words that tell by the body of a ping what it means. They are looked for as they are, in
/// the order below, and only in pings that say nothing else: what says that it fails does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Keywords {
    /// Any of these means that it fails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failure: Vec<String>,
    /// Or else any of these that all is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub success: Vec<String>,
    /// Or else any of these that it has begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,
    /// Without any it fails, also when it is empty. Otherwise it says nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub or_failure: bool,
}

impl Keywords {
    /// What a ping with this body means; nothing if it does not count.
    pub fn judge(&self, body: &str) -> Option<Kind> {
        let has = |words: &[String]| {
            words.iter().any(|word| !word.is_empty() && body.contains(word.as_str()))
        };
        let found = [
            (&self.failure, Kind::Failure),
            (&self.success, Kind::Success),
            (&self.start, Kind::Start),
        ];
        let found = found.into_iter().find(|(words, _)| has(words)).map(|(_, kind)| kind);
        found.or(self.or_failure.then_some(Kind::Failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_counts_before_success_and_success_before_start() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let keywords = Keywords {
            failure: words(&["error", ""]),
            success: words(&["done", "OK"]),
            start: words(&["begin"]),
            or_failure: false,
        };
        for (body, kind) in [
            ("begin: done with 1 error", Some(Kind::Failure)),
            ("begin, and done", Some(Kind::Success)),
            ("it will begin", Some(Kind::Start)),
            ("ok, Error", None),
            ("", None),
        ] {
            assert_eq!(keywords.judge(body), kind, "{body}");
            let strict = Keywords { or_failure: true, ..keywords.clone() };
            assert_eq!(strict.judge(body), kind.or(Some(Kind::Failure)), "{body}");
        }
    }
}
