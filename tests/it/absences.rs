//! Time in which teawatch was not looking, and reports that come late or from two agents.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::json;
use teawatch::alert::Salt;
use teawatch::check::{Kind, Observation};
use teawatch::engine::Core;
use teawatch::engine::settings::Settings;
use teawatch::observation::ReportId;
use teawatch::store::{CACHE_BYTES, Memory, Sled, Store as _, Tree};

use crate::support::{Gitea, Report, Teawatch, all_is_told, eventually, failing, passing};
use crate::watching::status;

const LOOKING: &[(&str, &str)] = &[("absence.mark", "50ms"), ("absence.gap", "300ms")];

/// Lets a check be heard of every so many seconds, and waits for longer than its grace.
const INTERVAL: f64 = 1.5;
const GRACE: Duration = Duration::from_millis(3_200);

/// The grace has passed while nobody looked: the check is up, and what opens afterwards
/// names the absence.
fn nobody_was_silent(teawatch: &Teawatch, gitea: &Gitea) {
    eventually("the absence is noticed", || teawatch.log().contains("teawatch was not looking"));
    teawatch.report(&passing("db1/disk").every(INTERVAL));
    assert_eq!(status(teawatch, "db1/disk"), "up");
    // Not even for a moment: what was struck at once would be listed as well.
    assert_eq!(teawatch.get("/api/v1/alerts").1["items"], json!([]));
    all_is_told(teawatch, gitea);
    assert_eq!(gitea.world().writes(), 0);
    teawatch.report(&failing("db1/disk").every(INTERVAL));
    eventually("an issue is open", || !gitea.issues_about("db1/disk").is_empty());
    let body = gitea.issues_about("db1/disk").remove(0).body;
    assert!(body.contains("teawatch itself was not looking from "), "{body}");
}

fn let_the_grace_pass() {
    let began = Instant::now();
    eventually("the grace has passed", || began.elapsed() > GRACE);
}

#[test]
fn a_check_is_not_silent_while_teawatch_was_frozen() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, LOOKING);
    teawatch.report(&passing("db1/disk").every(INTERVAL));
    teawatch.freeze();
    let_the_grace_pass();
    kill_process(teawatch.pid(), Signal::CONT).unwrap();
    nobody_was_silent(&teawatch, &gitea);
}

#[test]
fn a_check_is_not_silent_while_teawatch_did_not_run() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, LOOKING);
    teawatch.report(&passing("db1/disk").every(INTERVAL));
    teawatch.kill();
    let_the_grace_pass();
    let teawatch = Teawatch::start(data.path(), &gitea, LOOKING);
    nobody_was_silent(&teawatch, &gitea);
}

fn numbered(epoch: &str, seq: u64, kind: &str) -> Report {
    let mut report = Report::new("db1").check("disk", kind, "seen");
    report.body["id"] = json!({ "epoch": epoch, "seq": seq });
    report
}

