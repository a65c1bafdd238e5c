//! The report of many checks: read in pieces, so that nobody waits for it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{last_hour, report, rows};
use crate::support::{Gitea, Report, Teawatch, figure};

const SOURCES: usize = 10;
const CHECKS: usize = 1_000;

#[test]
fn ten_thousand_checks_are_read_in_pages_and_the_worst_hundred_are_told() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alerts.group_by", "named=all"), ("alerts.fail_after", "1")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    for source in 0..SOURCES {
        let report = (0..CHECKS).fold(Report::new(&format!("host{source}")), |report, n| {
            let kind = if n % 10 == 0 { "failure" } else { "success" };
            report.check(&format!("check{n}"), kind, "seen")
        });
        teawatch.report(&report);
    }
    let turns = || figure(&teawatch.url, "teawatch_turns_total");
    let before = turns();
    let told = last_hour(&teawatch);
    // Pages of 500 checks, each in a turn of its own, and those of the history.
    assert!(turns() - before >= 20.0, "{before}");
    let all = SOURCES * CHECKS + SOURCES;
    let counts: BTreeMap<String, usize> = serde_json::from_value(told["checks"].clone()).unwrap();
    assert_eq!((counts["down"], counts["up"]), (1_000, all - 1_000));
    for (table, count) in [("down", 1_000), ("outages", 1_000), ("availability", all)] {
        let more = told[table]["more"].as_u64().unwrap();
        assert_eq!((rows(&told, table).len(), more), (100, count as u64 - 100), "{table}");
    }
    let is_down = |row: &Value| row["day"]["down"] == row["day"]["known"];
    assert!(rows(&told, "availability").iter().all(is_down), "the worst come first");
    assert!(report(&teawatch, &["--since", "1h"]).contains("… and 900 more"));
}
