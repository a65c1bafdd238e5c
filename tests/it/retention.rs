//! What is forgotten, so that the store stops growing, and what never is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use teawatch::alert::{Effect, EffectKind, Issue, Learned, Salt};
use teawatch::check::{CheckId, Kind, Observation};
use teawatch::engine::settings::{Expect, Settings};
use teawatch::engine::{About, Core, DeliveryOutcome, Home, Message, Outcome};
use teawatch::observation::{Report, ReportId};
use teawatch::store::{Memory, Store as _, Tree};

use crate::support::{CHECK, Gitea, OTHER, Teawatch, all_is_told, eventually, failing, passing};

const KEPT: i64 = 9_000;
/// The same of what webhooks told.
const TOLD_KEPT: i64 = 600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// An engine without a thread, on a store in memory, before a Gitea that takes everything.
struct Watch {
    core: Core,
    memory: Memory,
    seq: u64,
    told: Vec<Effect>,
    issues: u64,
}

impl Watch {
    fn new(expect: &[&str]) -> Self {
        let mut memory = Memory::new();
        let core = load(&mut memory, expect, 0);
        Self { core, memory, seq: 0, told: Vec::new(), issues: 0 }
    }

    fn report(&mut self, check: &str, kind: Kind, second: i64) {
        let (source, name) = check.split_once('/').unwrap();
        self.seq += 1;
        let report = Report {
            source: source.to_owned(),
            id: ReportId { epoch: "a".to_owned(), seq: self.seq },
            interval: None,
            unseen: Vec::new(),
            observations: vec![(name.to_owned(), Observation::new(kind, "seen"))],
        };
        self.core.turn(at(second));
        self.core.accept(&report, at(second));
        self.deliver(second);
    }

    /// Lets time pass from turn to turn.
    fn wait(&mut self, seconds: std::ops::Range<i64>) {
        for second in seconds.step_by(5) {
            self.core.turn(at(second));
            self.core.wake_due(1_000, at(second));
            self.deliver(second);
        }
    }

    /// Everything that waits is carried out.
    fn deliver(&mut self, second: i64) {
        while let Some(entry) = self.core.outbox_page(None, 1).items.into_iter().next() {
            self.core.begin(entry.seq, None, at(second)).unwrap();
            self.told.push(entry.effect);
            let learned = if entry.effect.kind == EffectKind::Open {
                self.issues += 1;
                let issue = Issue { repository_id: 1, number: self.issues };
                Learned::Opened { issue, floor: 0, left_out: Vec::new() }
            } else {
                Learned::Settled { left_out: Vec::new(), late_until: None }
            };
            self.core.settle(entry.seq, Outcome::Done(learned), at(second));
        }
        self.memory.commit(self.core.take_writes().0).unwrap();
    }

    /// Gitea tells something.
    fn hears(&mut self, id: &str, about: About, second: i64) {
        let repository = Some(Home { id: 1, name: String::new() });
        let (event, action) = (String::new(), String::new());
        let (id, issue, is_open, sender) = (id.to_owned(), None, None, None);
        let message = Message { id, event, action, about, repository, issue, is_open, sender };
        self.core.turn(at(second));
        self.core.deliver(message, at(second));
        self.deliver(second);
    }

    /// The ids of what it told, the newest first.
    fn heard(&self) -> Vec<String> {
        self.core.deliveries_page(None, 500).items.into_iter().map(|told| told.id).collect()
    }

    fn restart(&mut self, expect: &[&str], second: i64) {
        self.core = load(&mut self.memory, expect, second);
        self.deliver(second);
    }

    /// How many records there are of each tree.
    fn records(&mut self) -> BTreeMap<Tree, usize> {
        let mut records = BTreeMap::new();
        let mut visit = |tree: Tree, _: &[u8], _: &[u8]| {
            *records.entry(tree).or_default() += 1;
            Ok(())
        };
        self.memory.load(&mut visit).unwrap();
        records
    }

