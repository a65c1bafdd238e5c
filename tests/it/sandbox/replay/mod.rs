//! A recorded tour of a real Gitea, taken again in the sandbox, over HTTP and in order.
//!
//! What differs, and which calls are left out, is listed with reasons in
//! `src/sandbox/fidelity.md`; these tests hold the list to what they find, in both
//! directions.

mod compare;
mod deeds;
mod ids;
mod listed;
mod post;

use std::sync::atomic::Ordering;

use reqwest::Method;
use teawatch::sandbox::{Delivery, Request, World};

use self::compare::{date, differences};
use self::ids::Ids;
use self::listed::Table;
use super::{Answer, Sandbox, answer};
use crate::support::{Exchange, conversation, deliveries};

/// What came of a tour.
#[derive(Default)]
struct Tour {
    ids: Ids,
    /// What hooks were told.
    deliveries: Vec<Delivery>,
    sent: usize,
    played: usize,
    left_out: usize,
    /// What is left out although the sandbox would not answer with another status.
    in_vain: Vec<String>,
    /// Exchange and difference.
    differences: Vec<(String, String)>,
}

/// Takes the tour. `left_out` says which calls are not sent.
async fn take(version: &str, world: World, left_out: &Table) -> Tour {
    let sandbox = Sandbox::start().await;
    *sandbox.world() = world;
    let mut ids = Ids::default();
    let mut tour = Tour::default();
    for (name, exchange) in conversation(version) {
        sandbox.seconds.store(date(&exchange).as_second(), Ordering::Relaxed);
        let call = format!("{} {}", exchange.method, exchange.path);
        if deeds::play(&mut sandbox.world(), &exchange, &ids, sandbox.now()) {
            tour.played += 1;
        } else if left_out.has(&[&call]) || left_out.has(&[&name]) {
            if !is_unlike(&sandbox, &exchange) {
                tour.in_vain.push(format!("{name}: {call}"));
            }
            tour.left_out += 1;
        } else {
            let before = sandbox.world().clone();
            let (mut target, body) = ids.request(&exchange);
            if version == "1.22-dev"
                && exchange.path.ends_with("/timeline")
                && !target.contains("page=")
            {
                // It gives them whole; so that all of it can be compared, ask for as much.
                target = format!("{}?limit=50", exchange.path);
            }
            let answered = send(&sandbox, &exchange, &target, body).await;
            if exchange.answer.status().as_u16() >= 400 && answered.status < 400 {
                // It is noted, and must not make everything after it differ.
                *sandbox.world() = before;
                deeds::play_half(&mut sandbox.world(), &name, &exchange, sandbox.now());
            }
            let found = differences(&exchange, &answered, &mut ids);
            tour.differences.extend(found.into_iter().map(|found| (name.clone(), found)));
            tour.sent += 1;
        }
    }
    tour.ids = ids;
    let mut world = sandbox.world();
    world.take_deliveries();
    tour.deliveries = world.deliveries().cloned().collect();
    drop(world);
    tour
}

/// Asks the sandbox what the real server was asked.
async fn send(sandbox: &Sandbox, exchange: &Exchange, target: &str, body: String) -> Answer {
    let method = Method::from_bytes(exchange.method.as_bytes()).unwrap();
    let request = sandbox.client.request(method, format!("{}{target}", sandbox.url));
    answer(request.headers(exchange.headers.clone()).body(body)).await
}

/// Whether the sandbox would answer with another status, or with another kind of text.
fn is_unlike(sandbox: &Sandbox, exchange: &Exchange) -> bool {
    let method = Method::from_bytes(exchange.method.as_bytes()).unwrap();
    let target = format!("{}?{}", exchange.path, exchange.query);
    let mut request = Request::new(method, &target);
    request.headers = exchange.headers.clone();
    request.body = exchange.sent.clone().into_bytes();
    // What it does is done to a copy.
    let answered = sandbox.world().clone().answer(&request, sandbox.now());
    let kind = |headers: &http::HeaderMap| headers.get("content-type").cloned();
    answered.status != exchange.answer.status()
        || kind(&answered.headers) != kind(exchange.answer.headers())
}

impl Tour {
    /// The differences that no table has.
    fn unlisted(&self, tables: &[&Table]) -> Vec<String> {
        let is_listed = |cells: &[&str]| tables.iter().any(|table| table.has(cells));
        let unlisted = self.differences.iter().filter(|(name, found)| !is_listed(&[name, found]));
        unlisted.map(|(name, found)| format!("{name} {found}")).collect()
    }
}

#[track_caller]
fn assert_none(what: &str, found: &[impl AsRef<str>]) {
    let lines: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
    assert!(lines.is_empty(), "{what}: {}\n{}", lines.len(), lines.join("\n"));
}

#[tokio::test]
async fn a_real_1_26_3_and_the_sandbox_answer_a_tour_alike_but_for_what_is_listed() {
    let left_out = Table::under("Left out");
    let listed = Table::under("Differences to 1.26.3");
    let mut tour = take("1.26.3", deeds::founded(), &left_out).await;
    assert_none("differences", &tour.unlisted(&[&listed]));
    assert_none("listed, and no longer so", &listed.idle());
    assert_none("left out, and never met", &left_out.idle());
    assert_none("left out, and alike", &tour.in_vain);
    let sent = std::mem::take(&mut tour.deliveries);
    tour.differences = post::differences(&deliveries("1.26.3"), sent, &mut tour.ids);
    let listed = Table::under("Differences of deliveries");
    assert_none("differences of deliveries", &tour.unlisted(&[&listed]));
    assert_none("listed of deliveries, and no longer so", &listed.idle());
    assert_eq!((tour.sent, tour.played, tour.left_out), (451, 30, 90));
}

#[tokio::test]
async fn what_a_1_22_answered_otherwise_is_listed() {
    let mut world = deeds::founded();
    world.set_version("1.22.0+dev-481e738e7");
    world.set_content_versions(false);
    let listed = Table::under("Differences to 1.22");
    let tour = take("1.22-dev", world, &Table::under("Left out")).await;
    // What the sandbox lacks is lacking here as well.
    let both = [&listed, &Table::under("Differences to 1.26.3")];
    assert_none("differences", &tour.unlisted(&both));
    assert_none("listed, and no longer so", &listed.idle());
}
