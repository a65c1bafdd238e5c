//! Nights on a clock that a test turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use teawatch::clock::Clock;
use teawatch::engine::settings::Settings;
use teawatch::store::Memory;

use super::row;
use crate::support::{CHECK, Inside, Letter, Report, Teawatch, ask, client};

/// A server in this process whose clock says what the test wants.
struct Turned {
    inside: Inside,
    seconds: Arc<AtomicI64>,
    seq: u64,
}

impl Turned {
    fn start(settings: Settings, at: &str) -> Self {
        let seconds = Arc::new(AtomicI64::new(0));
        let shown = Arc::clone(&seconds);
        let clock =
            Clock::from_fn(move || Timestamp::from_second(shown.load(Ordering::SeqCst)).unwrap());
        seconds.store(at.parse::<Timestamp>().unwrap().as_second(), Ordering::SeqCst);
        Self { inside: Inside::start(&Memory::new(), &clock, settings), seconds, seq: 0 }
    }

    fn turn_to(&self, at: &str) -> &Self {
        self.seconds.store(at.parse::<Timestamp>().unwrap().as_second(), Ordering::SeqCst);
        self
    }

    /// The check is in this state, whatever the time.
    fn says(&mut self, kind: &str) {
        self.seq += 1;
        let mut report = Report::new("db1").check("disk", kind, "seen");
        report.body["id"] = json!({ "epoch": "night", "seq": self.seq });
        let off = self.seconds.load(Ordering::SeqCst) - Timestamp::now().as_second();
        let (secret, body) = (Teawatch::secret("db1"), report.body.to_string());
        let answer = Letter::signed(&secret, "db1", off, body).send_to(&self.inside.url);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn report(&self, query: &str) -> Value {
        let answer = ask(client().get(format!("{}/api/v1/report{query}", self.inside.url)));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Makes the report an issue. Returns the day of its night, and whether it was none.
    fn files(&self) -> (String, bool) {
        let filed = ask(client().post(format!("{}/api/v1/report", self.inside.url))).body;
        (filed["day"].as_str().unwrap().to_owned(), filed["is_new"].as_bool().unwrap())
    }
}

/// Nobody was away, however far the clock is turned.
fn attentive() -> Settings {
    Settings { absence_gap: SignedDuration::from_hours(10_000), ..Settings::default() }
}

#[test]
fn the_report_of_a_night_is_made_once_from_its_end_to_the_end_of_the_next() {
    let turned = Turned::start(attentive(), "2026-11-30T06:00:00Z");
    assert_eq!(turned.files(), ("2026-11-30".to_owned(), true));
    for at in ["2026-11-30T21:00:00Z", "2026-11-30T23:00:00Z", "2026-12-01T05:59:59Z"] {
        assert_eq!(turned.turn_to(at).files(), ("2026-11-30".to_owned(), false), "{at}");
    }
    assert_eq!(turned.turn_to("2026-12-01T06:00:00Z").files(), ("2026-12-01".to_owned(), true));
    // Nights that nobody asked for are not made up for.
    assert_eq!(turned.turn_to("2026-12-09T07:00:00Z").files(), ("2026-12-09".to_owned(), true));
    // A clock that was ahead costs no night.
    assert_eq!(turned.turn_to("2026-12-02T07:00:00Z").files(), ("2026-12-02".to_owned(), true));
    assert_eq!(turned.files(), ("2026-12-02".to_owned(), false));
}

#[test]
fn a_night_is_told_from_its_begin_to_its_end() {
    let mut turned = Turned::start(attentive(), "2026-11-30T12:00:00Z");
    turned.says("success");
    turned.turn_to("2026-11-30T21:00:00Z");
    turned.says("failure");
    turned.turn_to("2026-12-01T01:30:00Z");
    turned.says("success");
    turned.turn_to("2026-12-01T06:30:00Z");
    turned.says("failure");
    turned.turn_to("2026-12-01T07:00:00Z");
    let report = turned.report("");
    assert_eq!(report["period"]["day"], "2026-12-01");
    assert_eq!(report["period"]["from"], "2026-11-30T22:00:00Z");
    assert_eq!(report["period"]["until"], "2026-12-01T06:00:00Z");
    let outage = row(&report, "outages", CHECK);
    let expected = json!({
        "check": CHECK, "times": 1, "lasted": "PT3H30M", "began": "2026-11-30T21:00:00Z",
        "ended": "2026-12-01T01:30:00Z", "is_gone": false,
    });
    assert_eq!(outage, expected);
    assert_eq!(row(&report, "down", CHECK)["since"], "2026-12-01T06:30:00Z");
    let measured = json!({ "known": "PT19H", "down": "PT5H" });
    let availability = row(&report, "availability", CHECK);
    assert_eq!((&availability["day"], &availability["month"]), (&measured, &measured));
}

#[test]
fn a_clock_that_is_set_back_makes_no_outage_longer_or_shorter() {
    let mut turned = Turned::start(attentive(), "2026-12-01T00:00:00Z");
    turned.says("success");
    turned.turn_to("2026-12-01T08:00:00Z");
    turned.says("failure");
    turned.turn_to("2026-12-01T09:00:00Z");
    // Two hours back: the failure was an hour ago.
    turned.report("");
    turned.turn_to("2026-12-01T07:00:00Z");
    turned.report("");
    turned.turn_to("2026-12-01T07:30:00Z");
    turned.says("success");
    let report = turned.report("?last_seconds=86400");
    let outage = row(&report, "outages", CHECK);
    assert_eq!(
        (&outage["lasted"], &outage["began"]),
        (&json!("PT1H30M"), &json!("2026-12-01T06:00:00Z"))
    );
    let availability = row(&report, "availability", CHECK);
    assert_eq!(availability["day"], json!({ "known": "PT9H30M", "down": "PT1H30M" }));
}