    fn checks(&self, second: i64) -> Vec<String> {
        let page = self.core.checks_page(None, 500, at(second));
        page.items.into_iter().map(|check| format!("{}/{}", check.source, check.name)).collect()
    }
}

fn load(memory: &mut Memory, expect: &[&str], second: i64) -> Core {
    let interval = SignedDuration::from_hours(10_000);
    let expected = |check: &&str| Expect { id: CheckId::parse(check).unwrap(), interval };
    let settings = Settings {
        episodes_kept: SignedDuration::from_secs(KEPT),
        history_kept: SignedDuration::from_secs(KEPT / 10),
        deliveries_kept_for: SignedDuration::from_secs(TOLD_KEPT),
        expect: expect.iter().map(expected).collect(),
        ..Settings::default()
    };
    let instance = "0123456789abcdef".to_owned();
    Core::load(memory, settings, Salt::new("salt"), None, instance, at(second)).unwrap()
}

#[test]
fn what_is_settled_and_not_heard_of_any_more_is_forgotten_and_what_is_in_trouble_stays() {
    let mut watch = Watch::new(&["db3/backup"]);
    watch.report("db1/disk", Kind::Failure, 1);
    watch.report("db1/disk", Kind::Success, 2);
    watch.report("db2/disk", Kind::Failure, 3);
    watch.report("db3/backup", Kind::Success, 4);
    watch.report("db4/disk", Kind::Unknown, 5);
    watch.wait(10..KEPT - 10);
    let all = [
        "db1/agent",
        "db1/disk",
        "db2/agent",
        "db2/disk",
        "db3/agent",
        "db3/backup",
        "db4/agent",
        "db4/disk",
    ];
    assert_eq!(watch.checks(KEPT), all);
    assert_eq!(watch.records()[&Tree::Alerts], 3);
    watch.wait(KEPT - 10..KEPT + 700);
    // The second one's issue is open, and so is that of the fourth, of which nobody can tell.
    let left = ["db2/disk", "db3/backup", "db4/disk"];
    assert_eq!(watch.checks(KEPT + 100), left);
    watch.restart(&["db3/backup"], KEPT + 701);
    assert_eq!(watch.checks(KEPT + 100), left);
    let records = watch.records();
    assert_eq!(
        (records[&Tree::Alerts], records[&Tree::Members], records[&Tree::Sources]),
        (2, 2, 3)
    );
    assert_eq!(watch.core.health().firing, 2);
    // They close as ever.
    watch.report("db2/disk", Kind::Success, KEPT + 710);
    watch.report("db4/disk", Kind::Success, KEPT + 711);
    assert_eq!(watch.core.health().firing, 0);
}

#[test]
fn a_trouble_that_comes_back_after_it_was_forgotten_uses_no_name_again() {
    let mut watch = Watch::new(&[]);
    for round in 0..3 {
        let begin = round * (KEPT + 5_000);
        for relapse in 0..2 {
            watch.report("db1/disk", Kind::Failure, begin + relapse * 4_000 + 1);
            watch.report("db1/disk", Kind::Success, begin + relapse * 4_000 + 2);
        }
        // The last edit of the table comes later.
        watch.wait(begin + 4_010..begin + KEPT + 4_700);
        assert_eq!(watch.checks(begin + KEPT + 4_700), Vec::<String>::new());
        assert!(!watch.records().contains_key(&Tree::Alerts), "{:?}", watch.records());
        watch.restart(&[], begin + KEPT + 4_800);
        assert!(watch.core.alerts_page(None, 9).items.is_empty());
    }
    let opened: Vec<_> = watch.told.iter().filter(|told| told.kind == EffectKind::Open).collect();
    assert_eq!(opened.len(), 6);
    assert!(opened.is_sorted_by(|a, b| a.episode < b.episode), "{opened:?}");
}

