//! More checks in one alert than anybody reads about.

use jiff::Timestamp;
use teawatch::alert::{GroupBy, Salt};
use teawatch::check::{Kind, Observation};
use teawatch::engine::Core;
use teawatch::engine::settings::Settings;
use teawatch::observation::{Report, ReportId};
use teawatch::store::{Memory, Store as _};

/// As many as no single record could hold.
const MEMBERS: usize = 30_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn core(memory: &Memory) -> Core {
    let mut settings = Settings::default();
    settings.routes.otherwise.rule.group_by = GroupBy::Named("all".to_owned());
    let instance = "0123456789abcdef".to_owned();
    Core::load(&mut memory.clone(), settings, Salt::new("salt"), None, instance, at(0)).unwrap()
}

/// So many checks say the same.
fn say(core: &mut Core, memory: &mut Memory, seq: u64, kind: Kind, checks: usize) {
    let observe = |n| (format!("{n:0>200}"), Observation::new(kind, "\"".repeat(500)));
    let report = Report {
        unseen: Vec::new(),
        source: "db1".to_owned(),
        id: ReportId { epoch: "e".to_owned(), seq },
        interval: None,
        observations: (0..checks).map(observe).collect(),
    };
    core.accept(&report, at(1));
    let (writes, _) = core.take_writes();
    memory.commit(writes).unwrap();
}

fn in_trouble(core: &Core) -> usize {
    core.alerts_page(None, 9).items[0].in_trouble.len()
}

#[test]
fn more_checks_in_one_alert_than_a_record_could_hold_are_kept_and_none_is_lost() {
    let mut memory = Memory::new();
    let mut engine = core(&memory);
    say(&mut engine, &mut memory, 1, Kind::Failure, MEMBERS);
    assert_eq!(in_trouble(&engine), MEMBERS);

    let mut engine = core(&memory);
    assert_eq!(in_trouble(&engine), MEMBERS);
    assert_eq!(engine.alerts_page(None, 9).items[0].phase, "firing");
    say(&mut engine, &mut memory, 2, Kind::Success, 100);
    assert_eq!(in_trouble(&core(&memory)), MEMBERS - 100);
    say(&mut engine, &mut memory, 3, Kind::Success, MEMBERS);
    assert_eq!(in_trouble(&core(&memory)), 0);
    assert_eq!(engine.alerts_page(None, 9).items[0].phase, "inactive");
}