#[test]
fn a_report_that_comes_late_changes_no_alert_and_is_in_the_history() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&numbered("first", 5, "failure"));
    eventually("an issue is open", || gitea.open() == 1);
    teawatch.report(&numbered("first", 4, "success"));
    assert_eq!(status(&teawatch, "db1/disk"), "down");
    // The newest epoch counts, and the one before it no more.
    teawatch.report(&numbered("second", 1, "failure"));
    teawatch.report(&numbered("first", 6, "success"));
    assert_eq!(status(&teawatch, "db1/disk"), "down");
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.open(), gitea.comments(1).len()), (1, 0));
    teawatch.report(&numbered("second", 2, "success"));
    eventually("it is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);

    assert!(teawatch.stop().success());
    let mut late = Vec::new();
    let mut store = Sled::open(data.path(), CACHE_BYTES).unwrap();
    store
        .load(&mut |tree, _, record| {
            let text = String::from_utf8_lossy(record);
            if tree == Tree::History && text.contains("late_report") {
                late.push(text.into_owned());
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(late.len(), 2, "{late:?}");
    assert!(late[0].contains(r#""seq":4"#) && late[1].contains(r#""seq":6"#), "{late:?}");
}

#[test]
fn a_report_that_comes_late_counts_for_the_checks_of_which_nothing_newer_was_heard() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let mut teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let of = |name: &str, seq: u64, kind: &str| {
        let mut report = Report::new("db1").check(name, kind, "seen");
        report.body["id"] = json!({ "epoch": "first", "seq": seq });
        report
    };
    teawatch.report(&of("disk", 500, "success"));
    // Newest first, as agents send what waited.
    teawatch.report(&of("backup", 9, "failure"));
    teawatch.report(&of("backup", 8, "success"));
    teawatch.report(&of("disk", 7, "failure"));
    // Too far back to be known again, and yet it counts once.
    teawatch.report(&of("backup", 9, "failure"));
    eventually("an issue is open", || gitea.open() == 1);
    assert_eq!(status(&teawatch, "db1/backup"), "down");
    assert_eq!(status(&teawatch, "db1/disk"), "up");
    // Also across a restart, in a record and in a beat.
    for seq in [501, 502] {
        teawatch.report(&of("disk", seq, "success"));
        teawatch.report(&of("backup", seq + 10, "success"));
        teawatch.kill();
        teawatch = Teawatch::start(data.path(), &gitea, &[]);
        teawatch.report(&of("backup", seq + 9, "failure"));
        assert_eq!(status(&teawatch, "db1/backup"), "up");
    }
    // A new epoch begins again, and is newer than all before it.
    let mut again = of("disk", 3, "success");
    again.body["id"]["epoch"] = json!("second");
    teawatch.report(&again);
    let mut late = of("backup", 2, "failure");
    late.body["id"]["epoch"] = json!("second");
    teawatch.report(&late);
    assert_eq!(status(&teawatch, "db1/backup"), "down");
}

#[test]
fn the_history_is_kept_for_its_time_and_then_leaves_the_disk_also_across_a_restart() {
    let at = |second| jiff::Timestamp::from_second(1_700_000_000 + second).unwrap();
    let mut memory = Memory::new();
    let load = |memory: &mut Memory, second| {
        let kept = jiff::SignedDuration::from_secs(900);
        let mut settings = Settings { history_kept: kept, ..Settings::default() };
        // A check that changes too often would be one trouble.
        settings.routes.otherwise.policy.flapping.window = 0;
        let instance = "0123456789abcdef".to_owned();
        Core::load(memory, settings, Salt::new("salt"), None, instance, at(second)).unwrap()
    };
    let history = |memory: &mut Memory| {
        let mut count = 0;
        let mut visit = |tree: Tree, _: &[u8], _: &[u8]| {
            count += usize::from(tree == Tree::History);
            Ok(())
        };
        memory.load(&mut visit).unwrap();
        count
    };
    // A check that goes down and up, once a second.
    let turn = |core: &mut Core, memory: &mut Memory, second: i64| {
        let kind = if second % 2 == 0 { Kind::Failure } else { Kind::Success };
        let id = ReportId { epoch: "a".to_owned(), seq: second.unsigned_abs() };
        let observations = vec![("disk".to_owned(), Observation::new(kind, ""))];
        let report = teawatch::observation::Report {
            unseen: Vec::new(),
            source: "db1".to_owned(),
            id,
            interval: None,
            observations,
        };
        core.turn(at(second));
        core.accept(&report, at(second));
        memory.commit(core.take_writes().0).unwrap();
    };
    let mut core = load(&mut memory, 0);
    (1..=100).for_each(|second| turn(&mut core, &mut memory, second));
    let written = history(&mut memory);
    assert!(written >= 100, "{written}");
    core.turn(at(600));
    memory.commit(core.take_writes().0).unwrap();
    assert!(history(&mut memory) >= written, "it left too soon");
    let mut core = load(&mut memory, 700);
    (1_200..=1_220).for_each(|second| turn(&mut core, &mut memory, second));
    let left = history(&mut memory);
    assert!(left < written / 2, "{left} of {written} are left");
}

#[test]
fn two_agents_under_one_name_are_told_and_only_the_newer_counts() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for seq in 1..=4 {
        teawatch.report(&numbered("old", seq, "failure"));
        teawatch.report(&numbered("new", seq, "success"));
    }
    eventually("it is told", || gitea.issues_about("db1/agent").len() == 1);
    let title = gitea.issues_about("db1/agent").remove(0).title;
    assert!(title.contains("two agents report under this name"), "{title}");
    assert_eq!(status(&teawatch, "db1/disk"), "up");
    // Only the first report of the old agent came before the new one was known.
    assert!(gitea.issues_about("db1/disk").iter().all(|issue| !issue.is_open));
}

#[test]
fn two_agents_that_fell_silent_and_are_back_leave_their_checks_the_whole_grace() {
    let at = |second| jiff::Timestamp::from_second(1_700_000_000 + second).unwrap();
    let (mut memory, instance) = (Memory::new(), "0123456789abcdef".to_owned());
    let (settings, salt) = (Settings::default(), Salt::new("salt"));
    let mut core = Core::load(&mut memory, settings, salt, None, instance, at(0)).unwrap();
    let minute = Some(jiff::SignedDuration::from_secs(60));
    let report = |epoch: &str, seq, observations| teawatch::observation::Report {
        unseen: Vec::new(),
        source: "db1".to_owned(),
        id: ReportId { epoch: epoch.to_owned(), seq },
        interval: minute,
        observations,
    };
    let disk = Observation { interval: minute, ..Observation::new(Kind::Success, "fine") };
    for seq in 1..=4 {
        let now = at(i64::try_from(seq).unwrap());
        core.accept(&report("old", seq, Vec::new()), now);
        core.accept(&report("new", seq, vec![("disk".to_owned(), disk.clone())]), now);
    }
    let titles = |core: &Core| {
        let alerts = core.alerts_page(None, 9).items;
        alerts.into_iter().map(|alert| alert.title).collect::<Vec<_>>()
    };
    assert_eq!(titles(&core), ["db1/agent"]);
    // Nobody was heard for long, and the first to be heard says nothing of the check.
    core.accept(&report("new", 5, Vec::new()), at(5_000));
    core.wake_due(9, at(5_001));
    assert_eq!(titles(&core), ["db1/agent"]);
    core.accept(&report("new", 6, Vec::new()), at(5_100));
    core.wake_due(9, at(5_119));
    assert_eq!(titles(&core), ["db1/agent"]);
    core.wake_due(9, at(5_121));
    assert_eq!(titles(&core).len(), 2);
}

#[test]
fn a_host_that_is_back_and_not_yet_believed_does_not_hide_the_silence_of_its_checks() {
    let at = |second: i64| jiff::Timestamp::from_second(1_700_000_000 + second).unwrap();
    let (mut memory, instance) = (Memory::new(), "0123456789abcdef".to_owned());
    let mut settings = Settings::default();
    settings.routes.otherwise.policy.recover_after = 3;
    let mut core =
        Core::load(&mut memory, settings, Salt::new("salt"), None, instance, at(0)).unwrap();
    let secs = |seconds| Some(jiff::SignedDuration::from_secs(seconds));
    let report = |seq| teawatch::observation::Report {
        unseen: Vec::new(),
        source: "db1".to_owned(),
        id: ReportId { epoch: "e".to_owned(), seq },
        interval: secs(60),
        observations: vec![(
            "disk".to_owned(),
            Observation { interval: secs(5), ..Observation::new(Kind::Success, "fine") },
        )],
    };
    core.accept(&report(1), at(1));
    core.accept(&report(2), at(2));
    // The host falls silent, and its check with it.
    for second in [11, 12, 130, 131] {
        core.wake_due(9, at(second));
    }
    core.accept(&report(3), at(1_000));
    core.wake_due(9, at(1_011));
    let alerts = core.alerts_page(None, 9).items;
    let firing =
        |title: &str| alerts.iter().any(|alert| alert.title == title && alert.phase == "firing");
    assert!(firing("db1/agent") && firing("db1/disk"), "{alerts:#?}");
    let disk = |core: &Core| core.checks_page(None, 9, at(1_011)).items[1].status;
    assert_eq!(disk(&core), teawatch::check::Status::Down);
}
