//! How long silences are kept, and what moves them: the engine itself, without its thread.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use teawatch::alert::Salt;
use teawatch::alert::route::Matcher;
use teawatch::check::Kind;
use teawatch::engine::settings::Settings;
use teawatch::engine::{Core, Draft, SILENCES_KEPT, SILENCES_OVER_MAX, Starts, Window};
use teawatch::observation::{Report, ReportId};
use teawatch::store::{Memory, Store as _};

use super::{Scene, of_source};
use crate::support::{CHECK, InTime as _, Teawatch, eventually, failing};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn draft(start: Option<i64>, seconds: f64) -> Draft {
    let mut draft = of_source("db1", seconds);
    draft["start"] = json!(start.map(at));
    serde_json::from_value(draft).unwrap()
}

fn load(memory: &mut Memory, second: i64) -> Core {
    let instance = "0123456789abcdef".to_owned();
    Core::load(memory, Settings::default(), Salt::new("salt"), None, instance, at(second)).unwrap()
}

/// One round at this second.
fn turn(core: &mut Core, memory: &mut Memory, second: i64) {
    core.turn(at(second));
    core.mark(at(second));
    core.wake_due(4_096, at(second));
    memory.commit(core.take_writes().0).unwrap();
}

fn fails(core: &mut Core, second: i64) {
    let observation = teawatch::check::Observation::new(Kind::Failure, "it is broken");
    let id = ReportId { epoch: "e".to_owned(), seq: 1 };
    let observations = vec![("disk".to_owned(), observation)];
    let (source, unseen) = ("db1".to_owned(), Vec::new());
    core.accept(&Report { source, id, interval: None, observations, unseen }, at(second));
}

/// Numbers and states of all silences.
fn states(core: &Core, second: i64) -> Vec<(u64, String)> {
    let page = core.silences_page(None, 500, at(second));
    page.items.into_iter().map(|view| (view.silence.number, view.state)).collect()
}

#[test]
fn what_is_over_is_kept_for_a_week_and_then_goes() {
    let mut memory = Memory::new();
    let mut core = load(&mut memory, 0);
    core.silence(draft(None, 100.0), at(0)).unwrap();
    turn(&mut core, &mut memory, 0);
    let gone = 100 + SILENCES_KEPT.as_secs();
    turn(&mut core, &mut memory, gone - 1);
    assert_eq!(states(&core, gone - 1), [(1, "over".to_owned())]);
    turn(&mut core, &mut memory, gone);
    assert_eq!(states(&core, gone), []);
    let mut core = load(&mut memory, gone + 1);
    assert_eq!(states(&core, gone + 1), []);
    // Its number is not given again.
    assert_eq!(core.silence(draft(None, 1.0), at(gone + 1)).unwrap().silence.number, 2);
}

#[test]
fn a_kill_right_after_a_silence_gives_its_number_to_no_other() {
    let mut memory = Memory::new();
    let mut core = load(&mut memory, 0);
    turn(&mut core, &mut memory, 0);
    for number in 1..4 {
        let view = core.silence(draft(None, 100.0), at(number)).unwrap();
        assert_eq!(view.silence.number, number.unsigned_abs());
        turn(&mut core, &mut memory, number);
        core = load(&mut memory, number);
    }
    assert_eq!(states(&core, 4).len(), 3);
}

#[test]
fn of_those_that_are_over_so_many_are_kept() {
    let mut memory = Memory::new();
    let mut core = load(&mut memory, 0);
    let last = i64::try_from(SILENCES_OVER_MAX).unwrap() + 5;
    for second in 0..last {
        core.turn(at(second));
        core.silence(draft(None, 1.0), at(second)).unwrap();
    }
    turn(&mut core, &mut memory, last);
    let first = core.silences_page(None, 1, at(last)).items.remove(0);
    assert_eq!(first.silence.number, 6);
    let core = load(&mut memory, last + 1);
    let first = core.silences_page(None, 1, at(last)).items.remove(0);
    assert_eq!(first.silence.number, 6);
}

