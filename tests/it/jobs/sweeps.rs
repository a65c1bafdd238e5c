//! Looking at every check anew.

use super::Work;
use crate::support::{Report, eventually, figure};

#[test]
fn a_sweep_of_many_checks_leaves_room_for_others_in_between() {
    let portion = [("limits.report_observations", "10"), ("limits.round_observations", "10")];
    let work = Work::with(&portion);
    for source in 0..40 {
        let report = Report::new(&format!("db{source}"));
        let named = |n: usize| format!("c{n}");
        work.teawatch.report(&(0..9).fold(report, |it, n| it.check(&named(n), "success", "")));
    }
    work.add("sweep", "sweep", "0 3 * * *");
    let turns = || figure(&work.teawatch.url, "teawatch_turns_total");
    let before = turns();
    work.run("sweep");
    eventually("it is done", || work.states("sweep") == ["done"]);
    let output = work.runs("sweep")[0]["output"].as_str().unwrap().to_owned();
    // 360 checks, an agent of each source, and what teawatch has of its own.
    let looked_at: f64 = output.split(' ').next().unwrap().parse().unwrap();
    assert!(looked_at >= 400.0 && output.ends_with("0 alerts fire"), "{output}");
    assert!(turns() - before >= looked_at / 10.0, "{before} {} {output}", turns());
}
