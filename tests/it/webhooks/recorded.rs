//! What real servers sent, byte by byte.

use reqwest::blocking::RequestBuilder;

use super::{SECRET, all_are_looked_into, deliveries, is_quiet, post, serve};
use crate::support::{Gitea, Signed, Teawatch, ask, signed};

/// Which deliveries were recorded, and how many of them.
const RECORDED: [(&str, usize); 2] = [("1.26.3", 229), ("1.22-dev", 204)];

/// What may come of them. The repository of the tour has, by chance, the id of ours.
const NOTHING_ASKED: [&str; 4] = [
    "not about an issue of ours: nothing was asked",
    "not about a repository of ours: nothing was asked",
    "a later delivery about the same was looked into",
    "nothing that concerns issues",
];

fn request(teawatch: &Teawatch, delivery: &Signed) -> RequestBuilder {
    let headers = delivery.headers.iter();
    headers.fold(post(teawatch), |request, (name, value)| request.header(name, value))
}

#[test]
fn every_recorded_delivery_is_taken_and_what_is_not_ours_costs_no_request() {
    for (version, count) in RECORDED {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let teawatch = serve(data.path(), &gitea, &[]);
        is_quiet(&teawatch, &gitea);
        let recorded = signed(version);
        assert_eq!(recorded.len(), count);
        for delivery in &recorded {
            let answer = ask(request(&teawatch, delivery).body(delivery.body.clone()));
            assert_eq!(answer.status, 200, "{}: {answer:?}", delivery.name);
            assert_eq!(answer.body["duplicate"], false, "{}", delivery.name);
        }
        assert_eq!(deliveries(&teawatch).len(), count);
        all_are_looked_into(&teawatch);
        let kept = deliveries(&teawatch);
        for (kept, delivery) in kept.iter().rev().zip(&recorded) {
            assert_eq!(kept["id"], delivery.header("x-gitea-delivery"));
            assert_eq!(kept["event"], delivery.header("x-gitea-event-type"));
            let (_, action) = delivery.name.rsplit_once('-').unwrap();
            let says_so = kept["action"] == action || action.is_empty();
            assert!(says_so || kept["event"] != "issues", "{kept} {}", delivery.name);
            let outcome = kept["outcome"].as_str().unwrap();
            let is_expected = NOTHING_ASKED.contains(&outcome);
            assert!(is_expected, "{kept}");
            // Whoever sends one twice is told so.
            let answer = ask(request(&teawatch, delivery).body(delivery.body.clone()));
            assert_eq!((answer.status, &answer.body["duplicate"]), (200, &true.into()));
        }
        assert_eq!(deliveries(&teawatch).len(), count);
        assert_eq!(gitea.world().log().len(), 0);
        assert!(!teawatch.log().contains(SECRET));
    }
}

#[test]
fn with_one_byte_changed_none_is_taken() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = serve(data.path(), &gitea, &[]);
    is_quiet(&teawatch, &gitea);
    for (version, _) in RECORDED {
        for (number, delivery) in signed(version).iter().enumerate() {
            let mut body = delivery.body.clone().into_bytes();
            let at = number * 7_919 % body.len();
            body[at] ^= 1;
            let answer = ask(request(&teawatch, delivery).body(body));
            assert_eq!(answer.error(), (401, "unproven"), "{} at {at}", delivery.name);
        }
    }
    assert_eq!(deliveries(&teawatch).len(), 0);
    assert_eq!(gitea.world().log().len(), 0);
}
