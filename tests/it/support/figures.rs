//! What a server tells Prometheus.

use super::client;

/// All figures of the server at this address.
#[track_caller]
pub fn figures(url: &str) -> String {
    client().get(format!("{url}/metrics")).send().unwrap().text().unwrap()
}

/// One of them, by its name with its labels.
#[track_caller]
pub fn figure(url: &str, series: &str) -> f64 {
    let figures = figures(url);
    let value = figures.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {series}:\n{figures}")).parse().unwrap()
}
