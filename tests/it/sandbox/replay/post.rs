//! The deliveries that a tour caused, against those that a real server sent.

use std::collections::BTreeMap;

use serde_json::Value;
use teawatch::sandbox::Delivery;

use super::compare::Comparison;
use super::ids::{Ids, Kind};
use crate::support::Sent;

/// Headers whose values are compared; of others only that they are there.
const COMPARED: [&str; 6] = [
    "content-type",
    "x-gitea-event",
    "x-gitea-event-type",
    "x-gitea-hook-installation-target-type",
    "x-github-event",
    "x-gogs-event-type",
];

/// The differences of all deliveries, each with the name of the recorded one. Two belong
/// together that went to the same hook about the same event of the same thing, in their
/// order.
pub fn differences(
    recorded: &[(String, Sent)],
    ours: Vec<Delivery>,
    ids: &mut Ids,
) -> Vec<(String, String)> {
    let mut left: Vec<Delivery> = ours;
    let mut found = Vec::new();
    for (name, sent) in recorded {
        let key = (sent.path.clone(), sent.headers["x-gitea-event-type"].clone());
        let mut about = about(&sent.payload);
        about.2 = ids.ours(Kind::Event, about.2);
        let is_it = |ours: &Delivery| {
            let payload: Value = serde_json::from_str(&ours.payload).unwrap();
            (path(ours), ours.event_type.to_owned()) == key && self::about(&payload) == about
        };
        let Some(at) = left.iter().position(is_it) else {
            found.push((name.clone(), format!("{} of {}: {} → nothing", key.1, key.0, about.1)));
            continue;
        };
        let ours = left.remove(at);
        let payload = serde_json::from_str(&ours.payload).unwrap();
        let mut comparison = Comparison::new(ids);
        comparison.headers_of(&sent.headers, &headers(&ours));
        comparison.value("payload", Some(&sent.payload), Some(&payload));
        found.extend(comparison.found.into_iter().map(|found| (name.clone(), found)));
    }
    // Of the form only a few were kept.
    left.retain(|ours| !ours.is_form && path(ours) != "/fail");
    found.extend(left.iter().map(|ours| {
        let payload = serde_json::from_str(&ours.payload).unwrap();
        let what =
            format!("{} of {}: nothing → {}", ours.event_type, path(ours), about(&payload).1);
        ("none".to_owned(), what)
    }));
    found
}

fn path(delivery: &Delivery) -> String {
    url::Url::parse(&delivery.url).unwrap().path().to_owned()
}

/// What a payload is about: issue, action, comment, and what was before an edit.
fn about(payload: &Value) -> (u64, String, u64, String) {
    (
        payload["issue"]["number"].as_u64().unwrap_or_default(),
        payload["action"].as_str().unwrap_or_default().to_owned(),
        payload["comment"]["id"].as_u64().unwrap_or_default(),
        payload["changes"].to_string(),
    )
}

fn headers(delivery: &Delivery) -> BTreeMap<String, String> {
    delivery.headers().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Comparison<'_> {
    fn headers_of(&mut self, recorded: &BTreeMap<String, String>, ours: &BTreeMap<String, String>) {
        for name in recorded.keys().filter(|name| !ours.contains_key(*name)) {
            self.found.push(format!("header {name}: there → nothing"));
        }
        for (name, here) in ours {
            match recorded.get(name) {
                None => self.found.push(format!("header {name}: nothing → there")),
                Some(there) if COMPARED.contains(&name.as_str()) && there != here => {
                    self.found.push(format!("header {name}: {there} → {here}"));
                }
                Some(_) => {}
            }
        }
    }
}
