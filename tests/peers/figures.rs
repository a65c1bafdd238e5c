//! What the reference parser of the format, which is strict, says to our figures.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::{Gitea, InTime as _, Teawatch, client, eventually, failing, text};

/// Reads figures and prints each series as `type name{labels}`, or says what is wrong.
const PARSER: &str = r#"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    assert family.samples, family.name
    for sample in family.samples:
        print(family.type, sample.name, sorted(sample.labels.items()))
"#;

fn series(figures: &str) -> BTreeSet<String> {
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", PARSER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = python.spawn().unwrap();
    process.stdin.take().unwrap().write_all(figures.as_bytes()).unwrap();
    let output = process.output_in_time();
    assert!(output.status.success(), "{}\n{figures}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn the_reference_parser_reads_the_figures_and_there_are_ever_the_same_series() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let figures =
        || client().get(format!("{}/metrics", teawatch.url)).send().unwrap().text().unwrap();
    let first = series(&figures());
    for number in 0..20 {
        teawatch.report(&failing(&format!("db{number}/disk")));
    }
    eventually("issues are open", || gitea.open() >= 1 && teawatch.outbox().is_empty());
    assert_eq!(series(&figures()), first);
    for name in ["counter teawatch_reports_total", "histogram teawatch_commit_seconds_bucket"] {
        assert!(first.iter().any(|line| line.starts_with(name)), "{name}: {first:#?}");
    }
}
