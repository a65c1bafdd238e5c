//! Maintenance windows of the configuration.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Scene;
use crate::support::{CHECK, Gitea, Teawatch, eventually, failing, figure};

/// A server with this in its file.
fn configured(file: &str) -> Scene {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], file);
    Scene { data, gitea, teawatch }
}

/// A window for the checks of db1.
fn window(starts: &str, duration: &str) -> String {
    format!(
        "[[maintenance]]\nmatch.source = \"db1\"\n{starts}\nzone = \"Asia/Kathmandu\"\n\
         duration = \"{duration}\"\nreason = \"the nightly backup\"\n"
    )
}

/// How many windows hold.
fn windows(scene: &Scene) -> f64 {
    figure(&scene.teawatch.url, "teawatch_maintenance_windows")
}

/// Sees such a window begin, hold and end that begins so many seconds from now and is as long.
/// Or returns that the machine was too slow to see that.
fn comes_once(seconds: i64) -> bool {
    let zone = TimeZone::get("Asia/Kathmandu").unwrap();
    let length = SignedDuration::from_secs(seconds);
    // As the file says it, without a fraction of a second.
    let start = Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap();
    let (end, is_past) = (start + length, |at: Timestamp| Timestamp::now() >= at);
    let written = start.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let scene = configured(&window(&format!("start = \"{written}\""), &format!("{length:#}")));
    let before = windows(&scene);
    if is_past(start) {
        return false;
    }
    assert_eq!(before, 0.0);
    eventually("it holds", || windows(&scene) == 1.0 || is_past(end));
    scene.teawatch.report(&failing(CHECK));
    scene.teawatch.report(&failing("web1/disk"));
    eventually("the other one is told", || !scene.gitea.issues_about("web1/disk").is_empty());
    let (alert, told) = (scene.alert(CHECK), scene.gitea.issues_about(CHECK).len());
    if is_past(end) {
        return false;
    }
    assert_eq!(alert["silenced"]["by"], "a maintenance window");
    let explanation = alert["explanation"].as_str().unwrap();
    assert!(explanation.contains("a maintenance window has silenced it until"), "{explanation}");
    assert!(explanation.ends_with("(the nightly backup)."), "{explanation}");
    assert_eq!(told, 0);
    eventually("it is told at the end", || scene.gitea.issues_about(CHECK).len() == 1);
    assert_eq!((windows(&scene), &scene.alert(CHECK)["silenced"]), (0.0, &json!(null)));
    scene.teawatch.settles(&scene.gitea);
    true
}

#[test]
fn a_window_that_comes_once_holds_from_its_start_to_its_end() {
    let is_seen = [3, 10, 30].into_iter().any(comes_once);
    assert!(is_seen, "this machine is too slow to look at a window of half a minute");
}

#[test]
fn a_window_that_is_repeated_holds_across_restarts_until_it_is_taken_away() {
    let file = window("cron = \"* * * * *\"", "90s");
    let scene = configured(&file);
    scene.teawatch.report(&failing(CHECK));
    scene.goes_on();
    assert_eq!((scene.gitea.open(), scene.alert(CHECK)["phase"].as_str()), (0, Some("pending")));
    let Scene { data, gitea, teawatch } = scene;
    teawatch.kill();
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], &file);
    let scene = Scene { data, gitea, teawatch };
    scene.goes_on();
    assert_eq!((scene.gitea.open(), windows(&scene)), (0, 1.0));
    let scene = scene.restarted(&[], || ());
    eventually("it is told", || scene.gitea.open() == 1);
    assert_eq!(windows(&scene), 0.0);
}