#[test]
fn a_store_of_checks_that_come_and_go_stops_growing() {
    let mut watch = Watch::new(&[]);
    let mut sizes = Vec::new();
    for day in 0..60 {
        let begin = day * 1_000;
        for n in 0..10 {
            let check = format!("job-{day}-{n}/run");
            watch.report(&check, Kind::Failure, begin + n);
            watch.report(&check, Kind::Success, begin + n + 1);
        }
        watch.wait(begin + 20..begin + 1_000);
        sizes.push(watch.records().values().sum::<usize>());
    }
    assert!(sizes[19] > 5 * sizes[0], "{sizes:?}");
    assert!(sizes[20..].iter().all(|size| size.abs_diff(sizes[19]) <= sizes[19] / 10), "{sizes:?}");
}

#[test]
fn time_in_which_nobody_could_be_heard_counts_against_nobody() {
    let mut watch = Watch::new(&[]);
    watch.report("db1/disk", Kind::Success, 1);
    watch.restart(&[], 10 * KEPT);
    watch.wait(10 * KEPT + 1..10 * KEPT + 100);
    assert_eq!(watch.checks(10 * KEPT), ["db1/agent", "db1/disk"]);
}

#[test]
fn what_webhooks_told_goes_after_its_time_although_nothing_new_comes() {
    let mut watch = Watch::new(&[]);
    // There is a repository that can be asked.
    watch.report("db1/disk", Kind::Failure, 0);
    watch.hears("first", About::Other, 0);
    watch.hears("waits", About::Repository, 1);
    watch.hears("second", About::Other, 2);
    watch.hears("last", About::Other, 3);
    watch.wait(5..TOLD_KEPT + 1);
    assert_eq!(watch.heard(), ["last", "second", "waits", "first"]);
    watch.core.turn(at(TOLD_KEPT + 1));
    assert_eq!(watch.heard(), ["last", "second", "waits"]);
    // What nobody has looked into stays, and so does the newest: it is known when that was.
    watch.wait(TOLD_KEPT + 2..TOLD_KEPT + 20);
    assert_eq!(watch.heard(), ["last", "waits"]);
    watch.restart(&[], TOLD_KEPT + 21);
    assert_eq!(watch.heard(), ["last", "waits"]);
    watch.core.settle_delivery(2, DeliveryOutcome::Asked("it takes issues".to_owned()));
    watch.hears("new", About::Other, TOLD_KEPT + 22);
    watch.core.turn(at(TOLD_KEPT + 23));
    assert_eq!(watch.heard(), ["new"]);
    assert_eq!(watch.core.last_delivery().unwrap().number, 5);
    watch.deliver(TOLD_KEPT + 23);
    assert_eq!(watch.records()[&Tree::Deliveries], 1);
    // A clock that was set back keeps nothing longer.
    watch.hears("newest", About::Other, TOLD_KEPT + 24);
    watch.wait(0..TOLD_KEPT + 10);
    assert_eq!(watch.heard(), ["newest"]);
}

#[test]
fn a_server_forgets_a_check_and_its_source_and_hears_of_them_again() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings =
        [("kept.episodes", "1s"), ("absence.mark", "50ms"), ("alerts.reopen_window", "0s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing(OTHER));
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    teawatch.report(&passing(CHECK));
    all_is_told(&teawatch, &gitea);
    let known = |path: &str| teawatch.get(path).1["items"].as_array().unwrap().len();
    eventually("all but the trouble is forgotten", || {
        (known("/api/v1/checks"), known("/api/v1/alerts")) == (1, 1)
    });
    assert_eq!((gitea.issues().len(), gitea.open()), (2, 1));
    teawatch.report(&failing(CHECK));
    teawatch.report(&passing(OTHER));
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (3, 1));
    // Its number goes on, so that a look at the old issue takes nothing for a copy's.
    assert_eq!(teawatch.get("/readyz").0, 200);
}