#[test]
fn a_clock_that_is_set_back_moves_what_has_begun_and_not_what_has_yet_to_begin() {
    let mut memory = Memory::new();
    let mut core = load(&mut memory, 10_000);
    core.silence(draft(None, 600.0), at(10_000)).unwrap();
    core.silence(draft(Some(10_500), 600.0), at(10_000)).unwrap();
    fails(&mut core, 10_000);
    turn(&mut core, &mut memory, 10_100);
    turn(&mut core, &mut memory, 8_100);
    // Also while nobody runs.
    let mut core = load(&mut memory, 7_100);
    let page = core.silences_page(None, 9, at(7_100)).items;
    let times: Vec<_> = page.iter().map(|view| (view.silence.start, view.silence.end)).collect();
    assert_eq!(times, [(at(7_000), at(7_600)), (at(10_500), at(11_100))]);
    let phase = |core: &Core| core.alerts_page(None, 9).items[0].phase.clone();
    turn(&mut core, &mut memory, 7_599);
    assert_eq!(phase(&core), "pending");
    assert_eq!(core.next_deadline(), Some(at(7_600)));
    turn(&mut core, &mut memory, 7_600);
    assert_eq!(phase(&core), "firing");
    let alert = core.alerts_page(None, 9).items.remove(0);
    assert_eq!(alert.silenced, None);
}

#[test]
fn a_clock_that_is_set_back_before_a_window_ends_it_until_its_time_comes_again() {
    let window = Window {
        matcher: Matcher { source: Some("db1".to_owned()), ..Matcher::default() },
        starts: Starts::Once(at(10_000)),
        lasts: SignedDuration::from_secs(600),
        reason: "a new disk".to_owned(),
    };
    let settings = Settings { maintenance: vec![window], ..Settings::default() };
    let (mut memory, instance) = (Memory::new(), "0123456789abcdef".to_owned());
    let salt = Salt::new("salt");
    let mut core = Core::load(&mut memory, settings, salt, None, instance, at(10_100)).unwrap();
    fails(&mut core, 10_100);
    turn(&mut core, &mut memory, 10_100);
    let alert = |core: &Core| core.alerts_page(None, 9).items.remove(0);
    assert_eq!(alert(&core).silenced.unwrap().until, at(10_600));
    // Within it nothing changes: its end is a time on the clock.
    turn(&mut core, &mut memory, 10_050);
    assert_eq!(alert(&core).silenced.unwrap().until, at(10_600));
    assert_eq!(core.next_deadline(), Some(at(10_600)));
    turn(&mut core, &mut memory, 9_000);
    assert_eq!((alert(&core).silenced, alert(&core).phase.as_str()), (None, "firing"));
    assert_eq!(core.next_deadline(), Some(at(10_000)));
    turn(&mut core, &mut memory, 10_000);
    assert_eq!(alert(&core).silenced.unwrap().until, at(10_600));
}

#[test]
fn the_end_of_a_silence_wakes_the_engine_and_so_does_its_begin() {
    let mut memory = Memory::new();
    let mut core = load(&mut memory, 0);
    core.silence(draft(Some(50), 100.0), at(0)).unwrap();
    turn(&mut core, &mut memory, 0);
    assert_eq!(core.next_deadline(), Some(at(50)));
    turn(&mut core, &mut memory, 50);
    assert_eq!(core.next_deadline(), Some(at(150)));
    turn(&mut core, &mut memory, 150);
    // Nobody is woken to forget it.
    assert_eq!(core.next_deadline(), None);
}

#[test]
fn a_backup_holds_silences_and_what_is_restored_from_it_too() {
    let scene = Scene::with(&[]);
    let silence = scene.silences(&of_source("db1", 600.0));
    let files = tempfile::tempdir().unwrap();
    let (file, data) = (files.path().join("it.backup"), files.path().join("data"));
    let output = scene.teawatch.cli(&["backup", file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let mut restore = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    restore.env_clear().arg("restore").arg(&file).arg("--data-dir").arg(&data);
    assert!(restore.output_in_time().status.success());
    let Scene { data: _before, gitea, teawatch } = scene;
    teawatch.kill();
    let teawatch = Teawatch::start(&data, &gitea, &[]);
    let restored = Scene { data: files, gitea, teawatch };
    assert_eq!(restored.list(), [silence]);
    restored.teawatch.report(&failing(CHECK));
    eventually("it is silenced", || restored.alert(CHECK)["phase"] == "pending");
    restored.goes_on();
    assert_eq!(restored.gitea.open(), 0);
}
